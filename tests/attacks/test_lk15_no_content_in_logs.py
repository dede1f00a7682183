"""LK15: what people ask, what documents say and what models reply is in no line of a log, also when things fail."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import claim, reply, serving
from tests.simulators.web_client import bearer, client

from muniment.settings import parse

ASKED, WRITTEN, REPLIED = "quincunx-asked", "quincunx-written", "quincunx-replied"
FAULTS = ("", "cut", "401", "429", "500", "malformed", "html", "empty", "redirect")


@pytest.mark.parametrize("fault", FAULTS)
def test_no_line_holds_a_word_of_question_document_or_reply(
    make_workspace: Callable[..., Any],
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    (folder / "all/note.md").write_text(f"# Note {WRITTEN}\n\nThe canteen note is {WRITTEN}, as agreed.\n")
    said = reply(claim(f"It is {REPLIED}.", (1, f"{REPLIED} stands nowhere at all")))
    with serving(lambda _: said, fault) as server:
        models = {"house": {"base_url": server.url, "model": "m", "timeout_seconds": 5.0}}
        workspace = make_workspace(settings=parse({"models": models, "answers": {"model": "house"}}))
        workspace.ingest(folder, "acme")
        workspace.gateway._attempts._sleep = lambda _: None
        http, headers = client(workspace), bearer(workspace, "carol")
        question = f"What about the canteen note, {ASKED}?"
        schema = {"type": "object", "properties": {ASKED: {"type": "string"}}, "required": [ASKED]}
        for body in ({"question": question}, {"question": question, "output_schema": schema}):
            http.post("/v1/answers", json=body, headers=headers)
            http.post("/v1/answers", json=body, headers={**headers, "accept": "text/event-stream"})
        http.post(
            "/v1/answers", json={"question": question, "output_schema": {"$ref": ASKED}}, headers=headers
        )
        chat = {"messages": [{"role": "user", "content": question}]}
        http.post("/v1/chat/completions", json=chat, headers=headers)
        http.post("/v1/search", json={"query": question}, headers=headers)
        entries = json.dumps([entry.about for entry in workspace.audit.tail(500)], default=str)
    out, err = capfd.readouterr()
    assert server.bodies or fault
    for word in (ASKED, WRITTEN, REPLIED):
        for where in (caplog.text, out, err, entries):
            assert word not in where
