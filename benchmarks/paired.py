"""Two ways over the same questions: by how much one is right more often, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_DRAWS = 10_000
_SEED = 7


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return between what the mean of paired differences lies, at 95 %, by drawing from them again and again.

    Of few differences it is too narrow rather than too wide.
    """
    values = np.asarray(differences, dtype=np.float64)
    chance = np.random.default_rng(_SEED)
    means = values[chance.integers(0, len(values), (_DRAWS, len(values)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def beside(found: Sequence[bool], other: Sequence[bool]) -> dict[str, object]:
    """Return the share that is right, and the difference to another way's in points with its interval."""
    differences = _differences(found, other)
    low, high = interval(differences)
    return {
        "share": round(100.0 * sum(found) / len(found), 1),
        "difference": round(sum(differences) / len(differences), 1),
        "from": round(low, 1),
        "to": round(high, 1),
    }


def verdict(found: Sequence[bool], other: Sequence[bool]) -> str:
    """Return whether one way is better or worse than the other, or no difference is shown."""
    low, high = interval(_differences(found, other))
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no difference shown"


def _differences(found: Sequence[bool], other: Sequence[bool]) -> list[float]:
    return [100.0 * (one - two) for one, two in zip(found, other, strict=True)]
