"""Tools, actions and approvals from the command line: an operator proposes for anybody and decides for nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.command import Command, Ran
from tests.simulators.shop import MANIFESTS, REFUND, Shop

from muniment.app.acting import Acting

PEOPLE = """
[users.alice]
groups = ["support"]
[users.bob]
groups = ["leads"]
[users.carol]
groups = ["leads"]
[groups.support]
[groups.leads]
"""
GIVEN = '{"order": "A-1", "amount": "20.00"}'


class Desk:
    """The command on a home with a shop, and tokens of its people."""

    def __init__(self, command: Command, shop: Shop) -> None:
        self.command = command
        self.shop = shop

    def __call__(self, *words: object) -> Ran:
        return self.command(*words)

    def token(self, name: str) -> str:
        return self.command("token", "--as", name, "--json").document["token"]

    def by(self, name: str, *words: object) -> Ran:
        return self.command("approvals", *words, "--token", self.token(name))

    def waiting(self, given: str = GIVEN) -> str:
        ran = self.command("actions", "propose", "refund", "--arguments", given, "--as", "alice", "--json")
        assert (ran.code, ran.document["action"]["state"]) == (0, "waiting")
        return ran.document["action"]["id"]

    def digest(self, made: str, name: str = "bob") -> str:
        return self.by(name, "show", made, "--json").document["digest"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Command:
    home = tmp_path_factory.mktemp("desk") / "home"
    command = Command(home).with_people(PEOPLE)
    for number, manifest in enumerate(MANIFESTS):
        file = home / f"{number}.toml"
        file.write_text(manifest)
        assert command("tools", "add", file).code == 0
    command("role", "grant", "tool-user", "group:support", "--reason", "they help")
    command("role", "grant", "approver", "group:leads", "--reason", "they lead")
    return command


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: Command) -> Desk:
    shop = Shop()
    monkeypatch.setattr(Acting, "running", shop.running())
    monkeypatch.delenv("MUNIMENT_TOKEN", raising=False)
    return Desk(prepared.copy(tmp_path / "home"), shop)


def test_tools_are_checked_added_shown_and_switched_off(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "refund.toml"
    file.write_text(REFUND)
    checked = desk("tools", "check", file, "--json").document
    assert [(one["calls"], one["class"]) for one in checked["calls"]] == [
        ("EUR up to 1000", "one"),
        ("EUR over 1000", "two"),
        ("EUR over 50000", "never"),
    ]
    assert "EUR over 1000" in desk("tools", "check", file).out
    file.write_text(REFUND.replace('effect = "pay"', 'effect = "give"'))
    wrong = desk("tools", "check", file)
    assert wrong.code == 2 and "effect" in wrong.line
    assert desk("tools", "add", file).code == 2
    listed = desk("tools", "list", "--json").document["tools"]
    assert [one["name"] for one in listed] == ["cancel_refund", "get_order", "notify", "refund"]
    assert [one["class"] for one in desk("tools", "show", "notify", "--json").document["calls"]] == [
        "auto",
        "one",
    ]
    shown = desk("tools", "show", "refund").out
    assert "Pays money of an order back." in shown and "takes amount" in shown and "two" in shown
    assert desk("tools", "disable", "refund").code == 2
    assert desk("tools", "disable", "refund", "--reason", "being moved").code == 0
    assert "no: being moved" in " ".join(desk("tools", "list").out.split())
    denied = desk("actions", "propose", "refund", "--arguments", GIVEN, "--as", "alice")
    assert denied.code == 3 and "being moved" in " ".join(denied.out.split())
    assert desk("tools", "enable", "refund").code == 0
    assert desk("tools", "enable", "refund", "--as", "alice").code == 3
    assert desk("tools", "show", "nothing").code == 2


def test_a_call_is_tried_proposed_listed_and_taken_back(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "given.json"
    file.write_text(GIVEN)
    words = ("actions", "propose", "refund", "--arguments", f"@{file}", "--as", "alice")
    tried = desk(*words, "--dry-run", "--json").document
    assert (tried["outcome"], tried["action"]) == ("approval", None)
    assert [one["outcome"] for one in tried["steps"]].count("ask") == 1
    assert "It takes one to approve it" in " ".join(desk(*words, "--dry-run").out.split())
    said = desk("actions", "propose", "notify", "--arguments", '{"to": "bob", "text": "hi"}', "--as", "alice")
    assert said.code == 0 and "It needs nobody." in said.out and "done" in said.out
    made = desk.waiting()
    assert desk.by("bob", "approve", made, "--digest", desk.digest(made)).code == 0
    shown = desk("actions", "show", made, "--as", "alice", "--json").document
    assert (shown["state"], shown["result"]) == ("done", {"id": "R-2"})
    assert desk("actions", "show", made, "--as", "bob").code == 1
    back = desk("actions", "undo", made, "--as", "alice", "--json").document
    assert back["action"]["tool"] == "cancel_refund" and back["action"]["state"] == "done"
    listed = desk("actions", "list", "--as", "alice", "--json").document["actions"]
    assert [one["tool"] for one in listed] == ["cancel_refund", "refund", "notify"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ('{"order": "A-1", "order": "A-2"}', "order"),
        ('{"order": 1152921504606846976}', "order"),
        ('{"order": NaN}', "order"),
        ("[1]", "object"),
    ],
)
def test_arguments_that_two_readers_could_read_differently_are_refused(
    desk: Desk, given: str, names: str
) -> None:
    ran = desk("actions", "propose", "refund", "--arguments", given, "--as", "alice")
    assert ran.code == 2 and names in ran.line


def test_whoever_decides_is_known_by_a_token_and_never_by_a_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.waiting()
    digest = desk.digest(made)
    for command in (("list",), ("show", made), ("approve", made, "--digest", digest), ("withdraw", made)):
        named = desk("approvals", *command, "--as", "bob")
        assert named.code == 2 and "a decision is a person's own" in named.line
        assert desk("approvals", *command).code == 3
        assert desk("approvals", *command, "--token", "forged").code == 3
    assert desk.by("alice", "approve", made, "--digest", digest).code == 1
    monkeypatch.setenv("MUNIMENT_TOKEN", desk.token("bob"))
    assert [one["id"] for one in desk("approvals", "list", "--json").document["approvals"]] == [made]
    assert desk("approvals", "approve", made, "--digest", digest, "--json").document == {
        "id": made, "state": "done", "approvers": 1, "approved_by": ["user:bob"]
    }  # fmt: skip
    assert len(desk.shop.effects) == 1


def test_a_decision_prints_all_that_it_needs_and_is_of_what_was_shown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.waiting('{"order": "A-1", "amount": "20.00", "reason": "paid\u202e twice"}')
    shown = " ".join(desk.by("bob", "show", made).out.split())
    for part in ("Pays money of an order back.", "20.00 EUR", '"paid[U+202E] twice"', "order A-1, version 1",
                 "user:alice", "by cancel_refund", desk.digest(made)[:40]):  # fmt: skip
        assert part in shown
    blind = desk.by("bob", "approve", made)
    assert blind.code == 2 and "Nobody was shown" in blind.line
    other = desk.waiting('{"order": "A-1", "amount": "30.00"}')
    assert desk.by("bob", "approve", made, "--digest", desk.digest(other)).code == 1
    assert desk.by("bob", "approve", made, "--digest", "yes").code == 2
    assert desk.shop.effects == []
    for answer, code, effects in (("n", 1, 0), ("y", 0, 1)):
        _answers(monkeypatch, answer)
        ran = desk.by("bob", "approve", made)
        assert ran.code == code and "Exactly these arguments:" in ran.out
        assert len(desk.shop.effects) == effects


def _answers(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Sit at a terminal and type."""
    import io
    import sys

    class Typed(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Typed(f"{answer}\n"))


def test_it_is_rejected_withdrawn_and_passed_on(desk: Desk) -> None:
    first, second = desk.waiting(), desk.waiting('{"order": "A-1", "amount": "30.00"}')
    digest = desk.digest(first)
    assert desk.by("bob", "reject", first, "--digest", digest).code == 2
    rejected = desk.by("bob", "reject", first, "--digest", digest, "--reason", "paid last week")
    assert rejected.code == 0 and "rejected" in rejected.out
    assert desk.by("bob", "withdraw", second).code == 1
    assert desk.by("alice", "withdraw", second, "--json").document["state"] == "withdrawn"
    made = desk.by("bob", "delegate", "--to", "carol", "--for", "7d", "--json").document
    assert made["to_person"] == "user:carol"
    assert "user:carol" in desk.by("carol", "delegations").out
    assert desk.by("carol", "undelegate", made["id"]).code == 1
    assert desk.by("bob", "undelegate", made["id"]).code == 0
    [figures] = desk("approvals", "figures", "--json").document["people"]
    assert (figures["person"], figures["decided"], figures["approved"]) == ("user:bob", 1, 0)
    assert "0 %" in desk("approvals", "figures").out and desk.shop.effects == []


def test_what_was_approved_before_a_crash_is_carried_out_once_and_an_unknown_outcome_never_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.waiting()
    with monkeypatch.context() as crash:
        from muniment.actions.execution import Execution

        def dies(*_: object) -> Any:
            raise KeyboardInterrupt

        crash.setattr(Execution, "run", dies)
        desk.by("bob", "approve", made, "--digest", desk.digest(made))
    assert desk("actions", "show", made, "--as", "alice", "--json").document["state"] == "approved"
    desk.shop.fault = "breaks after"
    ran = desk("actions", "run", made)
    assert ran.code == 1 and "unknown" in ran.out and "settle" in ran.err
    desk.shop.fault = ""
    assert desk("actions", "run", made).code == 1
    assert len(desk.shop.effects) == 1
    assert desk("actions", "settle", made, "--reason", "the bank shows it").code == 2
    both = ("--as-done", "--as-failed")
    assert desk("actions", "settle", made, *both, "--reason", "the bank shows it").code == 2
    settled = desk("actions", "settle", made, "--as-done", "--reason", "the bank shows it", "--json")
    assert settled.document["state"] == "done"
    assert desk("actions", "settle", made, "--as-done", "--reason", "again").code == 1


def test_everything_a_tool_or_a_model_is_stopped_and_goes_on(desk: Desk) -> None:
    words = ("actions", "propose", "refund", "--arguments", GIVEN, "--as", "alice", "--dry-run")
    for what in (("everything",), ("tool", "refund"), ("model", "house")):
        stopped = desk("actions", "stop", *what, "--reason", "an alarm", "--json").document
        assert desk(*words).code == (0 if what[0] == "model" else 3)
        assert "lasts" in desk("actions", "stops").out
        assert desk("actions", "resume", stopped["id"]).code == 0
        assert desk(*words).code == 0
    assert desk("actions", "stop", "tool", "--reason", "x").code == 2
    assert desk("actions", "stop", "everything", "--reason", "x", "--as", "alice").code == 3
    listed = desk("actions", "stops", "--json").document["stops"]
    assert len(listed) == 3 and all(one["ended_at"] for one in listed)
    assert json.loads(desk("audit", "tail", "--json").out)
