"""AZ11: the feed of a source that is served stalls. By a real clock it is withheld in time, people are told, and it
comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest
from tests.simulators.served import served
from tests.simulators.sources.memory_source import KIND, MemoryScene

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.incidents.detection import detection
from muniment.interfaces.examining.sources import sources
from muniment.knowledge.sources import kinds
from muniment.knowledge.syncing import feeding, patience

LEASE = 2
SLACK = 5.0


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryScene]:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    monkeypatch.setattr(patience, "TRIES", 1)
    monkeypatch.setattr(feeding, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(detection, "LOOK_SECONDS", 0.2)
    monkeypatch.setitem(feeding._LONGEST_WAIT, "access", 0.5)  # type: ignore[arg-type]
    made = MemoryScene()
    for number in range(3):
        made.put(f"files/{number}.md", f"Quince number{number} of the orchard.\n")
        made.allow(f"files/{number}.md", ["alice"])
    yield made
    made.close()


def found(workspace: Workspace) -> int:
    return len(workspace.search("quince", as_="alice", k=9).passages)


def within(seconds: float, met: Callable[[], bool]) -> float:
    """Wait until something is so, and return how long that took."""
    began = time.monotonic()
    while not met():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def stalled(scene: MemoryScene) -> Iterator[None]:
    scene.world.throttled = 10**9
    yield
    scene.world.throttled = 0


def test_a_stalled_feed_is_withheld_in_time_and_people_are_told(
    make_workspace: Callable[..., Workspace], scene: MemoryScene
) -> None:
    workspace = make_workspace()
    stated = {**scene.settings, "lease_seconds": LEASE, "access_seconds": 1, "content_seconds": 1}
    workspace.sources.add("wiki", KIND.name, stated, OPERATOR)
    with served(workspace) as url:
        within(10, lambda: found(workspace) == 3)
        assert sources(workspace).state == "ok"
        with stalled(scene):
            within(LEASE + SLACK, lambda: found(workspace) == 0)
            within(SLACK, lambda: bool(workspace.incidents.listing(None, OPERATOR, "open")))
            [incident] = workspace.incidents.listing(None, OPERATOR, "open")
            assert (incident.rule, incident.subject) == ("withheld", "source:wiki")
            check = sources(workspace)
            assert check.state == "fail"
            assert "wiki is withheld" in check.says and "left alone" in check.says
            counts = httpx2.get(f"{url}/metrics").text
            assert 'muniment_source_withheld{muniment_source="wiki"} 3' in counts
            assert "muniment_source_revocation_lag_seconds" in counts
        within(SLACK, lambda: found(workspace) == 3)
        within(SLACK, lambda: sources(workspace).state == "ok")
    told = [one.kind for one in workspace.audit.query(limit=10**5) if one.kind.startswith("source.")]
    for kind in ("source.failed", "source.withheld", "source.served_again"):
        assert kind in told
    assert told.count("source.failed") <= 2, "once for access, once for content, however often it is tried"
