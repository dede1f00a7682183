"""Shares with their uncertainty: Wilson intervals, Fisher's exact test. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass

from muniment.governance.audit.entry import Json

Z95 = 1.959964
_MOST_EXACT = 2_000
"""Successes or failures in all, up to which every table is looked at."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval and what it rests on."""

    value: float | None
    """None where there is nothing to tell it from."""
    low: float | None
    high: float | None
    n: int
    """Cases that it rests on."""

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {"value": _short(self.value), "low": _short(self.low), "high": _short(self.high), "n": self.n}


def share(successes: float, n: int) -> Estimate:
    """Return a share with its Wilson interval."""
    if n == 0:
        return Estimate(None, None, None, 0)
    low, high = wilson(successes / n, n)
    return Estimate(successes / n, low, high, n)


def wilson(part: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of `n` cases, which need not be whole."""
    if math.isinf(n):
        return part, part
    squared = Z95 * Z95
    middle = (part + squared / (2 * n)) / (1 + squared / n)
    reach = Z95 * math.sqrt(part * (1 - part) / n + squared / (4 * n * n)) / (1 + squared / n)
    return max(0.0, min(part, middle - reach)), min(1.0, max(part, middle + reach))


def differ(a: int, n: int, b: int, m: int) -> float:
    """Return the p-value of two shares, `a` of `n` and `b` of `m`, being those of one population."""
    if not n or not m or a + b in (0, n + m):
        return 1.0
    if min(a + b, n + m - a - b) > _MOST_EXACT:
        part = (a + b) / (n + m)
        z = (a / n - b / m) / math.sqrt(part * (1 - part) * (1 / n + 1 / m))
        return math.erfc(abs(z) / math.sqrt(2))
    return _fisher(a, n, b, m)


def _fisher(a: int, n: int, b: int, m: int) -> float:
    """Add up the tables that are no likelier than this one, all margins being as they are."""
    all_ = a + b
    logs = [_log_choose(n, k) + _log_choose(m, all_ - k) for k in range(max(0, all_ - m), min(n, all_) + 1)]
    here = _log_choose(n, a) + _log_choose(m, b)
    whole = _log_choose(n + m, all_)
    return min(1.0, sum(math.exp(one - whole) for one in logs if one <= here + 1e-9))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
