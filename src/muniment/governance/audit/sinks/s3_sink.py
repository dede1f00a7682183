"""A copy of the log in an S3 bucket, under an object lock where one is set.

Invariant: no object is ever replaced: a name that is taken must hold the very same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import quote

from muniment.foundation.bucket import Bucket, checksum, locked
from muniment.foundation.clock import Clock
from muniment.foundation.egress import Reply, Unreached
from muniment.foundation.errors import MunimentError
from muniment.governance.audit.sinks.objects import batch_of, object_bytes, object_name
from muniment.governance.audit.sinks.sink import Batch, Copied, Untaken

TIMEOUT = 30.0
LockMode = Literal["none", "governance", "compliance"]


@dataclass(frozen=True, slots=True)
class S3Sink:
    """Puts each batch as one object."""

    bucket: Bucket
    prefix: str
    lock: LockMode
    lock_days: int
    wait: float
    clock: Clock

    @property
    def batch(self) -> Batch:
        """How much one object holds."""
        return batch_of(self.wait)

    def take(self, entries: Sequence[Copied]) -> None:
        """Put an object that was not there; raises Untaken."""
        path = f"/{quote(self.prefix + object_name(entries))}"
        content = object_bytes(entries)
        reply = self._ask("PUT", path, self._headers(content), content)
        if reply.status == 412:
            # An answer that was lost, or somebody else's object under this name.
            if self._ask("GET", path).body != content:
                raise Untaken("another object has this name")
            return
        if reply.status != 200:
            raise Untaken(f"rejected {reply.status}")

    def _headers(self, content: bytes) -> dict[str, str]:
        headers = {"content-type": "application/x-ndjson", "if-none-match": "*", **checksum(content)}
        if self.lock != "none":
            headers |= locked(self.lock, self.clock.now() + timedelta(days=self.lock_days))
        return headers

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> Reply:
        try:
            return self.bucket.ask(method, path, TIMEOUT, headers, content)
        except Unreached as error:
            raise Untaken(f"unreached {error}") from error
        except MunimentError as error:
            raise Untaken(error.code) from error
