"""The exact best of many from estimates with proven bounds.

Rows that cannot be among the best are dropped twice, by the coarse estimate and by a finer one; what is left is
computed exactly. The result is that of computing every row exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
_Float = TypeVar("_Float", bound=np.floating[Any])

DIGITS = 7
"""Scores are compared after rounding to so many decimals, so that the last bit of a sum decides nothing."""
_MARGIN = 1e-6
"""More than rounding to DIGITS and adding in float32 can move a score."""
_GROUPS = 1024


class Estimated(Protocol):
    """A value for each place, known roughly at once and exactly on demand."""

    @property
    def rough(self) -> npt.NDArray[np.float32]:
        """What is known of every place."""
        ...

    @property
    def bound(self) -> float:
        """How far any of `rough` may be from the truth."""
        ...

    def finer(self, places: Places) -> tuple[Doubles, Doubles]:
        """Return better estimates of these places, and how far each may be from the truth."""
        ...

    def exact(self, places: Places) -> Doubles:
        """Return the truth."""
        ...


@dataclass(frozen=True, slots=True)
class Scale:
    """How a value enters a score: `weight * (value - origin)`; `weight` is not negative."""

    weight: float = 1.0
    origin: float = 0.0


_AS_IT_IS = Scale()


def best(
    values: Estimated,
    k: int,
    scale: Scale = _AS_IT_IS,
    added: Doubles | None = None,
    among: npt.NDArray[np.bool_] | None = None,
) -> tuple[Places, Doubles]:
    """Return every place whose exact score, the scaled value plus `added`, may be among the `k` highest.

    Places ascend and come with their exact scores; ties at the edge are all there, and perhaps a few places below
    it. `among` leaves places out.
    """
    rough = values.rough
    if scale != _AS_IT_IS:
        # The origin goes off first: a weight may be large where all values are close, and float32 has 24 bits.
        rough = (rough - np.float32(scale.origin)) * np.float32(scale.weight)
    if added is not None:
        rough = rough + added.astype(np.float32)
    if among is not None:
        rough = np.where(among, rough, np.float32(-np.inf))
    if k <= 0 or not len(rough):
        return np.zeros(0, np.int64), np.zeros(0)
    slack = 2 * scale.weight * values.bound + _MARGIN
    places = np.flatnonzero(rough >= reached(rough, k) - slack)
    if among is not None:
        places = places[among[places]]
    more = np.zeros(len(places)) if added is None else added[places]
    if len(places) > k:
        finer, bounds = values.finer(places)
        told = scale.weight * (finer - scale.origin) + more
        edge = np.partition(told - scale.weight * bounds, len(places) - k)[len(places) - k]
        kept = told + scale.weight * bounds >= edge - _MARGIN
        places, more = places[kept], more[kept]
    return places, scale.weight * (values.exact(places) - scale.origin) + more


def extremes(values: Estimated, among: npt.NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Return the exact lowest and highest value; there must be one."""
    _, highest = best(values, 1, among=among)
    _, lowest = best(_Negated(values), 1, among=among)
    return -float(lowest.max()), float(highest.max())


class _Negated:
    def __init__(self, values: Estimated) -> None:
        self._values = values
        self.rough = -values.rough
        self.bound = values.bound

    def finer(self, places: Places) -> tuple[Doubles, Doubles]:
        finer, bounds = self._values.finer(places)
        return -finer, bounds

    def exact(self, places: Places) -> Doubles:
        return -self._values.exact(places)


def reached(values: npt.NDArray[_Float], k: int) -> _Float:
    """Return a value close below the k-th highest; the lowest if there are fewer than `k`.

    The highest of each of many groups stand for all: k groups whose highest reaches a value hold k such values.
    """
    if k >= len(values):
        return values.min()
    if k == 1:
        return values.max()
    groups = max(4 * k, min(_GROUPS, len(values) // 8))
    many = len(values) // groups
    if many > 1:
        values = values[: many * groups].reshape(many, groups).max(axis=0)
    return np.partition(values, len(values) - k)[len(values) - k]
