"""How far two reviewers agree beyond chance, with how sure that is. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from muniment.assurance.kappa import Pair, kappa
from muniment.assurance.monitoring.shares import Estimate

_RESAMPLES = 1_000


def kappa_estimate(pairs: Sequence[Pair], seed: int) -> Estimate:
    """Return kappa with its bootstrap interval over items."""
    value = kappa(pairs)
    if value is None:
        return Estimate(None, None, None, len(pairs))
    random = np.random.default_rng(seed)
    drawn = (
        kappa([pairs[at] for at in row]) for row in random.integers(len(pairs), size=(_RESAMPLES, len(pairs)))
    )
    known = [one for one in drawn if one is not None]
    if len(known) < _RESAMPLES // 2:
        return Estimate(value, None, None, len(pairs))
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(value, min(value, float(low)), max(value, float(high)), len(pairs))
