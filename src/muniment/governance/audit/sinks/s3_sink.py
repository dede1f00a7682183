"""A copy of the log in an S3 bucket, under an object lock where one is set.

Invariant: no object is ever replaced: a name that is taken must hold the very same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import quote

from muniment.foundation.aws_signature import AwsSignature
from muniment.foundation.clock import Clock
from muniment.foundation.egress import Egress, Reply, Unreached
from muniment.foundation.errors import MunimentError
from muniment.governance.audit.sinks.objects import batch_of, object_bytes, object_name
from muniment.governance.audit.sinks.sink import Batch, Copied, Untaken

TIMEOUT = 30.0
LockMode = Literal["none", "governance", "compliance"]


@dataclass(frozen=True, slots=True)
class S3Sink:
    """Puts each batch as one object."""

    address: str
    """Of the bucket, such as `https://s3.eu-west-1.amazonaws.com/BUCKET`."""
    prefix: str
    lock: LockMode
    lock_days: int
    wait: float
    signature: AwsSignature
    egress: Egress
    clock: Clock

    @property
    def batch(self) -> Batch:
        """How much one object holds."""
        return batch_of(self.wait)

    def take(self, entries: Sequence[Copied]) -> None:
        """Put an object that was not there; raises Untaken."""
        url = f"{self.address.rstrip('/')}/{quote(self.prefix + object_name(entries))}"
        content = object_bytes(entries)
        reply = self._ask("PUT", url, self._headers(content), content)
        if reply.status == 412:
            # An answer that was lost, or somebody else's object under this name.
            if self._ask("GET", url, {}, b"").body != content:
                raise Untaken("another object has this name")
            return
        if reply.status != 200:
            raise Untaken(f"rejected {reply.status}")

    def _headers(self, content: bytes) -> dict[str, str]:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {
            "content-type": "application/x-ndjson",
            "if-none-match": "*",
            "x-amz-checksum-sha256": digest,
            "x-amz-sdk-checksum-algorithm": "SHA256",
        }
        if self.lock != "none":
            until = self.clock.now() + timedelta(days=self.lock_days)
            headers["x-amz-object-lock-mode"] = self.lock.upper()
            headers["x-amz-object-lock-retain-until-date"] = f"{until:%Y-%m-%dT%H:%M:%SZ}"
        return headers

    def _ask(self, method: str, url: str, headers: dict[str, str], content: bytes) -> Reply:
        try:
            signed = self.signature.headers(method, url, headers, content)
            return self.egress.exchange(method, url, signed, content, TIMEOUT)
        except Unreached as error:
            raise Untaken(f"unreached {error}") from error
        except MunimentError as error:
            raise Untaken(error.code) from error
