"""Guards that are wrong on purpose: what attacks find in these says what it is worth that they find nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from muniment.actions.decide import Facts, Proposed, Verdict, decide
from muniment.actions.labels import USERS


def everything(proposed: Proposed, facts: Facts) -> Verdict:
    """Let everything run of which the core would ask."""
    found = decide(proposed, facts)
    return _let(found) if found.outcome == "approval" else found


def named_recipients(prompt: str) -> Callable[[Proposed, Facts], Verdict]:
    """Let everything run that reaches only whom the prompt names, as guards do that look where a word came from."""

    def decides(proposed: Proposed, facts: Facts) -> Verdict:
        found = decide(proposed, facts)
        named = bool(facts.recipients) and all(one.spelled in prompt for one in facts.recipients)
        return _let(found) if found.outcome == "approval" and named else found

    return decides


def any_value(proposed: Proposed, facts: Facts) -> Verdict:
    """Let a planned call run wherever its values come from."""
    return decide(replace(proposed, pinned=USERS) if proposed.pinned else proposed, facts)


def _let(found: Verdict) -> Verdict:
    return Verdict("auto", 0, found.steps, found.arguments)
