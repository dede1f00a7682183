"""The scores of a case: every metric that applies to what was seen, and none that does not.

A case that failed proved nothing, so it is scored as if the worst had been seen: every metric that it could have been
given is 0, breaches included, and what it took is left out. Its status tells that failure from a breach that was
seen; left out, a case that never ran would let a change pass. No subject can gain by failing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.graders import (
    authorisation,
    citations,
    facts,
    faithfulness,
    format,
    freshness,
    operations,
    refusal,
    retrieval,
    tools,
)
from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.observation import Observation

_GRADERS = (
    authorisation.grade,
    retrieval.grade,
    freshness.grade,
    faithfulness.grade,
    citations.grade,
    refusal.grade,
    facts.grade,
    format.grade,
    tools.grade,
)


def graded(case: Case, seen: Observation) -> Mapping[str, float]:
    """Return the scores by metric, in the order of reports; raises BadInput where the case's schema is none."""
    if seen.status == "failed":
        scores = dict.fromkeys(possible(case, seen), 0.0)
    else:
        scores = _scored(case, seen) | operations.grade(seen)
    return {name: scores[name] for name in METRICS if name in scores}


def possible(case: Case, seen: Observation) -> frozenset[str]:
    """Return the metrics of quality that the case could have been given."""
    known = frozenset(_scored(case, replace(seen, status="answered"))) - {"age"}
    of_found = {"current"} if case.relevant else set[str]()
    of_calls = {"well_formed_calls"} if case.tools else set[str]()
    return known | of_found | of_calls


def _scored(case: Case, seen: Observation) -> dict[str, float]:
    scores: dict[str, float] = {}
    for grade in _GRADERS:
        scores |= grade(case, seen)
    return scores | tools.task_success(case, scores)
