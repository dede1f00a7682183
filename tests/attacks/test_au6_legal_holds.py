"""AU6: a legal hold beats erasure, whoever asks; lifting it lets erasure proceed; all of it is on record."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from muniment.app import Workspace
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted
from muniment.governance.privacy.erasure import Held

WHY = "Request 17"


@pytest.mark.parametrize("of", ["user:alice", "workspace"])
def test_what_is_held_is_not_erased_until_the_hold_is_lifted(workspace: Workspace, of: str) -> None:
    hold = workspace.holds.add(of, "Case 12", None, OPERATOR)
    for _ in range(2):
        with pytest.raises(Held, match=hold.id):
            workspace.erasure.erase("alice", WHY, None, OPERATOR)
    with pytest.raises(Held):
        workspace.erasure.plan("alice", None, OPERATOR)
    assert workspace.directory.principal("alice").ref == "user:alice"
    refused = workspace.audit.query(kind="privacy.erasure_refused")
    assert [one.about for one in refused] == [{"reason": "held", "subject": "user:alice"}] * 2
    workspace.holds.lift(hold.id, None, OPERATOR)
    assert workspace.erasure.erase("alice", WHY, None, OPERATOR).pseudonym.startswith("subject:")
    kinds = [one.kind for one in workspace.audit.tail(100) if one.kind.startswith("privacy.")]
    refusals = ["privacy.erasure_refused"] * 2
    assert kinds == ["privacy.hold_placed", *refusals, "privacy.hold_lifted", "privacy.erased"]


def test_a_hold_on_one_person_holds_nobody_else(workspace: Workspace) -> None:
    workspace.holds.add("user:alice", "Case 12", None, OPERATOR)
    workspace.erasure.erase("bob", WHY, None, OPERATOR)
    with pytest.raises(BadInput):
        workspace.directory.principal("bob")


def test_two_holds_have_to_be_lifted_both(workspace: Workspace) -> None:
    first, second = (workspace.holds.add("user:alice", why, None, OPERATOR) for why in ("Case 12", "Case 13"))
    workspace.holds.lift(first.id, None, OPERATOR)
    workspace.holds.lift(first.id, None, OPERATOR)
    with pytest.raises(Held, match=second.id):
        workspace.erasure.erase("alice", WHY, None, OPERATOR)
    assert [one.lifted_at is None for one in workspace.holds.listing()] in ([False, True], [True, False])


def test_people_hold_lift_and_erase_only_as_policy_lets_them(workspace: Workspace) -> None:
    bob, by = workspace.principal("bob"), Actor("user:bob", "http")
    for attempt in (
        lambda: workspace.holds.add("user:alice", "Case 12", bob, by),
        lambda: workspace.erasure.erase("alice", WHY, bob, by),
        lambda: workspace.erasure.plan("alice", bob, by),
    ):
        with pytest.raises(NotPermitted):
            attempt()
    hold = workspace.holds.add("user:alice", "Case 12", None, OPERATOR)
    with pytest.raises(NotPermitted):
        workspace.holds.lift(hold.id, bob, by)
    assert len(workspace.audit.query(kind="policy.refused", actor="user:bob")) == 4
    workspace.roles.make_first("bob", "runs it", OPERATOR)
    workspace.holds.lift(hold.id, bob, by)
    workspace.erasure.erase("alice", WHY, bob, by)


def test_a_mistake_erases_nothing(workspace: Workspace) -> None:
    for name, reason, error in (
        ("nobody-of-that-name", WHY, NotFound),
        ("service:helpdesk", WHY, BadInput),
        ("alice", "", BadInput),
        ("alice", "Alice asked for it", BadInput),
    ):
        with pytest.raises(error):
            workspace.erasure.erase(name, reason, None, OPERATOR)
    with pytest.raises(BadInput):
        workspace.holds.add("group:sales", "Case 12", None, OPERATOR)
    with pytest.raises(BadInput):
        workspace.holds.lift("hold_none", None, OPERATOR)
    assert workspace.audit.query(kind="privacy.erased") == []


def test_a_trial_changes_nothing(workspace: Workspace) -> None:
    workspace.search("anything", "alice")

    def everything() -> list[object]:
        with workspace.database.read() as connection:
            names = sorted(sa.inspect(connection).get_table_names())
            return [connection.execute(sa.text(f'SELECT * FROM "{name}"')).all() for name in names]

    before, keys = everything(), workspace.subjects.file.path.read_bytes()
    planned = workspace.erasure.plan("alice", None, OPERATOR)
    assert planned.rows["directory_user removed"] == 1
    assert (everything(), workspace.subjects.file.path.read_bytes()) == (before, keys)
    done = workspace.erasure.erase("alice", WHY, None, OPERATOR)
    assert (done.pseudonym, done.rows) == (planned.pseudonym, planned.rows)


def test_both_are_commands(make_workspace: Callable[..., Workspace]) -> None:
    from tests.journeys.command import Command

    command = Command(make_workspace().home)
    hold = command("privacy", "hold", "add", "alice", "--reason", "Case 12", "--json").document["id"]
    refused = command("privacy", "erase", "alice", "--reason", WHY, "--yes")
    assert refused.code == 1 and hold in refused.line
    assert command("privacy", "hold", "lift", hold).code == 0
    assert "user:alice" in command("privacy", "hold", "list").out
    unsure = command("privacy", "erase", "alice", "--reason", WHY, "--json")
    assert unsure.code == 2 and "--yes" in unsure.document["error"]["fix"]
    planned = command("privacy", "erase", "alice", "--reason", WHY, "--dry-run", "--json").document
    done = command("privacy", "erase", "alice", "--reason", WHY, "--yes", "--json").document
    assert planned == {**done, "dry_run": True, "scrubbed": False} and done["scrubbed"]
    assert "user:alice" not in command("privacy", "hold", "list").out
    tail = command("audit", "tail", "-n", "1", "--json").document["entries"]
    assert [one["kind"] for one in tail] == ["privacy.erased"]
    tail = command("audit", "tail", "-n", "1", "--json").document["entries"]
    assert [(one["kind"], one["actor"]) for one in tail] == [("audit.read", "operator")]
