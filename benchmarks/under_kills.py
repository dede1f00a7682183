"""Workflows under way by the hundred in a process that is killed again and again until all have ended.

Each asks something outside for four effects, under a key each. The outside takes each key once and notes every call:
calls beyond the first are of steps that were cut short before they were recorded.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.ids import Ids
from muniment.foundation.postgres import PostgresDatabase
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.foundation.workflows.definition import Definition, Steps
from muniment.foundation.workflows.engine import Workflows
from muniment.foundation.workflows.runs import ENDED, State

KEY = b"k" * 32
SCHEMA = "muniment_under_kills"
STOPPED = (*ENDED, State.QUARANTINED)
EFFECTS = ("reserve", "charge", "ship", "tell")


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it."""

    done: int
    lost: int
    """Effects that were never asked for."""
    duplicates: int
    """Calls of a step after a later step had begun: one that was recorded and ran again."""
    asked_again: int
    """Calls of a step that a kill had cut short, under the key of the first."""
    kills: int
    seconds: float


def database_at(place: Path, url: str) -> Database:
    """Return the database of a run: a file in a folder, or a schema of a server."""
    return PostgresDatabase(url, SCHEMA, KEY) if url else SqlCipherDatabase(place / "muniment.db", KEY)


def workflows_on(database: Database, place: Path) -> Workflows:
    """Return the workflows of a run."""

    def effect(key: str) -> str:
        with (place / "calls").open("ab", buffering=0) as file:
            file.write(f"{key}\n".encode())
        return key

    def work(steps: Steps, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in EFFECTS[:2]:
            steps.do(name, effect, f"{steps.run}/{name}")
        answer = steps.wait("approval", 600)
        steps.sleep(1)
        return {
            "did": [steps.do(name, effect, f"{steps.run}/{name}") for name in EFFECTS[2:]],
            "answer": answer,
        }

    return Workflows(database, [Definition("order", 1, work)], place / "place", Clock(), Ids(), 0.5)


def run(place: Path, url: str, runs: int, every: tuple[float, float], seed: int = 9) -> Found:
    """Start so many runs, and kill the process that runs them after so many seconds each time."""
    place.mkdir(parents=True)
    rng = random.Random(seed)
    database = database_at(place, url)
    database.create()
    workflows = workflows_on(database, place)
    ids = [workflows.start("order", str(number), {"number": number}) for number in range(runs)]
    for number, one in enumerate(ids):
        workflows.send(one, "approval", {"by": number}, "one")
    began, kills = time.perf_counter(), 0
    while True:
        child = _child(place, url)
        killed = _wait(workflows, child, runs, rng.uniform(*every))
        child.kill()
        child.wait()
        if not killed:
            break
        kills += 1
    seconds = time.perf_counter() - began
    done = sum(workflows.run(one).state is State.DONE for one in ids)
    workflows.close()
    database.close()
    calls = (place / "calls").read_text().splitlines()
    return _found(ids, calls, done, kills, seconds)


def _wait(workflows: Workflows, child: subprocess.Popen[bytes], runs: int, seconds: float) -> bool:
    """Return whether the time was up before all had ended; it begins when the process is at work."""
    assert child.stdout is not None
    child.stdout.readline()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if all(each.state in STOPPED for each in workflows.runs(most=min(runs, 1000))):
            return False
        time.sleep(0.2)
    return True


def _found(ids: list[str], calls: list[str], done: int, kills: int, seconds: float) -> Found:
    reached: dict[str, int] = {}
    late = 0
    for call in calls:
        one, _, name = call.partition("/")
        step = EFFECTS.index(name)
        late += step < reached.get(one, 0)
        reached[one] = max(step, reached.get(one, 0))
    wanted = {f"{one}/{name}" for one in ids for name in EFFECTS}
    return Found(done, len(wanted - set(calls)), late, len(calls) - len(set(calls)), kills, seconds)


def _child(place: Path, url: str) -> subprocess.Popen[bytes]:
    source = Path(sys.modules[Workflows.__module__].__file__ or "").parents[3]
    child = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert child.stdin is not None
    # An address may hold a password, which others could read among a process's arguments.
    child.stdin.write(json.dumps({"place": str(place), "url": url}).encode() + b"\n")
    child.stdin.close()
    return child


def _work() -> None:
    said = json.loads(sys.stdin.readline())
    place = Path(said["place"])
    workflows = workflows_on(database_at(place, said["url"]), place)
    workflows.launch()
    workflows.is_running(60)
    print("at work", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    _work()
