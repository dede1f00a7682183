"""A worker that plays the scenario in processes of its own, and the home as it stood before each step."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.scenario import NAMES, Facts
from tests.crash.shim import Fault
from tests.crash.test_kill_nine import PLACES, ROOT

Line = dict[str, Any]


@dataclass
class Before:
    """What a step begins with, and what it comes to where nothing goes wrong."""

    place: Path
    told: dict[str, Facts]
    points: int = 0
    seen: dict[str, list[list[str]]] = field(default_factory=dict)


class Players:
    """Plays the scenario, or one step of it, always in the same folder."""

    def __init__(self, place: Path, shim: Path) -> None:
        self.live = place / "live"
        self._kept = place / "kept"
        self._said = place / "said"
        self._loaded = str(place / "loaded")
        self._learned = False
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.faulted_worker"],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": PLACES,
                "LD_PRELOAD": str(shim),
                "OPENBLAS_NUM_THREADS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._worker.communicate()

    def ask(self, **said: object) -> tuple[int, list[Line]]:
        """Return how a process ended, and what it said."""
        self._said.unlink(missing_ok=True)
        line = {**said, "base": str(self.live), "said": str(self._said)}
        assert self._worker.stdin is not None and self._worker.stdout is not None
        self._worker.stdin.write(json.dumps(line) + "\n")
        self._worker.stdin.flush()
        status = int(json.loads(self._worker.stdout.readline())["status"])
        return status, [json.loads(line) for line in self._said.read_text().splitlines()]

    def rehearse(self, look: bool) -> dict[str, Before]:
        """Play every step without a fault; return what each begins with. `look` checks what it comes to."""
        self.live.mkdir()
        told: dict[str, Facts] = {}
        found: dict[str, Before] = {}
        for name in NAMES:
            before = Before(self._kept / name, dict(told))
            shutil.copytree(self.live, before.place)
            _, said = self.ask(do="fault", step=name, fault=Fault.NONE, at=0, loaded=self._loaded)
            assert [line["say"] for line in said] == ["done", "done", "ended"], said
            told[name] = said[0]["facts"]
            before.points = said[-1]["points"]
            if look:
                shutil.copytree(self.live, self._kept / "after")
                before.seen = self.left(told)["seen"]
                shutil.rmtree(self.live)
                shutil.move(self._kept / "after", self.live)
            found[name] = before
        self.left(told)
        self._learned = True
        return found

    def left(self, told: dict[str, Facts], current: str = "", seen: object = None) -> Facts:
        """Return what a later process finds where all this was acknowledged."""
        learn = {} if self._learned else {"loaded": self._loaded}
        status, said = self.ask(do="check", told=told, current=current, seen=seen, **learn)
        assert [line["say"] for line in said] == ["done"], _words(status, said)
        return dict(said[0]["facts"])

    def play(self, before: Before, name: str, fault: Fault, at: int) -> str:
        """Play a step while a call goes wrong, and look at what is left; return that call, empty for none.

        The step is done, or refused in words and then done once the disk is mended.
        """
        shutil.rmtree(self.live, ignore_errors=True)
        shutil.copytree(before.place, self.live)
        status, said = self.ask(do="fault", step=name, fault=fault, at=at)
        ends = [line for line in said if line["say"] not in ("fired", "ended")]
        fired = next((line["at"] for line in said if line["say"] in ("fired", "ended")), "a kill")
        told = dict(before.told)
        if fault is Fault.KILL and fired == "a kill":
            assert status == signal.SIGKILL, _words(status, said)
        else:
            assert status == 0, _words(status, said)
            kinds = [line["say"] for line in ends]
            refused = [line for line in ends if line["say"] == "refused"]
            assert kinds in (["done", "done"], ["refused", "done", "done"]), _words(status, said)
            assert all("\n" not in line["words"] for line in refused)
            assert fired or not refused or fault is Fault.ENOSPC, _words(status, said)
        for line in ends:
            if line["say"] == "done" and line["facts"] is not None:
                told[name] = line["facts"]
        self.left(told, "" if name in told else name, before.seen)
        return str(fired)


def _words(status: int, said: list[Line]) -> str:
    return "\n".join([f"status {status}", *(f"{line['say']}: {line}".replace("\\n", "\n") for line in said)])
