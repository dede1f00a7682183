"""The mean of a metric over cases, and between what it lies.

A percentile bootstrap is too narrow for few cases and for shares near 1, so two other bootstraps are used, each where
it holds; `benchmarks/intervals.py` measures how often they do.

- Scores in lumps, where 15 % or more are 0 or at an end of the scale; fewer than five cases; equal scores:
  the Bayesian bootstrap (Rubin 1981) with a part of an observation added at each end. Of scores that are 0 or 1 with
  a half it is Jeffreys' interval (Brown, Cai and DasGupta 2001); two thirds keep nearer to 95 % where shares are near
  1. Equal scores so have an interval, about as wide as the rule of three says.
- All others: the studentised bootstrap (Efron and Tibshirani 1993, chapter 12.5). Of figures without an upper end,
  such as milliseconds, it takes a little more of the tails, since few cases seldom hold the slowest.

What no case shows, no interval knows: where one case in ten fails wholly and twenty were drawn without one, the
interval is too narrow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
_SEED = 20_251_125
_DRAWS = (1_000, 4_000)
"""The least and the most."""
_CELLS = 4_000_000
"""Draws times cases that are held at once."""
_ADDED = 2 / 3
"""Observations added at each end of the scale."""
_LUMPS = 0.15
_FEW = 5
"""Cases below which their spread says nothing."""
_LEAST_SPREAD = 0.05
"""Of the variance that was seen, what a draw has at least: a draw of equal scores would be infinitely far away."""

Floats = npt.NDArray[np.float64]
Ends = tuple[float, float] | None
"""Least and greatest value that a score can have; None for figures from 0 that have no greatest."""
SHARE: Ends = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval."""

    n: int
    """Cases that have the metric."""
    mean: float
    low: float
    high: float

    @property
    def too_few(self) -> bool:
        """Return whether so few cases say next to nothing."""
        return self.n < _FEW


def estimate(scores: Sequence[float] | Floats, weights: Floats | None = None, ends: Ends = SHARE) -> Estimate:
    """Return the weighted mean of scores, of which there is at least one, with its 95 % interval."""
    found = estimates(np.asarray(scores, np.float64)[:, None], weights, (ends,))[0]
    if found is None:
        raise ValueError("No score.")
    return found


def estimates(table: Floats, weights: Floats | None, ends: Sequence[Ends]) -> list[Estimate | None]:
    """Return an estimate for each column of (cases, metrics); NaN where a case lacks a metric, None for no case."""
    weighed = np.ones(len(table)) if weights is None else np.asarray(weights, np.float64)
    found: list[Estimate | None] = [None] * table.shape[1]
    groups: defaultdict[tuple[int, bool, bool], list[int]] = defaultdict(list)
    columns: dict[int, tuple[Floats, Floats]] = {}
    for at, scale in enumerate(ends):
        has = ~np.isnan(table[:, at])
        if has.any():
            columns[at] = table[has, at], weighed[has]
            groups[int(has.sum()), _lumpy(*columns[at], scale), scale is None].append(at)
    for (n, lumpy, endless), members in groups.items():
        x = np.stack([columns[at][0] for at in members], axis=1)
        w = np.stack([columns[at][1] for at in members], axis=1)
        bounds = np.array([_bounds(columns[at][0], ends[at]) for at in members]).T
        low, high = _bayesian(x, w, bounds) if lumpy else _studentised(x, w, endless)
        means = (w * x).sum(axis=0) / w.sum(axis=0)
        if not endless:
            low, high = np.maximum(low, bounds[0]), np.minimum(high, bounds[1])
        elif (x >= 0).all():
            low = np.maximum(low, 0)
        for at, mean, one, other in zip(
            members, means, np.minimum(low, means), np.maximum(high, means), strict=True
        ):
            found[at] = Estimate(n, float(mean), float(one), float(other))
    return found


def _lumpy(x: Floats, w: Floats, ends: Ends) -> bool:
    if w.sum() ** 2 / np.square(w).sum() < _FEW or (x == x[0]).all():
        return True
    return bool(np.isin(x, (0.0, *(ends or ()))).mean() >= _LUMPS)


def _bounds(x: Floats, ends: Ends) -> tuple[float, float]:
    return ends or (0.0, 2 * float(np.abs(x).max()))


def _draws(n: int) -> int:
    return int(np.clip(_CELLS // n, *_DRAWS))


def _bayesian(x: Floats, w: Floats, bounds: Floats) -> tuple[Floats, Floats]:
    chance = np.random.default_rng(_SEED)
    drawn = chance.standard_exponential((_draws(len(x)), len(x)))
    added = chance.standard_gamma(_ADDED, (len(drawn), 2))
    one = np.square(w).sum(axis=0) / w.sum(axis=0)
    sums = drawn @ (w * x) + (added @ bounds) * one
    return _middle(sums / (drawn @ w + added.sum(axis=1, keepdims=True) * one), 1 - CONFIDENCE)


def _studentised(x: Floats, w: Floats, endless: bool) -> tuple[Floats, Floats]:
    n, total = len(x), w.sum(axis=0)
    counts = _resamples(n)
    means = (w * x).sum(axis=0) / total
    off = x - means
    variance = np.square(w * off).sum(axis=0) / total**2
    drawn = counts @ w
    shift = (counts @ (w * off)) / drawn
    squares = (
        counts @ np.square(w * off) - 2 * shift * (counts @ (w * w * off)) + shift**2 * (counts @ (w * w))
    )
    pivots = shift / np.sqrt(np.maximum(squares / drawn**2, _LEAST_SPREAD * variance))
    low, high = _middle(pivots, (1 - CONFIDENCE) * (1 - 1 / np.sqrt(n) if endless else 1))
    effective = total**2 / np.square(w).sum(axis=0)
    error = np.sqrt(variance * effective / (effective - 1))
    return means - high * error, means - low * error


def _resamples(n: int) -> Floats:
    """Return how often each draw holds each of n cases."""
    draws = _draws(n)
    places = np.random.default_rng(_SEED).integers(0, n, (draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def _middle(drawn: Floats, outside: float) -> tuple[Floats, Floats]:
    low, high = np.quantile(drawn, (outside / 2, 1 - outside / 2), axis=0)
    return low, high
