"""Many comparisons at once: of twenty metrics one looks significant by chance alone."""

from __future__ import annotations

from collections.abc import Sequence


def holm(chances: Sequence[float]) -> list[float]:
    """Return each p corrected for all of them, in the order given (Holm 1979).

    A corrected p below .05 holds for every metric at once, however the metrics depend on each other.
    """
    corrected = [0.0] * len(chances)
    least = 0.0
    for rank, at in enumerate(sorted(range(len(chances)), key=lambda at: chances[at])):
        least = max(least, min(1.0, (len(chances) - rank) * chances[at]))
        corrected[at] = least
    return corrected
