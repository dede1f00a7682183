"""What a workflow is given while it runs: each call is one or more rows that the library keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput, MunimentError
from muniment.foundation.workflows.definition import Json, named
from muniment.foundation.workflows.library import Executor
from muniment.foundation.workflows.wire import ours, same

ASLEEP = "-sleep"
"""The topic of which a sleeper waits; no message can have it."""
STATE = "state"
"""The event under which a run's state is kept."""
_LONGEST_BACKOFF = 3600.0

Undo = tuple[str, Callable[..., Json], tuple[Any, ...]]


class DurableSteps:
    """Fills `Steps` for a run under way."""

    def __init__(
        self, run: str, executor: Executor, clock: Clock, note: Callable[[str, str, str], None]
    ) -> None:
        """`note` keeps an attempt that failed: run, step and what the error says."""
        self._note = note
        self._run = run
        self._executor = executor
        self._clock = clock
        self._undos: list[Undo] = []
        self._state: dict[str, Json] = {}

    @property
    def run(self) -> str:
        return self._run

    def do(
        self, name: str, function: Callable[..., Json], *args: Any, attempts: int = 1, backoff: float = 1.0
    ) -> Json:
        from dbos import DBOS

        named(name, "A step's name")

        def work() -> Json:
            return self._tried(name, function, args, attempts, backoff)

        self._executor.pause(0)
        return DBOS.run_step({"name": name}, work)

    def _tried(
        self, name: str, function: Callable[..., Json], args: tuple[Any, ...], attempts: int, backoff: float
    ) -> Json:
        for attempt in range(attempts):
            try:
                return same(function(*args))
            except Exception as error:
                raised = ours(error)
                if raised.final or attempt + 1 == attempts:
                    raise raised from error
                self._note(self._run, name, str(raised))
            self._executor.pause(min(backoff * 2**attempt, _LONGEST_BACKOFF))
        raise BadInput(f"attempts is {attempts}.", fix="Allow at least one.")

    def undo(self, name: str, function: Callable[..., Json], *args: Any) -> None:
        self._undos.append((named(name, "A step's name"), function, args))

    def sleep(self, seconds: float | None = None, *, until: datetime | None = None) -> None:
        if (seconds is None) == (until is None):
            raise BadInput("A sleep says neither how long nor until when, or both.", fix="Give one.")
        left = seconds if until is None else (until - self._clock.now()).total_seconds()
        self._receive(ASLEEP, left or 0.0)

    def wait(self, topic: str, seconds: float) -> Json | None:
        return self._receive(named(topic, "A topic"), seconds)

    def _receive(self, topic: str, seconds: float) -> Json | None:
        from dbos import DBOS

        self._executor.pause(0)
        return DBOS.recv(topic, max(0.0, seconds))

    def tell(self, **state: Json) -> None:
        from dbos import DBOS

        self._executor.pause(0)
        self._state = {**self._state, **state}
        DBOS.set_event(STATE, same(self._state))

    def undo_all(self) -> list[str]:
        """Run what undoes, the last one first; return the names of what could not be undone."""
        return undone(self, self._undos)


def undone(steps: DurableSteps, undos: list[Undo]) -> list[str]:
    """Run what undoes as steps, the last one first; return the names of those that failed."""
    failed: list[str] = []
    for name, function, args in reversed(undos):
        try:
            steps.do(name, function, *args, attempts=5)
        except MunimentError:
            failed.append(name)
    return failed
