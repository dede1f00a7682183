"""Whether the figures of an evaluation are what they say they are.

Run by `muniment bench evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import gate_decisions, intervals
from benchmarks.bars import Bar, Progress
from benchmarks.machine import described
from benchmarks.options import checked, whole_number


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars."""
    checked(options, "suites")
    suites = whole_number(options, "suites", 2_000)
    coverage, by_size = intervals.measured(suites, progress)
    decisions, by_change = gate_decisions.measured(progress)
    bars: list[Bar] = [*coverage, *decisions]
    return {
        "name": "evaluation",
        "machine": described(),
        "suites": suites,
        "coverage": by_size,
        "decisions": by_change,
        "bars": bars,
    }
