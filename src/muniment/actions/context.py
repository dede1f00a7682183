"""What a run has seen: the label of everything that its model could know, and the results of its planned calls.

Kept by the runtime. Nothing that a model writes is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from muniment.actions.labels import USERS, Integrity, Label, join
from muniment.actions.plan import Plan
from muniment.actions.reading import Labelled, Reading
from muniment.foundation.errors import Denied


@dataclass(frozen=True)
class Context:
    """One state of a run; each change gives a new one."""

    label: Label = USERS
    """Of all that its model has seen."""
    plan: Plan | None = None
    used: frozenset[str] = frozenset()
    """Calls of the plan that were used."""
    readings: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    """Results of planned calls, by step."""

    def saw(self, label: Label) -> Context:
        """Return the run after its model has seen something more."""
        return replace(self, label=join([self.label, label]))

    def planned(self, plan: Plan) -> Context:
        """Return the run with its plan; raises Denied once it has one, or has seen text of others."""
        if self.plan is not None:
            raise Denied("The run has a plan, which cannot be changed.", fix="Start a new run.")
        if not self.label.trusted:
            raise Denied(
                "Nothing can be planned any more: text of others has been read.", fix="Start a new run."
            )
        return replace(self, plan=plan)

    def did(self, step: str, result: Reading | None) -> Context:
        """Return the run after a planned call; its result is for later calls, its model has not seen it.

        Raises BadInput for a call that is not planned, Denied for one that was used, itself or instead of another.
        """
        plan = self.plan or Plan((), self.label)
        if not plan.usable(plan.call(step).step, self.used):
            raise Denied(f"The planned call {step!r} was used.", fix="Propose it as a call of its own.")
        known = self.readings if result is None else {**self.readings, step: result}
        return replace(self, used=self.used | {step}, readings=known)

    def pinned_arguments(self, step: str) -> Labelled:
        """Return the arguments of a planned call; raises BadInput without a plan, Unresolved as `selectors` does."""
        plan = self.plan or Plan((), self.label)
        return plan.arguments(step, self.readings)


PROGRAMS = Context(Label(Integrity.UNTRUSTED))
"""A run of somebody else's: its model may have read anything."""
