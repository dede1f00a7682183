"""LK9: the bytes that reach a model never hold a passage more sensitive than the model may be sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import Simulator, passages_of, serving

from muniment import settings
from muniment.foundation.errors import Denied
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.policy.rules import Rules, shipped
from muniment.inference import prompts

QUESTION = "What does the heron pump cost?"
LABELS = {
    "open": "public",
    "house": "internal",
    "close": "confidential",
    "locked": "restricted",
    "bare": None,
    "odd": "secret",
}
MAY: dict[str, set[str]] = {
    "public": {"open"},
    "internal": {"open", "house"},
    "confidential": {"open", "house", "close"},
    "restricted": {"open", "house", "close", "locked"},
    "any": set(LABELS),
}
WITHHELD = "withheld from the model"
NOT_OUTSIDE = """
@id("nothing-restricted-outside")
forbid (principal, action == Action::"use_model", resource)
when { resource has sensitivity && resource.sensitivity == "restricted"
       && resource has hosting && resource.hosting == "hosted" };
"""


def write_library(root: Path, labels: dict[str, str | None] = LABELS, allow: str = "group:everyone") -> None:
    for folder, label in labels.items():
        (root / folder).mkdir(parents=True)
        said = f'sensitivity = "{label}"\n' if label else ""
        (root / folder / "access.toml").write_text(f'allow = ["{allow}"]\n{said}')
        (root / folder / "note.md").write_text(
            f"# Heron {folder}\n\nThe heron pump costs marker-{folder} in the year of the {folder} pump.\n"
        )


@pytest.fixture
def server() -> Iterator[Simulator]:
    with serving() as running:
        yield running


@pytest.fixture
def ready(make_workspace: Callable[..., Any], tmp_path: Path, server: Simulator) -> Callable[..., Any]:
    def make(models: dict[str, dict[str, object]], when_sensitive: str = "withhold") -> Any:
        stated = {name: {"base_url": server.url, "model": "m", **one} for name, one in models.items()}
        answers = {"when_sensitive": when_sensitive, "passages": 20}
        workspace = make_workspace(settings=settings.parse({"models": stated, "answers": answers}))
        write_library(tmp_path / "library")
        workspace.ingest(tmp_path / "library", "docs")
        return workspace

    return make


def folders_in(text: str) -> set[str]:
    return {folder for folder in LABELS if f"marker-{folder}" in text}


def note_of(answer: Any) -> str:
    return next((note for note in answer.notes if WITHHELD in note), "")


def test_no_prompt_holds_a_passage_above_the_ceiling_and_the_answer_says_how_many_were_left_out(
    ready: Callable[..., Any], server: Simulator
) -> None:
    workspace = ready({name: {"max_sensitivity": name} for name in MAY})
    for name, may in MAY.items():
        answer = workspace.ask(QUESTION, as_="carol", model=name)
        assert folders_in(server.bodies[-1].decode()) == may
        left_out = len(LABELS) - len(may)
        said = f"{left_out} passages were withheld from the model {name} because of their sensitivity."
        assert note_of(answer) == (said if left_out else "")
        assert answer.status == "answered"
        assert folders_in(str([one.quote for one in answer.citations])) <= may
        # A passage keeps its number, so that a mark leads where it was meant to.
        listed = answer.lineage["passages"]
        assert {n for n, _ in passages_of(server.prompts[-1])} == {one["n"] for one in listed if one["sent"]}
        assert len(listed) == len(LABELS)
        told = workspace.lineage.explain(Principal("user", "carol"), answer.id).text()
        assert told.count("not sent to the model") == left_out
        sent = next(one.about for one in reversed(workspace.audit.query(kind="model.call", limit=100)))
        assert sent["sensitivity"] == ("unlabelled" if name == "any" else name)


def test_an_endpoint_of_others_gets_nothing_without_a_label_unless_the_operator_says_so(
    ready: Callable[..., Any], server: Simulator
) -> None:
    workspace = ready(
        {"outside": {"hosting": "hosted"}, "told": {"hosting": "hosted", "max_sensitivity": "any"}}
    )
    workspace.ask(QUESTION, as_="carol", model="outside")
    assert folders_in(server.bodies[-1].decode()) == {"open", "house"}
    workspace.ask(QUESTION, as_="carol", model="told")
    assert folders_in(server.bodies[-1].decode()) == set(LABELS)


def test_a_label_that_is_raised_counts_from_the_next_request_on(
    ready: Callable[..., Any], server: Simulator
) -> None:
    workspace = ready({"outside": {"max_sensitivity": "internal"}})
    workspace.ask(QUESTION, as_="carol", model="outside")
    assert "house" in folders_in(server.bodies[-1].decode())
    workspace.access.set("docs/house", ["group:everyone"], [], OPERATOR, "restricted")
    answer = workspace.ask(QUESTION, as_="carol", model="outside")
    assert folders_in(server.bodies[-1].decode()) == {"open"}
    assert note_of(answer).startswith("5 passages")


def test_where_everything_is_above_it_nothing_is_sent(ready: Callable[..., Any], server: Simulator) -> None:
    workspace = ready({"outside": {"max_sensitivity": "public"}})
    workspace.access.set("docs/open", ["group:everyone"], [], OPERATOR, None)
    answer = workspace.ask(QUESTION, as_="carol", model="outside")
    assert (answer.status, server.bodies) == ("abstained", [])
    assert note_of(answer).startswith("6 passages")


def test_only_passages_that_the_asker_may_read_are_counted(
    ready: Callable[..., Any], server: Simulator
) -> None:
    workspace = ready({"outside": {"max_sensitivity": "confidential"}})
    workspace.access.set("docs/locked", ["group:sales"], [], OPERATOR, "restricted")
    assert note_of(workspace.ask(QUESTION, as_="carol", model="outside")).startswith("2 passages were")
    workspace.access.set("docs/odd", ["group:sales"], [], OPERATOR, "secret")
    one = note_of(workspace.ask(QUESTION, as_="carol", model="outside"))
    assert one == "1 passage was withheld from the model outside because of its sensitivity."
    assert note_of(workspace.ask(QUESTION, as_="bob", model="outside")).startswith("3 passages")


def test_a_fallback_that_may_be_sent_all_answers_instead_where_the_setting_says_so(
    ready: Callable[..., Any], server: Simulator
) -> None:
    models = {
        "outside": {"max_sensitivity": "public", "fallbacks": ["closed", "middle", "inside"]},
        "closed": {"max_sensitivity": "any", "allowed_groups": ["sales"]},
        "middle": {"max_sensitivity": "restricted"},
        "inside": {"max_sensitivity": "any"},
    }
    answer = ready(models, "fallback").ask(QUESTION, as_="carol", model="outside")
    assert (answer.lineage["model"], answer.lineage["instead_of"]) == ("inside:m", "outside:m")
    assert len(server.bodies) == 1 and folders_in(server.bodies[0].decode()) == set(LABELS)
    assert "may not be sent passages as sensitive as these; inside was." in " ".join(answer.notes)
    assert not note_of(answer)


def test_a_fallback_below_what_is_sent_is_not_asked_where_an_endpoint_fails(
    ready: Callable[..., Any], server: Simulator
) -> None:
    with serving(fault="401") as failing:
        models = {
            "first": {"base_url": failing.url, "max_sensitivity": "any", "fallbacks": ["low", "high"]},
            "low": {"max_sensitivity": "restricted"},
            "high": {"max_sensitivity": "any"},
        }
        answer = ready(models).ask(QUESTION, as_="carol", model="first")
    assert answer.lineage["model"] == "high:m" and len(server.bodies) == 1


def test_a_rule_can_keep_what_a_ceiling_would_let_through(
    ready: Callable[..., Any], server: Simulator
) -> None:
    workspace = ready({"outside": {"hosting": "hosted", "max_sensitivity": "restricted"}})
    workspace.ask(QUESTION, as_="carol", model="outside")
    assert "locked" in folders_in(server.bodies[-1].decode())
    draft = shipped() + NOT_OUTSIDE
    changes = workspace.replay.changes(Rules(draft), timedelta(days=1)).changes
    assert [(one.action, one.resource, one.after) for one in changes] == [
        ("use_model", "Model:outside", "deny")
    ]
    workspace.policies.activate(draft, "Restricted stays inside.", OPERATOR)
    answer = workspace.ask(QUESTION, as_="carol", model="outside")
    assert folders_in(server.bodies[-1].decode()) == {"open", "house", "close"}
    assert note_of(answer).startswith("3 passages")


def test_a_request_that_does_not_say_what_it_holds_is_taken_for_unlabelled(
    ready: Callable[..., Any], server: Simulator
) -> None:
    workspace = ready({"outside": {"max_sensitivity": "restricted"}})
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, Principal("user", "carol"))
    request = prompts.request(prompts.load("answer"), QUESTION, (), "fence_0123456789abcdef")
    endpoint = workspace.gateway.endpoint(standing, "outside")
    with pytest.raises(Denied, match="too sensitive for the model 'outside'"):
        list(workspace.gateway.complete(standing, Actor("user:carol", "test"), endpoint, request))
    assert server.bodies == [] and json.dumps(server.headers) == "[]"
