"""One order out of two: the scores of words and of vectors, each stretched to 0..1, then weighed.

Invariant: the stretch is taken over authorised rows only, so a fused score depends on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """How much the vectors count; words have the rest."""

    dense: float = 0.75

    @property
    def name(self) -> str:
        """Return the settings as lineage records them."""
        return f"min-max dense={self.dense:g}"


def stretched(scores: Scores) -> Scores:
    """Return `scores` moved and scaled to 0..1; all equal gives zeros."""
    if not len(scores):
        return scores
    low, high = float(scores.min()), float(scores.max())
    if high <= low:
        return np.zeros_like(scores)
    return (scores - low) / (high - low)
