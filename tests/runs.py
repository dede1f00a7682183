"""Runs of suites, made of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from muniment.assurance.evaluation.results import CaseResult, Run


def run(scores: Sequence[Mapping[str, float]], id: str = "candidate", **changes: Any) -> Run:
    """Return a run of a case for each mapping; fields of the run in `changes`."""
    results = tuple(case(at, one) for at, one in enumerate(scores))
    made = Run(
        id=id,
        suite="sample",
        suite_digest="sha256:0",
        suite_version=1,
        kind="quality",
        subject="made",
        lineage={},
        corpus="sha256:1",
        targets={},
        started="2026-11-28T02:00:00Z",
        finished="2026-11-28T02:01:00Z",
        by="operator",
        cases=len(results),
        results=results,
    )
    return replace(made, **changes)


def case(at: int, scores: Mapping[str, float], **changes: Any) -> CaseResult:
    """Return how the case of a number went."""
    made = CaseResult(
        case=f"case-{at}",
        digest=f"sha256:{at}",
        asker="alice",
        question=f"Question {at}?",
        tags=(),
        weight=1.0,
        status="answered",
        scores=scores,
    )
    return replace(made, **changes)


def shares(metric: str, *values: float) -> list[dict[str, float]]:
    """Return the scores of cases that have one metric."""
    return [{metric: float(value)} for value in values]
