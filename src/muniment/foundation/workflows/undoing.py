"""Finding what a run that was cancelled would have undone: its function is run again on what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from muniment.foundation.errors import MunimentError
from muniment.foundation.workflows.definition import Definition, Json, StepFailed, named
from muniment.foundation.workflows.steps import Undo


class _End(BaseException):
    """Nothing more was recorded."""


class RecordedSteps:
    """Fills `Steps` by what a run recorded, and runs nothing."""

    def __init__(self, run: str, recorded: Mapping[int, tuple[str, Json]]) -> None:
        """`recorded` holds name and result of each numbered row; a result that is an exception is raised."""
        self._run = run
        self._recorded = recorded
        self._next = 1
        self.undos: list[Undo] = []

    @property
    def run(self) -> str:
        return self._run

    def do(
        self, name: str, function: Callable[..., Json], *args: Any, attempts: int = 1, backoff: float = 1.0
    ) -> Json:
        return self._row(name, 1)

    def undo(self, name: str, function: Callable[..., Json], *args: Any) -> None:
        self.undos.append((named(name, "A step's name"), function, args))

    def sleep(self, seconds: float | None = None, *, until: datetime | None = None) -> None:
        self._row("DBOS.recv", 2)

    def wait(self, topic: str, seconds: float) -> Json | None:
        return self._row("DBOS.recv", 2)

    def tell(self, **state: Json) -> None:
        self._row("DBOS.setEvent", 1)

    def _row(self, name: str, rows: int) -> Json:
        found = self._recorded.get(self._next)
        self._next += rows
        if found is None or found[0] != name:
            raise _End
        if isinstance(found[1], Exception):
            raise found[1]
        return found[1]


def undos_of(
    definition: Definition, run: str, given: Mapping[str, Json], recorded: Mapping[int, tuple[str, Json]]
) -> list[Undo]:
    """Return what a run had given to be undone up to where it came."""
    steps = RecordedSteps(run, recorded)
    try:
        definition.run(steps, given)
    except (_End, Exception):
        # How far it came is all that is asked here; why it ended is in the run's own record.
        return steps.undos
    return steps.undos


def with_undone(error: MunimentError, failed: Sequence[str]) -> MunimentError:
    """Return an error that names what could not be undone besides."""
    if not failed:
        return error
    return StepFailed(
        f"{error.public} {', '.join(failed)} could not be undone.",
        fix="Undo it by hand.",
        detail=error.detail,
    )
