"""Two runs over the same cases: by how much they differ, and whether chance alone would do that.

The test turns the sign of each case's difference at random (Fisher 1935; Smucker, Allan and Carterette 2007 recommend
it for retrieval): where nothing was made worse or better, either run could have had either score. A case that did
not change is no evidence; it only counts among the cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from muniment.assurance.evaluation.statistics.interval import SHARE, Ends, Estimate, Floats, estimates

EXACT = 14
"""Changed cases up to which every choice of signs is tried."""
_DRAWS = 10_000
_AT_ONCE = 1_000
_SEED = 20_251_126
_SAME = 1e-9
"""Differences below are the last bits of a sum."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The difference of two runs in one metric."""

    n: int
    """Cases that have it in both."""
    changed: int
    difference: float
    """Weighted mean of the second run less the first."""
    low: float
    high: float
    """Ends of its 95 % interval."""
    p: float
    """How often chance alone gives a difference as great, in either direction."""


@dataclass(frozen=True, slots=True)
class Flips:
    """Weighted sums of differences, as they are and with signs by chance: the same signs in every column."""

    seen: Floats
    drawn: Floats
    """A row for each choice of signs."""
    exact: bool
    """Whether the rows are all choices there are."""

    def falls(self) -> Floats:
        """Return for each column how often chance gives a sum as low."""
        return self._share((self.drawn <= self.seen + self._slack).sum(axis=0))

    def either(self) -> Floats:
        """Return for each column how often chance gives a sum as far from 0."""
        return self._share((np.abs(self.drawn) >= np.abs(self.seen) - self._slack).sum(axis=0))

    def joint_falls(self) -> Floats:
        """Return what `falls` does, corrected for looking at all columns.

        By the least p that chance gives in any of them (Westfall and Young 1993): columns that move together count
        as few, and one that changed in too few cases to ever look bad counts nothing.
        """
        ranked = np.sort(self.drawn, axis=0)
        chance = np.ones(len(self.drawn))
        for at in range(self.drawn.shape[1]):
            below = np.searchsorted(ranked[:, at], self.drawn[:, at] + self._slack[at], side="right")
            chance = np.minimum(chance, below / len(chance))
        own = (self.drawn <= self.seen + self._slack).mean(axis=0)
        return self._share((chance[:, None] <= own + _SAME).sum(axis=0))

    @property
    def _slack(self) -> Floats:
        return _SAME * np.abs(self.drawn).max(axis=0, initial=0)

    def _share(self, counts: Floats) -> Floats:
        """Return counts as shares; of draws with one more, so that none is impossible."""
        return counts / len(self.drawn) if self.exact else (counts + 1) / (len(self.drawn) + 1)


def flips(differences: Floats, weights: Floats) -> Flips:
    """Turn signs in a table of (cases, columns) without gaps, the same for all columns of a case."""
    weighed = (weights[:, None] * differences)[(differences != 0).any(axis=1)]
    cases = len(weighed)
    if exact := cases <= EXACT:
        signs = 1.0 - 2.0 * (np.arange(2**cases)[:, None] >> np.arange(cases) & 1)
        return Flips(weighed.sum(axis=0), signs @ weighed, exact)
    chance = np.random.default_rng(_SEED)
    parts = [
        (1.0 - 2.0 * chance.integers(0, 2, (_AT_ONCE, cases), np.int8)) @ weighed
        for _ in range(_DRAWS // _AT_ONCE)
    ]
    return Flips(weighed.sum(axis=0), np.concatenate(parts), exact)


def paired(
    before: Floats, after: Floats, weights: Floats | None, ends: Sequence[Ends]
) -> list[Paired | None]:
    """Compare each column of (cases, metrics), NaN where a case lacks a metric; None where no case has it in both."""
    differences = after - before
    weighed = np.ones(len(before)) if weights is None else np.asarray(weights, np.float64)
    intervals = estimates(
        differences, weighed, [widest(*pair) for pair in zip(differences.T, ends, strict=True)]
    )
    return [
        None if interval is None else _paired(differences[:, at], weighed, interval)
        for at, interval in enumerate(intervals)
    ]


def _paired(differences: Floats, weights: Floats, interval: Estimate) -> Paired:
    known = np.nan_to_num(differences)[:, None]
    p = float(flips(known, weights).either()[0])
    changed = int(np.count_nonzero(known))
    return Paired(interval.n, changed, interval.mean, interval.low, interval.high, p)


def widest(differences: Floats, ends: Ends) -> Ends:
    """Return between what differences lie: the greatest that was seen in either direction.

    Where nothing changed a share could still have changed by all of it.
    """
    most = float(np.nanmax(np.abs(differences), initial=0.0))
    if most == 0 and ends == SHARE:
        most = 1.0
    return -most, most
