"""The door to dbos: one of it for each database, without its pickle, its network and its words in the log.

The library keeps one of itself for a process, and reads pickled values whatever serializer it is given, where a row
says so. Both are changed here, at names that are not its public ones: hence the exact version in `requirements/`, and
tests that fail where a name is gone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from muniment.foundation.clock import Clock
from muniment.foundation.database import Lent
from muniment.foundation.errors import NotSetUp, Tampered, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.workflows.wire import JsonFormat

if TYPE_CHECKING:
    from dbos import DBOSClient

APPLICATION = "muniment"
RUNS_HERE = "1"
"""What the library takes for the version of the code; ours are in the names of workflows."""
EXECUTOR = "muniment"
"""One name for whoever holds the turn: what one left behind, the next takes up."""
AT_WORK = 64
"""Runs at their steps at one time; those that wait are not counted. More would keep each other from getting on."""
_SOON = 0.05
"""Seconds until work is looked for again that there was no room for."""
_DISK_SAYS = ("disk I/O error", "database or disk is full", "unable to open database file")
"""What the database of a file says of the disk."""
_DISK_SECONDS = 0.5
"""Between attempts to write to a disk that fails."""
_LOG = logging.getLogger("muniment.workflows")
_CURRENT: ContextVar[Any] = ContextVar("workflows of this thread")
_MAKING = threading.Lock()


class Stopped(BaseException):
    """These workflows are being closed: the thread goes, and what it did is taken up by whoever comes next."""


def client(lent: Lent) -> DBOSClient:
    """Return what starts runs and sends to them; it runs none."""
    _prepare()
    from dbos import DBOSClient

    return DBOSClient(
        system_database_engine=lent.engine,
        dbos_system_schema=lent.schema,
        serializer=JsonFormat(),  # pyright: ignore[reportArgumentType]
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,
    )


def make_tables(client: DBOSClient) -> None:
    """Make or migrate the library's tables, whole or not at all."""
    tables: Any = getattr(client, "_sys_db")  # noqa: B009
    tables.use_listen_notify = False
    tables.run_migrations()


class Executor:
    """What runs workflows of one database in this process."""

    def __init__(
        self, lent: Lent, works: Mapping[str, Callable[..., Any]], attempts: int, poll_seconds: float
    ) -> None:
        """`works` are functions by title; each has a queue of that name, so that what nobody knows is left alone."""
        _prepare()
        self._leaving = threading.Event()
        self._closed = False
        event.listen(lent.engine, "begin", self._refuse_when_closed)
        inside: Any = import_module("dbos._dbos")
        registry = inside.DBOSRegistry()
        for title, work in works.items():
            registry._register_internal_queue(title)
            decorate: Any = import_module("dbos._core").decorate_workflow
            decorate(registry, title, attempts - 1)(self._here(work))
        self._made = _make(registry, lent, poll_seconds)
        self._made._launch()

    def _here(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            _CURRENT.set(self._made)
            try:
                return work(*given)
            except Exception:
                # What fails because the ground is taken away has not failed.
                self.pause(0)
                raise

        return run

    def _refuse_when_closed(self, _connection: sa.Connection) -> None:
        if self._closed:
            raise Stopped

    def is_running(self, run: str) -> bool:
        """Return whether a thread of this process is at work on a run."""
        return run in self._made._active_workflows_set.activeList()

    def pause(self, seconds: float) -> None:
        """Wait; raises Stopped as soon as these workflows are closed."""
        if self._leaving.wait(seconds):
            raise Stopped

    def look_now(self) -> None:
        """Look for work and messages at once."""
        if (tables := self._made._sys_db_field) is not None:
            _nudge(tables).set()

    def close(self) -> None:
        """Stop taking up work, wake what waits, and let what works end its step."""
        tables = self._made._sys_db
        self._leaving.set()
        tables._run_background_processes = False
        _nudge(tables).set()
        self._made._destroy(workflow_completion_timeout_sec=0)
        # Only now that the library's own threads have ended: who wakes must find nothing to write to.
        self._closed = True
        for _, _, woken in tables.notifications_map.snapshot():
            woken.set()


def _make(registry: Any, lent: Lent, poll_seconds: float) -> Any:
    """Return one that is not the process's own."""
    from dbos import DBOS

    inside: Any = import_module("dbos._dbos")
    made: Any = object.__new__(DBOS)
    with _MAKING:
        before = inside._dbos_global_registry
        inside._dbos_global_registry = registry
        try:
            made.__init__(
                config={
                    "name": APPLICATION,
                    "application_version": RUNS_HERE,
                    "executor_id": EXECUTOR,
                    "system_database_url": _address(lent),
                    "system_database_engine": lent.engine,
                    "dbos_system_schema": lent.schema or "dbos",
                    "serializer": JsonFormat(),
                    "use_listen_notify": False,
                    "run_migrations": False,
                    "enable_otlp": False,
                    "log_level": "WARNING",
                    "notification_listener_polling_interval_sec": poll_seconds,
                }
            )
        finally:
            inside._dbos_global_registry = before
            _quieten()
    return made


def _address(lent: Lent) -> str:
    """Return an address of the right kind; the engine is what is used."""
    return "sqlite:///unused" if lent.schema is None else "postgresql://unused/unused"


@cache
def _prepare() -> None:
    """Change the library once for this process; raises NotSetUp where it is not installed."""
    try:
        params: Any = import_module("dbos._utils").GlobalParams
    except ImportError as error:
        raise NotSetUp(
            "Workflows need the extra `workflows`.", fix='Run: pip install "muniment[workflows]"'
        ) from error
    params.dbos_cloud = False
    pickled: Any = import_module("dbos._serialization").DefaultSerializer
    pickled.serialize = _refuse_pickle
    pickled.deserialize = _refuse_pickle
    inside: Any = import_module("dbos._dbos")
    inside._get_dbos_instance = _CURRENT.get
    inside.queue_thread = _look_after
    inside.dynamic_scheduler_loop = inside.background_jobs_thread = _nothing
    # An index that is made beside others waits for every transaction of the server's database, such as the turn of
    # another workspace, which ends with its process.
    import_module("dbos._migration").__dict__["_concurrently"] = _in_place
    tables: Any = import_module("dbos._sys_db")
    usual = tables.retriable_postgres_exception

    def may_pass(error: Exception) -> bool:
        return isinstance(error, Unavailable) or _is_of_the_disk(error) or bool(usual(error))

    tables.retriable_postgres_exception = may_pass
    tables.SystemDatabase._notification_listener_polling = _nothing
    _quieten()


def _is_of_the_disk(error: Exception) -> bool:
    """Return whether a file could not be written: a run waits for the disk to be well, and has not failed."""
    said = str(error.orig) if isinstance(error, exc.OperationalError) else ""
    return any(words in said for words in _DISK_SAYS)


def _nothing(*_: object) -> None:
    pass


def _in_place(*_: object) -> str:
    return ""


def _refuse_pickle(*_: object) -> Any:
    raise Tampered(
        "A value of a workflow is written in a way that could run code; it was not read.",
        fix="Restore the database from a backup, and find out who wrote it.",
    )


class _Wordless(logging.Handler):
    """Tells where the library had something to say, without its words: they may hold what a step was given."""

    def emit(self, record: logging.LogRecord) -> None:
        raised = record.exc_info[0] if record.exc_info else None
        kind = f" ({raised.__name__})" if raised is not None else ""
        # What a workflow raised is in its record: no error of the engine.
        _LOG.log(
            min(record.levelno, logging.WARNING),
            "the workflow engine, at %s:%d%s",
            record.module,
            record.lineno,
            kind,
        )


def _quieten() -> None:
    log = logging.getLogger("dbos")
    log.handlers[:] = [_Wordless()]
    log.setLevel(logging.WARNING)
    log.propagate = False


_UNDER_WAY = """SELECT s.workflow_uuid, n.topic FROM {schema}workflow_status s
LEFT JOIN {schema}notifications n ON n.destination_uuid = s.workflow_uuid AND n.consumed = FALSE
WHERE s.status = 'PENDING'"""
_READY = """SELECT DISTINCT queue_name FROM {schema}workflow_status
WHERE status = 'ENQUEUED' AND application_version = :here"""
_STAMPED = "UPDATE {schema}workflow_status SET started_at_epoch_ms = :now WHERE owner_xid = :token"
_LATER = (
    "SELECT 1 FROM {schema}workflow_status WHERE status = 'DELAYED' AND delay_until_epoch_ms <= :now LIMIT 1"
)


def _now() -> int:
    return int(Clock().now().timestamp() * 1000)


def _nudge(tables: Any) -> threading.Event:
    """Return what has the library's tables looked at before it is time."""
    return vars(tables).setdefault("muniment_nudge", threading.Event())


def _look_after(stop: threading.Event, made: Any) -> None:
    """Take the place of the library's threads that look for work, for messages and at the clock.

    Theirs ask once for each queue and for each run that waits; this asks for all at once, and is woken by what
    happens in this process.
    """
    tables = made._sys_db
    schema = f'"{tables.schema}".' if tables.schema else ""
    queries = [sa.text(sql.format(schema=schema)) for sql in (_UNDER_WAY, _READY, _LATER)]
    nudge = _nudge(tables)
    soon, usual = False, tables._notification_listener_polling_interval_sec
    while not stop.is_set():
        nudge.wait(min(_SOON, usual) if soon else usual)
        nudge.clear()
        try:
            soon = not stop.is_set() and _look(made, *queries)
        except Exception as error:
            # Such as a lost connection, or a key that is switched off: it is tried again.
            _LOG.warning("work for workflows could not be looked for (%s)", type(error).__name__)


def _look(made: Any, under_way: sa.TextClause, ready: sa.TextClause, later: sa.TextClause) -> bool:
    """Return whether something stands in line that there was no room for."""
    tables = made._sys_db
    waiting = tables.notifications_map.snapshot()
    with tables.engine.begin() as connection:
        found = connection.execute(under_way).all() if waiting else []
        due = connection.execute(later, {"now": _now()}).scalar()
        queues = set(connection.execute(ready, {"here": RUNS_HERE}).scalars())
    _wake(waiting, found)
    if due:
        tables.transition_delayed_workflows()
    for name, queue in list(made._registry.internal_queue_map.items()):
        if due or name in queues:
            _claim(made, queue)
    return bool(queues & made._registry.internal_queue_map.keys())


def _claim(made: Any, queue: Any) -> None:
    """Dispatch what stands in a queue and there is room for, under a token that each of its records has to bear."""
    tables = made._sys_db
    queue._worker_concurrency = AT_WORK
    at_work = len(made._active_workflows_set.activeList()) - len(tables.notifications_map.snapshot())
    token = Ids().new("dispatch")
    run: Any = import_module("dbos._core").execute_dequeued_workflow
    claimed, _ = tables.start_queued_workflows(
        queue, EXECUTOR, RUNS_HERE, None, max(0, at_work), owner_xid=token
    )
    if claimed:
        # The library's own time is the server's, or whole seconds: none to compare with the times of steps.
        _stamp(tables, token)
    for status in tables.get_workflow_statuses(claimed):
        try:
            run(made, status, token)
        except Exception as error:
            # It was put in quarantine, or its input cannot be read, as its record says; or all is being closed.
            if made._executor_field is not None:
                _LOG.warning("a run was not dispatched (%s)", type(error).__name__)


def _stamp(tables: Any, token: str) -> None:
    """Note when what was claimed is dispatched; waits for a disk that fails, for nobody else would dispatch it."""
    schema = f'"{tables.schema}".' if tables.schema else ""
    said = {"now": _now(), "token": token}
    while True:
        try:
            with tables.engine.begin() as connection:
                connection.execute(sa.text(_STAMPED.format(schema=schema)), said)
            return
        except exc.OperationalError as error:
            if not _is_of_the_disk(error) or not tables._run_background_processes:
                raise
        time.sleep(_DISK_SECONDS)


def _wake(waiting: Iterable[Any], found: Iterable[Any]) -> None:
    """Wake who has a message, and who waits for a run that is no longer under way."""
    sent = {(str(run), topic) for run, topic in found}
    under_way = {run for run, _ in sent}
    for _, (run, topic, *_key), woken in waiting:
        if run not in under_way or (run, topic) in sent:
            woken.set()
