"""Whether the figures of an evaluation are what they say they are, and whether what is concluded from them is right.

Run by `muniment bench evaluation [--only coverage,gate,metrics,ladder,changes,runs] [--suites N]
[--beir FOLDER [--split train]] [--limit N] [--weights]`: `--limit` cases of each set of the ladder, `--weights` for
its rung with reranking.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import gate_decisions, graded, intervals, laddered, runs, seeded
from benchmarks.bars import Bar, Progress
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from muniment.foundation.errors import BadInput

Options = Mapping[str, object]
Measured = tuple[list[Bar], dict[str, object]]
"""Bars, and what else a part found, by name."""
Part = Callable[[Options, Progress], Measured]


def run(options: Options, progress: Progress) -> dict[str, object]:
    """Return the bars of each part, or of those that `--only` names."""
    checked(options, "only", "suites", "beir", "split", "limit", "weights")
    bars: list[Bar] = []
    found: dict[str, object] = {}
    took: list[dict[str, object]] = []
    for name in parts_of(options):
        began = time.monotonic()
        made, more = PARTS[name](options, progress)
        bars += made
        found |= more
        took.append({"part": name, "seconds": round(time.monotonic() - began, 1)})
    return {"name": "evaluation", "machine": described(), **found, "took": took, "bars": bars}


def parts_of(options: Options) -> tuple[str, ...]:
    """Return the parts that are to be measured, in their order; raises BadInput for an unknown one."""
    given = options.get("only")
    if given is None:
        return tuple(PARTS)
    named = {name.strip() for name in str(given).split(",")} if given is not True else {""}
    unknown = sorted(named - set(PARTS))
    if unknown:
        raise BadInput(f"--only names {unknown[0]!r}.", fix=f"Known: {', '.join(PARTS)}.")
    return tuple(name for name in PARTS if name in named)


def _coverage(options: Options, progress: Progress) -> Measured:
    suites = whole_number(options, "suites", 2_000)
    bars, by_size = intervals.measured(suites, progress)
    return bars, {"suites": suites, "coverage": by_size}


def _gate(options: Options, progress: Progress) -> Measured:
    bars, by_change = gate_decisions.measured(progress)
    return bars, {"decisions": by_change}


def _metrics(options: Options, progress: Progress) -> Measured:
    folder = Path(str(options["beir"])) if options.get("beir") not in (None, "", True) else None
    return graded.bars(folder, str(options.get("split") or "train"), progress), {}


def _ladder(options: Options, progress: Progress) -> Measured:
    limit = whole_number(options, "limit", 1) if "limit" in options else None
    return laddered.measured(progress, limit, bool(options.get("weights")))


def _changes(options: Options, progress: Progress) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        bars, told = seeded.bars(Path(folder), progress)
    return bars, {"changes": told}


def _runs(options: Options, progress: Progress) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        return runs.bars(Path(folder), progress), {}


PARTS: Mapping[str, Part] = {
    "coverage": _coverage,
    "gate": _gate,
    "metrics": _metrics,
    "ladder": _ladder,
    "changes": _changes,
    "runs": _runs,
}
