"""What is sent to an OpenAI-compatible server, and what its faults become."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.simulators.openai_server import Simulator, serving

from muniment.foundation.egress import Egress
from muniment.foundation.errors import Unavailable
from muniment.foundation.secret import Secret
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Chunk, NumberedPassage, Usage
from muniment.inference.providers.openai import OpenAIEndpoint
from muniment.inference.providers.provider import Budget, Busy, RequestRefused

PASSAGES = (NumberedPassage(1, "Visitors", "Desk", "All visitors must sign in at the desk."),)
REQUEST = prompts.request(prompts.load("answer"), "Where do I sign in?", PASSAGES, "fence_0123456789abcdef")


def call(server: Simulator, seconds: float = 5.0) -> list[Chunk]:
    endpoint = Endpoint("remote", "openai", server.url, "m", Secret("sk-1"), timeout_seconds=seconds)
    return list(OpenAIEndpoint(endpoint, Egress({endpoint.origin})).complete(REQUEST, Budget(77, seconds)))


def test_instructions_and_passages_travel_in_separate_messages() -> None:
    with serving() as server:
        chunks = call(server)
    body = json.loads(server.bodies[0])
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == REQUEST.instructions
    assert body["messages"][1]["content"] == prompts.user_text(REQUEST)
    assert (body["max_tokens"], body["stream"], "tools" in body) == (77, True, False)
    assert chunks[-1] == Usage(120, len(chunks) - 1)


@pytest.mark.parametrize(
    ("structured", "form"), [("schema", "json_schema"), ("json", "json_object"), ("none", None)]
)
def test_a_schema_is_asked_for_as_the_server_can(structured: Any, form: str | None) -> None:
    asked = replace(REQUEST, schema={"type": "object", "properties": {"claims": {"type": "string"}}})
    with serving() as server:
        endpoint = Endpoint("remote", "openai", server.url, "m", structured=structured)
        list(OpenAIEndpoint(endpoint, Egress({endpoint.origin})).complete(asked, Budget(77, 5.0)))
    body = json.loads(server.bodies[0])
    assert body.get("response_format", {}).get("type") == form
    if form == "json_schema":
        assert "claims" in body["response_format"]["json_schema"]["schema"]["properties"]
    assert "authorization" not in {name.lower() for name in server.headers[0]}


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("429", Busy, "busy or failing"),
        ("500", Busy, "busy or failing"),
        ("cut", Busy, "broke off"),
        ("401", RequestRefused, "refused the request"),
        ("malformed", Unavailable, "not a chat completion"),
        ("html", Unavailable, "not a chat completion"),
        ("empty", Unavailable, "not a chat completion"),
    ],
)
def test_each_fault_has_its_line(fault: str, kind: type[Unavailable], words: str) -> None:
    with serving(fault=fault) as server, pytest.raises(Unavailable, match=words) as caught:
        call(server)
    assert type(caught.value) is kind
    assert "secret-detail" not in caught.value.detail + str(caught.value)


def test_a_slow_server_is_given_up_on_time() -> None:
    with serving(fault="slow", delay=3.0) as server:
        call_started = time.perf_counter()
        with pytest.raises(Unavailable, match=r"within 0\.5 seconds"):
            call(server, 0.5)
        assert time.perf_counter() - call_started < 2.5


def test_an_endless_reply_is_cut() -> None:
    with serving(fault="huge") as server, pytest.raises(Unavailable):
        call(server, 2.0)
