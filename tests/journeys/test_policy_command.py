"""What an operator types to see, test and change who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.command import DIRECTORY, Command, write_documents

PEOPLE = DIRECTORY + '[services.helpdesk]\ngroups = ["sales"]\n'
BY_ROLE = '\n@id("programs-by-role") forbid (principal is Service, action in Action::"read", resource)\n'
BY_ROLE += 'unless { principal in Role::"service" };\n'


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Command:
    place = tmp_path_factory.mktemp("policy")
    write_documents(place / "documents")
    made = Command(place / "home").with_people(PEOPLE)
    assert made("ingest", place / "documents", "--source", "papers").code == 0
    return made


@pytest.fixture
def command(template: Command, tmp_path: Path) -> Iterator[Command]:
    return template.copy(tmp_path / "home")


def draft(command: Command, more: str = BY_ROLE) -> Path:
    """Write what `policy show` prints to a file, with more behind it."""
    file = command.home / "draft.cedar"
    shown = command("policy", "show")
    assert shown.code == 0 and "is in force" in shown.err
    file.write_text(shown.out + more)
    return file


def test_a_draft_goes_from_seen_to_tested_to_in_force_and_back(command: Command) -> None:
    for who in ("alice", "service:helpdesk", "service:helpdesk"):
        assert command("search", "Heron price", "--as", who).code == 0
    assert command("ask", "What is the price of a Heron?", "--as", "bob").code == 0
    file = draft(command)
    assert command("policy", "validate", file).out.startswith("It fits. sha256:")

    tested = command("policy", "test", file)
    assert tested.code == 0
    assert "2 of 6 decisions of the last 7 days would change." in tested.out
    assert tested.out.count("allow -> deny") == 2
    changes = command("policy", "test", file, "--json").document["changes"]
    assert {(c["principal"], c["action"], c["resource"]) for c in changes} == {
        ("service:helpdesk", "search", "Workspace:workspace")
    }
    assert [c["reasons"] for c in changes] == [["programs-by-role"]] * 2
    assert command("policy", "test", file, "--days", "0", "--json").document["replayed"] == 0

    made = command("policy", "activate", file, "--reason", "Programs search by role", "--json").document
    assert command("policy", "check", "service:helpdesk", "search", "workspace").code == 3
    assert command("search", "Heron", "--as", "service:helpdesk").code == 3
    assert command("role", "grant", "service", "service:helpdesk", "--reason", "Its owner asked").code == 0
    assert command("search", "Heron", "--as", "service:helpdesk").code == 0
    (one,) = command("policy", "history", "--json").document["activations"]
    assert (one["version"], one["reason"], one["in_force"]) == (
        made["version"],
        "Programs search by role",
        True,
    )

    assert command("policy", "rollback", "--reason", "Too early").code == 0
    assert command("role", "revoke", "service", "service:helpdesk", "--reason", "Not needed").code == 0
    assert command("policy", "check", "service:helpdesk", "search", "workspace").code == 0
    assert command("policy", "show", "--version", made["version"][7:19]).out == file.read_text()
    kinds = [e["kind"] for e in command("audit", "tail", "-n", "100", "--json").document["entries"]]
    assert {"policy.activated", "policy.rolled_back", "role.granted", "role.revoked"} <= set(kinds)


def test_a_draft_that_does_not_fit_or_fails_leaves_the_old_one(command: Command) -> None:
    before = command("policy", "show").out
    bad = draft(command, "\npermit(principal")
    assert command("policy", "validate", bad).code == 1
    assert command("policy", "activate", bad, "--reason", "x").code == 2
    loose = draft(command, '\n@id("all") permit (principal, action, resource);\n')
    assert command("policy", "validate", loose).code == 0
    tested = command("policy", "test", loose)
    assert tested.code == 1 and "whoever holds nothing may read and change nothing" in tested.out
    refused = command("policy", "activate", loose, "--reason", "x")
    assert refused.code == 1 and "The policy in force stays." in refused.line
    cases = command.home / "cases.toml"
    cases.write_text('[[case]]\nname = "x"\nroles = ["reader"]\naction = "ask"\nexpect = "deny"\n')
    failed = command("policy", "test", draft(command), "--cases", cases)
    assert failed.code == 1 and "x: ask gave allow (readers), not deny" in failed.out
    assert command("policy", "show").out == before
    assert command("policy", "history", "--json").document["activations"] == []


def test_explain_names_the_rules_and_what_of_the_asker_counted(command: Command) -> None:
    assert command("role", "grant", "operator", "group:engineering", "--reason", "They run it").code == 0
    found = command("policy", "explain", "alice", "search", "workspace", "--json").document
    assert found["effect"] == "deny"
    assert (found["permitted_by"], found["forbidden_by"]) == (["readers"], ["operators-read-nothing"])
    assert found["roles"] == {"operator": ["group:engineering"], "reader": ["group:everyone"]}
    assert found["groups"] == ["group:engineering", "group:everyone", "group:platform"]
    assert found["policy"] == command("policy", "show", "--json").document["version"]
    text = command("policy", "explain", "alice", "search", "workspace").out
    assert "operator (through group:engineering)" in text
    own = command("policy", "check", "bob", "approve", "approval:x", "--with", "requester=user:bob", "--json")
    assert own.document["reasons"] == ["nobody-approves-their-own"] and own.code == 3
    assert command("policy", "check", "bob", "use-model", "model:quotes").code == 0
    assert command("role", "show", "alice", "--json").document["roles"] == found["roles"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["policy", "check", "zoe", "search", "workspace"], "No user named 'zoe'"),
        (["policy", "check", "bob", "serch", "workspace"], "Did you mean search"),
        (["policy", "check", "bob", "search", "planet:x"], "names no resource"),
        (["policy", "check", "bob", "use-model", "model:gpt"], "There is no model 'gpt'"),
        (["policy", "check", "bob", "approve", "approval:x", "--with", "bob"], "is not NAME=VALUE"),
        (["policy", "show", "--version", "abcdef"], "No version begins with 'abcdef'"),
        (["policy", "rollback", "--reason", "x"], "No version was in force before"),
        (["role", "grant", "king", "bob", "--reason", "x"], "There is no role 'king'"),
        (["role", "grant", "auditor", "bob", "--reason", " "], "A reason has"),
        (
            ["role", "grant", "auditor", "bob", "--reason", "x", "--as", "alice"],
            "user:alice may not grant_role",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_with_the_fix(template: Command, words: list[str], says: str) -> None:
    ran = template(*words)
    assert ran.code in (1, 2, 3) and says in ran.line


def test_emergency_access_is_asked_for_approved_seen_and_ended(command: Command) -> None:
    assert command("role", "grant", "approver", "bob", "--reason", "Second person").code == 0
    asked = ("emergency", "grant", "alice", "--role", "operator", "--for", "30m", "--reason", "Disk full")
    made = command(*asked, "--json").document
    assert (made["state"], made["requested_by"], made["lasts"]) == ("waiting", "user:alice", "30m")
    own = command("emergency", "approve", made["id"], "--as", "alice")
    assert own.code == 3 and "user:alice may not approve_emergency" in own.line
    assert command("policy", "check", "alice", "administer", "workspace").code == 3
    assert "is in force until" in command("emergency", "approve", made["id"], "--as", "bob").out
    assert command("policy", "check", "alice", "administer", "workspace").code == 0
    (check,) = [one for one in command("doctor", "--json").document["checks"] if one["name"] == "emergency"]
    assert check["state"] == "warn" and "user:alice is operator until" in check["says"]
    assert "Disk full" in command("emergency", "list").out
    assert command("emergency", "end", made["id"]).code == 0
    assert command("policy", "check", "alice", "administer", "workspace").code == 3
    (listed,) = command("emergency", "list", "--json").document["emergencies"]
    assert (listed["state"], listed["approved_by"], listed["ended_by"]) == ("ended", "user:bob", "operator")


def test_the_first_administrator_is_made_once(command: Command) -> None:
    made = command("role", "first", "alice", "--reason", "Runs the pilot", "--json")
    assert made.code == 0 and made.document["member"] == "user:alice"
    again = command("role", "first", "bob", "--reason", "Mine now")
    assert again.code == 1 and "made before: user:alice" in again.line
    assert command("role", "grant", "auditor", "bob", "--reason", "Audit", "--as", "alice").code == 0
