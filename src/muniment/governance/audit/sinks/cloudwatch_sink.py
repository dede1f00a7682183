"""A copy of the log in Amazon CloudWatch Logs, by the service's JSON interface (PutLogEvents)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from muniment.foundation.aws_error import error_name
from muniment.foundation.aws_signature import AwsSignature
from muniment.foundation.egress import Egress, Reply, Unreached
from muniment.foundation.errors import MunimentError
from muniment.governance.audit.sinks.sink import Batch, Copied, Untaken

TIMEOUT = 30.0
# 10,000 events or 1,048,576 bytes, of which each event takes 26 more than its text; one event at most 1 MiB.
_BATCH = Batch(5_000, 800_000)


@dataclass(frozen=True, slots=True)
class CloudWatchSink:
    """Puts entries into one stream of a log group; the stream is made where it is missing, the group is not."""

    address: str
    group: str
    stream: str
    signature: AwsSignature
    egress: Egress

    @property
    def batch(self) -> Batch:
        """How much one call takes."""
        return _BATCH

    def take(self, entries: Sequence[Copied]) -> None:
        """Put events; raises Untaken, also where the service took the call and not every event."""
        events: list[dict[str, Any]] = []
        latest = 0
        for entry in entries:
            # A batch must be in order of time, and a clock may have been set back.
            latest = max(latest, round(datetime.fromisoformat(entry.at).timestamp() * 1000))
            events.append({"timestamp": latest, "message": entry.body.decode()})
        body = {"logGroupName": self.group, "logStreamName": self.stream, "logEvents": events}
        reply = self._ask("PutLogEvents", body)
        if reply.status == 400 and error_name(reply) == "ResourceNotFoundException":
            self._make_stream()
            reply = self._ask("PutLogEvents", body)
        if reply.status != 200:
            raise Untaken(f"rejected {error_name(reply) or reply.status}")
        if reply.document().get("rejectedLogEventsInfo"):
            raise Untaken("rejected: too old or too new")

    def _make_stream(self) -> None:
        made = self._ask("CreateLogStream", {"logGroupName": self.group, "logStreamName": self.stream})
        if made.status != 200 and error_name(made) != "ResourceAlreadyExistsException":
            raise Untaken(f"no log group or stream: {error_name(made) or made.status}")

    def _ask(self, action: str, body: Mapping[str, object]) -> Reply:
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"Logs_20140328.{action}",
        }
        try:
            signed = self.signature.headers("POST", self.address, headers, content)
            return self.egress.exchange("POST", self.address, signed, content, TIMEOUT)
        except Unreached as error:
            raise Untaken(f"unreached {error}") from error
        except MunimentError as error:
            raise Untaken(error.code) from error
