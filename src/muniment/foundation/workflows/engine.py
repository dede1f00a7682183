"""Starting workflows, sending to them and looking at them from any process; running them in one at a time.

Invariants:
- one key is one run, however many ask for it at one time;
- what is started or sent is there when the call returns, and with a caller's own transaction when that commits;
- one process runs a workspace's workflows: the one that holds its turn. Another takes over when that process has
  ended, or, on Postgres, when the connection of its turn has; what the one before still does is then no longer
  recorded, for each dispatch of a run has a token that each of its records must bear;
- a run of a version that this code does not have stays as it is.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from muniment.foundation.canonical import exact
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database, Lent
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotFound, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.telemetry.instruments import Read
from muniment.foundation.workflows import attempts, library, measured, takeover
from muniment.foundation.workflows.attempts import Attempt
from muniment.foundation.workflows.definition import Definition, Json, StepFailed, named
from muniment.foundation.workflows.library import APPLICATION, RUNS_HERE, Executor, Stopped
from muniment.foundation.workflows.runs import ENDED, UNDOING, Reading, Recorded, Run, State
from muniment.foundation.workflows.steps import DurableSteps, undone
from muniment.foundation.workflows.undoing import undos_of, with_undone
from muniment.foundation.workflows.wire import ours, same

if TYPE_CHECKING:
    from dbos import DBOSClient

TURN = "workflows"
"""The work that one process at a time does."""
POLL_SECONDS = 1.0
"""How soon a start or a message of another process is noticed."""
CLOSE_SECONDS = 60.0
"""How long closing waits for a database that does not answer."""
_TRY_AGAIN = 2.0
"""Between attempts to get the turn."""
_MOST = 1000
_LOG = logging.getLogger("muniment.workflows")


class Workflows:
    """The workflows of one workspace; safe to share between threads."""

    def __init__(
        self,
        database: Database,
        definitions: Iterable[Definition],
        place: Path,
        clock: Clock,
        ids: Ids,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`place` is a file of the home that is in no backup: it tells the home from a copy of it."""
        self._database = database
        self._definitions = {each.title: each for each in definitions}
        self._place = place
        self._clock = clock
        self._ids = ids
        self._poll = poll_seconds
        self._making = threading.Lock()
        self._made: tuple[Lent, DBOSClient, Reading] | None = None
        self._tables_made = False
        self._executor: Executor | None = None
        self._stop = threading.Event()
        self._running = threading.Event()
        self._keeper: threading.Thread | None = None

    def launch(self) -> None:
        """Run workflows in this process from now on, as soon and as long as it has the turn."""
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name="workflows", daemon=True)
            self._keeper.start()

    def prepare(self) -> None:
        """Make the tables where they are not there; a start within a transaction needs them. Raises Unavailable."""
        self._ready()

    def is_running(self, within: float = 0.0) -> bool:
        """Return whether this process has the turn, waiting for it up to so many seconds."""
        return self._running.wait(within)

    def start(
        self, name: str, key: str, given: Mapping[str, Json], within: sa.Connection | None = None
    ) -> str:
        """Start the newest version of a workflow, and return the run's id; the same key gives the same run.

        `within` is a write transaction of this database that the start becomes part of. Raises NotFound where no such
        workflow is known, Conflict where the key was used with something else, BadInput for what JSON cannot say.
        """
        title = self._newest(name).title
        run = run_id(name, key)
        with self._writing(within) as (connection, client, reading):
            found = reading.find(connection, run)
            if found is None:
                self._enqueue(connection, client, title, run, same(given))
            elif exact(reading.whole(connection, run).given) != exact(given):
                raise Conflict("This key was used with something else.", fix="Use a new key.")
        self._look_now(within)
        return run

    def send(self, run: str, topic: str, value: Json, key: str, within: sa.Connection | None = None) -> None:
        """Send a message to a run, once for each key; it is kept until the run waits for that topic.

        Raises NotFound, or Conflict where the run has ended.
        """
        with self._writing(within) as (connection, client, reading):
            found = reading.find(connection, run)
            if found is None:
                raise NotFound("No such run.")
            if found.state in ENDED:
                raise Conflict("The run has ended.", fix="Nothing was sent.")
            client.send_in_transaction(
                connection, run, same(value), named(topic, "A topic"), f"{topic}:{key}"
            )
        self._look_now(within)

    def run(self, run: str) -> Run:
        """Return all that is known of a run; raises NotFound."""
        _, _, reading = self._ready()
        with self._database.read() as connection:
            return reading.whole(connection, run)

    def runs(
        self,
        name: str = "",
        state: State | None = None,
        before: datetime | None = None,
        most: int = 100,
        *,
        given: tuple[str, str] | None = None,
        after: str = "",
    ) -> Sequence[Run]:
        """Return at most so many runs, the youngest first: of one workflow, in one state, begun before.

        `given` names something that they have to have been given, and the text that it was; `after` is the run that
        they stand behind, one of the same.
        """
        if not 1 <= most <= _MOST:
            raise BadInput(f"most is {most}.", fix=f"Ask for 1 to {_MOST} runs at a time.")
        _, _, reading = self._ready()
        with self._database.read() as connection:
            return reading.many(connection, name, state, before, most, given, after)

    def filled(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Return these runs with what they were given and tell."""
        _, _, reading = self._ready()
        with self._database.read() as connection:
            return reading.filled(connection, runs)

    def steps(self, run: str) -> tuple[Sequence[Recorded], Sequence[Attempt]]:
        """Return what a run has recorded of its steps, in order, and the attempts at them that failed."""
        _, _, reading = self._ready()
        with self._database.read() as connection:
            return reading.steps(connection, run), attempts.attempts_of(connection, reading, run)

    def known(self) -> Sequence[Definition]:
        """Return the newest version of each workflow, by name."""
        return [self._newest(name) for name in sorted({each.name for each in self._definitions.values()})]

    def resume(self, run: str) -> None:
        """Let a run go on that is held in a copy of its home, or in quarantine; raises NotFound or Conflict."""
        with self._writing(None) as (connection, _, reading):
            found = reading.find(connection, run)
            if found is None:
                raise NotFound("No such run.")
            if found.state not in (State.HELD, State.QUARANTINED):
                raise Conflict(f"The run is {found.state}.", fix="Nothing holds it back.")
            title = f"{found.name}@{found.version}"
            if title not in self._definitions:
                raise Conflict(f"This version of muniment has no {title}.", fix="Use one that has it.")
            takeover.release(connection, reading, run)
        self._look_now()

    def cancel(self, run: str) -> None:
        """End a run after the step that it is at, and undo what it gave to be undone.

        Raises NotFound, or Conflict where it ended otherwise or this code has not its version.
        """
        with self._writing(None) as (connection, client, reading):
            found = reading.find(connection, run)
            if found is None:
                raise NotFound("No such run.")
            if found.state is State.CANCELLED:
                return
            title = f"{found.name}@{found.version}"
            if title not in self._definitions:
                raise Conflict(f"This version of muniment has no {title}.", fix="Use one that has it.")
            if not takeover.cancel(connection, reading, run, self._clock):
                raise Conflict(f"The run is {found.state}.", fix="Nothing was undone.")
            self._enqueue(connection, client, title + UNDOING, run + UNDOING, {"run": run})
        self._look_now()

    def depths(self) -> Sequence[Read]:
        """Return how many runs have not ended, for the metrics; nothing until somebody needed workflows."""
        if not self._tables_made or self._made is None:
            return ()
        with self._database.read() as connection:
            return list(measured.read(connection, self._made[2].text(measured.COUNTED)))

    def close(self) -> None:
        """Stop running workflows, and close what was opened; what a step under way comes to is not kept."""
        self._stop.set()
        if self._keeper is not None:
            self._keeper.join(CLOSE_SECONDS)
        with self._making:
            if self._made is not None:
                self._made[0].engine.dispose()

    def _look_now(self, within: sa.Connection | None = None) -> None:
        if within is None and (executor := self._executor) is not None:
            executor.look_now()

    def _newest(self, name: str) -> Definition:
        versions = [each for each in self._definitions.values() if each.name == name]
        if not versions:
            raise NotFound(f"No workflow is named {name}.")
        return max(versions, key=lambda each: each.version)

    def _enqueue(
        self, connection: sa.Connection, client: DBOSClient, title: str, run: str, given: Json
    ) -> None:
        client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": title,
                "queue_name": title,
                "workflow_id": run,
                "app_version": RUNS_HERE,
                "application_name": APPLICATION,
            },
            given,
        )

    @contextmanager
    def _writing(self, within: sa.Connection | None) -> Generator[tuple[sa.Connection, DBOSClient, Reading]]:
        if within is not None:
            # The tables were made before: no other connection can make them while this one writes.
            _, client, reading = self._opened()
            yield within, client, reading
            return
        _, client, reading = self._ready()
        with self._database.write() as connection:
            yield connection, client, reading

    def _opened(self) -> tuple[Lent, DBOSClient, Reading]:
        with self._making:
            if self._made is None:
                lent = self._database.lend()
                reading = Reading(lent.schema, self._definitions.keys())
                self._made = lent, library.client(lent), reading
            return self._made

    def _ready(self) -> tuple[Lent, DBOSClient, Reading]:
        made = self._opened()
        with self._making:
            if not self._tables_made:
                _, client, reading = made
                try:
                    library.make_tables(client)
                    with self._database.write() as connection:
                        takeover.make_place(connection, reading)
                        attempts.make_table(connection, reading)
                except exc.SQLAlchemyError as error:
                    raise Unavailable(
                        "The tables of workflows cannot be made.",
                        fix="See that the database can be written, and on Postgres that its role may make schemas.",
                        detail=type(error).__name__,
                    ) from error
                self._tables_made = True
            return made

    def _keep(self) -> None:
        """Get the turn, run workflows while it lasts, and give it back at the end."""
        while not self._stop.is_set():
            try:
                self._ready()
                with self._database.alone(TURN) as require_turn:
                    self._run_here(require_turn)
            except Conflict:
                pass
            except Exception as error:
                # Whatever it is, it may pass; and a thread that ended would say nothing of it.
                said = f"{error} {error.detail}" if isinstance(error, MunimentError) else type(error).__name__
                _LOG.warning("workflows do not run here: %s", said)
            self._stop.wait(_TRY_AGAIN)

    def _run_here(self, require_turn: Callable[[], None]) -> None:
        _, _, reading = self._ready()
        with self._database.write() as connection:
            if takeover.hold_copies(connection, reading, self._place, self._ids):
                _LOG.warning("this home is a copy: unfinished workflows are held until they are resumed")
            titles = [*self._definitions, *(title + UNDOING for title in self._definitions)]
            takeover.take_up(connection, reading, titles, self._clock)
        lent = self._database.lend()
        executor = Executor(lent, self._works(), takeover.ATTEMPTS, self._poll)
        try:
            self._executor = executor
            self._running.set()
            while not self._stop.wait(_TRY_AGAIN):
                require_turn()
            with self._database.write() as connection:
                takeover.forgive(connection, reading)
        finally:
            self._running.clear()
            self._executor = None
            executor.close()
            lent.engine.dispose()

    def _works(self) -> Mapping[str, Callable[..., Any]]:
        works: dict[str, Callable[..., Any]] = {}
        for definition in self._definitions.values():
            works[definition.title] = self._work(definition)
            works[definition.title + UNDOING] = self._undoing(definition)
        return works

    def _work(self, definition: Definition) -> Callable[[Mapping[str, Json]], Json]:
        def work(given: Mapping[str, Json]) -> Json:
            from dbos import DBOS
            from dbos import error as raised

            steps = DurableSteps(str(DBOS.workflow_id), self._here(), self._clock, self._note)
            try:
                return same(definition.run(steps, given))
            except raised.DBOSException as error:
                raise StepFailed(
                    f"{definition.title} does not do what it did when this run began.",
                    fix="Give code that does something else a new version.",
                    detail=str(error),
                ) from error
            except Exception as error:
                failed = steps.undo_all()
                raise with_undone(ours(error), failed) from error

        return work

    def _undoing(self, definition: Definition) -> Callable[[Mapping[str, Json]], Json]:
        def work(given: Mapping[str, Json]) -> Json:
            from dbos import DBOS

            executor, run = self._here(), given["run"]
            while executor.is_running(run):
                executor.pause(0.05)
            _, _, reading = self._ready()
            with self._database.read() as connection:
                whole = reading.whole(connection, run)
                recorded = reading.recorded(connection, run)
            steps = DurableSteps(str(DBOS.workflow_id), executor, self._clock, self._note)
            failed = undone(steps, undos_of(definition, run, whole.given, recorded))
            if failed:
                raise with_undone(StepFailed("The run was cancelled."), failed)
            return {}

        return work

    def _note(self, run: str, step: str, says: str) -> None:
        """Keep an attempt that failed; the run goes on where that cannot be kept."""
        _, _, reading = self._ready()
        try:
            with self._database.write() as connection:
                attempts.note(connection, reading, run, step, takeover.milliseconds(self._clock), says)
        except (exc.SQLAlchemyError, MunimentError) as error:
            _LOG.warning("an attempt at a step is not kept (%s)", type(error).__name__)

    def _here(self) -> Executor:
        executor = self._executor
        while executor is None:
            # A run may be dispatched before its executor's maker has returned it.
            if self._stop.is_set():
                raise Stopped
            self._running.wait(0.05)
            executor = self._executor
        return executor


def run_id(name: str, key: str) -> str:
    """Return the id of the run of a key."""
    if not key:
        raise BadInput("A run's key is empty.", fix="Give what tells it from every other.")
    return "run_" + hashlib.sha256(exact([name, key])).hexdigest()[:40]
