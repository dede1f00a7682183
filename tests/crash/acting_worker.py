"""Processes that run a workspace's workflows until they are killed, each at another point of a step or of a call.

Run as `python -m tests.crash.acting_worker`. It takes lines of JSON, makes a process for each that has all modules
loaded already, and says how that ended. Before a process kills itself it writes where: `step`, or `effect` between
the claim of an action and its outcome.
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
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from muniment import app
from muniment.actions import proposals
from muniment.actions.approvals import Approver
from muniment.actions.runners.call import ToolCall
from muniment.app import Workspace
from muniment.assistant.workflows import access_request
from muniment.foundation.errors import MunimentError
from muniment.foundation.workflows import engine, library, steps
from muniment.foundation.workflows.runs import ENDED, State
from muniment.governance.identity.principal import Actor, Principal
from muniment.settings import parse


class Points:
    """Counts the points that this process passes, and ends it at one of them."""

    def __init__(self, die_at: int, only: str, told: Path) -> None:
        """`only`, where it is not empty, says which points count."""
        self._only = only
        self._die_at = die_at
        self._told = told
        self._points = itertools.count(1)

    def point(self, where: str) -> None:
        if self._only in ("", where) and next(self._points) == self._die_at:
            self._told.write_text(where)
            os.kill(os.getpid(), signal.SIGKILL)

    def around_steps(self, usual: Callable[..., Any]) -> Callable[..., Any]:
        """Pass a point before a step, at its begin, at its end, and after it is recorded."""

        def do(self_: Any, name: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
            def inside(*given: Any) -> Any:
                self.point("step")
                found = function(*given)
                self.point("step")
                return found

            self.point("step")
            found = usual(self_, name, inside, *args, **options)
            self.point("step")
            return found

        return do

    def around_calls(self, usual: Callable[[ToolCall], object]) -> Callable[[ToolCall], object]:
        """Pass a point before what acts, and once it was done."""

        def run(call: ToolCall) -> object:
            where = "effect" if call.manifest.effect != "read" else "step"
            self.point(where)
            found = usual(call)
            self.point(where)
            return found

        return run


def approving(workspace: Workspace, people: list[str], run: str) -> None:
    """Approve whatever waits for these people while a run waits for it, and leave it to the run to carry it out.

    Whoever approved before the run first looked would spare it a step: its points would be others from time to time.
    """
    while True:
        while workspace.workflow_runs.show(run, None).state is not State.WAITING:
            time.sleep(0.01)
        for name in people:
            person = Principal("user", name)
            by = Actor(person.ref, "web")
            with suppress(MunimentError):
                for one in workspace.approvals.inbox(person):
                    shown = workspace.approvals.show(one.id, person, by)
                    who = Approver(person, by, workspace.clock.now())
                    workspace.approvals.approve(one.id, shown.action.digest, shown.ticket, who)
        time.sleep(0.02)


def work(said: Mapping[str, Any]) -> None:
    """Run workflows until one run has ended, or until this process is."""
    engine._TRY_AGAIN = 0.05
    # Whoever is killed so often proposes more in an hour than a person is let.
    proposals.MOST_AN_HOUR = 10_000
    access_request.SHORTEST = timedelta(seconds=1)
    points = Points(said["die_at"], said["only"], Path(said["told"]))
    steps.DurableSteps.do = points.around_steps(steps.DurableSteps.do)  # type: ignore[method-assign]
    workspace = app.open(Path(said["home"]), settings=parse(said["settings"]), embedder=lambda: None)
    workspace.calling.run = points.around_calls(workspace.calling.run)  # type: ignore[method-assign]
    workspace.workflows._poll = 0.02
    workspace.workflows.launch()
    threading.Thread(target=approving, args=[workspace, said["people"], said["run"]], daemon=True).start()
    while workspace.workflow_runs.show(said["run"], None).state not in ENDED:
        time.sleep(0.01)


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
        print(json.dumps({"status": os.waitpid(child, 0)[1]}), flush=True)


if __name__ == "__main__":
    main()
