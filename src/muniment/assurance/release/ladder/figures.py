"""What one way of answering came to: quality, cost, time and tokens, from the results of its run; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.release.ladder import seam
from muniment.assurance.release.ladder.recommend import Estimate


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
        }


def figures_of(run: Run, targets: Mapping[str, float]) -> Figures:
    """Return what a run came to."""
    times = sorted(one.scores["answer_ms"] for one in run.results if "answer_ms" in one.scores)
    failed = [one for one in run.results if one.status == "failed"]
    shares = [name for name in targets if METRICS[name].unit == "share" and not METRICS[name].lower_is_better]
    per_case = [
        sum(found) / len(found)
        for one in run.results
        if (found := [one.scores[name] for name in shares if name in one.scores])
    ]
    return Figures(
        cases=len(run.results),
        metrics=seam.summary(run),
        quality=seam.mean(per_case),
        cost=_mean(run.results, "cost"),
        p50_ms=_quantile(times, 0.5),
        p95_ms=_quantile(times, 0.95),
        prompt_tokens=_mean(run.results, "prompt_tokens"),
        completion_tokens=_mean(run.results, "completion_tokens"),
        proposed=sum(seam.proposed(one) for one in run.results),
        failed=len(failed),
        failure=failed[0].error if failed else "",
    )


def estimate_json(found: Estimate) -> dict[str, float]:
    """Return an estimate as JSON values."""
    return {"value": found.value, "low": found.low, "high": found.high, "cases": found.cases}


def _mean(results: Sequence[CaseResult], name: str) -> float:
    """Return the mean over all cases; one that used nothing states nothing."""
    return sum(one.scores.get(name, 0.0) for one in results) / len(results) if results else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
