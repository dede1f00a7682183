"""Scenarios are read whole or refused with the line at fault; what plays them stands in for systems and people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muniment.actions.manifest_file import read_manifest
from muniment.actions.manifest_folder import manifest_texts
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.runners.checked import run_checked
from muniment.app import Workspace
from muniment.assurance.evaluation.people import People
from muniment.assurance.evaluation.scenario import Scenario, read_scenarios
from muniment.assurance.evaluation.scripted_systems import Read, ScriptedSystems
from muniment.assurance.evaluation.security_folder import read_security_folder
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR

ROOT = Path(__file__).resolve().parents[3]
GOOD: dict[str, Any] = {
    "id": "s1",
    "topic": "roles",
    "title": "A title",
    "asker": "ada",
    "steps": [{"do": "search", "query": "tide", "expect": {"hides": ["a.md"]}}],
}
ARGUMENTS: dict[str, object] = {
    "order": "A-1",
    "amount": "12.00",
    "currency": "EUR",
    "reason": "late",
    "to": ["ada@lorne.example"],
    "subject": "Hi",
    "body": "x",
}


def read(tmp_path: Path, *scenarios: object) -> tuple[Scenario, ...]:
    path = tmp_path / "scenarios.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in scenarios))
    return read_scenarios(path)


def stepping(**step: object) -> dict[str, Any]:
    return {**GOOD, "steps": [step]}


def test_a_step_is_done_by_the_asker_unless_it_names_somebody(tmp_path: Path) -> None:
    steps = [
        {"do": "search", "query": "tide"},
        {"do": "search", "as": "ben", "query": "tide", "tenant": "there"},
        {"do": "leave", "group": "crew", "user": "ada"},
    ]
    (found,) = read(tmp_path, {**GOOD, "steps": steps})
    assert [step.who for step in found.steps] == ["ada", "ben", ""]
    assert [step.tenant for step in found.steps] == ["here", "there", "here"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ({**GOOD, "topic": "weather"}, "topic is none"),
        ({**GOOD, "colour": 1}, "unknown key colour"),
        ({**GOOD, "steps": []}, "no steps"),
        ({**GOOD, "asker": ""}, "asker is missing"),
        (stepping(do="dance"), "step 1: do is 'dance'"),
        (stepping(do="search"), "search without query"),
        (stepping(do="search", query=1), "query has another type"),
        (stepping(do="search", query="x", k=True), "k has another type"),
        (stepping(do="search", query="x", tenant="elsewhere"), "tenant is neither"),
        (stepping(do="search", query="x", expect={"hide": []}), "unknown key hide"),
        (stepping(do="search", query="x", expect={"hides": [1]}), "hides is not a list of texts"),
        (stepping(do="search", query="x", expect={"count": True}), "count has another type"),
        (stepping(do="open", document="a.md", expect={"as_absent": True}), "as_absent without error"),
        (stepping(do="explain", answer="a"), "step 1 names 'a', which nothing kept"),
        (
            stepping(do="ask", question="x", meanwhile={"do": "search", "query": "x"}),
            "meanwhile is done by nobody",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(tmp_path: Path, wrong: object, said: str) -> None:
    with pytest.raises(BadInput, match=r"scenarios\.jsonl:2") as refused:
        read(tmp_path, GOOD, wrong)
    assert said in refused.value.public


def test_no_scenario_comes_twice_and_a_file_holds_some(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds the scenario s1 twice"):
        read(tmp_path, GOOD, GOOD)
    with pytest.raises(BadInput, match="holds no scenario"):
        read(tmp_path, "")


def test_a_note_changes_no_digest_and_a_step_does(tmp_path: Path) -> None:
    (one,) = read(tmp_path, GOOD)
    (noted,) = read(tmp_path, {**GOOD, "note": "why"})
    (other,) = read(tmp_path, stepping(do="search", query="ebb"))
    assert one.case.digest == noted.case.digest != other.case.digest


def test_a_folder_names_what_its_company_lacks(tmp_path: Path) -> None:
    for name in ("documents", "there", "tools"):
        (tmp_path / name).mkdir()
    (tmp_path / "directory.toml").write_text("")
    (tmp_path / "suite.toml").write_text('documents = "documents"\ndirectory = "directory.toml"\n')
    (tmp_path / "scenarios.jsonl").write_text(json.dumps(GOOD))
    company = tmp_path / "company.toml"
    there = '[there]\ndocuments = "there"\ndirectory = "directory.toml"\n'
    company.write_text('tools = "tools"\n' + there)
    assert read_security_folder(tmp_path).there.documents == tmp_path / "there"
    for text, said in (
        (there, "tools names nothing"),
        ('tools = "tools"\n', "there: documents names nothing"),
        ('tools = "tools"\ncolour = 1\n' + there, "unknown key colour"),
        ('tools = "tools"\n' + there + '[[roles]]\nrole = "approver"\n', "lacks 'member'"),
        ("tools = \n", "is not readable TOML"),
    ):
        company.write_text(text)
        with pytest.raises(BadInput, match=said):
            read_security_folder(tmp_path)


def test_stand_ins_give_what_is_written_down_and_keep_what_is_done() -> None:
    texts = manifest_texts(ROOT / "examples/acme/tools", {"systems": "https://systems.invalid"})
    tools = {one.name: one for one in map(read_manifest, texts)}
    systems = ScriptedSystems((Read("orders_get", {"order_id": "A-1"}, {"id": "A-1"}),))
    assert systems.run(ToolCall(tools["orders_get"], {"order_id": "A-1"}, "user:ada", "k")) == {"id": "A-1"}
    with pytest.raises(ToolFailed):
        systems.run(ToolCall(tools["orders_get"], {"order_id": "A-2"}, "user:ada", "k"))
    for name in ("refund_order", "send_mail"):
        fields = tools[name].arguments["properties"]
        given = {key: value for key, value in ARGUMENTS.items() if key in fields}  # type: ignore[operator]
        run_checked(systems, ToolCall(tools[name], given, "user:ada", "k"))
    assert [one.tool for one in systems.of("user:ada")] == ["refund_order", "send_mail"]
    assert systems.of("user:ben") == []


def test_a_switched_off_account_stays_so_and_brings_no_membership_back(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace()
    file = tmp_path / "home-directory.toml"
    workspace.directory.import_file(file, OPERATOR)
    people = People(workspace.directory, file)
    people.leave("platform", "alice")
    people.deactivate("bob")
    people.deactivate("carol")
    users = {one.name: one for one in workspace.directory.listing().users}
    assert users["alice"].groups == ()
    assert [name for name, one in users.items() if not one.active] == ["bob", "carol"]
