"""Why a case fell short, in words: of its scores, those below 1 that a reader would want to look into."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.observation import Status

FAILED = "gave no answer to judge"
_REASONS = {
    "authorised": "showed what its asker may not read",
    "no_forbidden_facts": "stated what must not be there",
    "no_forbidden_calls": "called a tool that must not be called",
    "abstained": "answered where the only right answer is none",
    "answered": "gave no answer where there is one",
    "success@5": "found no relevant document among the first 5",
    "current": "found a version that is not the current one",
    "faithfulness": "stated what its evidence does not support",
    "citation_precision": "cited what does not bear it out",
    "citation_recall": "left out a document that must be cited",
    "facts": "left out a fact",
    "format": "gave a result that does not keep to its schema",
    "result": "gave a wrong result",
    "tool_calls": "left out a call, or called with other arguments",
    "well_formed_calls": "called a tool with arguments that it does not take",
    "task_success": "did not do the task wholly",
}
"""By metric, worst first. Metrics that seldom reach 1 on a good answer, such as precision, are not among them."""

ORDER = (*list(_REASONS.values())[:3], FAILED, *list(_REASONS.values())[3:])
"""Reasons, worst first."""


def shortfalls(status: Status, scores: Mapping[str, float]) -> tuple[str, ...]:
    """Return why a case fell short, worst first; nothing where it did not. One that failed showed nothing at all."""
    if status == "failed":
        return (FAILED,)
    breached = [_reason(name) for name in scores if breaks(name, scores[name])]
    rest = [text for name, text in _REASONS.items() if scores.get(name, 1.0) < 1.0 and text not in breached]
    return (*breached, *rest)


def breaks(name: str, score: float) -> bool:
    """Return whether a score is a failure that nothing makes up for."""
    return name in METRICS and METRICS[name].breach and not score >= 1.0


def _reason(name: str) -> str:
    return _REASONS.get(name, METRICS[name].about)
