"""How small a change a suite can show: what a small suite must say of itself."""

from __future__ import annotations

import math

import numpy as np

from muniment.assurance.evaluation.metric import Unit
from muniment.assurance.evaluation.statistics.interval import SHARE, Ends, Floats

_QUANTILES = 1.959964 + 0.841621
"""Of the normal distribution: 5 % in both directions, and a power of 80 %."""
_CHANGED = 6
"""Cases that must change, all in one direction, until a sign test can be below 5 %: 2 / 2^6 is."""
_ADDED = 2 / 3
_NOUNS: dict[Unit, str] = {"ms": " ms", "tokens": " tokens", "cost": "", "days": " days"}


def detectable(
    scores: Floats, weights: Floats, ends: Ends = SHARE, differences: Floats | None = None
) -> float | None:
    """Return the smallest change of a mean that shows with a power of 80 % at 5 %; None where none ever would.

    `differences` between two runs, one for each score, say how much cases change. Without them each run is taken to
    agree with the next halfway (a correlation of one half), so that differences spread as scores do.
    """
    n = float(weights.sum() ** 2 / np.square(weights).sum()) if len(scores) else 0.0
    if n < _CHANGED:
        return None
    spread = _spread(scores, weights, ends) if differences is None else _changes(differences, weights, ends)
    least = _QUANTILES * spread / math.sqrt(n)
    if ends == SHARE and bool(np.isin(scores, (0.0, 1.0)).all()):
        least = max(least, _CHANGED / n)
    return None if ends == SHARE and least >= 1 else least


def in_words(least: float | None, n: int, unit: Unit = "share") -> str:
    """Return what a detectable change means, as a sentence without its stop."""
    cases = f"{n} case{'' if n == 1 else 's'}"
    if least is None:
        return f"no change would show with {cases}"
    if unit != "share":
        size = f"{least:.3g}{_NOUNS[unit]}"
    else:
        points = math.ceil(100 * least - 1e-9)
        size = f"{points} point{'' if points == 1 else 's'}"
    return f"a change under {size} would not show with {cases}"


def _spread(scores: Floats, weights: Floats, ends: Ends) -> float:
    """Return the deviation; of a share with a part of a case at each end, since equal scores may yet differ."""
    if ends is None:
        mean = float(np.average(scores, weights=weights))
        return math.sqrt(
            float(np.average(np.square(scores - mean), weights=weights)) * _unbiased(len(scores))
        )
    part = _ADDED * float(np.square(weights).sum() / weights.sum())
    return _deviation(np.append(scores, ends), np.append(weights, (part, part)))


def _changes(differences: Floats, weights: Floats, ends: Ends) -> float:
    most = float(np.abs(differences).max(initial=0.0)) or (1.0 if ends == SHARE else 0.0)
    part = _ADDED * float(np.square(weights).sum() / weights.sum())
    return _deviation(np.append(differences, (-most, most)), np.append(weights, (part, part)))


def _deviation(values: Floats, weights: Floats) -> float:
    mean = np.average(values, weights=weights)
    return math.sqrt(float(np.average(np.square(values - mean), weights=weights)))


def _unbiased(n: int) -> float:
    return n / (n - 1)
