"""Actions through the workspace: who asks, who decides, that it happens once, and never after something changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

import pytest
import sqlalchemy as sa
from tests.simulators.shop import MANIFESTS, REFUND, Shop

from muniment.actions.action import Action, Refused
from muniment.actions.approvals import Approver
from muniment.actions.context import Context
from muniment.actions.labels import Integrity, Label
from muniment.actions.plan import pinned
from muniment.actions.proposals import Call, Outcome
from muniment.actions.tables import action, action_decision
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotFound, TooMany, Unauthenticated
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.governance.policy.gate import NotPermitted

ALICE, BOB, CAROL = (Principal("user", name) for name in ("alice", "bob", "carol"))
PEOPLE = """
[users.alice]
name = "Alice Moreau"
groups = ["support"]
[users.bob]
name = "Bob Okafor"
groups = ["leads"]
[users.carol]
name = "Carol Lindqvist"
groups = ["leads"]
[users.dave]
name = "Dave Un"
[groups.support]
[groups.leads]
"""
TAINTED = Context(Label(Integrity.UNTRUSTED))


class Office:
    """A workspace with a shop, whose support may use tools and whose leads approve."""

    def __init__(self, workspace: Workspace, shop: Shop, clock: FixedClock) -> None:
        self.workspace = workspace
        self.shop = shop
        self.clock = clock

    def propose(self, who: Principal = ALICE, context: Context | None = None, **arguments: object) -> Outcome:
        given = {"order": "A-1", "amount": "20.00"} | arguments
        return self.workspace.actions.propose(who, Actor(who.ref, "http"), Call("refund", given), context)

    def waiting(self, **arguments: object) -> Action:
        found = self.propose(**arguments).action
        assert found is not None and found.state == "waiting"
        return found

    def approve(self, made: Action, who: Principal = BOB, signed_in: datetime | None = None) -> Action:
        actions, approvals = self.workspace.actions, self.workspace.approvals
        by = Actor(who.ref, "web")
        shown = approvals.show(made.id, who, by)
        self.clock.advance(seconds=7)
        approver = Approver(who, by, signed_in or self.clock.now())
        return actions.approve(made.id, shown.action.digest, shown.ticket, approver)

    def reject(self, made: Action, reason: str, who: Principal = BOB) -> Action:
        by = Actor(who.ref, "web")
        shown = self.workspace.approvals.show(made.id, who, by)
        return self.workspace.approvals.reject(
            made.id, shown.action.digest, shown.ticket, reason, Approver(who, by, self.clock.now())
        )

    def effects(self) -> list[dict[str, object]]:
        return [arguments for _, _, arguments in self.shop.effects]

    def entries(self, kind: str) -> int:
        return len(self.workspace.audit.query(kind=kind, limit=1000))


@pytest.fixture
def office(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Office:
    workspace = make_workspace(directory=PEOPLE, clock=clock)
    shop = Shop()
    workspace.running = shop.running()
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    workspace.roles.grant("tool-user", "group:support", "they help", OPERATOR)
    workspace.roles.grant("approver", "group:leads", "they lead", OPERATOR)
    return Office(workspace, shop, clock)


def test_a_refund_waits_for_a_lead_and_happens_once(office: Office) -> None:
    made = office.waiting()
    assert [one.id for one in office.workspace.approvals.inbox(BOB)] == [made.id]
    assert office.effects() == []
    done = office.approve(made)
    assert done.state == "done" and done.result == {"id": "R-1"}
    assert office.effects() == [{"order": "A-1", "amount": "20.00"}]
    assert office.shop.effects[0][1] == made.digest
    with pytest.raises(Conflict):
        office.workspace.execution.run(made.id, OPERATOR)
    for kind in ("action.proposed", "action.shown", "action.approved", "action.claimed", "action.done"):
        assert office.entries(kind) == 1


def test_who_asks_does_not_decide_and_neither_does_a_stranger(office: Office) -> None:
    office.workspace.roles.grant("approver", "user:alice", "trial", OPERATOR)
    made = office.waiting()
    for who in (ALICE, Principal("user", "dave")):
        assert office.workspace.approvals.inbox(who) == []
        with pytest.raises((NotFound, NotPermitted)):
            office.approve(made, who)
    assert office.effects() == []


def test_whoever_may_not_use_the_tool_is_denied_on_record(office: Office) -> None:
    outcome = office.propose(who=CAROL)
    assert outcome.action is None and outcome.verdict.outcome == "denied"
    assert office.entries("action.denied") == 1


def test_large_refunds_take_two_different_people(office: Office) -> None:
    office.shop.orders["A-1"]["total"] = "9000.00"
    made = office.waiting(amount="5000.00")
    assert office.approve(made, BOB).state == "waiting"
    with pytest.raises(Conflict):
        office.approve(made, BOB)
    assert office.effects() == []
    assert office.approve(made, CAROL).state == "done"


def test_what_no_machine_should_pay_is_never_proposed(office: Office) -> None:
    assert office.propose(amount="90000.00").action is None


def test_of_many_that_execute_at_once_one_does(office: Office) -> None:
    made = office.waiting()
    office.workspace.approvals.approve(made.id, made.digest, *_shown(office, made))

    def run(_: int) -> object:
        with suppress(MunimentError):
            return office.workspace.execution.run(made.id, OPERATOR)
        return None

    with ThreadPoolExecutor(16) as pool:
        assert sum(one is not None for one in pool.map(run, range(64))) == 1
    assert len(office.effects()) == 1 and office.entries("action.claimed") == 1


def _shown(office: Office, made: Action, who: Principal = BOB) -> tuple[str, Approver]:
    by = Actor(who.ref, "web")
    shown = office.workspace.approvals.show(made.id, who, by)
    return shown.ticket, Approver(who, by, office.clock.now())


def approved(office: Office, **arguments: object) -> Action:
    """Return an action that a lead has approved and nobody has carried out."""
    made = office.waiting(**arguments)
    office.workspace.approvals.approve(made.id, made.digest, *_shown(office, made))
    return made


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda o, _: o.shop.orders["A-1"].update(version=2), id="the record has another version"
        ),
        pytest.param(
            lambda o, _: o.workspace.tools.add(REFUND.replace("seconds = 5", "seconds = 6"), None, OPERATOR),
            id="the tool's manifest is another",
        ),
        pytest.param(
            lambda o, _: o.workspace.tools.disable("refund", "doubt", None, OPERATOR),
            id="the tool is disabled",
        ),
        pytest.param(
            lambda o, _: o.workspace.roles.revoke("tool-user", "group:support", "over", OPERATOR),
            id="the requester may not any more",
        ),
        pytest.param(
            lambda o, _: o.workspace.roles.revoke("approver", "group:leads", "over", OPERATOR),
            id="the approver may not any more",
        ),
        pytest.param(
            lambda o, _: o.workspace.directory.remove_member("leads", "user:bob", OPERATOR),
            id="the approver left the leads",
        ),
        pytest.param(lambda o, _: o.clock.advance(days=2), id="it is too late"),
        pytest.param(
            lambda o, _: o.workspace.stops.stop("everything", "", "alarm", None, OPERATOR),
            id="all is stopped",
        ),
        pytest.param(
            lambda o, _: o.workspace.stops.stop("tool", "refund", "alarm", None, OPERATOR),
            id="the tool is stopped",
        ),
        pytest.param(
            lambda o, made: o.workspace.approvals.withdraw(made.id, ALICE, Actor("user:alice", "http")),
            id="it was withdrawn",
        ),
    ],
)
def test_what_changed_after_the_approval_keeps_it_from_happening(
    office: Office, change: Callable[[Office, Action], object]
) -> None:
    made = approved(office)
    change(office, made)
    with pytest.raises(MunimentError):
        office.workspace.execution.run(made.id, OPERATOR)
    assert office.effects() == []
    with office.workspace.database.read() as connection:
        state = connection.execute(sa.select(action.c.state).where(action.c.id == made.id)).scalar_one()
    assert state in ("refused", "expired", "withdrawn")


MUTATED = ("digest", "tool", "requester", "since", "bound", "approvers", "expires_at")


@pytest.mark.parametrize("column", MUTATED)
def test_no_byte_of_a_stored_action_can_be_changed(office: Office, column: str) -> None:
    made = approved(office)
    with office.workspace.database.read() as connection:
        stored = connection.execute(sa.select(action.c[column]).where(action.c.id == made.id)).scalar_one()
    changes: list[object] = [stored + 1, stored - 1] if isinstance(stored, int) else []
    if isinstance(stored, str):
        for at in range(0, len(stored), max(1, len(stored) // 40)):
            other = "0" if stored[at] != "0" else "1"
            changes += [stored[:at] + other + stored[at + 1 :], stored[:at] + stored[at + 1 :]]
    for changed in changes:
        with office.workspace.database.write() as connection:
            connection.execute(
                sa.update(action).where(action.c.id == made.id).values({column: changed, "state": "approved"})
            )
        with pytest.raises(MunimentError):
            office.workspace.execution.run(made.id, OPERATOR)
        assert office.effects() == []
    with office.workspace.database.write() as connection:
        connection.execute(
            sa.update(action).where(action.c.id == made.id).values({column: stored, "state": "approved"})
        )
    assert office.workspace.execution.run(made.id, OPERATOR).state == "done"


def test_a_decision_that_nobody_made_counts_for_nothing(office: Office) -> None:
    made, other = office.waiting(), approved(office)
    with office.workspace.database.write() as connection:
        row = connection.execute(sa.select(action_decision).where(action_decision.c.action == other.id)).one()
        forged = dict(row._mapping) | {"action": made.id, "digest": made.digest}
        connection.execute(sa.insert(action_decision).values(**forged))
        connection.execute(sa.update(action).where(action.c.id == made.id).values(state="approved"))
    with pytest.raises(Refused):
        office.workspace.execution.run(made.id, OPERATOR)
    assert office.effects() == []


def test_nobody_decides_blindly_or_by_an_old_sign_in(office: Office) -> None:
    made = office.waiting()
    ticket, approver = _shown(office, made)
    for bad in ("", "1.abc", ticket[:-1] + ("0" if ticket[-1] != "0" else "1")):
        with pytest.raises(Unauthenticated):
            office.workspace.approvals.approve(made.id, made.digest, bad, approver)
    carols, _ = _shown(office, made, CAROL)
    with pytest.raises(Unauthenticated):
        office.workspace.approvals.approve(made.id, made.digest, carols, approver)
    office.clock.advance(minutes=16)
    with pytest.raises(Unauthenticated):
        office.workspace.approvals.approve(made.id, made.digest, ticket, approver)
    office.clock.advance(hours=2)
    with pytest.raises(Unauthenticated):
        office.workspace.approvals.approve(
            made.id, made.digest, ticket, Approver(BOB, approver.by, office.clock.now())
        )


def test_a_rejection_says_why_and_the_same_is_not_asked_again_soon(office: Office) -> None:
    made = office.waiting()
    with pytest.raises(MunimentError):
        office.reject(made, "  ")
    assert office.reject(made, "the customer was paid last week").state == "rejected"
    with pytest.raises(Conflict):
        office.approve(made, CAROL)
    again = office.propose()
    assert again.action is None and "rejected" in again.verdict.reasons[-1]
    assert office.propose(amount="19.00").action is not None
    office.clock.advance(minutes=61)
    assert office.propose().action is not None


def test_inboxes_cannot_be_flooded_and_nobody_decides_faster_than_they_read(office: Office) -> None:
    made = [office.waiting(amount=f"{cents}.00") for cents in range(1, 21)]
    assert office.propose(amount="77.00").action is None
    for one in made[:10]:
        office.workspace.approvals.approve(one.id, one.digest, *_shown(office, one))
    with pytest.raises(TooMany):
        office.workspace.approvals.approve(made[10].id, made[10].digest, *_shown(office, made[10]))
    [figures] = office.workspace.approvals.figures()
    assert (figures.person, figures.decided, figures.approved) == ("user:bob", 10, 10)


def test_an_outcome_that_is_not_known_is_never_tried_again(office: Office) -> None:
    made = approved(office)
    office.shop.fault = "breaks after"
    found = office.workspace.execution.run(made.id, OPERATOR)
    assert found.state == "unknown"
    office.shop.fault = ""
    with pytest.raises(Conflict):
        office.workspace.execution.run(made.id, OPERATOR)
    assert len(office.effects()) == 1
    settled = office.workspace.claims.decide_unknown(made.id, "done", "the bank shows it", OPERATOR)
    assert settled.state == "done"


def test_a_crash_after_the_claim_gives_unknown_once_its_time_is_over(office: Office) -> None:
    made = approved(office)
    office.workspace.claims.claim(made.id, "1", OPERATOR)
    assert office.workspace.claims.overdue() == 0
    office.clock.advance(seconds=36)
    assert office.workspace.actions.show(made.id, ALICE).state == "unknown"
    assert office.workspace.claims.overdue() == 1
    with pytest.raises(Conflict):
        office.workspace.execution.run(made.id, OPERATOR)
    assert office.effects() == [] and office.entries("action.unknown") == 1


def test_a_refusal_of_the_other_side_is_a_failure_and_another_type_is_not_known(office: Office) -> None:
    office.shop.fault = "refuses"
    assert office.workspace.execution.run(approved(office).id, OPERATOR).state == "failed"
    office.shop.fault = "another type"
    assert office.workspace.execution.run(approved(office).id, OPERATOR).state == "unknown"


def test_what_was_done_can_be_taken_back_by_its_undo(office: Office) -> None:
    done = office.approve(office.waiting())
    assert done.undo == {"tool": "cancel_refund", "arguments": {"refund": "R-1"}}
    outcome = office.workspace.actions.undo(done.id, ALICE, Actor("user:alice", "http"))
    assert outcome.action is not None and outcome.action.state == "done"
    assert office.shop.effects[-1][0] == "cancel_refund"


def test_an_undo_by_what_anybody_wrote_waits_for_people(office: Office) -> None:
    said_by_anybody = REFUND.replace('id = { integrity = "system", readers = "company" }', "")
    assert said_by_anybody != REFUND
    office.workspace.tools.add(said_by_anybody, None, OPERATOR)
    done = office.approve(office.waiting())
    outcome = office.workspace.actions.undo(done.id, ALICE, Actor("user:alice", "http"))
    assert outcome.action is not None and outcome.action.state == "waiting"


def test_a_call_that_text_of_others_could_have_shaped_waits(office: Office) -> None:
    call = Call("notify", {"to": "bob", "text": "hello"})
    alone = office.workspace.actions.propose(ALICE, Actor("user:alice", "http"), call)
    assert alone.action is not None and alone.action.state == "done"
    after = office.workspace.actions.propose(ALICE, Actor("user:alice", "http"), call, TAINTED)
    assert after.action is not None and after.action.state == "waiting"


def test_a_pinned_call_runs_after_text_of_others_but_not_with_other_words(office: Office) -> None:
    plan = pinned(
        [{"step": "s1", "tool": "notify", "arguments": {"to": "bob", "text": "hello"}}], Label(), ["notify"]
    )
    run = Context().planned(plan).saw(TAINTED.label)
    by = Actor("user:alice", "http")
    other = Call("notify", {"to": "bob", "text": "hello!"}, step="s1")
    assert office.workspace.actions.propose(ALICE, by, other, run, dry=True).verdict.outcome == "approval"
    done = office.workspace.actions.propose(ALICE, by, Call("notify", step="s1"), run)
    assert done.action is not None and done.action.state == "done"
    with pytest.raises(BadInput):
        office.workspace.actions.propose(ALICE, by, Call("notify", step="s1"), run.did("s1", None))
    assert len(office.effects()) == 1


def test_a_dry_run_says_what_would_become_of_it_and_keeps_nothing(office: Office) -> None:
    by = Actor("user:alice", "http")
    call = Call("refund", {"order": "A-1", "amount": "20.00"})
    outcome = office.workspace.actions.propose(ALICE, by, call, dry=True)
    assert outcome.verdict.outcome == "approval" and outcome.action is None
    assert office.workspace.actions.mine(ALICE) == []


def test_another_reads_nothing_of_an_action(office: Office) -> None:
    made = office.waiting()
    for who in (BOB, CAROL):
        with pytest.raises(NotFound):
            office.workspace.actions.show(made.id, who)
    with pytest.raises(NotFound):
        office.workspace.approvals.show("act_none", BOB, Actor("user:bob", "web"))
