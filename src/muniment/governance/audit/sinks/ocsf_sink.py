"""A copy of the log at whatever takes OCSF events over HTTP: JSON arrays, by POST."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from muniment.foundation.egress import Egress, Unreached
from muniment.foundation.errors import MunimentError
from muniment.foundation.secret import Secret
from muniment.governance.audit.sinks.ocsf import event
from muniment.governance.audit.sinks.sink import Batch, Copied, Untaken

TIMEOUT = 30.0
_BATCH = Batch(500, 400_000)


@dataclass(frozen=True, slots=True)
class OcsfSink:
    """Posts events; any status of 200 to 299 means that they were taken."""

    url: str
    origin: str
    """Name of the log."""
    token: Callable[[], Secret | None]
    """Gives what is shown as a bearer token, None for nothing."""
    egress: Egress

    @property
    def batch(self) -> Batch:
        """How much one request carries."""
        return _BATCH

    def take(self, entries: Sequence[Copied]) -> None:
        """Post events; raises Untaken."""
        events = [event(self.origin, one) for one in entries]
        content = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "content-type": "application/json",
            # The same entries have the same name, for receivers that look at it.
            "idempotency-key": f"{self.origin}/{entries[0].seq}-{entries[-1].seq}",
        }
        try:
            if (token := self.token()) is not None:
                headers["authorization"] = f"Bearer {token.reveal()}"
            reply = self.egress.exchange("POST", self.url, headers, content, TIMEOUT)
        except Unreached as error:
            raise Untaken(f"unreached {error}") from error
        except MunimentError as error:
            raise Untaken(error.code) from error
        if not 200 <= reply.status < 300:
            raise Untaken(f"rejected {reply.status}")
