"""Whether the figures of an evaluation are what they say they are.

Run by `muniment bench evaluation [--beir FOLDER [--split train]]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks import gate_decisions, graded, intervals
from benchmarks.bars import Bar, Progress
from benchmarks.machine import described
from benchmarks.options import checked, whole_number


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars."""
    checked(options, "suites", "beir", "split")
    suites = whole_number(options, "suites", 2_000)
    coverage, by_size = intervals.measured(suites, progress)
    decisions, by_change = gate_decisions.measured(progress)
    folder = Path(str(options["beir"])) if options.get("beir") not in (None, "", True) else None
    counted = graded.bars(folder, str(options.get("split") or "train"), progress)
    bars: list[Bar] = [*coverage, *decisions, *counted]
    return {
        "name": "evaluation",
        "machine": described(),
        "suites": suites,
        "coverage": by_size,
        "decisions": by_change,
        "bars": bars,
    }
