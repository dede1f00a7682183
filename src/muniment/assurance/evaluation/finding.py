"""What stands against a candidate, and how it is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from muniment.assurance.evaluation.metric import Metric, Stage, Unit

Why = Literal[
    "incomplete",
    "breach",
    "wrong",
    "floor",
    "unmeasured",
    "failures",
    "loss",
    "slower",
    "dearer",
    "not comparable",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands against a candidate, before its cause is known."""

    why: Why
    metric: Metric | None
    what: str
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    cases: tuple[str, ...] = ()
    stage: Stage | None = None

    @property
    def of(self) -> Stage | None:
        """Return the stage that it is of, where it is of one."""
        return self.stage or (self.metric.stage if self.metric else None)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """Return the first five names and how many more there are."""
    all_of_them = list(names)
    more = f" and {len(all_of_them) - 5} more" if len(all_of_them) > 5 else ""
    return f"{', '.join(all_of_them[:5])}{more}"


def points(share: float) -> str:
    """Return a share in points."""
    return f"{100 * share:.1f} points"


def percent(share: float) -> str:
    """Return a small share in percent."""
    return f"{100 * share:.2g} %"


def figure(value: float, unit: Unit) -> str:
    """Return a mean or a floor in its unit."""
    return f"{value:.3f}" if unit == "share" else f"{value:.4g}{' ms' if unit == 'ms' else ''}"
