"""What somebody could cause without end is written once in a while, with how often it happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.audit import repeats
from muniment.governance.audit.entry import Actor, Entry


def entry(name: str) -> Entry:
    return Entry("knock", Actor("anonymous", "http"), {"name": name})


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Workspace:
    return make_workspace(clock=clock)


def written(workspace: Workspace) -> list[dict[str, object]]:
    return [dict(found.about) for found in workspace.audit.query(kind="knock", limit=9999)]


def test_a_flood_makes_one_entry_at_once_and_one_with_the_count(
    workspace: Workspace, clock: FixedClock
) -> None:
    for _ in range(500):
        workspace.repeats.record(entry("a"))
    workspace.repeats.record(entry("b"))
    assert written(workspace) == [{"name": "a"}, {"name": "b"}]
    clock.advance(seconds=repeats.WINDOW)
    workspace.repeats.record(entry("a"))
    assert written(workspace)[2:] == [{"name": "a", "further": 499}, {"name": "a"}]


def test_what_was_counted_is_written_once_the_window_is_over_though_it_stopped(
    workspace: Workspace, clock: FixedClock
) -> None:
    for _ in range(3):
        workspace.repeats.record(entry("a"))
    workspace.repeats.sweep()
    assert written(workspace) == [{"name": "a"}]
    clock.advance(seconds=repeats.WINDOW)
    workspace.repeats.sweep()
    assert written(workspace) == [{"name": "a"}, {"name": "a", "further": 2}]


def test_what_was_counted_is_written_at_the_end(workspace: Workspace) -> None:
    for _ in range(3):
        workspace.repeats.record(entry("a"))
    workspace.repeats.close()
    workspace.repeats.close()
    assert written(workspace) == [{"name": "a"}, {"name": "a", "further": 2}]


def test_many_different_ones_share_a_line(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST", 3)
    for number in range(50):
        workspace.repeats.record(entry(str(number)))
    workspace.repeats.close()
    assert written(workspace)[3:] == [{"others": True}, {"others": True, "further": 46}]
