"""Which of several ways serves best, judged on cases that did not choose it.

Invariant: the gain that is reported for a case comes from a way that was chosen without that case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muniment.assurance.evaluation.statistics.interval import SHARE, estimate
from muniment.assurance.evaluation.statistics.paired import widest

FOLDS = 5

Scores = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """The way that did best on all cases, and what choosing so is worth on cases not chosen by."""

    way: int
    by_fold: tuple[int, ...]
    """What was chosen without each fold."""
    held_out: Places
    """For each case, the way that was chosen without it."""
    gain: float
    """Mean over the cases, held out."""
    low: float
    high: float
    """Ends of the 95 % interval of `gain`."""

    @property
    def proven(self) -> bool:
        """Return whether the gain stands out of the noise and another way than the present one gives it."""
        return self.way != 0 and self.low > 0


def folds(keys: Sequence[str]) -> Places:
    """Return a fold for each key; equal keys share one, and a key keeps its fold in any company."""
    return np.array(
        [int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % FOLDS for key in keys]
    )


def choose(scores: Scores, fold: Places) -> Choice:
    """Choose among ways from scores of shape (cases, ways); way 0 is the present one.

    Where ways do equally well the first stands: put those nearest to the present one first.
    """
    held_out = np.zeros(len(scores), np.int64)
    by_fold: list[int] = []
    for one in np.unique(fold):
        by_fold.append(_best(scores[fold != one]))
        held_out[fold == one] = by_fold[-1]
    gains = scores[np.arange(len(scores)), held_out] - scores[:, 0]
    found = estimate(gains, ends=widest(gains, SHARE))
    return Choice(_best(scores), tuple(by_fold), held_out, float(gains.mean()), found.low, found.high)


def _best(scores: Scores) -> int:
    """Return the way of the highest mean; rounded, so that the last bit of a sum decides nothing."""
    return int(np.argmax(np.round(scores.mean(axis=0), 9))) if len(scores) else 0
