"""What one way of answering came to: quality, cost, time and tokens, from the results of its run; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.statistics.interval import Estimate, estimate
from muniment.assurance.evaluation.summary import summary


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run."""

    cases: int
    metrics: Mapping[str, Estimate]
    quality: Estimate
    """Over cases, the mean of those of the targets' shares that apply to the case."""
    cost: float
    """Of a case."""
    p50_ms: float
    p95_ms: float
    prompt_tokens: float
    """Of a case."""
    completion_tokens: float
    proposed: int
    """Cases in which something was proposed that people may have to approve."""
    failed: int
    """Cases that were not answered because something failed."""
    failure: str
    """Why the first of them was not."""
    reranked: int
    """Cases in which a reranker was asked."""
    taken_over: int
    """Cases whose result, times included, is that of an earlier run."""

    def as_json(self) -> dict[str, object]:
        """Return them as JSON values."""
        return {
            "cases": self.cases,
            "metrics": {name: estimate_json(one) for name, one in self.metrics.items()},
            "quality": estimate_json(self.quality),
            "cost_per_case": self.cost,
            "latency_ms": {"p50": self.p50_ms, "p95": self.p95_ms},
            "tokens_per_case": {"prompt": self.prompt_tokens, "completion": self.completion_tokens},
            "proposed": self.proposed,
            "failed": self.failed,
            "failure": self.failure,
            "reranked": self.reranked,
            "taken_over": self.taken_over,
        }


def figures_of(run: Run, targets: Mapping[str, float]) -> Figures:
    """Return what a run came to."""
    found = summary(run)
    times = next((one for one in found.latencies if one.metric == "answer_ms"), None)
    failed = [one for one in run.results if one.status == "failed"]
    return Figures(
        cases=len(run.results),
        metrics={one.metric: one.estimate for one in found.metrics if one.estimate is not None},
        quality=_quality(run.results, targets),
        cost=_mean(run.results, "cost"),
        p50_ms=times.p50 if times else 0.0,
        p95_ms=times.p95 if times else 0.0,
        prompt_tokens=_mean(run.results, "prompt_tokens"),
        completion_tokens=_mean(run.results, "completion_tokens"),
        proposed=sum(_proposed(one) for one in run.results),
        failed=len(failed),
        failure=failed[0].error if failed else "",
        reranked=sum(
            "rerank" in cast("Mapping[str, float]", one.detail.get("stages", {})) for one in run.results
        ),
        taken_over=sum(one.cached for one in run.results),
    )


def estimate_json(found: Estimate) -> dict[str, float]:
    """Return an estimate as JSON values."""
    return {"value": found.mean, "low": found.low, "high": found.high, "cases": found.n}


def _quality(results: Sequence[CaseResult], targets: Mapping[str, float]) -> Estimate:
    shares = [name for name in targets if METRICS[name].unit == "share" and not METRICS[name].lower_is_better]
    per_case = [
        (one.weight, sum(scores) / len(scores))
        for one in results
        if (scores := [one.scores[name] for name in shares if name in one.scores])
    ]
    if not per_case:
        return Estimate(0, 0.0, 0.0, 1.0)
    return estimate([score for _, score in per_case], np.array([weight for weight, _ in per_case]))


def _proposed(result: CaseResult) -> bool:
    calls = cast("Sequence[Mapping[str, str]]", result.detail.get("calls", ()))
    return any(call["outcome"] == "proposed" for call in calls)


def _mean(results: Sequence[CaseResult], name: str) -> float:
    """Return the mean over all cases; one that used nothing states nothing."""
    return sum(one.scores.get(name, 0.0) for one in results) / len(results) if results else 0.0
