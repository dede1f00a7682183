"""Whether a proposed call runs by itself, needs people, or never happens: steps in one order, the first deny wins.

Each step is a function of what was collected before, so the same facts always give the same verdict. What holds for
every call that may run:
- its caller may do it, by policy, as of now;
- nothing untrusted was in its context, or it was pinned before, or people approve exactly these bytes;
- whoever it reaches may know every source in its context, or an owner lets them by a pinned or approved call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, get_args

from muniment.actions.arguments import Amount, amount_of, canonical_arguments
from muniment.actions.labels import Label, join
from muniment.actions.manifest import Manifest
from muniment.actions.paths import at
from muniment.actions.risk import APPROVERS, Classified, RiskPolicy
from muniment.foundation.errors import MunimentError
from muniment.governance.audit.entry import Json
from muniment.governance.policy.decision import Decision

Outcome = Literal["pass", "ask", "deny"]
StepName = Literal[
    "stopped", "tool", "arguments", "permission", "limits", "integrity", "confidentiality", "classification"
]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step found."""

    name: StepName
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody whom a call would reach."""

    spelled: str
    """As the arguments spell it, also where it stands for several; empty for what is no text."""
    grants: frozenset[str] | None
    """What an account of ours holds, which the spelling names; None: nobody of ours."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of a tool's limits: calls of the last minute and of today, and money of today."""

    minute: int = 0
    day: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])


@dataclass(frozen=True, slots=True)
class Proposed:
    """A call that somebody or something proposes."""

    tool: str
    manifest: Manifest | None
    arguments: Mapping[str, object]
    caller: str
    context: Label
    """Of everything that whoever proposed it could know."""
    pinned: Label | None = None
    """Of the arguments, where they are those of a planned call that is still usable."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a verdict needs to know of the world, as of one snapshot."""

    permission: Decision
    risk: RiskPolicy
    recipients: tuple[Recipient, ...] = ()
    used: Used = field(default_factory=Used)
    stopped: str = ""
    """Why nothing of this kind may run now; empty: it may."""
    disabled: str = ""
    """Why this tool cannot be used, though it has a manifest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a proposal."""

    outcome: Literal["auto", "approval", "denied"]
    approvers: int
    """How many people have to approve it."""
    steps: tuple[Step, ...]
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    """In their one spelling; empty where they were denied."""
    amount: Amount | None = None
    risk: Classified | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why it is not simply carried out."""
        return tuple(step.reason for step in self.steps if step.outcome != "pass")

    def stated(self) -> dict[str, Json]:
        """Return what the log keeps of it."""
        return {
            "outcome": self.outcome,
            "approvers": self.approvers,
            "class": None if self.risk is None else self.risk.gives,
            "rules": [] if self.risk is None else list(self.risk.rules),
            "steps": [[step.name, step.outcome] for step in self.steps],
        }


def decide(proposed: Proposed, facts: Facts) -> Verdict:
    """Return what becomes of a proposed call; never raises: what cannot be worked out is denied."""
    steps: list[Step] = []
    try:
        return _decided(proposed, facts, steps)
    except Exception:
        # Whatever it was, the step that failed has not let the call through, so nothing has.
        failed = _ORDER[min(len(steps), len(_ORDER) - 1)]
        return Verdict("denied", 0, (*steps, Step(failed, "deny", "It could not be worked out.")))


_ORDER: tuple[StepName, ...] = get_args(StepName)


def _decided(proposed: Proposed, facts: Facts, steps: list[Step]) -> Verdict:
    """Return the verdict, each step put into `steps` as it is taken."""

    def stops(step: Step) -> bool:
        steps.append(step)
        return step.outcome == "deny"

    manifest = proposed.manifest
    if stops(running(facts)) or stops(known_tool(proposed, facts)) or manifest is None:
        return Verdict("denied", 0, tuple(steps))
    try:
        arguments = canonical_arguments(manifest, proposed.arguments)
        amount = amount_of(manifest, arguments)
    except (MunimentError, RecursionError, ValueError, TypeError) as error:
        reason = error.public if isinstance(error, MunimentError) else "The arguments cannot be read."
        steps.append(Step("arguments", "deny", reason))
        return Verdict("denied", 0, tuple(steps))
    steps.append(Step("arguments", "pass", "They fit the manifest."))
    risk = facts.risk.classify(manifest, amount, any(one.grants is None for one in facts.recipients))
    for take in (
        lambda: permitted(facts, manifest),
        lambda: within_limits(manifest, amount, facts),
        lambda: trusted(manifest, proposed),
        lambda: kept(manifest, proposed, facts, arguments),
        lambda: classified(risk),
    ):
        if stops(take()):
            return Verdict("denied", 0, tuple(steps), arguments, amount, risk)
    asked = any(step.outcome == "ask" for step in steps)
    approvers = max(APPROVERS[risk.gives], 1 if asked else 0)
    return Verdict("approval" if approvers else "auto", approvers, tuple(steps), arguments, amount, risk)


def running(facts: Facts) -> Step:
    """Deny while somebody has stopped what this call belongs to."""
    if facts.stopped:
        return Step("stopped", "deny", facts.stopped)
    return Step("stopped", "pass", "Nothing is stopped.")


def known_tool(proposed: Proposed, facts: Facts) -> Step:
    """Deny a tool without a manifest, or one that is not as its manifest says."""
    if proposed.manifest is None:
        return Step("tool", "deny", f"There is no tool {proposed.tool[:64]!r}.")
    if proposed.manifest.name != proposed.tool:
        return Step("tool", "deny", f"The manifest is not that of {proposed.tool[:64]!r}.")
    if facts.disabled:
        return Step("tool", "deny", facts.disabled)
    return Step("tool", "pass", f"Its manifest is {proposed.manifest.digest}.")


def permitted(facts: Facts, manifest: Manifest) -> Step:
    """Deny what the caller may not do, and what something else was allowed for."""
    asked = facts.permission.resource in ("", f"Tool:{manifest.name}")
    if facts.permission.allowed and not facts.permission.failed and asked:
        return Step("permission", "pass", f"Allowed by {', '.join(facts.permission.reasons)}.")
    return Step("permission", "deny", "You may not use this tool.")


def within_limits(manifest: Manifest, amount: Amount | None, facts: Facts) -> Step:
    """Deny what goes beyond how often or how much."""
    limits, used = manifest.limits, facts.used
    if limits.per_minute is not None and used.minute >= limits.per_minute:
        return Step("limits", "deny", f"It may run {limits.per_minute} times a minute.")
    if limits.per_day is not None and used.day >= limits.per_day:
        return Step("limits", "deny", f"It may run {limits.per_day} times a day.")
    if amount is not None:
        if limits.most is not None and amount.value > limits.most:
            return Step("limits", "deny", f"One call may move {limits.most} {amount.currency} at most.")
        today = used.amounts.get(amount.currency, Decimal(0)) + amount.value
        if limits.most_per_day is not None and today > limits.most_per_day:
            return Step("limits", "deny", f"{limits.most_per_day} {amount.currency} a day may be moved.")
    return Step("limits", "pass", "Within its limits.")


def trusted(manifest: Manifest, proposed: Proposed) -> Step:
    """Ask people about a call with an effect that text of others could have shaped."""
    if not manifest.acts:
        return Step("integrity", "pass", "It changes nothing.")
    if proposed.pinned is not None:
        # What a plan takes from results comes past the model, so the context says nothing of it.
        if proposed.pinned.trusted:
            return Step("integrity", "pass", "It was pinned before anything untrusted was read.")
        return Step("integrity", "ask", "Its plan takes text of others for a value.")
    if proposed.context.trusted:
        return Step("integrity", "pass", "Nothing untrusted was read.")
    return Step("integrity", "ask", "Text of others was read before it was proposed.")


def kept(manifest: Manifest, proposed: Proposed, facts: Facts, arguments: Mapping[str, object]) -> Step:
    """Deny telling somebody what they may not know; ask people where an owner could let them know."""
    if not _all_known(manifest, facts, arguments):
        return Step("confidentiality", "deny", "It cannot be told whom it would reach.")
    if not facts.recipients:
        return Step("confidentiality", "pass", "It tells nobody anything.")
    known = join([proposed.context, *([proposed.pinned] if proposed.pinned else [])])
    nobody = frozenset[str]()
    if any(known.keeps(one.grants or nobody, proposed.caller) for one in facts.recipients):
        return Step("confidentiality", "deny", "Somebody would be told what they may not know.")
    if all(known.admits(one.grants or nobody) for one in facts.recipients):
        return Step("confidentiality", "pass", "Everybody whom it reaches may know what was read.")
    if proposed.pinned is not None and proposed.pinned.trusted:
        return Step("confidentiality", "pass", "The caller named whom to tell, of what is their own.")
    return Step("confidentiality", "ask", "Somebody would be told what is the caller's own.")


def _all_known(manifest: Manifest, facts: Facts, arguments: Mapping[str, object]) -> bool:
    """Return whether everybody whom the arguments name was looked up; what sends has to reach somebody."""
    spelled = {one.spelled for one in facts.recipients}
    named = [value for place in manifest.recipients for value in at(arguments, place) if value is not None]
    if manifest.effect == "send" and not named:
        return False
    if manifest.acts and manifest.seen_by != "caller" and f"({manifest.seen_by})" not in spelled:
        return False
    return all((value if isinstance(value, str) else "") in spelled for value in named)


def classified(risk: Classified) -> Step:
    """Deny what no machine may do, and ask people about what is consequential."""
    named = ", ".join(risk.rules)
    if risk.gives == "never":
        return Step("classification", "deny", f"No machine may do this ({named}).")
    if risk.gives == "auto":
        return Step("classification", "pass", "Of little consequence.")
    return Step("classification", "ask", f"It takes {risk.gives} to approve it ({named}).")


def summary(steps: Sequence[Step]) -> str:
    """Return the steps as one line for people."""
    return "; ".join(f"{step.name}: {step.reason}" for step in steps)
