"""Workflows from the command line: they run where no server does, say what they wait for, and go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journeys.command import Command, Ran
from tests.journeys.test_action_commands import PEOPLE
from tests.journeys.test_workflows import PURCHASE, TOOLS
from tests.simulators.shop import Shop

from muniment.app.acting import Acting

GIVEN = '{"supplier": "S-1", "item": "pumps", "amount": "20.00", "currency": "EUR", "cost_centre": "C-1"}'


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Command:
    home = tmp_path_factory.mktemp("flows") / "home"
    command = Command(home).with_people(PEOPLE)
    for number, manifest in enumerate(TOOLS):
        file = home / f"{number}.toml"
        file.write_text(manifest)
        assert command("tools", "add", file).code == 0
    command("role", "grant", "tool-user", "group:support", "--reason", "they help")
    command("role", "grant", "approver", "group:leads", "--reason", "they lead")
    return command


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop()
    monkeypatch.setattr(Acting, "running", made.running())
    monkeypatch.delenv("MUNIMENT_TOKEN", raising=False)
    return made


@pytest.fixture
def command(tmp_path: Path, prepared: Command) -> Command:
    return prepared.copy(tmp_path / "home")


def purchase(command: Command, *words: str) -> Ran:
    return command("workflows", "run", "purchase-request", "--as", "alice", "--given", GIVEN, *words)


def test_a_run_says_what_it_waits_for_and_goes_on_once_that_is_decided(command: Command, shop: Shop) -> None:
    ran = purchase(command, "--json")
    waits = ran.document
    assert (ran.code, waits["state"], waits["tells"]["stage"]) == (0, "waiting", "waits for approval")
    assert "waits for approval" in ran.err and shop.effects == []
    shown = command("workflows", "show", waits["id"], "--as", "alice")
    assert waits["waits_for"] in shown.err and f"resume {waits['id']}" in shown.err
    token = command("token", "--as", "bob", "--json").document["token"]
    seen = command("approvals", "show", waits["waits_for"], "--token", token, "--json").document
    words = ("--digest", seen["digest"], "--token", token)
    assert command("approvals", "approve", waits["waits_for"], *words).code == 0
    done = command("workflows", "resume", waits["id"], "--json").document
    assert (done["state"], done["result"]["state"]) == ("done", "done")
    assert [arguments for _, _, arguments in shop.effects] == [{**PURCHASE, "amount": "20.00"}]
    assert command("audit", "verify").code == 0


def test_a_key_is_one_run_and_each_sees_their_own(command: Command, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "given.json").write_text(GIVEN)
    words = ("--key", "k-1", "--no-wait", "--json")
    made = purchase(command, *words).document
    again = command(
        "workflows", "run", "purchase-request", "--as", "alice", "--given", f"@{tmp_path}/given.json", *words
    )
    assert again.document["id"] == made["id"] and made["given"]["item"] == "pumps"
    listed = command("workflows", "list", "--as", "alice", "--json").document["runs"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert command("workflows", "list", "--as", "bob", "--json").document == {"runs": []}
    assert command("workflows", "show", made["id"], "--as", "bob").line == "muniment: No such run."
    assert command("workflows", "cancel", made["id"], "--as", "bob").code != 0
    ended = command("workflows", "cancel", made["id"], "--as", "alice", "--json").document
    assert ended["state"] == "cancelled"
    assert made["id"] in command("workflows", "list", "--state", "cancelled").out
    assert "no such run" in command("workflows", "list", "--state", "waiting").out


def test_a_run_that_fails_says_why(command: Command, shop: Shop) -> None:
    ran = command("workflows", "run", "purchase-request", "--as", "alice", "--given", "{}")
    assert ran.code == 1 and "needs supplier" in " ".join(ran.out.split())
    unknown = command("workflows", "run", "nothing", "--as", "alice", "--given", "{}")
    assert unknown.code == 1 and "No workflow is named nothing" in unknown.line
    twice = command("workflows", "run", "purchase-request", "--as", "alice", "--given", '{"a": 1, "a": 2}')
    assert twice.code == 2
    assert command("workflows", "list", "--state", "odd").code == 2
