"""A model of Amazon Bedrock, by the ConverseStream operation, whose reply is a stream of binary frames.

The request is signed, or carries a Bedrock key, and leaves by `egress`; each frame's checksums are verified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from muniment.foundation.aws_signature import AwsSignature
from muniment.foundation.errors import MunimentError, Unavailable
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Chunk, Request, TextDelta, Usage
from muniment.inference.providers import failures
from muniment.inference.providers.provider import Budget
from muniment.inference.providers.streaming import BrokeOff, Give, streamed

if TYPE_CHECKING:
    from muniment.foundation.egress import Client, Egress

FRAMES = "application/vnd.amazon.eventstream"
_STATUS: Mapping[str, int] = {
    "throttlingException": 429,
    "serviceUnavailableException": 503,
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "validationException": 400,
}
"""Of the exceptions that a stream may end in."""

_BOUNDS = frozenset(
    {
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "multipleOf",
        "pattern",
        "uniqueItems",
    }
)
_BY_NAME = frozenset({"properties", "$defs", "definitions"})
"""What holds schemas by name."""


class _NotFrames(Exception):
    """The bytes are not what the operation replies."""


class BedrockEndpoint:
    """One endpoint of the catalog; `model` is the id or ARN of a model or an inference profile."""

    def __init__(self, endpoint: Endpoint, egress: Egress) -> None:
        self._endpoint = endpoint
        self._egress = egress
        self._signature = AwsSignature("bedrock", endpoint.region, f"The model {endpoint.name!r}")

    def complete(self, request: Request, budget: Budget) -> Iterator[Chunk]:
        """Yield the reply as it comes; raises as `Provider.complete` says."""
        self._signature.botocore("eventstream")
        url = f"{self._endpoint.base_url}/model/{quote(self._endpoint.model, safe='')}/converse-stream"
        body = json.dumps(self._body(request, budget)).encode()
        headers = self._headers(url, body)

        async def run(give: Give) -> None:
            async with self._egress.client(budget.timeout_seconds) as client:
                await self._run(client, url, headers, body, give)

        return streamed(run, self._translated, budget)

    def _body(self, request: Request, budget: Budget) -> dict[str, Any]:
        body: dict[str, Any] = {
            "system": [{"text": request.instructions}],
            "messages": [{"role": "user", "content": [{"text": prompts.user_text(request)}]}],
            "inferenceConfig": {"maxTokens": budget.max_output_tokens},
        }
        if self._endpoint.temperature is not None:
            body["inferenceConfig"]["temperature"] = self._endpoint.temperature
        if self._endpoint.guardrail:
            body["guardrailConfig"] = {
                "guardrailIdentifier": self._endpoint.guardrail,
                "guardrailVersion": self._endpoint.guardrail_version,
                # What the guardrail stops is not shown first and taken back later.
                "streamProcessingMode": "sync",
            }
        if request.schema is not None and self._endpoint.structured == "schema":
            schema = {"name": "reply", "schema": json.dumps(_grammar(request.schema))}
            body["outputConfig"] = {
                "textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}
            }
        return body

    def _headers(self, url: str, body: bytes) -> dict[str, str]:
        plain = {"content-type": "application/json", "accept": FRAMES}
        key = self._endpoint.key()
        signed = (
            {**plain, "authorization": f"Bearer {key.reveal()}"}
            if key is not None
            else self._signature.headers("POST", url, plain, body)
        )
        # A compressed reply could unfold past the bound.
        return {**signed, "accept-encoding": "identity"}

    async def _run(self, client: Client, url: str, headers: dict[str, str], body: bytes, give: Give) -> None:
        async with client.stream("POST", url, headers=headers, content=body) as response:
            if 300 <= response.status_code < 400:
                raise _NotFrames
            if response.status_code != 200:
                wait = response.headers.get("retry-after", "")
                seconds = float(wait) if re.fullmatch(r"[0-9]{1,6}", wait) else 0.0
                raise failures.of_status(self._endpoint, response.status_code, seconds)
            if not response.headers.get("content-type", "").startswith(FRAMES):
                raise _NotFrames
            frames = self._signature.botocore("eventstream").EventStreamBuffer()
            reply = _Reply(self._endpoint)
            async for part in response.aiter_raw():
                for chunk in reply.read(frames, part):
                    give(chunk)
            if not reply.stopped:
                raise BrokeOff
            give(reply.usage)

    def _translated(self, error: BaseException) -> MunimentError:
        if isinstance(error, Unavailable):
            return error
        if (found := failures.known(self._endpoint, error)) is not None:
            return found
        module = type(error).__module__.partition(".")[0]
        if isinstance(error, OSError) or module in ("httpx2", "httpcore2"):
            slow = "Timeout" in type(error).__name__
            return (failures.timed_out if slow else failures.broke_off)(self._endpoint, error)
        return failures.not_a_reply(
            self._endpoint, error, "a Converse stream", "Check its base_url, region and model."
        )


def _grammar(schema: Any) -> Any:
    """Return a schema without the bounds that the service does not take; they are checked here in any case."""
    if isinstance(schema, list):
        return [_grammar(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    stated = cast("Mapping[str, Any]", schema)
    made = {
        name: {key: _grammar(one) for key, one in value.items()} if name in _BY_NAME else _grammar(value)
        for name, value in stated.items()
        if name not in _BOUNDS
    }
    return {**made, "additionalProperties": False} if stated.get("type") == "object" else made


class _Reply:
    """Reads the frames of one reply."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.stopped = False
        self.usage = Usage()

    def read(self, frames: Any, part: bytes) -> Iterator[Chunk]:
        """Yield the text in the frames that are whole now."""
        frames.add_data(part)
        for frame in frames:
            event = json.loads(frame.payload) if frame.payload else {}
            if not isinstance(event, dict):
                raise _NotFrames
            text = self._text(frame.headers, event)
            if text:
                yield TextDelta(text)

    def _text(self, headers: Mapping[str, Any], event: dict[str, Any]) -> str:
        if headers.get(":message-type") != "event":
            kind = str(headers.get(":exception-type", ""))
            raise failures.of_status(self._endpoint, _STATUS.get(kind, 500), detail="in the stream")
        kind = headers.get(":event-type")
        if kind == "messageStop":
            self.stopped = True
            if event.get("stopReason") == "guardrail_intervened":
                raise Unavailable(
                    f"The guardrail of the model {self._endpoint.name!r} stopped this answer.",
                    fix="Ask otherwise, or ask the operator what the guardrail stops.",
                )
        elif kind == "metadata":
            used = event.get("usage") or {}
            self.usage = Usage(int(used.get("inputTokens", 0)), int(used.get("outputTokens", 0)))
        elif kind == "contentBlockDelta":
            said = (event.get("delta") or {}).get("text", "")
            return said if isinstance(said, str) else ""
        return ""
