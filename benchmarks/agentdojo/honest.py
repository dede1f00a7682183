"""Tasks done as they should be: how many run by themselves, and how often an approver is asked.

Three ways: `unpinned`, where the model proposes each call after it has seen all before; `calls`, where those that
the prompt alone decides were pinned before; `programs`, where the plan also says how values are taken from results,
and is carried out before the model sees any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.agentdojo.governed import Planned, Run, Tools, planned, risk
from benchmarks.agentdojo.worlds import SUITES, Call, tasks, world

MODES = ("unpinned", "calls", "programs")


@dataclass(frozen=True)
class Outcome:
    """How one task went."""

    suite: str
    task: str
    automatic: bool
    """Whether all that it does ran by itself."""
    approvals: int
    denials: int
    done: bool
    """Whether the suite finds it done."""
    plan: Planned


def replayed(
    version: str, mode: str, policy: str, tools: Callable[[str], Tools | None] = lambda _: None
) -> list[Outcome]:
    """Return how every task goes."""
    found: list[Outcome] = []
    for suite in SUITES:
        for task in tasks(version, suite):
            there = world(version, suite, task)
            run = Run(there, risk(policy), lambda _: True, tools(suite) or {})
            plan = planned(version, suite, task)
            follow(run, mode, plan, there.honest())
            asked = sum(deed.outcome == "approved" for deed in run.deeds)
            lost = sum(deed.outcome in ("denied", "failed") for deed in run.deeds)
            found.append(Outcome(suite, task, not asked and not lost, asked, lost, there.done(), plan))
    return found


def follow(run: Run, mode: str, plan: Planned, honest: Sequence[Call]) -> None:
    """Let a model that nobody has hijacked do a task."""
    pin(run, mode, plan)
    if mode == "programs":
        for call in remaining(run, plan, honest):
            run.propose(call)
        return
    for call in honest:
        step = constant_step(run, call)
        if step is None or run.step(step) is None:
            run.propose(call)
        run.show()


def pin(run: Run, mode: str, plan: Planned) -> None:
    """Give a run the plan of its way."""
    made = None if mode == "unpinned" else plan.plan(run.tools, constants=mode == "calls")
    if made is not None:
        run.context = run.context.planned(made)


def remaining(run: Run, plan: Planned, honest: Sequence[Call]) -> list[Call]:
    """Carry a program out, show the model what it gave, and return the calls that are left to propose."""
    covered: list[str] = []
    for call in plan.calls:
        if call["step"] not in plan.unused:
            deed = run.step(str(call["step"]))
            if deed is not None:
                covered.append(deed.tool)
    run.show()
    left: list[Call] = []
    for call in honest:
        if call[0] in covered:
            covered.remove(call[0])
        else:
            left.append(call)
    return left


def constant_step(run: Run, call: Call) -> str | None:
    """Return a planned call by which a call can be made."""
    if run.context.plan is None:
        return None
    wanted = [one for one in run.context.plan.calls if one.tool == call[0]]
    fitting = [one.step for one in wanted if one.arguments == call[1]]
    usable = [
        step
        for step in [*fitting, *(one.step for one in wanted)]
        if run.context.plan.usable(step, run.context.used)
    ]
    return usable[0] if usable else None
