"""WF1, WF6, WF7: kill -9 at each boundary of a workflow's steps, while it waits and while it sleeps; a run that ends
the process again and again; a worker that is paused while another takes over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.crash import workflow_worker
from tests.crash.test_kill_nine import PLACES, ROOT, gone

from benchmarks import under_kills
from muniment.foundation.database import Database
from muniment.foundation.postgres import PostgresDatabase, schema_of
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.foundation.workflows import takeover
from muniment.foundation.workflows.runs import State
from muniment.settings import WorkspaceSettings

KILLED = signal.SIGKILL


class Scene:
    """A database, the processes that work on it, and what they did outside."""

    def __init__(self, database: Database, place: Path, url: str, closing: ExitStack) -> None:
        self.database = database
        self.url = url
        self.calls = place / "calls"
        self.workflows = workflow_worker.made(
            database, str(place), workflow_worker.definitions(workflow_worker.Outside(self.calls, 0))
        )
        closing.callback(self.workflows.close)
        self._said = {
            "place": str(place),
            "url": url,
            "schema": getattr(database, "schema", ""),
            "calls": str(self.calls),
        }
        self._maker = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.workflow_worker"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": PLACES},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        closing.callback(self._end)

    def _end(self) -> None:
        assert self._maker.stdin is not None and self._maker.stdout is not None
        self._maker.stdin.close()
        self._maker.wait()
        self._maker.stdout.close()

    def _read(self, name: str) -> int:
        assert self._maker.stdout is not None
        return int(json.loads(self._maker.stdout.readline())[name])

    def worker(self, until: Sequence[str] | None, die_at: int = 0) -> int:
        """Start a process, and return its number."""
        assert self._maker.stdin is not None
        line = json.dumps({**self._said, "until": until, "die_at": die_at})
        self._maker.stdin.write(line + "\n")
        self._maker.stdin.flush()
        return self._read("child")

    def work(self, *until: str, die_at: int = 0) -> int:
        """Let a process work until these runs have ended, or it has; return how it ended."""
        self.worker(until, die_at)
        return self._read("status")

    def kill(self, child: int) -> None:
        os.kill(child, KILLED)
        while not gone(child):
            time.sleep(0.002)

    def until(self, run: str, *states: State) -> None:
        limit = time.monotonic() + 20
        while self.workflows.run(run).state not in states:
            assert time.monotonic() < limit, self.workflows.run(run)
            time.sleep(0.005)

    def called(self, run: str) -> dict[str, int]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return Counter(line.removeprefix(f"{run}/") for line in lines if line.startswith(run))


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.prove)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as closing:
        url, database = "", None
        if request.param == "postgres":
            server = request.getfixturevalue("postgres")
            url = server.prepared()
            closing.callback(server.drop, url)
            database = PostgresDatabase(url, schema_of(WorkspaceSettings().tenant), workflow_worker.KEY)
        else:
            database = SqlCipherDatabase(tmp_path / "muniment.db", workflow_worker.KEY)
        closing.callback(database.close)
        database.create()
        yield Scene(database, tmp_path, url, closing)


def test_killed_at_every_boundary_of_its_steps_each_effect_is_there_once(scene: Scene) -> None:
    died = 0
    for point in range(1, 100):
        run = scene.workflows.start("order", str(point), {})
        scene.workflows.send(run, "approval", True, "one")
        if scene.work(run, die_at=point) != KILLED:
            break
        died += 1
        assert scene.work(run) == 0
        assert scene.workflows.run(run).result == {"did": ["reserve", "charge", "ship"]}
        called = scene.called(run)
        assert set(called) == {"reserve", "charge", "ship"}
        assert sum(called.values()) <= 4, "more than the step under way was done again"
    assert died == 12


@pytest.mark.parametrize(
    "given", [{"patience": 60}, {"patience": 1.2}, {"rest": 1.2}], ids=["word", "none", "asleep"]
)
def test_killed_while_it_waits_it_goes_on_waiting(scene: Scene, given: dict[str, Any]) -> None:
    run = scene.workflows.start("order", "a", given)
    if "rest" in given:
        scene.workflows.send(run, "approval", True, "one")
    began = time.monotonic()
    for _ in range(2):
        child = scene.worker(None)
        scene.until(run, State.WAITING)
        time.sleep(0.1)
        scene.kill(child)
    assert scene.workflows.run(run).state is State.WAITING
    if given == {"patience": 60}:
        scene.workflows.send(run, "approval", True, "one")
    assert scene.work(run) == 0
    told = scene.workflows.run(run).result
    assert told is not None
    assert ("in vain" in told["did"]) == (given == {"patience": 1.2})
    assert dict(scene.called(run)) == {"reserve": 1, "charge": 1, "ship": 1}
    if given != {"patience": 60}:
        assert 1.1 < time.monotonic() - began < 8


def test_a_run_that_ends_the_process_goes_to_quarantine_and_others_go_on(scene: Scene) -> None:
    others = [scene.workflows.start("order", str(n), {"rest": 0.3}) for n in range(3)]
    poison = scene.workflows.start("poison", "a", {})
    others += [scene.workflows.start("order", str(n), {"rest": 0.3}) for n in range(3, 6)]
    for run in others:
        scene.workflows.send(run, "approval", True, "one")
    ends = [3]
    while ends[-1] and len(ends) < 3 * takeover.ATTEMPTS:
        ends.append(os.waitstatus_to_exitcode(scene.work(poison, *others)))
    # The first time it came further than ever; a time within the same second may count as such.
    assert takeover.ATTEMPTS + 1 <= ends.count(3) - 1 <= takeover.ATTEMPTS + 3 and ends[-1] == 0
    held = scene.workflows.run(poison)
    assert held.state is State.QUARANTINED and "resume" in held.why
    assert scene.called(poison) == {"first": 1}
    for run in others:
        assert scene.workflows.run(run).state is State.DONE
        assert set(scene.called(run)) == {"reserve", "charge", "ship"}
    scene.workflows.resume(poison)
    assert os.waitstatus_to_exitcode(scene.work(poison)) == 3


@pytest.mark.parametrize("scene", ["file"], indirect=True)
def test_a_run_that_ends_the_process_at_once_takes_no_slower_one_with_it(scene: Scene) -> None:
    slow = [scene.workflows.start("slow", "first", {"seconds": 0.3})]
    poison = scene.workflows.start("poison", "a", {"at_once": True})
    slow.append(scene.workflows.start("slow", "second", {"seconds": 0.3}))
    for _ in range(3 * takeover.ATTEMPTS):
        if scene.work(poison, *slow) == 0:
            break
    assert scene.workflows.run(poison).state is State.QUARANTINED
    assert [scene.workflows.run(run).state for run in slow] == [State.DONE] * 2


def test_a_worker_paused_while_another_takes_over_records_nothing(scene: Scene) -> None:
    run = scene.workflows.start("slow", "a", {"seconds": 1})
    paused = scene.worker(None)
    while not scene.called(run):
        time.sleep(0.005)
    os.kill(paused, signal.SIGSTOP)
    try:
        scene.workflows.launch()
        if isinstance(scene.database, SqlCipherDatabase):
            # The lock of a file lasts as long as its process: nobody takes over, and nothing is done twice.
            assert not scene.workflows.is_running(0.5)
        else:
            # As a server does when a client is silent for too long.
            with scene.database.write() as connection:
                connection.execute(
                    sa.text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE state = 'idle in transaction' AND datname = current_database()"
                    )
                )
            assert scene.workflows.is_running(10)
            scene.until(run, State.DONE)
        recorded = scene.workflows.run(run).result
    finally:
        os.kill(paused, signal.SIGCONT)
    if recorded is None:
        scene.until(run, State.DONE)
        assert scene.called(run) == {"a": 1, "b": 1}
        scene.kill(paused)
    else:
        time.sleep(1.5)
        scene.kill(paused)
        assert scene.workflows.run(run).result == recorded
        assert scene.called(run) == {"a": 2, "b": 1}, "the paused worker went on to the next step"


def test_runs_by_the_dozen_all_end_though_the_process_is_killed(tmp_path: Path) -> None:
    found = under_kills.run(tmp_path / "many", "", runs=40, every=(0.8, 1.4))
    assert (found.done, found.lost, found.duplicates) == (40, 0, 0) and found.kills >= 1


@pytest.mark.prove
def test_a_thousand_runs_all_end_though_the_process_is_killed(scene: Scene, tmp_path: Path) -> None:
    url = scene.url if isinstance(scene.database, PostgresDatabase) else ""
    found = under_kills.run(tmp_path / "many", url, runs=1000, every=(2.0, 5.0))
    print(found)
    assert (found.done, found.lost, found.duplicates) == (1000, 0, 0) and found.kills >= 5
