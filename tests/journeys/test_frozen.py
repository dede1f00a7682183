"""What is frozen for an incident: an account, a source, a tool, a model; what gives way, and what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulators.office import Office
from tests.simulators.web_client import bearer, client

from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, Denied, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.incidents.incident import Finding, Incident
from muniment.governance.policy.gate import NotPermitted

HANDBOOK = "Each laptop is replaced after four years."


@pytest.fixture
def library(workspace: Workspace, tmp_path: Path) -> Workspace:
    for name, text in (("handbook", HANDBOOK), ("notes", "A laptop was lost in the train.")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
        (folder / "one.md").write_text(f"# Laptops\n\n{text}\n")
        (folder / "two.md").write_text(f"# More laptops\n\nSee the rule: {text}\n")
        workspace.ingest(folder, name)
    return workspace


def opened(workspace: Workspace, subject: str = "source:handbook") -> Incident:
    return workspace.incidents.open(subject, "high", "Somebody wrote to us.", None, OPERATOR)


def freeze(workspace: Workspace, kind: str, name: str) -> Incident:
    return workspace.incidents.freeze(opened(workspace).id, kind, name, "while we look", None, OPERATOR)


def thaw(workspace: Workspace, kind: str, name: str) -> None:
    workspace.incidents.thaw(kind, name, "it was nothing", None, OPERATOR)


def titles(workspace: Workspace, who: str = "alice") -> list[tuple[str, str, float]]:
    found = workspace.search("laptop", as_=who, k=10).passages
    return sorted((one.source, one.path, one.score) for one in found)


def test_a_frozen_account_is_as_one_that_is_switched_off(library: Workspace) -> None:
    with client(library) as web:
        token = bearer(library, "alice")
        assert web.post("/v1/search", json={"query": "laptop"}, headers=token).status_code == 200
        freeze(library, "user", "alice")
        assert web.post("/v1/search", json={"query": "laptop"}, headers=token).status_code == 401
        with pytest.raises(Denied):
            library.search("laptop", as_="alice")
        assert titles(library, "bob")
        thaw(library, "user", "alice")
        assert web.post("/v1/search", json={"query": "laptop"}, headers=token).status_code == 200


def test_the_log_names_a_frozen_person_by_a_pseudonym(library: Workspace, tmp_path: Path) -> None:
    freeze(library, "user", "alice")
    thaw(library, "user", "alice")
    assert [one.about["what"] for one in library.audit.tail(2)] == ["user:alice"] * 2
    library.audit.export(tmp_path / "out")
    assert all(
        '"what":"subject:' in line and "alice" not in line
        for line in (tmp_path / "out" / "entries.jsonl").read_text().splitlines()[-2:]
    )


def test_a_frozen_account_stays_so_whatever_the_directory_says(library: Workspace, tmp_path: Path) -> None:
    freeze(library, "user", "alice")
    library.directory.import_file(tmp_path / "home-directory.toml", OPERATOR)
    with pytest.raises(Denied):
        library.search("laptop", as_="alice")


def test_a_frozen_source_is_read_by_nobody_and_comes_back_as_it_was(library: Workspace) -> None:
    library.access.set("handbook/two.md", ["user:bob"], [], OPERATOR)
    before = {who: titles(library, who) for who in ("alice", "bob")}
    [one] = [row for row in library.access.show("handbook/two.md")]
    found = freeze(library, "source", "handbook")
    assert [(freeze.kind, freeze.name) for freeze in found.frozen] == [("source", "handbook")]
    for who in ("alice", "bob"):
        assert {source for source, _, _ in titles(library, who)} == {"notes"}
        with pytest.raises(NotFound):
            library.reading.read(Principal("user", who), one.document.id, None, Actor(f"user:{who}", "http"))
    thaw(library, "source", "handbook")
    assert {who: titles(library, who) for who in ("alice", "bob")} == before


def test_what_comes_into_a_frozen_source_is_frozen(library: Workspace, tmp_path: Path) -> None:
    freeze(library, "source", "handbook")
    (tmp_path / "handbook" / "three.md").write_text("# Laptops again\n\nA new laptop.\n")
    (tmp_path / "handbook" / "one.md").write_text("# Laptops\n\nAnother rule about a laptop.\n")
    library.ingest(tmp_path / "handbook", "handbook")
    library.access.set("handbook/two.md", ["group:everyone"], [], OPERATOR)
    assert {source for source, _, _ in titles(library)} == {"notes"}
    thaw(library, "source", "handbook")
    assert {path for source, path, _ in titles(library) if source == "handbook"} == {
        "one.md", "two.md", "three.md",
    }  # fmt: skip


def test_a_frozen_model_answers_nobody(library: Workspace) -> None:
    library.ask("When is a laptop replaced?", as_="alice")
    freeze(library, "endpoint", "quotes")
    with pytest.raises(Denied, match="frozen"):
        library.ask("When is a laptop replaced?", as_="alice")
    thaw(library, "endpoint", "quotes")
    library.ask("When is a laptop replaced?", as_="alice")


def test_a_frozen_tool_is_called_by_nobody_even_if_its_action_was_approved(office: Office) -> None:
    made = office.waiting()
    freeze(office.workspace, "tool", "refund")
    with pytest.raises(Conflict):
        office.approve(made)
    again = office.propose().action
    assert again is None and office.shop.effects == []


def test_a_freeze_ends_by_a_person_alone(library: Workspace) -> None:
    found = freeze(library, "source", "handbook")
    closed = library.incidents.close(found.id, "It was a false alarm.", None, OPERATOR)
    assert closed.state == "closed" and len(closed.frozen) == 1
    assert {source for source, _, _ in titles(library)} == {"notes"}
    with pytest.raises(Conflict):
        library.incidents.freeze(found.id, "source", "notes", "more", None, OPERATOR)


def test_what_is_not_there_cannot_be_frozen(library: Workspace) -> None:
    found = opened(library)
    for kind, name in (
        ("user", "nobody"), ("source", "nowhere"), ("tool", "none"), ("endpoint", "none"), ("moon", "x"),
        ("user", "\0"),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            library.incidents.freeze(found.id, kind, name, "why not", None, OPERATOR)
    with pytest.raises(BadInput):
        library.incidents.thaw("user", "alice", "why not", None, OPERATOR)


def test_an_incident_rests_on_entries_that_there_are(library: Workspace) -> None:
    last = library.audit.tail(1)[0].seq
    made = library.incidents.open("user:alice", "low", "See there.", None, OPERATOR, [last, 0, 0])
    assert made.entries == (0, last)
    for wrong in (-1, last + 1000):
        with pytest.raises(BadInput, match="0 to"):
            library.incidents.open("user:alice", "low", "See there.", None, OPERATOR, [wrong])


def test_only_who_guards_or_runs_the_installation_may_freeze(library: Workspace) -> None:
    library.roles.grant("security-officer", "user:bob", "guards", OPERATOR)
    library.roles.grant("auditor", "user:carol", "audits", OPERATOR)
    found = opened(library)
    bob, carol, alice = (Principal("user", name) for name in ("bob", "carol", "alice"))
    for who in (alice, carol):
        with pytest.raises(NotPermitted):
            library.incidents.freeze(found.id, "user", "alice", "why", who, Actor(who.ref, "http"))
    assert library.incidents.show(found.id, carol, Actor(carol.ref, "http")).id == found.id
    with pytest.raises(NotPermitted):
        library.incidents.show(found.id, alice, Actor(alice.ref, "http"))
    library.incidents.freeze(found.id, "user", "alice", "why", bob, Actor(bob.ref, "http"))


def test_what_is_found_again_adds_to_the_open_incident(library: Workspace) -> None:
    finding = Finding("breadth", "user:alice", "medium", "Alice read 300 documents in an hour.", (1, 2))
    first = library.incidents.raise_for(finding)
    again = library.incidents.raise_for(Finding("breadth", "user:alice", "medium", "It goes on.", (2, 3)))
    assert again.id == first.id and again.count == 2 and again.entries == (1, 2, 3)
    library.incidents.close(first.id, "It was an audit.", None, OPERATOR)
    assert library.incidents.raise_for(finding).id != first.id


def test_detection_freezes_what_policy_names_and_says_so(library: Workspace) -> None:
    finding = Finding("injection", "source:handbook", "high", "It gives orders.", (1,))
    made = library.incidents.raise_for(finding, [("source", "handbook"), ("tool", "none")])
    assert [(one.kind, one.name, one.by) for one in made.frozen] == [("source", "handbook", "muniment")]
    kinds = [one.kind for one in library.audit.tail(10)]
    assert kinds[-2:] == ["incident.opened", "incident.frozen"]
