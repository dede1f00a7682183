"""Whatever a hijacked model proposes, and in whatever order: nothing runs by itself that AP1 does not let run.

The model is the attacker here: it reads anything, plans when it likes, and proposes planned calls, altered calls and
calls of its own, once or often. What holds is checked against an account of the run that is kept apart.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.actions.tools import PAY, READ, SEND, WRITE, tool

from muniment.actions.arguments import canonical_arguments
from muniment.actions.context import Context
from muniment.actions.decide import Facts, Proposed, Recipient, Used, Verdict, decide, summary
from muniment.actions.labels import NOBODYS, USERS, Audience, Integrity, Label, own
from muniment.actions.manifest import Manifest
from muniment.actions.paths import at
from muniment.actions.plan import pinned
from muniment.actions.reading import reading
from muniment.actions.risk import CLASSES, RiskPolicy, RiskRule, shipped
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import Denied, MunimentError
from muniment.governance.policy.decision import Decision

ANN, BOB = "user:ann", "user:bob"
ACCOUNTS = {
    "ann@acme.example": frozenset({ANN, "group:everyone"}),
    "bob@acme.example": frozenset({BOB, "group:everyone", "group:board"}),
}
EVERYONE, BOARD = Audience(frozenset({"group:everyone"})), Audience(frozenset({"group:board"}))
NOT_BOB = Audience(frozenset({"group:everyone"}), frozenset({BOB}))
UNTRUSTED = Label(Integrity.UNTRUSTED)
TOOLS: dict[str, Manifest] = {
    "mail_send": tool(SEND),
    "note_write": tool(WRITE),
    "pay": tool(PAY),
    "note_delete": tool(WRITE, name="note_delete", effect="delete"),
    "orders": tool(READ, labels={"id": {"integrity": "system", "readers": "owner"}}),
}
ALLOW, DENY = Decision("allow", ("tools",), "v1"), Decision("deny", (), "v1")


def recipients(manifest: Manifest, arguments: Mapping[str, object]) -> tuple[Recipient, ...]:
    """Whoever the arguments name, as the directory knows them."""
    return tuple(
        Recipient(str(value), ACCOUNTS.get(str(value)))
        for place in manifest.recipients
        for value in at(arguments, place)
    )


def verdict(
    name: str,
    arguments: Mapping[str, object],
    context: Label = USERS,
    values: Label | None = None,
    **facts: Any,
) -> Verdict:
    manifest = TOOLS[name]
    known = Facts(
        **{"permission": ALLOW, "risk": shipped(), "recipients": recipients(manifest, arguments), **facts}
    )
    return decide(Proposed(name, manifest, arguments, ANN, context, values), known)


def mail(*to: str) -> dict[str, Any]:
    return {"to": list(to), "body": "hello"}


# --- The property over runs.

AUDIENCES = st.sampled_from([own(ANN), own(BOB), EVERYONE, BOARD, NOT_BOB, Audience(frozenset())])
LABELS = st.builds(Label, st.sampled_from(Integrity), st.frozensets(AUDIENCES, max_size=2))
PEOPLE = st.sampled_from(["ann@acme.example", "bob@acme.example", "eve@evil.example"])
TEXTS = st.sampled_from(["a", "b"])
CALLS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.just("mail_send"),
        st.fixed_dictionaries({"to": st.lists(PEOPLE, max_size=2), "body": TEXTS}),
    ),
    st.tuples(st.just("note_write"), st.fixed_dictionaries({"title": TEXTS, "text": TEXTS})),
    st.tuples(st.just("note_delete"), st.fixed_dictionaries({"title": TEXTS})),
    st.tuples(
        st.just("pay"),
        st.fixed_dictionaries(
            {"iban": TEXTS, "amount": st.sampled_from([1, 2000, 60000]), "currency": st.just("EUR")}
        ),
    ),
)
STEPS = st.sampled_from(["s1", "s2", "s3"])
TAKEN = {"$from": "s0", "path": ["id"]}


@st.composite
def plans(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A reading first; then calls, of which some take a value from it and some are alternatives."""
    calls: list[dict[str, Any]] = [{"step": "s0", "tool": "orders", "arguments": {}}]
    for step in ("s1", "s2", "s3"):
        name, arguments = draw(CALLS)
        if name == "mail_send" and draw(st.booleans()):
            arguments = {**arguments, "body": draw(st.sampled_from([TAKEN, {"$text": ["No. ", TAKEN]}]))}
        instead = draw(st.sampled_from(["", "", "s1"])) if step != "s1" else ""
        calls.append({"step": step, "tool": name, "arguments": arguments, "instead_of": instead})
    return calls


MOVES = st.one_of(
    st.tuples(st.just("see"), LABELS),
    st.tuples(st.just("pin"), plans()),
    st.tuples(st.just("read"), st.tuples(st.sampled_from(["A1", "forged"]), LABELS)),
    st.tuples(st.just("propose"), CALLS),
    st.tuples(st.just("planned"), STEPS),
    st.tuples(st.just("altered"), st.tuples(STEPS, CALLS)),
    st.tuples(st.just("relabelled"), st.tuples(STEPS, st.sampled_from(sorted(TOOLS)))),
)


@dataclass
class Account:
    """What happened in a run, kept without the code that is tested."""

    tainted: bool = False
    audiences: set[Audience] = field(default_factory=set[Audience])
    plan: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    read: tuple[str, Label] | None = None
    used: set[str] = field(default_factory=set[str])

    def planned(self, step: str, name: str, arguments: Any) -> bool:
        """Whether it is exactly this planned call, for the first time, and none of its alternatives was used."""
        call = self.plan.get(step)
        if call is None or call["tool"] != name:
            return False
        group = call["instead_of"] or step
        if any(one == group or self.plan[one]["instead_of"] == group for one in self.used):
            return False
        wanted = copy.deepcopy(call["arguments"])
        if isinstance(wanted.get("body"), dict):
            if self.read is None or self.read[1].integrity == Integrity.UNTRUSTED:
                return False
            wanted["body"] = self.read[0] if "$from" in wanted["body"] else f"No. {self.read[0]}"
        return canonical(wanted) == canonical(arguments)

    def known(self, step: str) -> set[Audience]:
        """Whom it has to be kept from, if it says what was read for the plan."""
        body = self.plan.get(step, {}).get("arguments", {}).get("body")
        more = (
            {*self.read[1].audiences, own(ANN)} if isinstance(body, dict) and self.read else set[Audience]()
        )
        return self.audiences | more


def values_of(run: Context, step: str, name: str, arguments: Any) -> Label | None:
    """The label of the arguments where they are those of a usable planned call, as whoever runs calls asks for it."""
    if run.plan is None or step not in {one.step for one in run.plan.calls}:
        return None
    if run.plan.call(step).tool != name or not run.plan.usable(step, run.used):
        return None
    try:
        found = run.pinned_arguments(step)
        return found.label if canonical(found.value) == canonical(arguments) else None
    except MunimentError:
        return None


def planned_value(run: Context, step: str) -> Any:
    try:
        return run.pinned_arguments(step).value
    except MunimentError:
        return {}


def check(account: Account, step: str, name: str, arguments: Any, found: Verdict, allowed: bool) -> None:
    """AP1, for a call that would run by itself."""
    assert allowed
    assert found.risk is not None and found.risk.gives == "auto" and found.approvers == 0
    is_planned = account.planned(step, name, arguments)
    assert not account.tainted or is_planned
    manifest = TOOLS[name]
    if manifest.effect == "send":
        assert arguments["to"]
    for value in arguments.get("to", []) if name == "mail_send" else []:
        grants = ACCOUNTS.get(value, frozenset())
        for audience in account.known(step) if is_planned else account.audiences:
            admitted = bool(audience.allow & grants) and not audience.deny & grants
            assert admitted or (audience.owner == ANN and is_planned)


RUNS = st.builds(
    lambda first, moves: first + moves,
    st.just([])
    | st.tuples(st.tuples(st.just("pin"), plans()), MOVES, st.tuples(st.just("see"), LABELS)).map(list),
    st.lists(MOVES, max_size=9),
)


@settings(max_examples=400)
@given(RUNS, st.sampled_from([ALLOW, ALLOW, ALLOW, DENY]))
def test_whatever_a_hijacked_model_does_only_what_was_pinned_or_untouched_runs_by_itself(
    moves: list[tuple[str, Any]], permission: Decision
) -> None:
    run, account = Context(), Account()

    def propose(step: str, name: str, arguments: dict[str, Any]) -> None:
        nonlocal run
        values = values_of(run, step, name, arguments)
        found = verdict(name, arguments, run.label, values, permission=permission)
        if found.outcome != "auto":
            return
        if TOOLS[name].acts:
            check(account, step, name, arguments, found, permission.allowed)
        assert canonical(found.arguments) == canonical(arguments)
        if values is not None:
            run = run.did(step, None)
            account.used.add(step)

    for move, what in moves:
        if move == "see":
            run = run.saw(what)
            account.tainted |= what.integrity == Integrity.UNTRUSTED
            account.audiences |= what.audiences
        elif move == "pin":
            try:
                run = run.planned(pinned(what, run.label, TOOLS))
                assert not account.tainted and not account.plan
                account.plan = {one["step"]: {"instead_of": "", **one} for one in what}
            except Denied:
                assert account.tainted or account.plan
        elif move == "read":
            if run.plan is not None and run.plan.usable("s0", run.used):
                value, asked = what
                run = run.did("s0", reading(TOOLS["orders"], ANN, {"id": value}, asked))
                account.read = (value, asked)
                account.used.add("s0")
        elif move == "propose":
            propose("", *what)
        elif move == "planned":
            if run.plan is not None:
                propose(what, run.plan.call(what).tool, planned_value(run, what))
        elif move == "altered":
            propose(what[0], *what[1])
        elif run.plan is not None:
            propose(what[0], what[1], planned_value(run, what[0]))


# --- Monotone: more that is bad never makes a call easier.

ORDER = {"auto": 0, "approval": 1, "denied": 2}
RULES = st.builds(
    RiskRule,
    id=st.uuids().map(str),
    effects=st.frozensets(st.sampled_from(["write", "send", "pay", "delete"]), min_size=1),
    gives=st.sampled_from(CLASSES),
    outside=st.none() | st.booleans(),
)


def severity(found: Verdict) -> tuple[int, int]:
    return ORDER[found.outcome], found.approvers


@given(CALLS, LABELS, LABELS, st.none() | LABELS)
def test_whatever_more_was_read_a_call_never_becomes_easier(
    call: tuple[str, Any], seen: Label, more: Label, values: Label | None
) -> None:
    before = verdict(*call, seen, values)
    after = verdict(*call, Context(seen).saw(more).label, values)
    assert severity(after) >= severity(before)


@given(CALLS, LABELS, st.none() | LABELS, st.lists(RULES, max_size=3), RULES)
def test_a_risk_rule_more_never_lets_a_denied_call_through(
    call: tuple[str, Any], seen: Label, values: Label | None, rules: list[RiskRule], more: RiskRule
) -> None:
    before = verdict(*call, seen, values, risk=RiskPolicy(tuple(rules), "v"))
    after = verdict(*call, seen, values, risk=RiskPolicy((*rules, more), "v"))
    if before.outcome == "denied" or before.risk is None or before.risk.rules != ("no-rule",):
        assert severity(after) >= severity(before)


@given(CALLS, LABELS, st.none() | LABELS, PEOPLE)
def test_one_recipient_more_never_makes_a_call_easier(
    call: tuple[str, Any], seen: Label, values: Label | None, who: str
) -> None:
    name, arguments = call
    known = recipients(TOOLS[name], arguments)
    more = (*known, Recipient(who, ACCOUNTS.get(who)))
    assert severity(verdict(name, arguments, seen, values, recipients=more)) >= severity(
        verdict(name, arguments, seen, values, recipients=known)
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"permission": DENY},
        {"permission": replace(ALLOW, failed=True)},
        {"permission": replace(ALLOW, resource="Tool:orders")},
        {"stopped": "All agents are stopped."},
        {"disabled": "It is disabled."},
    ],
    ids=str,
)
@given(call=CALLS, seen=LABELS, values=st.none() | LABELS)
def test_what_is_forbidden_stays_so_whatever_else_holds(
    facts: dict[str, Any], call: tuple[str, Any], seen: Label, values: Label | None
) -> None:
    assert verdict(*call, seen, values, **facts).outcome == "denied"


# --- Never raises, and what cannot be worked out is denied.

JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3) | st.integers(), st.text(max_size=3), max_size=2),
    st.just(object()),
    st.just(Decimal("NaN")),
)
SOME = st.sampled_from(sorted(TOOLS))
GIVEN = st.recursive(
    JUNK | st.just("\ud800") | st.just(2**60),
    lambda one: st.dictionaries(
        st.sampled_from(["to", "body", "title", "amount", "currency", "iban"])
        | JUNK.filter(lambda x: isinstance(x, str | int)),
        one | st.lists(one, max_size=2),
        max_size=4,
    ),
    max_leaves=6,
)


@given(SOME | JUNK, SOME.map(TOOLS.get) | JUNK, GIVEN, JUNK, LABELS | JUNK, LABELS | JUNK, st.data())
def test_whatever_it_is_given_it_decides(
    name: Any, manifest: Any, arguments: Any, caller: Any, context: Any, values: Any, data: st.DataObject
) -> None:
    facts = Facts(
        permission=data.draw(st.just(ALLOW) | JUNK),
        risk=data.draw(st.just(shipped()) | JUNK),
        recipients=data.draw(st.just(()) | st.tuples(st.builds(Recipient, JUNK, JUNK)) | JUNK),
        used=data.draw(st.builds(Used, JUNK, JUNK, st.dictionaries(st.just("EUR"), JUNK)) | JUNK),
        stopped=data.draw(st.just("") | JUNK),
    )
    found = decide(Proposed(name, manifest, arguments, caller, context, values), facts)
    assert found.outcome in ORDER
    assert summary(found.steps)
    if found.outcome != "denied":
        assert isinstance(manifest, Manifest) and manifest.name == name
        assert isinstance(context, Label) and facts.permission is ALLOW and not facts.stopped
        assert canonical(canonical_arguments(manifest, arguments)) == canonical(found.arguments)


@given(JUNK, JUNK)
def test_nonsense_is_denied(proposed: Any, facts: Any) -> None:
    found = decide(proposed, facts)
    assert found.outcome == "denied" and found.reasons


def test_arguments_without_end_are_denied() -> None:
    endless: dict[str, Any] = {}
    endless["body"] = endless
    assert verdict("note_write", endless).outcome == "denied"


def test_a_tool_without_a_manifest_is_denied() -> None:
    found = decide(Proposed("drop", None, {}, ANN, USERS), Facts(ALLOW, shipped()))
    assert (found.outcome, found.reasons) == ("denied", ("There is no tool 'drop'.",))


def test_a_manifest_of_another_tool_is_denied() -> None:
    found = decide(Proposed("orders", TOOLS["note_write"], {}, ANN, USERS), Facts(ALLOW, shipped()))
    assert found.outcome == "denied" and found.steps[-1].name == "tool"


@pytest.mark.parametrize("name", ["outside", "gives"])
def test_risk_rules_that_cannot_be_applied_deny(name: str) -> None:
    broken = replace(shipped(), rules=(replace(shipped().rules[0], **{name: object()}), object()))  # type: ignore[arg-type]
    assert verdict("note_write", {"title": "a"}, risk=broken).outcome == "denied"


@pytest.mark.parametrize(
    ("used", "outcome"),
    [
        (Used(day=4), "approval"),
        (Used(day=5), "denied"),
        (Used(amounts={"EUR": Decimal("NaN")}), "denied"),
    ],
)
def test_limits_deny(used: Used, outcome: str) -> None:
    limited = tool(PAY, limits={"per_day": 5, "most": "100", "most_per_day": "100"})
    call = {"iban": "AB12", "amount": 10, "currency": "EUR"}
    facts = Facts(ALLOW, shipped(), recipients(limited, call), used)
    assert decide(Proposed("pay", limited, call, ANN, USERS), facts).outcome == outcome
    most = {**call, "amount": 100.01}
    assert decide(Proposed("pay", limited, most, ANN, USERS), replace(facts, used=Used())).outcome == "denied"
    rest = replace(facts, used=Used(amounts={"EUR": Decimal("90.01")}))
    assert decide(Proposed("pay", limited, call, ANN, USERS), rest).outcome == "denied"


# --- Whom a call tells.


@pytest.mark.parametrize("arguments", [{"to": [], "body": "x"}, {"body": "x"}, {}], ids=str)
def test_what_sends_to_nobody_whom_we_know_is_denied(arguments: dict[str, Any]) -> None:
    found = verdict("mail_send", arguments)
    assert found.outcome == "denied" and found.steps[-1].name == "confidentiality"


def test_somebody_who_was_not_looked_up_is_not_told() -> None:
    call = mail("bob@acme.example", "eve@evil.example")
    bob = recipients(TOOLS["mail_send"], mail("bob@acme.example"))
    for known in ((), bob, (*bob, Recipient("", None)), (*bob, Recipient("Eve@evil.example", None))):
        assert verdict("mail_send", call, recipients=known).outcome == "denied"


@pytest.mark.parametrize(
    ("who", "seen", "outcome"),
    [
        ("bob@acme.example", EVERYONE, "auto"),
        ("bob@acme.example", BOARD, "auto"),
        ("ann@acme.example", BOARD, "denied"),
        ("bob@acme.example", NOT_BOB, "denied"),
        ("bob@acme.example", own(BOB), "auto"),
        ("ann@acme.example", own(BOB), "denied"),
        ("bob@acme.example", own(ANN), "approval"),
        ("ann@acme.example", own(ANN), "auto"),
        ("eve@evil.example", EVERYONE, "denied"),
        ("eve@evil.example", own(ANN), "approval"),
    ],
)
def test_whoever_is_told_may_know_all_that_was_read(who: str, seen: Audience, outcome: str) -> None:
    assert verdict("mail_send", mail(who), Label(audiences=frozenset({seen}))).outcome == outcome


def test_an_owner_tells_by_a_pinned_call_what_is_their_own_and_nothing_else() -> None:
    mine = Label(Integrity.UNTRUSTED, frozenset({own(ANN)}))
    assert verdict("mail_send", mail("bob@acme.example"), mine, USERS).outcome == "auto"
    assert verdict("mail_send", mail("bob@acme.example"), mine, UNTRUSTED).outcome == "approval"
    both = Label(Integrity.UNTRUSTED, frozenset({own(ANN), NOT_BOB}))
    assert verdict("mail_send", mail("bob@acme.example"), both, USERS).outcome == "denied"


def test_text_of_others_in_a_planned_call_takes_people() -> None:
    assert verdict("note_write", {"title": "a"}, UNTRUSTED, USERS).outcome == "auto"
    assert verdict("note_write", {"title": "a"}, UNTRUSTED, UNTRUSTED).outcome == "approval"
    assert verdict("note_write", {"title": "a"}, UNTRUSTED).outcome == "approval"


def test_the_one_who_may_not_know_counts_among_many() -> None:
    both = mail("ann@acme.example", "bob@acme.example")
    assert verdict("mail_send", both, Label(audiences=frozenset({BOARD}))).outcome == "denied"
    assert verdict("mail_send", both, Label(audiences=frozenset({own(ANN)}))).outcome == "approval"
    assert verdict("mail_send", both, Label(audiences=frozenset({EVERYONE}))).outcome == "auto"


def test_what_a_pinned_call_says_counts_though_the_model_has_not_seen_it() -> None:
    board = Label(Integrity.SYSTEM, frozenset({BOARD}))
    assert verdict("mail_send", mail("ann@acme.example"), USERS, board).outcome == "denied"


def test_a_reading_tool_that_names_whom_it_tells_is_held_to_it() -> None:
    search = tool(
        READ,
        name="web_search",
        roles={"customer": "target"},
        recipients={"customer": "outside"},
    )
    facts = Facts(ALLOW, shipped(), (Recipient("x", None),))
    for seen, outcome in ((USERS, "auto"), (Label(audiences=frozenset({EVERYONE})), "denied")):
        call = Proposed("web_search", search, {"customer": "x"}, ANN, seen)
        assert decide(call, facts).outcome == outcome


def test_of_what_nothing_is_known_nobody_is_told() -> None:
    assert verdict("mail_send", mail("bob@acme.example"), NOBODYS, USERS).outcome == "denied"


def test_reading_takes_permission_alone() -> None:
    assert verdict("orders", {}, UNTRUSTED).outcome == "auto"
    assert verdict("orders", {}, permission=DENY).outcome == "denied"


def test_the_log_keeps_no_argument() -> None:
    found = verdict("mail_send", mail("bob@acme.example"))
    assert "bob" not in str(found.stated()) and "hello" not in str(found.stated())
