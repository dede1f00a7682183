"""Searches and changes of access as a caller has them: rights, both legs, texts, and entries in the log."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import home, machine, under_ingest
from benchmarks.bars import Bar, Progress, bar, p50, p95, percent
from benchmarks.searches import K
from benchmarks.workload import Workload, three_words
from muniment import app
from muniment.governance.identity.principal import OPERATOR

_SEARCHES, _WARM = 62, 2
_CHANGES = 11
_TARGETS: tuple[tuple[float, float, float | None], ...] = ((0.43, 60.0, 120.0), (0.01, 25.0, None))
"""Share, and the most for p50 and p95 in milliseconds."""


def measured(
    workspace: app.Workspace, place: Path, company: Workload, scratch: Path, progress: Progress
) -> list[Bar]:
    """Return the bars of whole searches, alone and while documents are ingested, of changes, and of memory."""
    bars: list[Bar] = []
    idle: dict[str, float] = {}
    for aim, middle, most in _TARGETS:
        progress(f"whole searches as readers of about {percent(aim)}")
        share = f"{percent(aim)} readable"
        readers = [home.name(reader) for reader in company.readers if reader.aim == aim]
        times = [_search(workspace, readers[at % len(readers)], at) for at in range(_SEARCHES)][_WARM:]
        idle[share] = p95(times)
        bars.append(bar(f"{share}: search p50", middle, p50(times), "ms"))
        bars.append(bar(f"{share}: search p95", most, idle[share], "ms"))
    bars += _changes(workspace, company, progress)
    bars.append(bar("resident memory", 2200.0, machine.resident_mb(), "MB"))
    progress("searching while documents are ingested")
    for aim, _, _ in _TARGETS:
        share = f"{percent(aim)} readable"
        readers = [home.name(reader) for reader in company.readers if reader.aim == aim]
        with under_ingest.ingesting(workspace, place, company, scratch) as goes_on:
            times = []
            before = under_ingest.content(workspace)
            while goes_on():
                at = len(times)
                times.append(_search(workspace, readers[at % len(readers)], at))
            commits = under_ingest.content(workspace) - before
        what = f"{share}: search p95 while documents are ingested (2 x alone)"
        bars.append(bar(what, 2 * idle[share], p95(times), "ms"))
        bars.append(bar(f"{share}: searches meanwhile", 20, len(times), "searches", least=True))
        bars.append(bar(f"{share}: commits meanwhile", 3, commits, "commits", least=True))
    return bars


def _search(workspace: app.Workspace, reader: str, number: int) -> float:
    query = " ".join(three_words([9, number]))
    started = time.perf_counter()
    workspace.search(query, reader, k=K)
    return time.perf_counter() - started


def _changes(workspace: app.Workspace, company: Workload, progress: Progress) -> list[Bar]:
    """Time a change of access until it is durable and the next search has seen it."""
    progress("changing access")
    reader = next(home.name(reader) for reader in company.readers if reader.aim == 0.001)
    bars: list[Bar] = []
    for what, target in (("one document", "d000007"), ("10,000 chunks", "")):
        path = f"{home.SOURCE}/f00000/{target}" if target else f"{home.SOURCE}/f00001"
        times: list[float] = []
        for at in range(_CHANGES):
            workspace.search("w20", reader)
            started = time.perf_counter()
            workspace.search("w20", reader)
            idle = time.perf_counter() - started
            started = time.perf_counter()
            workspace.access.set(path, [f"group:g{at % 3}"], [], OPERATOR)
            workspace.search("w20", reader)
            times.append(time.perf_counter() - started - idle)
        workspace.access.clear(path, OPERATOR)
        bars.append(bar(f"change of access of {what}, p50", 10.0, p50(times), "ms"))
    return bars
