"""Whether a result keeps to its schema, and whether it is the right one.

`format` is given where the case has a schema, `result` where it has a result. Edge cases: without an answer both are
0, also where the schema takes null; a field too many makes a result wrong, one that is null does not (see `same`).
"""

from __future__ import annotations

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.graders.same import same
from muniment.assurance.evaluation.observation import Observation
from muniment.foundation.checked_schema import CheckedSchema


def grade(case: Case, seen: Observation) -> dict[str, float]:
    """Return `format` and `result`; raises BadInput where the case's schema is none."""
    answered = seen.status == "answered"
    scores: dict[str, float] = {}
    if case.schema is not None:
        scores["format"] = float(answered and not CheckedSchema(case.schema).faults(seen.result))
    if case.result is not None:
        scores["result"] = float(answered and same(case.result, seen.result))
    return scores
