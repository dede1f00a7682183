"""What is sent to Bedrock, and what its own faults become, beside what every provider keeps to."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.simulators import bedrock_server
from tests.simulators.openai_server import Simulator, Wire, serving

from muniment.foundation.egress import Egress
from muniment.foundation.errors import NotSetUp, Unavailable
from muniment.foundation.secret import Secret
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Chunk, TextDelta
from muniment.inference.providers.provider import Budget, Busy, RequestRefused
from muniment.inference.providers.remote import remote

REQUEST = prompts.request(prompts.load("answer"), "Where do I sign in?", (), "fence_0123456789abcdef")
PLAIN = Endpoint("remote", "bedrock", model=bedrock_server.MODEL, region=bedrock_server.REGION)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bedrock_server.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bedrock_server.SECRET_KEY)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


@contextmanager
def bedrock(
    wire: type[Wire] = bedrock_server.Bedrock, **other: object
) -> Iterator[tuple[Simulator, Endpoint]]:
    with serving(wire=wire) as server:
        yield server, replace(PLAIN, base_url=server.url, **other)  # type: ignore[arg-type]


def asked(endpoint: Endpoint) -> list[Chunk]:
    return list(remote(endpoint, Egress({endpoint.origin})).complete(REQUEST, Budget(77, 5.0)))


def test_a_guardrail_is_passed_through_and_nothing_is_shown_before_it_has_passed() -> None:
    with bedrock(guardrail="gr-1", guardrail_version="3") as (server, endpoint):
        asked(endpoint)
        body = json.loads(server.bodies[0])
    assert body["guardrailConfig"] == {
        "guardrailIdentifier": "gr-1",
        "guardrailVersion": "3",
        "streamProcessingMode": "sync",
    }
    assert body["inferenceConfig"]["maxTokens"] == 77


def test_a_schema_is_sent_without_the_bounds_that_the_service_does_not_take() -> None:
    text = {"type": "string", "minLength": 1, "pattern": "^a"}
    minimum = {"type": "array", "items": {"type": "object", "properties": {"minimum": text}}, "maxItems": 3}
    schema = {"type": "object", "properties": {"claims": minimum}, "required": ["claims"]}
    with bedrock() as (server, endpoint):
        asking = replace(REQUEST, schema=schema)
        list(remote(endpoint, Egress({endpoint.origin})).complete(asking, Budget(77, 5.0)))
        form = json.loads(server.bodies[0])["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    item = {"type": "object", "properties": {"minimum": {"type": "string"}}, "additionalProperties": False}
    assert json.loads(form["structure"]["jsonSchema"]["schema"]) == {
        "type": "object",
        "properties": {"claims": {"type": "array", "items": item}},
        "required": ["claims"],
        "additionalProperties": False,
    }


def test_a_bedrock_key_is_sent_instead_of_a_signature() -> None:
    with bedrock(api_key=Secret(bedrock_server.BEARER)) as (server, endpoint):
        assert asked(endpoint)
    assert server.headers[0]["authorization"] == f"Bearer {bedrock_server.BEARER}"
    assert "x-amz-date" not in {name.lower() for name in server.headers[0]}


class Stopped(bedrock_server.Bedrock):
    def end(self, count: int) -> None:
        self._stop("guardrail_intervened", count)


def test_what_a_guardrail_stops_is_said_to_be_stopped() -> None:
    with (
        bedrock(Stopped) as (_, endpoint),
        pytest.raises(Unavailable, match="guardrail of the model 'remote'"),
    ):
        asked(endpoint)


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        ("throttlingException", Busy),
        ("modelStreamErrorException", Busy),
        ("validationException", RequestRefused),
        ("somethingNew", Busy),
    ],
)
def test_a_stream_that_ends_in_an_exception_is_not_a_whole_reply(
    exception: str, kind: type[Unavailable]
) -> None:
    class Failing(bedrock_server.Bedrock):
        def end(self, count: int) -> None:
            self.fail(exception)

    with bedrock(Failing) as (_, endpoint):
        stream = remote(endpoint, Egress({endpoint.origin})).complete(REQUEST, Budget(77, 5.0))
        assert isinstance(next(stream), TextDelta)
        with pytest.raises(Unavailable) as caught:
            list(stream)
    assert type(caught.value) is kind and "secret-detail" not in f"{caught.value} {caught.value.detail}"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.eventstream", None)
    with bedrock() as (_, endpoint), pytest.raises(NotSetUp, match=r"muniment\[aws\]"):
        asked(endpoint)
