"""Which of several ways is enough, from their figures alone; no I/O.

The least complex one that reaches every target is recommended. Edge cases: a target that no case of a way could be
graded by is missed; so is a metric of breaches in which one case fell short, whether or not it is a target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.statistics.interval import Estimate
from muniment.assurance.evaluation.summary import meets


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A target that a way misses."""

    metric: str
    target: float
    value: float | None
    """None where no case could be graded."""

    @property
    def breach(self) -> bool:
        """Return whether it is one that nothing makes up for."""
        return METRICS[self.metric].breach

    @property
    def gap(self) -> float:
        """Return by how much it is missed: of shares the difference, of other figures relative to the target."""
        if self.value is None:
            return float("inf")
        apart = abs(self.value - self.target)
        if METRICS[self.metric].unit == "share":
            return apart
        return apart / self.target if self.target else float("inf")

    def __str__(self) -> str:
        said = "not measured" if self.value is None else _figure(self.metric, self.value)
        return f"{self.metric} {said} (target {_figure(self.metric, self.target)})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one way is enough."""

    name: str
    missed: tuple[Shortfall, ...]
    unsure: tuple[str, ...]
    """Metrics whose target it reaches, though the interval reaches beyond it."""

    @property
    def passes(self) -> bool:
        """Return whether every target is reached."""
        return not self.missed

    @property
    def gap(self) -> float:
        """Return by how much the target that is missed most is missed."""
        return max((one.gap for one in self.missed), default=0.0)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Which way is enough, and how sure that is."""

    name: str
    """Empty where none is."""
    verdicts: tuple[Verdict, ...]
    """Of every way that was measured, the simplest first."""
    nearest: str
    """Where none is enough, which came nearest."""
    alike: tuple[tuple[str, str], ...]
    """Pairs that cannot be told apart by the targets' metrics."""

    def verdict(self, name: str) -> Verdict:
        """Return the verdict on a way that was measured."""
        return next(one for one in self.verdicts if one.name == name)


Figures = Mapping[str, Estimate]
"""By metric."""
Apart = Callable[[str, str], bool]
"""Whether a paired test tells two ways apart."""


def recommend(
    measured: Sequence[tuple[str, Figures]],
    targets: Mapping[str, float],
    apart: Apart = lambda one, other: True,
) -> Recommendation:
    """Return what is recommended of ways in rising complexity, by the targets that a suite names."""
    verdicts = tuple(judged(name, figures, targets) for name, figures in measured)
    chosen = next((one.name for one in verdicts if one.passes), "")
    nearest = "" if chosen or not verdicts else min(verdicts, key=lambda one: (one.gap, len(one.missed))).name
    alike = tuple(
        (one.name, other.name)
        for at, one in enumerate(verdicts)
        for other in verdicts[at + 1 :]
        if not apart(one.name, other.name)
    )
    return Recommendation(chosen, verdicts, nearest, alike)


def judged(name: str, figures: Figures, targets: Mapping[str, float]) -> Verdict:
    """Return whether these figures reach the targets, and which of them only just."""
    breaches = {
        metric: 1.0
        for metric, found in figures.items()
        if METRICS[metric].breach and found.n and found.mean < 1.0
    }
    missed: list[Shortfall] = []
    unsure: list[str] = []
    for metric, target in {**targets, **breaches}.items():
        found = figures.get(metric)
        if found is None or not found.n:
            missed.append(Shortfall(metric, target, None))
        elif not meets(METRICS[metric], found.mean, target):
            missed.append(Shortfall(metric, target, found.mean))
        elif not meets(METRICS[metric], found.high if METRICS[metric].lower_is_better else found.low, target):
            unsure.append(metric)
    return Verdict(name, tuple(missed), tuple(unsure))


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that could be taken."""

    name: str
    quality: float
    """Mean over the targets' metrics."""
    cost: float
    """Of a case."""
    ms: float
    admitted: bool
    """Whether it may be sent what the suite's documents hold."""


def cheapest(offers: Sequence[Offer], apart: Apart) -> tuple[str, tuple[str, ...]]:
    """Return the cheapest of the best group, and that group; empty where no offer is admitted.

    The group is the best of those that are admitted with all that cannot be told apart from it.
    """
    admitted = [one for one in offers if one.admitted]
    if not admitted:
        return "", ()
    best = max(admitted, key=lambda one: (one.quality, -one.cost, -one.ms))
    group = [one for one in admitted if one is best or not apart(best.name, one.name)]
    chosen = min(group, key=lambda one: (one.cost, one.ms, -one.quality, one.name))
    return chosen.name, tuple(one.name for one in group)


def _figure(metric: str, value: float) -> str:
    unit = METRICS[metric].unit
    return f"{value * 100:.1f} %" if unit == "share" else f"{value:,.4g} {unit}"
