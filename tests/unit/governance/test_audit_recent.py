"""Looks at the newest entries find what a look at all would, and take no longer where the log is long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock, timestamp
from muniment.governance.audit import recent
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.search import Search, Wanted
from muniment.governance.identity.principal import OPERATOR

ALICE = Actor("user:alice", "web")
KINDS = ("answer.request", "answer.refused", "never.happened")
_OLD = 3_000


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Workspace]]:
    """Two logs that end alike, one of them long; each with its clock an hour ahead for a while."""
    made = [_log(tmp_path_factory.mktemp("logs") / "home", old) for old in (0, _OLD)]
    yield made[0], made[1]
    for one in made:
        one.close()


def _log(place: object, old: int) -> Workspace:
    clock = FixedClock()
    made = app.create(place, clock=clock, embedder=lambda: None)  # type: ignore[arg-type]
    made.audit.record([Entry(KINDS[at % 2], OPERATOR, {"answer": f"old_{at}"}) for at in range(old)])
    for number in range(300):
        clock.advance(minutes=-50 if number == 150 else 10)
        entry = Entry(KINDS[number % 2], ALICE if number % 30 == 0 else OPERATOR, {"answer": f"ans_{number}"})
        made.audit.record([entry])
    return made


def steps(workspace: Workspace, look: Callable[[sa.Connection], object]) -> int:
    """Return how many hundred steps the database takes for a look."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with workspace.database.read() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(step, 100)
        try:
            look(connection)
        finally:
            driver.set_progress_handler(None, 100)
    return taken


def _ago(workspace: Workspace, **span: int) -> str:
    return timestamp(workspace.clock.now() - timedelta(**span))


LOOKS: dict[str, Callable[[Workspace, sa.Connection], object]] = {
    "newest": lambda log, connection: recent.newest(log.audit, connection, KINDS, 20),
    "since": lambda log, connection: recent.since(connection, KINDS, _ago(log, hours=6)),
    "time_behind": lambda log, connection: recent.time_behind(
        connection, KINDS, _ago(log, hours=6), _ago(log, hours=1), 200
    ),
    "of somebody who did little": lambda log, connection: Search(log.audit).page(
        connection, Wanted(kind="answer.request", by="user:alice"), None, 50
    ),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_takes_no_longer_where_the_log_is_long(logs: tuple[Workspace, Workspace], name: str) -> None:
    short, long = (steps(log, lambda connection, log=log: LOOKS[name](log, connection)) for log in logs)
    # The bars of a search count as much of the log as there is, up to a bound of their own.
    counted = 120 if "somebody" in name else 20
    assert long <= short + counted


@pytest.mark.parametrize("limit", [1, 7, 299, 400])
def test_the_newest_of_several_kinds_are_the_newest_of_all(
    logs: tuple[Workspace, Workspace], limit: int
) -> None:
    log = logs[1]
    of_all = [one.seq for one in log.audit.query(limit=10_000) if one.kind in KINDS]
    with log.database.read() as connection:
        found = [one.seq for one in recent.newest(log.audit, connection, KINDS, limit)]
        assert recent.newest(log.audit, connection, ("never.happened",), limit) == []
    assert found == of_all[::-1][:limit] == [one.seq for one in log.audit.newest(KINDS, limit)]


def test_a_clock_that_was_set_back_hides_nothing_that_was_done_since(
    logs: tuple[Workspace, Workspace],
) -> None:
    log = logs[1]
    every = [one for one in log.audit.query(limit=10_000) if one.kind in KINDS]
    for at in sorted({one.at for one in every}):
        found = [one.seq for one in log.audit.since(at, KINDS)]
        assert found == [one.seq for one in every if one.at >= at]


def test_entries_as_the_log_spells_them_are_the_same_but_for_names(
    logs: tuple[Workspace, Workspace],
) -> None:
    log = logs[0]
    at = _ago(log, hours=8)
    named, spelled = log.audit.since(at, KINDS), log.audit.spelled_since(at, KINDS)
    assert [(one.seq, one.about) for one in named] == [(one.seq, one.about) for one in spelled]
    assert {one.actor for one in named} == {"operator", "user:alice"}
    assert not any("alice" in one.actor for one in spelled)
    assert log.audit.spelled_since(at, KINDS, 5) == spelled[-5:]


def test_a_time_is_cut_behind_so_many_entries(logs: tuple[Workspace, Workspace]) -> None:
    log = logs[0]
    after, until = _ago(log, hours=10), _ago(log, hours=2)
    within = [one for one in log.audit.since(after, KINDS) if after < one.at <= until]
    with log.database.read() as connection:
        cut = recent.time_behind(connection, KINDS, after, until, 10)
        assert recent.time_behind(connection, KINDS, after, until, len(within)) is None
    assert cut == within[-11].at
