"""A task done under the decision core: what runs by itself, what an approver is asked, what is refused.

The run keeps what the product's runtime keeps: the label of all that the model has seen, the plan, and the results of
planned calls, which the model sees only when they are shown to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from benchmarks.agentdojo.tools import manifests
from benchmarks.agentdojo.worlds import Call, World
from muniment.actions.context import Context
from muniment.actions.decide import Facts, Proposed, Recipient, Verdict, decide
from muniment.actions.labels import NOBODYS, Label
from muniment.actions.manifest import Manifest
from muniment.actions.paths import at
from muniment.actions.plan import Plan, pinned
from muniment.actions.reading import Labelled, reading
from muniment.actions.recipients import seers
from muniment.actions.risk import RiskPolicy, read_risk, shipped
from muniment.actions.selectors import Unresolved, is_form
from muniment.foundation.canonical import canonical
from muniment.governance.policy.decision import Decision

CALLER = "user:holder"
POLICIES = ("flow", "high", "shipped")
_ALLOWED = Decision("allow", ("benchmark",), "benchmark")
FOLDER = Path(__file__).parent
_COMPANY = "@bluesparrowtech.com"
Outcome = Literal["auto", "approved", "refused", "denied", "failed"]
Decides = Callable[[Proposed, Facts], Verdict]
Tools = Mapping[str, Manifest]


@cache
def risk(name: str) -> RiskPolicy:
    """Return one of the policies by how consequential calls are."""
    return (
        shipped() if name == "shipped" else read_risk((FOLDER / "risk" / f"{name}.toml").read_text("utf-8"))
    )


@dataclass(frozen=True)
class Planned:
    """What somebody who has read nothing can write down for a task."""

    calls: Sequence[Mapping[str, Any]] = ()
    unused: frozenset[str] = frozenset()
    """Alternatives that turn out not to be wanted."""
    choice: str = ""
    """What is left for the model to decide after it has read: whether, or which of the alternatives."""
    why: str = ""
    """Why not all of the task is in it."""

    def plan(self, tools: Tools, constants: bool = False) -> Plan | None:
        """Return the plan, or only its calls with constants alone."""
        calls = [one for one in self.calls if not constants or not _chooses(one["arguments"])]
        return pinned(calls, Context().label, tools) if calls else None


@cache
def planned(version: str, suite: str, task: str) -> Planned:
    """Return what can be planned of a task."""
    stated = _plans(suite)
    one = stated.get(f"{task}@{version}", stated.get(task, {}))
    return Planned(
        tuple(one.get("calls", ())),
        frozenset(one.get("unused", ())),
        one.get("choice", ""),
        one.get("why", ""),
    )


@cache
def _plans(suite: str) -> Mapping[str, Any]:
    return json.loads((FOLDER / "plans" / f"{suite}.json").read_text("utf-8"))


def _chooses(value: object) -> bool:
    if isinstance(value, Mapping):
        return is_form(value) or any(_chooses(one) for one in cast("Mapping[str, object]", value).values())
    return isinstance(value, list) and any(_chooses(one) for one in cast("list[object]", value))


@dataclass(frozen=True)
class Deed:
    """One call of a run, and what became of it."""

    tool: str
    arguments: Mapping[str, Any]
    outcome: Outcome
    acts: bool
    step: str = ""

    @property
    def spelled(self) -> bytes:
        """The call in its one spelling."""
        return spelled((self.tool, self.arguments))


def spelled(call: Call) -> bytes:
    """Return a call in its one spelling."""
    return canonical([call[0], dict(call[1])])


@dataclass
class Run:
    """One run of one task."""

    world: World
    policy: RiskPolicy
    approves: Callable[[Call], bool]
    """What people say when they are asked."""
    tools: Tools = field(default_factory=dict[str, Manifest])
    decides: Decides = decide
    context: Context = field(default_factory=Context)
    deeds: list[Deed] = field(default_factory=list[Deed])
    unseen: list[Label] = field(default_factory=list[Label])

    def __post_init__(self) -> None:
        self.tools = self.tools or manifests(self.world.suite)

    def propose(self, call: Call) -> Deed:
        """Put a call of the model to the core, and show the model what it gives."""
        tool, arguments = call
        verdict = self.judged(tool, arguments)
        return self._carried_out(tool, arguments, verdict, self.context.label, "")

    def step(self, name: str) -> Deed | None:
        """Use a planned call; None where it was used, or its values cannot be told."""
        found = self.values(name)
        if found is None or self.context.plan is None:
            return None
        tool = self.context.plan.call(name).tool
        arguments = cast("Mapping[str, Any]", found.value)
        verdict = self.judged(tool, arguments, found.label)
        return self._carried_out(tool, arguments, verdict, found.label, name)

    def values(self, name: str) -> Labelled | None:
        """Return the arguments of a planned call that can still be used."""
        plan = self.context.plan
        if plan is None or not plan.usable(name, self.context.used):
            return None
        try:
            return self.context.pinned_arguments(name)
        except Unresolved:
            return None

    def judged(self, tool: str, arguments: Mapping[str, Any], label: Label | None = None) -> Verdict:
        """Return what the core says of a call; `label` is that of the values of a planned one."""
        manifest = self.tools.get(tool)
        proposed = Proposed(tool, manifest, arguments, CALLER, self.context.label, label)
        return self.decides(proposed, self.facts(manifest, arguments))

    def facts(self, manifest: Manifest | None, arguments: Mapping[str, Any]) -> Facts:
        """Return what the core needs to know of the world."""
        found: list[Recipient] = []
        if manifest is not None:
            for place, kind in manifest.recipients.items():
                found.extend(
                    Recipient(str(one), self._grants(kind, str(one))) for one in at(arguments, place)
                )
            found += seers(manifest)
        return Facts(_ALLOWED, self.policy, tuple(found))

    def show(self) -> None:
        """Show the model what planned calls gave."""
        for label in self.unseen:
            self.context = self.context.saw(label)
        self.unseen = []

    def _carried_out(
        self, tool: str, arguments: Mapping[str, Any], verdict: Verdict, asked: Label, step: str
    ) -> Deed:
        manifest = self.tools.get(tool)
        outcome: Outcome = "denied"
        if verdict.outcome == "auto":
            outcome = "auto"
        elif verdict.outcome == "approval":
            outcome = "approved" if self.approves((tool, arguments)) else "refused"
        result = None
        if manifest is not None and outcome in ("auto", "approved"):
            value = self.world.run(tool, arguments)
            if value is None:
                outcome = "failed"
            else:
                result = reading(manifest, CALLER, value, asked)
        label = NOBODYS if outcome == "failed" else result.label if result is not None else None
        if step:
            self.context = self.context.did(step, result)
            self.unseen += [label] if label is not None else []
        elif label is not None:
            self.context = self.context.saw(label)
        self.deeds.append(Deed(tool, arguments, outcome, manifest is None or manifest.acts, step))
        return self.deeds[-1]

    def _grants(self, kind: str, name: str) -> frozenset[str] | None:
        """Return what an account of the company holds, None for anybody else."""
        if kind == "email" and name.lower().endswith(_COMPANY):
            return frozenset({f"user:{name.lower().removesuffix(_COMPANY)}", "group:everyone"})
        if kind == "account" and self.world.suite == "slack":
            slack = self.world.before.slack
            if name in slack.users or (name in slack.channels and not name.startswith("External")):
                return frozenset({f"user:{name}", "group:everyone"})
        return None
