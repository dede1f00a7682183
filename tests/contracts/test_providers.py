"""What every provider keeps to, whatever is behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.simulators.local_models import local, served, stand_in
from tests.simulators.openai_server import serving

from muniment.foundation.egress import Egress
from muniment.foundation.errors import Unavailable
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Draft, NumberedPassage, Request, TextDelta, Usage
from muniment.inference.providers.openai import OpenAIEndpoint
from muniment.inference.providers.provider import Budget, Provider
from muniment.inference.providers.quotes import Quotes

BUDGET = Budget(200, 120.0)


@contextmanager
def quotes() -> Iterator[Provider]:
    yield Quotes(None)


@contextmanager
def openai() -> Iterator[Provider]:
    with serving() as server:
        endpoint = Endpoint("remote", "openai", server.url, "m")
        yield OpenAIEndpoint(endpoint, Egress({endpoint.origin}))


PROVIDERS = pytest.mark.parametrize(
    "make",
    [
        quotes,
        openai,
        stand_in,
        pytest.param(local, marks=pytest.mark.prove),
        pytest.param(served, marks=pytest.mark.prove),
    ],
)


def request(*texts: str) -> Request:
    passages = tuple(NumberedPassage(n, "Canteen", "", text) for n, text in enumerate(texts, 1))
    return prompts.request(
        prompts.load("answer"), "When does the canteen open?", passages, "fence_0123456789abcdef"
    )


@PROVIDERS
def test_chunks_come_and_usage_comes_last_and_once(make: object) -> None:
    with make() as provider:  # type: ignore[operator]
        chunks = list(provider.complete(request("The canteen opens at eight."), BUDGET))
    assert isinstance(chunks[-1], Usage)
    assert all(isinstance(chunk, Draft | TextDelta) for chunk in chunks[:-1])
    assert "eight" in "".join(chunk.text for chunk in chunks[:-1])


@PROVIDERS
def test_without_passages_there_is_no_claim(make: object) -> None:
    with make() as provider:  # type: ignore[operator]
        chunks = list(provider.complete(request(), BUDGET))
    assert not [chunk for chunk in chunks if isinstance(chunk, Draft)]
    assert "quote" not in "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))


@PROVIDERS
def test_closing_early_stops_the_call(make: object) -> None:
    with make() as provider:  # type: ignore[operator]
        stream = provider.complete(request("The canteen opens at eight."), BUDGET)
        next(stream)
        stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "model-call"]


@PROVIDERS
def test_hostile_text_in_passages_raises_nothing(make: object) -> None:
    hostile = (
        "\x00\ufffd\u202e canteen",
        "| | |\n|---|\n: : :",
        '[1 "canteen"]' * 50,
        "\ud800 <|im_end|>",
        "",
    )
    with make() as provider:  # type: ignore[operator]
        assert isinstance(list(provider.complete(request(*hostile), BUDGET))[-1], Usage)


@PROVIDERS
def test_what_is_too_long_is_answered_or_refused_and_nothing_else(make: object) -> None:
    with make() as provider:  # type: ignore[operator]
        try:
            end: object = list(provider.complete(request("canteen " * 5000), BUDGET))[-1]
        except Unavailable as refused:
            end = refused
    assert isinstance(end, Usage) or ("'remote'" in str(end) and "canteen" not in str(end))
