"""Quantiles and ratios with their uncertainty. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence

from muniment.assurance.monitoring.shares import Z95, Estimate, wilson


def quantile(values: Sequence[float], q: float) -> Estimate:
    """Return a quantile with the interval that the order of the values gives, whatever their distribution.

    Without an end where there are too few values to tell it.
    """
    n = len(values)
    if not n:
        return Estimate(None, None, None, 0)
    ordered = sorted(values)
    reach = Z95 * math.sqrt(n * q * (1 - q))
    low, high = math.floor(n * q - reach), math.ceil(n * q + reach)
    value = ordered[min(n - 1, math.ceil(n * q) - 1 if q > 0 else 0)]
    if low < 0 or high >= n:
        return Estimate(value, None, None, n)
    return Estimate(value, ordered[low], ordered[high], n)


def ratio(parts: Sequence[tuple[int, int]]) -> Estimate:
    """Return the sum of the first over the sum of the second of each case, with cases as what was drawn.

    Statements of one answer are alike, so the interval counts answers and not statements.
    """
    n, whole = len(parts), sum(of for _, of in parts)
    if not whole:
        return Estimate(None, None, None, n)
    value = sum(part for part, _ in parts) / whole
    spread = sum((part - value * of) ** 2 for part, of in parts) * n / max(1, n - 1)
    variance = spread / whole**2
    alike = min(float(whole), value * (1 - value) / variance) if variance else float(n)
    low, high = wilson(value, max(1.0, alike))
    return Estimate(value, low, high, n)
