"""What is sent to Anthropic beside what every provider keeps to."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from tests.simulators import anthropic_server
from tests.simulators.openai_server import Simulator, serving

from muniment.foundation.egress import Egress
from muniment.foundation.errors import NotSetUp
from muniment.foundation.secret import Secret
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import TextDelta
from muniment.inference.providers.provider import Budget
from muniment.inference.providers.remote import remote

SCHEMA = {"type": "object", "properties": {"claims": {"type": "array", "items": {"type": "string"}}}}
REQUEST = prompts.request(prompts.load("answer"), "Where do I sign in?", (), "fence_0123456789abcdef")


def text_of(server: Simulator, model: str) -> str:
    endpoint = Endpoint("remote", "anthropic", server.url, model, Secret(anthropic_server.KEY))
    stream = remote(endpoint, Egress({endpoint.origin})).complete(
        replace(REQUEST, schema=SCHEMA), Budget(77, 5.0)
    )
    return "".join(chunk.text for chunk in stream if isinstance(chunk, TextDelta))


@pytest.mark.parametrize(("model", "native"), [("claude-sonnet-5", True), ("claude-3-haiku-20240307", False)])
def test_a_model_without_a_form_of_its_own_must_call_a_tool_whose_arguments_are_the_text(
    model: str, native: bool
) -> None:
    pytest.importorskip("anthropic")
    with serving(lambda _: '{"claims": ["a"]}', wire=anthropic_server.Anthropic) as server:
        assert text_of(server, model) == '{"claims": ["a"]}'
        body = json.loads(server.bodies[0])
    assert ("output_config" in body, "tools" in body) == (native, not native)
    if not native:
        assert body["tool_choice"]["type"] == "any" and len(body["tools"]) == 1


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai.models.anthropic", None)
    with serving(wire=anthropic_server.Anthropic) as server:
        with pytest.raises(NotSetUp, match=r"muniment\[anthropic\]"):
            text_of(server, "claude-sonnet-5")
        assert server.bodies == []
