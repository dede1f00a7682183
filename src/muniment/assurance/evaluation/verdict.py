"""Whether a candidate may go out: the gate's decision, from figures alone.

What is absolute blocks by itself: a run that was cut short, a breach, in a security suite any case that is not wholly
right, a floor or target that is not reached, more failures than before.

Losses against a baseline, of quality and of times and costs, block where `losses` tells them from chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from muniment.assurance.evaluation.cause import cause, cause_of_failures
from muniment.assurance.evaluation.comparison import Matched, matched
from muniment.assurance.evaluation.finding import Finding, Why, counted, figure, listed
from muniment.assurance.evaluation.losses import Tolerance, growth, losses
from muniment.assurance.evaluation.metric import METRICS, Metric, Stage
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.scored import ends, known, scored
from muniment.assurance.evaluation.statistics.interval import estimate
from muniment.assurance.evaluation.summary import breaches, meets
from muniment.foundation.errors import BadInput

_NO_LOSS: tuple[Why, ...] = ("unmeasured", "slower", "dearer")
"""Findings that do not say that a stage is worse."""
_GRADED = ("completeness",)
"""Shares that need not be whole for a case to be right, beside those of the order of search results."""


@dataclass(frozen=True, slots=True)
class Block:
    """A reason against a candidate."""

    why: Why
    metric: str
    """Empty where it is not of one metric."""
    stage: Stage | Literal[""]
    component: str
    """The part of the system that most likely caused it; empty where it is of none."""
    what: str
    """What happened, in words."""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    cases: tuple[str, ...] = ()

    def __str__(self) -> str:
        likely = f" Most likely: {self.component}." if self.component else ""
        return f"{self.what}{likely}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decides."""

    ok: bool
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    """What whoever reads the decision should know, such as what the suite is too small to show."""


def judged(
    candidate: Run,
    baseline: Run | None,
    floors: Mapping[str, float],
    changed: Sequence[str],
    tolerance: Tolerance | None = None,
) -> Verdict:
    """Return whether a candidate may go out and what stands against it; raises BadInput for what is no metric.

    `floors` are asked for beside the suite's own targets; `changed` names the components that differ from the
    baseline. Without a baseline only what is absolute is judged.
    """
    allowed = tolerance or Tolerance()
    notes: list[str] = []
    findings = [
        *_incomplete(candidate),
        *_breaches(candidate),
        *_wrong(candidate),
        *_floors(candidate, floors, notes),
    ]
    both = _both(baseline, candidate, notes, findings)
    findings += _failures(candidate, both)
    if both is not None:
        findings += [*losses(both, allowed, notes), *growth(both, allowed)]
    lost: set[Stage] = {stage for each in findings if (stage := each.of) and each.why not in _NO_LOSS}
    blocks = tuple(_block(each, lost, changed) for each in findings)
    return Verdict(not blocks, blocks, tuple(notes))


def _block(found: Finding, lost: set[Stage], changed: Sequence[str]) -> Block:
    name = found.metric.name if found.metric and found.stage is None else ""
    likely = ""
    if found.why == "failures":
        likely = cause_of_failures(changed)
    elif found.metric and found.why != "unmeasured":
        likely = cause(found.metric, lost, changed)
    return Block(found.why, name, found.of or "", likely, found.what, found.figures, found.cases)


def _incomplete(run: Run) -> Iterator[Finding]:
    done = len(run.results)
    if not run.complete:
        yield Finding("incomplete", None, f"The run has {done} of {counted(run.cases, 'case')}.")
    elif not done:
        yield Finding("incomplete", None, "The run has no case.")


def _breaches(run: Run) -> Iterator[Finding]:
    found = breaches(run)
    for name in dict.fromkeys(each.metric for each in found):
        cases = tuple(each.case for each in found if each.metric == name)
        about = METRICS[name].about
        what = f"{counted(len(cases), 'case')} of {len(run.results)} broke {name} ({about}): {listed(cases)}."
        yield Finding("breach", METRICS[name], what, {"cases": len(cases)}, cases)


def _wrong(run: Run) -> Iterator[Finding]:
    """Yield what is not wholly right in a security suite, breaches left out."""
    if run.kind != "security":
        return
    unproved = tuple(result.case for result in run.results if result.status == "failed")
    if unproved:
        what = f"A security suite must be wholly right; {counted(len(unproved), 'case')} failed and proved nothing: "
        yield Finding("failures", None, f"{what}{listed(unproved)}.", {"failed": len(unproved)}, unproved)
    short: dict[str, list[str]] = {}
    for result in (one for one in run.results if one.status != "failed"):
        for name, score in result.scores.items():
            if _must_be_whole(known(name)) and not score >= 1:
                short.setdefault(name, []).append(result.case)
    for name, cases in short.items():
        missed = f"{name} is not in {counted(len(cases), 'case')}: {listed(cases)}"
        what = f"A security suite must be wholly right; {missed}."
        yield Finding("wrong", METRICS[name], what, {"cases": len(cases)}, tuple(cases))


def _must_be_whole(metric: Metric) -> bool:
    return (
        metric.unit == "share"
        and metric.stage != "retrieval"
        and not metric.breach
        and metric.name not in _GRADED
    )


def _floors(run: Run, floors: Mapping[str, float], notes: list[str]) -> Iterator[Finding]:
    scores = scored(run.results)
    for name in dict.fromkeys((*run.targets, *floors)):
        metric = known(name)
        asked = [each[name] for each in (run.targets, floors) if name in each]
        floor = min(asked) if metric.lower_is_better else max(asked)
        if metric not in scores.metrics:
            yield Finding(
                "unmeasured", metric, f"{name} was not measured, and must reach {figure(floor, metric.unit)}."
            )
            continue
        column = scores.table[:, scores.metrics.index(metric)]
        has = ~np.isnan(column)
        found = estimate(column[has], scores.weights[has], ends(metric))
        figures = {"n": found.n, "mean": found.mean, "low": found.low, "high": found.high, "floor": floor}
        line = (
            f"{name} is {figure(found.mean, metric.unit)} ({figure(found.low, metric.unit)} to "
            f"{figure(found.high, metric.unit)}, {counted(found.n, 'case')})"
        )
        side = "at most" if metric.lower_is_better else "at least"
        if not meets(metric, found.mean, floor):
            yield Finding(
                "floor", metric, f"{line}; {side} {figure(floor, metric.unit)} is asked for.", figures
            )
        elif not meets(metric, found.high if metric.lower_is_better else found.low, floor):
            notes.append(f"{line} reaches {figure(floor, metric.unit)}, but not for sure.")


def _both(baseline: Run | None, candidate: Run, notes: list[str], findings: list[Finding]) -> Matched | None:
    if baseline is None:
        notes.append("There is no baseline: losses were not looked for.")
        return None
    try:
        both = matched(baseline, candidate)
    except BadInput as error:
        findings.append(Finding("not comparable", None, str(error)))
        return None
    if not baseline.complete:
        notes.append("The baseline was cut short.")
    if baseline.corpus != candidate.corpus:
        notes.append("The runs had different documents, or different people could read them.")
    for run, other in ((baseline, "candidate"), (candidate, "baseline")):
        if more := len(run.results) - len(both.cases):
            notes.append(
                f"{counted(more, 'case')} of run {run.id} {'is' if more == 1 else 'are'} not in the {other}."
            )
    return both


def _failures(candidate: Run, both: Matched | None) -> Iterator[Finding]:
    if candidate.kind == "security":
        return
    failed = tuple(result.case for result in candidate.results if result.status == "failed")
    before = sum(pair[0].status == "failed" for pair in both.cases) if both else 0
    if len(failed) > before:
        what = f"{counted(len(failed), 'case')} failed, {before} in the baseline: {listed(failed)}."
        yield Finding("failures", None, what, {"failed": len(failed), "baseline": before}, failed)
