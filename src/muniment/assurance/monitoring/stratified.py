"""Shares of a whole from a sample of each of its strata. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muniment.assurance.monitoring.shares import Estimate, wilson


@dataclass(frozen=True, slots=True)
class StratifiedShare:
    """A share, and how much of the whole it speaks for."""

    share: Estimate
    covered: float
    """Part of the whole that lies in strata of which something was seen; the share is of these alone."""


def stratified_share(sizes: Mapping[str, int], seen: Mapping[str, Sequence[float]]) -> StratifiedShare:
    """Return the mean over strata of these sizes, where `seen` holds values from 0 to 1 of those looked at.

    Within a stratum what was looked at stands for the rest (Horvitz-Thompson, with weights made anew where some of
    what was drawn was not looked at). The interval is Wilson's at the number of cases of a plain sample that would be
    as exact; of the variance over strata and that of one population the larger counts, so that a few equal values in
    a small stratum are not taken for certainty.
    """
    whole = sum(sizes.values())
    known = {name: values for name, values in seen.items() if values and sizes.get(name)}
    inside = sum(sizes[name] for name in known)
    n = sum(len(values) for values in known.values())
    if not inside:
        return StratifiedShare(Estimate(None, None, None, 0), 0.0)
    means = {name: sum(values) / len(values) for name, values in known.items()}
    value = min(1.0, sum(sizes[name] / inside * means[name] for name in known))
    apart = as_one = 0.0
    for name, values in known.items():
        left = max(0.0, 1 - len(values) / sizes[name])
        unit = (sizes[name] / inside) ** 2 * left
        apart += unit * means[name] * (1 - means[name]) / max(1, len(values) - 1)
        as_one += unit / len(values)
    spread = value * (1 - value)
    if as_one == 0.0:
        alike = math.inf
    elif spread == 0.0:
        alike = 1 / as_one
    else:
        alike = spread / max(apart, spread * as_one)
    low, high = wilson(value, alike)
    return StratifiedShare(Estimate(value, low, high, n), inside / whole)
