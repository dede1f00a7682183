"""What is sent to Azure OpenAI beside what every provider keeps to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.simulators import azure_server
from tests.simulators.openai_server import serving

from muniment import settings
from muniment.foundation.egress import Egress
from muniment.foundation.errors import Unavailable
from muniment.inference import prompts
from muniment.inference.providers.provider import Budget
from muniment.inference.providers.remote import remote

REQUEST = prompts.request(prompts.load("answer"), "Where do I sign in?", (), "fence_0123456789abcdef")


def test_a_token_of_entra_id_is_read_again_at_each_call(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one that ran out")
    with serving(wire=azure_server.Azure) as server:
        model = {
            "kind": "azure",
            "base_url": server.url,
            "model": azure_server.DEPLOYMENT,
            "api_version": azure_server.VERSION,
            "api_key": "file:token",
            "auth": "entra",
        }
        endpoint = settings.endpoints(settings.parse({"models": {"house": model}}), tmp_path)[0]
        provider = remote(endpoint, Egress({endpoint.origin}))
        with pytest.raises(Unavailable, match="status 401"):
            list(provider.complete(REQUEST, Budget(77, 5.0)))
        token.write_text(azure_server.KEY)
        assert list(provider.complete(REQUEST, Budget(77, 5.0)))
        body = json.loads(server.bodies[-1])
    assert body["max_completion_tokens"] == 77 and "max_tokens" not in body
