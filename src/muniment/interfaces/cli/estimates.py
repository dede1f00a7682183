"""How a figure with its interval looks in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from muniment.assurance.monitoring.shares import Estimate


def cells(one: Estimate, unit: Literal["%", "ms", ""] = "%") -> tuple[str, str]:
    """Return a figure and its interval as two cells."""
    spelled = {"%": "{:.1%}", "ms": "{:,.0f} ms", "": "{:.2f}"}[unit]
    value = "-" if one.value is None else spelled.format(one.value)
    if one.low is None or one.high is None:
        return value, "-"
    return value, f"{spelled.format(one.low)} to {spelled.format(one.high)}"
