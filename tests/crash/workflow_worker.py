"""Processes that run workflows until they are killed, each at another point.

Run as `python -m tests.crash.workflow_worker`. It takes lines of JSON, makes a process for each that has all modules
loaded already, and says how that ended. Of what these do outside, each call is one line of a file.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.ids import Ids
from muniment.foundation.postgres import PostgresDatabase
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.foundation.workflows import engine, library, takeover
from muniment.foundation.workflows.definition import Definition, Steps, workflow
from muniment.foundation.workflows.runs import ENDED, State

KEY = b"k" * 32
STOPPED = (*ENDED, State.QUARANTINED)


def opened(said: Mapping[str, Any]) -> Database:
    if said["url"]:
        return PostgresDatabase(said["url"], said["schema"], KEY)
    return SqlCipherDatabase(Path(said["place"]) / "muniment.db", KEY)


def made(database: Database, place: str, definitions: list[Definition]) -> engine.Workflows:
    engine._TRY_AGAIN, takeover._APART = 0.05, 0.8
    return engine.Workflows(database, definitions, Path(place) / "place", Clock(), Ids(), 0.02)


class Outside:
    """Notes each call, and ends the process at one point of what it does."""

    def __init__(self, calls: Path, die_at: int) -> None:
        self._calls = calls
        self._die_at = die_at
        self._points = itertools.count(1)

    def point(self) -> None:
        if next(self._points) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def effect(self, key: str) -> str:
        self.point()
        with self._calls.open("ab", buffering=0) as file:
            file.write(f"{key}\n".encode())
        self.point()
        return key

    def end(self) -> None:
        os._exit(3)

    def slow(self, key: str, seconds: float) -> str:
        self.effect(key)
        time.sleep(seconds)
        return key


def definitions(outside: Outside) -> list[Definition]:
    @workflow("order")
    def order(steps: Steps, given: Mapping[str, Any]) -> Mapping[str, Any]:
        def effect(name: str) -> str:
            outside.point()
            return str(steps.do(name, outside.effect, f"{steps.run}/{name}", attempts=2))

        steps.undo("release", outside.effect, f"{steps.run}/release")
        did = [effect("reserve")]
        steps.tell(did=did)
        did.append(effect("charge"))
        outside.point()
        if not steps.wait("approval", given.get("patience", 60)):
            did.append("in vain")
        outside.point()
        steps.sleep(given.get("rest", 0.01))
        did.append(effect("ship"))
        outside.point()
        return {"did": [key.rpartition("/")[2] for key in did]}

    @workflow("poison")
    def poison(steps: Steps, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if not given.get("at_once"):
            steps.do("first", outside.effect, f"{steps.run}/first")
        steps.do("last", outside.end)
        return {}

    @workflow("slow")
    def slow(steps: Steps, given: Mapping[str, Any]) -> Mapping[str, Any]:
        key, seconds = f"{steps.run}/{{}}", given["seconds"]
        return {"did": [steps.do(name, outside.slow, key.format(name), seconds) for name in "ab"]}

    return [order, slow, poison]


def work(said: Mapping[str, Any]) -> None:
    """Run workflows until the runs that are named have ended, or until this process is."""
    database = opened(said)
    workflows = made(database, said["place"], definitions(Outside(Path(said["calls"]), said["die_at"])))
    workflows.launch()
    while said["until"] is None or any(workflows.run(run).state not in STOPPED for run in said["until"]):
        time.sleep(0.005)


def main() -> None:
    library._prepare()
    for line in sys.stdin:
        said = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                work(said)
            finally:
                os._exit(0)
        print(json.dumps({"child": child}), flush=True)
        if said["until"] is not None:
            print(json.dumps({"status": os.waitpid(child, 0)[1]}), flush=True)
        else:
            reap: Callable[[int, int], Any] = os.waitpid
            threading.Thread(target=reap, args=(child, 0), daemon=True).start()


if __name__ == "__main__":
    main()
