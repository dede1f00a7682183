"""The steps of a run as a person follows them: what was done, tried again, proposed, and what it waits for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from muniment.foundation.errors import MunimentError
from muniment.foundation.workflows.attempts import Attempt
from muniment.foundation.workflows.definition import Json
from muniment.foundation.workflows.runs import Recorded

MomentKind = Literal["step", "proposal", "decision", "timer", "message"]
"""`decision`: it waits until people have decided on what it proposed, and that has ended."""
_LOOK = re.compile(r"(.+)-look-([0-9]+)")


@dataclass(frozen=True, slots=True)
class Moment:
    """One step, or one wait."""

    name: str
    """The step's; of a decision that of the step that waits for it; empty: a timer, or a wait for a message."""
    kind: MomentKind
    state: Literal["done", "failed", "waiting", "trying", "ended"]
    """`ended`: the run ended while it waited or tried."""
    started_at: datetime
    ended_at: datetime | None = None
    until: datetime | None = None
    """Of a wait that is not over: when the run goes on by itself, or looks again."""
    attempts: tuple[Attempt, ...] = ()
    """Those that failed before."""
    says: str = ""
    """What the error says where it failed."""
    action: str = ""
    """The action that it proposed or waits for."""
    became: str = ""
    """The state in which that action was when it was last looked at."""

    def bare(self) -> Moment:
        """Return it without what was read or said."""
        failed = tuple(replace(one, says="") for one in self.attempts)
        return replace(self, attempts=failed, says="", action="", became="")


def moments_of(
    recorded: Sequence[Recorded], attempts: Sequence[Attempt], over: bool = False
) -> Sequence[Moment]:
    """Return the moments of a run, the first one first; `over`: it has ended."""
    failed: dict[str, list[Attempt]] = {}
    for one in attempts:
        failed.setdefault(one.step, []).append(one)
    found: list[Moment] = []
    action = ""
    for one in recorded:
        tried = tuple(failed.pop(one.name, ()))
        look = _LOOK.fullmatch(one.name)
        last = found[-1] if found else None
        if look and last and last.kind == "decision" and last.name == look[1]:
            found[-1] = _looked(replace(last, attempts=last.attempts + tried), one, over)
        elif look and not isinstance(one.result, Exception):
            begun = Moment(look[1], "decision", "waiting", one.started_at, attempts=tried, action=action)
            found.append(_looked(begun, one, over))
        elif not one.name and last and last.kind == "decision" and last.ended_at is None:
            found[-1] = replace(last, until=one.until if one.ended_at is None and not over else None)
        elif not one.name:
            found.append(_wait(one, over))
        else:
            found.append(_step(one, tried))
            action = found[-1].action or action
    for step, tried in failed.items():
        state = "ended" if over else "trying"
        found.append(Moment(step, "step", state, tried[0].at, attempts=tuple(tried)))
    return found


def _step(one: Recorded, tried: tuple[Attempt, ...]) -> Moment:
    if isinstance(one.result, Exception):
        says = str(one.result) if isinstance(one.result, MunimentError) else ""
        return Moment(one.name, "step", "failed", one.started_at, one.ended_at, attempts=tried, says=says)
    value: Mapping[str, Json] = one.result if isinstance(one.result, dict) else {}
    action = value.get("action") if len(value) == 1 else None
    return Moment(
        one.name,
        "proposal" if isinstance(action, str) else "step",
        "done",
        one.started_at,
        one.ended_at,
        attempts=tried,
        action=action if isinstance(action, str) else "",
    )


def _wait(one: Recorded, over: bool) -> Moment:
    kind: MomentKind = "timer" if one.result is None else "message"
    if one.ended_at is not None:
        return Moment("", kind, "done", one.started_at, one.ended_at)
    if over:
        return Moment("", kind, "ended", one.started_at)
    return Moment("", kind, "waiting", one.started_at, until=one.until)


def _looked(moment: Moment, one: Recorded, over: bool) -> Moment:
    """Return a wait for a decision after one more look at its action."""
    if isinstance(one.result, Exception):
        says = str(one.result) if isinstance(one.result, MunimentError) else ""
        return replace(moment, state="failed", ended_at=one.ended_at, until=None, says=says)
    value: Mapping[str, Json] = one.result if isinstance(one.result, dict) else {}
    became = str(value.get("state", ""))
    if became in ("waiting", "approved", "running"):
        return replace(moment, state="ended" if over else "waiting", became=became, until=None)
    return replace(moment, state="done", became=became, ended_at=one.ended_at, until=None)
