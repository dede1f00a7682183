"""Calls that were written down before anything untrusted was read: which tools, and every value or how it is chosen.

Invariants:
- a plan is made only while no text of others is in the context, and never changed;
- each of its calls is used once, and of calls that are alternatives only one;
- a call of it is carried out as it was written: whoever decides later decides whether, never what.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.actions.labels import Label
from muniment.actions.reading import Labelled, Reading
from muniment.actions.selectors import resolve, steps_of
from muniment.foundation.canonical import copied, exact
from muniment.foundation.errors import BadInput, Denied

MOST_CALLS = 50
_STEP = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call of a plan."""

    step: str
    """Its name in the plan, by which later calls use its result."""
    tool: str
    arguments: Mapping[str, object]
    """Values and expressions, see `selectors`."""
    instead_of: str = ""
    """The call that this one is an alternative to."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls in order, and the label of all that was known when they were written."""

    calls: tuple[PlannedCall, ...]
    written: Label

    def call(self, step: str) -> PlannedCall:
        """Return a call by its name; raises BadInput for none."""
        for one in self.calls:
            if one.step == step:
                return one
        raise BadInput(f"The plan has no call {step!r}.", fix=f"Use {', '.join(c.step for c in self.calls)}.")

    def arguments(self, step: str, readings: Mapping[str, Reading]) -> Labelled:
        """Return the arguments of a call; `readings` are results of calls of this plan, and of no others.

        Raises Unresolved where a value cannot be told.
        """
        return resolve(self.call(step).arguments, readings, self.written)

    def choice(self, step: str) -> frozenset[str]:
        """Return the calls of which one may be used, this one among them."""
        first = self.call(step).instead_of or step
        return frozenset(c.step for c in self.calls if c.step == first or c.instead_of == first)

    def usable(self, step: str, used: Collection[str]) -> bool:
        """Return whether a call can still be used."""
        return self.choice(step).isdisjoint(used)

    @property
    def digest(self) -> str:
        """`sha256:` and the digest of all of its calls, each text byte for byte."""
        calls = [[c.step, c.tool, c.arguments, c.instead_of] for c in self.calls]
        return "sha256:" + hashlib.sha256(exact(calls)).hexdigest()


def pinned(calls: Sequence[Mapping[str, object]], known: Label, tools: Collection[str]) -> Plan:
    """Return a plan of these calls. `known` is the label of all that whoever wrote them had read.

    Raises Denied where something untrusted was among it, BadInput for a call that is malformed or of an unknown tool.
    """
    if not known.trusted:
        raise Denied("Nothing can be planned any more: text of others has been read.", fix="Start a new run.")
    if not 0 < len(calls) <= MOST_CALLS:
        raise BadInput(f"A plan has 1 to {MOST_CALLS} calls.", fix="Ask for less at a time.")
    made: dict[str, PlannedCall] = {}
    for place, stated in enumerate(calls):
        call = _call(stated, f"calls[{place}]")
        if call.tool not in tools:
            raise BadInput(f"There is no tool {call.tool[:64]!r}.", fix="See `muniment tools list`.")
        if call.step in made:
            raise BadInput(f"Two calls are named {call.step!r}.", fix="Rename one.")
        missing = steps_of(call.arguments) - set(made)
        if missing:
            raise BadInput(
                f"{call.step} uses {sorted(missing)[0]!r}, which is no earlier call.",
                fix="Reorder the calls.",
            )
        if call.instead_of and (call.instead_of not in made or made[call.instead_of].instead_of):
            raise BadInput(f"{call.step} is instead of no earlier call.", fix="Name the first alternative.")
        made[call.step] = call
    return Plan(tuple(made.values()), known)


def _call(stated: object, where: str) -> PlannedCall:
    if not isinstance(stated, Mapping):
        raise BadInput(f"{where} is malformed.", fix="Give step, tool and arguments.")
    stated = cast("Mapping[str, object]", stated)
    unknown = set(stated) - {"step", "tool", "arguments", "instead_of"}
    step, tool = stated.get("step"), stated.get("tool")
    arguments, instead_of = stated.get("arguments", {}), stated.get("instead_of", "")
    if unknown:
        raise BadInput(
            f"{where}.{sorted(unknown)[0]} is unknown.", fix="Use step, tool, arguments, instead_of."
        )
    if not isinstance(step, str) or not _STEP.fullmatch(step):
        raise BadInput(f"{where}.step is no name.", fix="Write it as in s1.")
    if not isinstance(tool, str) or not isinstance(instead_of, str) or not isinstance(arguments, Mapping):
        raise BadInput(f"{where} is malformed.", fix="Give step, tool and arguments.")
    steps_of(arguments)
    return PlannedCall(step, tool, cast("Mapping[str, object]", copied(arguments)), instead_of)
