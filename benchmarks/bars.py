"""How benchmarks state a figure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

Bar = dict[str, object]
"""`what`, `target`, `value`, `unit` and `ok`; a figure without a target is only reported, and ok."""
Progress = Callable[[str], None]
"""Takes a line for a person."""


def bar(what: str, target: float | None, value: float, unit: str, least: bool = False) -> Bar:
    """Return a figure beside its target: the most that it may be, or with `least` the least."""
    ok = target is None or (value >= target if least else value <= target)
    shown = None if target is None else round(target, 3)
    return {"what": what, "target": shown, "value": round(value, 3), "unit": unit, "ok": ok}


def p50(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return statistics.median(seconds) * 1000


def p95(seconds: Sequence[float]) -> float:
    """Return what 95 % stay below, in milliseconds."""
    return sorted(seconds)[int(len(seconds) * 0.95)] * 1000


def p99(seconds: Sequence[float]) -> float:
    """Return what 99 % stay below, in milliseconds."""
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1000


def percent(share: float) -> str:
    """Return a share as readers of tables expect it."""
    return f"{share * 100:g} %"
