"""How often the 95 % interval of a mean holds the truth, on suites that are drawn from known distributions.

Shares are drawn with a chance that differs from suite to suite: with one chance and one number of cases the coverage
of any interval jumps with the whole numbers of right cases, and no method has one of 95 % everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.bars import Bar, Progress, bar
from muniment.assurance.evaluation.statistics.interval import SHARE, Floats, estimates

SIZES = (20, 50, 100, 500)
_SEED = 11
_AT_ONCE = 100
_GAINS = np.array([*(1 / np.log2(np.arange(3, 12))), 0.25])
"""nDCG of one relevant document at places 2 to 10, and beyond."""
_WITHIN = (0.93, 0.97)
_ENOUGH = 2_000
"""Suites from which the coverage of one size is known well enough to be held to a target."""

Draw = Callable[[np.random.Generator, int, int], tuple[Floats, Floats]]
"""Returns scores of (cases, suites) and the true mean of each suite."""


def measured(suites: int, progress: Progress) -> tuple[list[Bar], list[dict[str, object]]]:
    """Return a bar for each distribution, its coverage over all sizes, and each size's in a table."""
    bars: list[Bar] = []
    rows: list[dict[str, object]] = []
    for name, draw in DISTRIBUTIONS.items():
        progress(f"intervals of {name}")
        found: list[float] = []
        for weighted in (False, True):
            found += [coverage(draw, n, suites, weighted, _SEED) for n in SIZES]
        plain, weighed = found[: len(SIZES)], found[len(SIZES) :]
        for label, values in ((name, plain), (f"{name}, weighted", weighed)):
            rows.append(
                {"scores": label, **{f"n_{n}": round(each, 3) for n, each in zip(SIZES, values, strict=True)}}
            )
        value = 100 * float(np.mean(found))
        bars.append(
            {
                "what": f"coverage of the 95 % interval, {name}",
                "target": "93 to 97",
                "value": round(value, 1),
                "unit": "%",
                "ok": _WITHIN[0] <= value / 100 <= _WITHIN[1],
            }
        )
    ends = sorted(float(str(each)) for row in rows for name, each in row.items() if name != "scores")
    enough = suites >= _ENOUGH
    return [
        *bars,
        bar("the least of any size", 93 if enough else None, 100 * ends[0], "%", True),
        bar("the greatest of any size", 97 if enough else None, 100 * ends[-1], "%"),
    ], rows


def coverage(draw: Draw, n: int, suites: int, weighted: bool, seed: int) -> float:
    """Return how often the interval holds the mean that so many suites of n cases were drawn with."""
    chance = np.random.default_rng((seed, n, weighted))
    held = 0
    for start in range(0, suites, _AT_ONCE):
        count = min(_AT_ONCE, suites - start)
        scores, truth = draw(chance, n, count)
        weights = chance.choice([1.0, 2.0, 3.0], n) if weighted else None
        ends = SHARE if truth.max() <= 1 and scores.max() <= 1 else None
        for mean, found in zip(truth, estimates(scores, weights, [ends] * count), strict=True):
            held += found is not None and found.low <= mean <= found.high
    return held / suites


def _shares(low: float, high: float) -> Draw:
    def draw(chance: np.random.Generator, n: int, suites: int) -> tuple[Floats, Floats]:
        rate = chance.uniform(low, high, suites)
        return (chance.random((n, suites)) < rate).astype(np.float64), rate

    return draw


def _graded(zero: float, one: float, a: float, b: float) -> Draw:
    """Return scores of which a part is 0, a part 1 and the others beta."""

    def draw(chance: np.random.Generator, n: int, suites: int) -> tuple[Floats, Floats]:
        kind, between = chance.random((n, suites)), chance.beta(a, b, (n, suites))
        scores = np.where(kind < zero, 0.0, np.where(kind < zero + one, 1.0, between))
        return scores, np.full(suites, one + (1 - zero - one) * a / (a + b))

    return draw


def _ndcg(first: float, never: float) -> Draw:
    """Return nDCG where the relevant document comes first, never, or somewhere below."""

    def draw(chance: np.random.Generator, n: int, suites: int) -> tuple[Floats, Floats]:
        falling = 0.35 * 0.65 ** np.arange(len(_GAINS))
        falling /= falling.sum()
        kind, place = chance.random((n, suites)), chance.choice(len(_GAINS), (n, suites), p=falling)
        scores = np.where(kind < never, 0.0, np.where(kind < never + first, 1.0, _GAINS[place]))
        return scores, np.full(suites, first + (1 - first - never) * float(falling @ _GAINS))

    return draw


def _log_normal(sigma: float) -> Draw:
    def draw(chance: np.random.Generator, n: int, suites: int) -> tuple[Floats, Floats]:
        return 200 * chance.lognormal(0, sigma, (n, suites)), np.full(suites, 200 * np.exp(sigma**2 / 2))

    return draw


def _gamma(shape: float) -> Draw:
    def draw(chance: np.random.Generator, n: int, suites: int) -> tuple[Floats, Floats]:
        return 100 * chance.gamma(shape, size=(n, suites)), np.full(suites, 100 * shape)

    return draw


DISTRIBUTIONS: dict[str, Draw] = {
    "shares .5 to .98": _shares(0.5, 0.98),
    "shares .5 to .75": _shares(0.5, 0.75),
    "shares .75 to .9": _shares(0.75, 0.9),
    "shares .9 to .98": _shares(0.9, 0.98),
    "beta(2, 2)": _graded(0, 0, 2, 2),
    "beta(18, 2)": _graded(0, 0, 18, 2),
    "zero-inflated": _graded(0.3, 0, 5, 2),
    "mostly zero": _graded(0.6, 0, 5, 2),
    "mostly one": _graded(0.05, 0.6, 5, 2),
    "ndcg, good": _ndcg(0.8, 0.05),
    "ndcg, fair": _ndcg(0.5, 0.1),
    "log-normal .5": _log_normal(0.5),
    "log-normal .8": _log_normal(0.8),
    "gamma 2": _gamma(2),
}
