"""The few scores that a run is told by, worked out without all the others."""

from __future__ import annotations

from dataclasses import dataclass, replace

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.scored import known, scored
from muniment.assurance.evaluation.statistics.interval import Estimate, estimates
from muniment.assurance.evaluation.summary import MetricSummary, meets

MOST = 4
_USUAL = ("success@5", "answered", "all_facts", "abstained", "task_success", "result")


@dataclass(frozen=True, slots=True)
class Headlines:
    """A run in a few figures."""

    run: Run
    """Without its results."""
    held: int
    """How many results it has."""
    scores: tuple[MetricSummary, ...]
    """Those with a target first; without the smallest change that would show."""
    breaches: int
    """Cases with a failure that nothing makes up for."""
    failed: int
    """Cases that gave no answer to judge."""

    @property
    def missed(self) -> int:
        """Return how many targets are missed."""
        return sum(one.met is False for one in self.scores)


def headlines(run: Run) -> Headlines:
    """Return a run by every target of a share, or by the usual metrics; raises BadInput as `scored`."""
    given = {name for result in run.results for name in result.scores}
    shares = [name for name in run.targets if name in METRICS and METRICS[name].unit == "share"]
    names = shares or [name for name in _USUAL if name in given][:MOST]
    table = scored([_only(one, names) for one in run.results], [known(name) for name in names])
    found = estimates(table.table, table.weights, table.ends)
    scores = tuple(_row(name, one, run.targets.get(name)) for name, one in zip(names, found, strict=True))
    broken = [name for name in given if name in METRICS and METRICS[name].breach]
    return Headlines(
        run=replace(run, results=()),
        held=len(run.results),
        scores=scores,
        breaches=sum(any(not one.scores.get(name, 1.0) >= 1.0 for name in broken) for one in run.results),
        failed=sum(one.status == "failed" for one in run.results),
    )


def _only(result: CaseResult, names: list[str]) -> CaseResult:
    return replace(result, scores={name: result.scores[name] for name in names if name in result.scores})


def _row(name: str, found: Estimate | None, target: float | None) -> MetricSummary:
    met = None
    if target is not None:
        met = found is not None and meets(METRICS[name], found.mean, target)
    return MetricSummary(name, found.n if found else 0, found, target, met, None)
