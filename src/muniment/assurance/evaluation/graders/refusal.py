"""Whether what can be answered was answered, and what cannot was not.

`answered` is given where the case says what a good answer holds: documents, facts, citations or a result; a question
of which the case says nothing may be answered or not. `abstained` is given where the only right answer is none. Edge
cases: refused is not answered; an abstention that cites or states something is an answer.
"""

from __future__ import annotations

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation


def grade(case: Case, seen: Observation) -> dict[str, float]:
    """Return `answered` or `abstained`, whichever the case asks for."""
    if case.abstain:
        silent = seen.status in ("abstained", "refused") and not seen.cited and not seen.claims
        return {"abstained": float(silent)}
    return {"answered": float(seen.status == "answered")} if answerable(case) else {}


def answerable(case: Case) -> bool:
    """Return whether the case says what an answer must hold."""
    wanted = (case.relevant, case.facts, case.citations, case.schema is not None, case.result is not None)
    return not case.abstain and any(wanted)
