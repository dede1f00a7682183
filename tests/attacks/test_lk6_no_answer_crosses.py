"""LK6 and LK7: nothing that was answered or sent for one asker serves another.

There is no cache of answers: each question is searched, asked and checked anew. What an endpoint may keep of a
request, to answer the next one sooner, is its beginning; behind the instructions, which are ours and the same for
everybody, each request begins with a random code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulators.openai_server import Simulator, serving

from muniment import settings
from muniment.governance.identity.principal import OPERATOR

QUESTION = "What is the on-call engineer paid for each weekend?"


def ready(make_workspace: Callable[..., Any], folder: Path, server: Simulator) -> Any:
    model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0}
    workspace = make_workspace(settings=settings.parse({"models": {"remote": model}}))
    workspace.ingest(folder, "acme")
    return workspace


def test_the_same_question_of_two_readers_is_answered_from_what_each_may_read(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    with serving() as server:
        workspace = ready(make_workspace, folder, server)
        for model in ("quotes", "remote"):
            answers = {
                who: workspace.ask(QUESTION, as_=who, model=model)
                for who in ("alice", "bob", "alice", "carol")
            }
            assert "300 crowns" in answers["alice"].answer
            for other in ("bob", "carol"):
                shown = json.dumps(answers[other].as_json())
                assert "300" not in shown and "On call" not in shown
        assert len(server.bodies) == 2, "both times that alice asks; the others have nothing to ask about"


def test_an_answer_given_before_a_revoke_is_not_given_after_it(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    with serving() as server:
        workspace = ready(make_workspace, folder, server)
        assert "300 crowns" in workspace.ask(QUESTION, as_="alice", model="remote").answer
        workspace.directory.remove_member("platform", "alice", OPERATOR)
        assert "300" not in json.dumps(workspace.ask(QUESTION, as_="alice", model="remote").as_json())


def test_requests_have_no_beginning_in_common_but_our_instructions(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    with serving() as server:
        workspace = ready(make_workspace, folder, server)
        for who in ("alice", "bob", "carol", "alice"):
            workspace.ask(QUESTION, as_=who, model="remote")
        prompts = server.prompts
        instructions = {json.loads(body)["messages"][0]["content"] for body in server.bodies}
    assert len(instructions) == 1
    for at, one in enumerate(prompts):
        for other in prompts[at + 1 :]:
            assert one[:12] != other[:12]
