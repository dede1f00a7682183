"""What got worse from a baseline to a candidate, told from chance.

One test looks at all quality metrics together. It turns the signs of the cases' differences at random, the same in
every metric, and asks how often the worst-looking metric would look as bad (`Flips.joint_falls`). It looks one way
only, since a gain blocks nothing; metrics that move together count as few; and each stage is looked at as a whole
too, so that small losses in several of its metrics add up. Where nothing else moves, five cases that get worse and
none that gets better are enough in a suite of any size, since chance does that once in 32 times; changes in both
directions are not. A loss of less than half a point blocks nothing, however sure it is.

Ages are left to floors and targets, for they grow by themselves. Times and costs are judged apart: they block where
they grew by far and by more than chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from muniment.assurance.evaluation.comparison import Matched, oriented
from muniment.assurance.evaluation.finding import Finding, counted, figure, listed, percent, points
from muniment.assurance.evaluation.metric import Metric, Stage
from muniment.assurance.evaluation.scored import ends
from muniment.assurance.evaluation.statistics.detectable import detectable, in_words
from muniment.assurance.evaluation.statistics.interval import Floats
from muniment.assurance.evaluation.statistics.paired import flips

_NOTED = 0.05
"""A suite that cannot show a loss of so much says so."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a gate lets pass."""

    chance: float = 0.05
    """How often a change that harms nothing may be blocked for its losses."""
    loss: float = 0.005
    """Loss of a share that is too small to matter."""
    slower: float = 0.5
    """Growth of a median time, as a share of it."""
    slower_ms: float = 100.0
    """Growth of a median time that is too small to matter."""
    dearer: float = 0.25
    """Growth of mean tokens and cost, as a share of them."""


def losses(both: Matched, allowed: Tolerance, notes: list[str]) -> Iterator[Finding]:
    """Yield metrics that lost, and stages that did where none of their metrics shows it alone."""
    places = [at for at, metric in enumerate(both.metrics) if metric.unit == "share"]
    if not places:
        return
    gains = np.stack(
        [oriented(both.metrics[at], both.after[:, at] - both.before[:, at]) for at in places], axis=1
    )
    metrics = [both.metrics[at] for at in places]
    _note_missing(both, metrics, gains, notes)
    _note_size(both, metrics, gains, notes)
    known_gains = np.nan_to_num(gains)
    stages: list[Stage] = list(dict.fromkeys(metric.stage for metric in metrics))
    totals = [known_gains[:, [metric.stage == stage for metric in metrics]].sum(axis=1) for stage in stages]
    chances = flips(np.column_stack([known_gains, *totals]), both.weights).joint_falls()
    lost = {metric: -_mean(gains[:, at], both.weights) for at, metric in enumerate(metrics)}
    alone: set[Stage] = set()
    for at, metric in enumerate(metrics):
        if chances[at] < allowed.chance and lost[metric] >= allowed.loss:
            alone.add(metric.stage)
            yield _loss(both, places[at], gains[:, at], float(chances[at]))
    for stage, chance in zip(stages, chances[len(metrics) :], strict=True):
        worst = max((metric for metric in metrics if metric.stage == stage), key=lambda each: lost[each])
        if stage not in alone and chance < allowed.chance and lost[worst] >= allowed.loss:
            what = (
                f"The metrics of {stage} fell together, {worst.name} the most, by {points(lost[worst])}: "
                f"chance alone does that in {percent(float(chance))} of comparisons."
            )
            yield Finding("loss", worst, what, {"loss": lost[worst], "p": float(chance)}, stage=stage)


def _loss(both: Matched, at: int, gains: Floats, chance: float) -> Finding:
    metric = both.metrics[at]
    has = ~np.isnan(gains)
    before, after = (_mean(side[has, at], both.weights[has]) for side in (both.before, both.after))
    worse = tuple(pair[1].case for pair, gain in zip(both.cases, gains, strict=True) if gain < 0)
    better = int((gains > 0).sum())
    what = (
        f"{metric.name} went from {before:.3f} to {after:.3f} over {counted(int(has.sum()), 'case')}: "
        f"{len(worse)} got worse and {better} better, and chance alone does that in {percent(chance)} of comparisons."
    )
    figures = {
        "n": int(has.sum()),
        "baseline": before,
        "candidate": after,
        "worse": len(worse),
        "better": better,
        "p": chance,
    }
    return Finding("loss", metric, what, figures, worse)


def growth(both: Matched, allowed: Tolerance) -> Iterator[Finding]:
    """Yield times and costs that grew by far."""
    places = [at for at, metric in enumerate(both.metrics) if metric.stage == "operations"]
    if not places:
        return
    before, after = both.before[:, places], both.after[:, places]
    shrunk = np.nan_to_num(np.log1p(before) - np.log1p(after))
    chances = flips(shrunk, both.weights).joint_falls()
    for at, place in enumerate(places):
        metric = both.metrics[place]
        has = ~np.isnan(before[:, at] + after[:, at])
        if not has.any() or chances[at] >= allowed.chance:
            continue
        timed = metric.unit == "ms"
        old, new = (
            float(np.median(side[has, at])) if timed else _mean(side[has, at], both.weights[has])
            for side in (before, after)
        )
        share, least = (allowed.slower, allowed.slower_ms) if timed else (allowed.dearer, 0.0)
        if new > old * (1 + share) and new - old > least:
            what = (
                f"{metric.name} went from {figure(old, metric.unit)} to {figure(new, metric.unit)} "
                f"({'median' if timed else 'mean'} of {counted(int(has.sum()), 'case')})."
            )
            figures = {"n": int(has.sum()), "baseline": old, "candidate": new, "p": float(chances[at])}
            yield Finding("slower" if timed else "dearer", metric, what, figures)


def _note_missing(both: Matched, metrics: Sequence[Metric], gains: Floats, notes: list[str]) -> None:
    gone = [metric.name for at, metric in enumerate(metrics) if np.isnan(gains[:, at]).all()]
    if gone:
        notes.append(f"No case has {listed(gone)} in both runs.")


def _note_size(both: Matched, metrics: Sequence[Metric], gains: Floats, notes: list[str]) -> None:
    """Say for each stage what its best metric could not show."""
    for stage in dict.fromkeys(metric.stage for metric in metrics):
        best: tuple[float, str] | None = None
        for at, metric in enumerate(metrics):
            has = ~np.isnan(gains[:, at])
            if metric.stage != stage or metric.breach or not has.any():
                continue
            column = both.after[has, both.metrics.index(metric)]
            least = detectable(column, both.weights[has], ends(metric), gains[has, at])
            words = f"{metric.name}: {in_words(least, int(has.sum()))}."
            best = min(best or (2.0, words), (2.0 if least is None else least, words))
        if best and best[0] > _NOTED:
            notes.append(best[1])


def _mean(values: Floats, weights: Floats) -> float:
    has = ~np.isnan(values)
    return float(np.average(values[has], weights=weights[has])) if has.any() else 0.0
