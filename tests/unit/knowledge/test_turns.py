"""Searches of one process take turns where more at once would only slow each other."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from muniment.app import Workspace


def test_no_more_searches_rank_at_one_time_than_gain_from_it(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.ingest(folder, "docs")
    engine, lock = workspace.engine, threading.Lock()
    rank, now, most = engine.rank, 0, 0

    def watched(*given: object) -> object:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.005)
        try:
            return rank(*given)  # type: ignore[arg-type]
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(engine, "rank", watched)
    found: list[int] = []
    callers = [
        threading.Thread(target=lambda: found.append(len(workspace.search("canteen", "carol").passages)))
        for _ in range(6)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 6 and all(found)
    assert most <= engine.at_once


def test_a_search_that_fails_gives_its_turn_back(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    stranger = workspace.principal("carol").__class__("user", "nobody-here")
    for _ in range(2 * workspace.engine.at_once):
        with pytest.raises(Exception, match="No such active account"):
            workspace.search("canteen", stranger)
    assert workspace.search("canteen", "carol").passages
