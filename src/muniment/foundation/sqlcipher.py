"""The database as one encrypted file: SQLCipher, write-ahead log, synchronous=FULL.

A write transaction begins immediate, so two writers never interleave, and returns only after fsync.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc, pool

from muniment.foundation.database import BUSY_SECONDS, Condition, Lent, is_current, migrate
from muniment.foundation.errors import Conflict, MunimentError, NotSetUp, Tampered, Unavailable
from muniment.foundation.kept_connections import KeptConnections, ending
from muniment.foundation.private_file import make_folder
from muniment.foundation.worded import say
from muniment.foundation.write_turn import WriteTurn

_READERS = 8
"""Connections to read by that stay open."""
_LENT = 8
"""Connections of a library that keeps its own tables here: as many threads of it at most stand in line to write."""
_WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE")
_SCRUB_SECONDS = 5.0
"""How long the write-ahead log is waited for that others read."""
_POLL_SECONDS = 0.001
"""Between attempts to begin a write; the database's own waits grow to a tenth of a second, in which another process
that writes again and again has had the turn several times."""


class SqlCipherDatabase:
    """Fills `Database` on one SQLCipher file."""

    def __init__(self, path: Path, key: bytes, frozen: bool = False, durable: bool = True) -> None:
        """`frozen` opens a file that nobody writes, to read alone and without a trace beside it.

        What is not `durable` need not outlive the machine: nothing waits for the disk.
        """
        self.path = path
        self._frozen = frozen
        self._synchronous = "FULL" if durable else "OFF"
        self._key = key.hex()
        self._engine = self._make_engine(_begin, pool_size=_READERS, max_overflow=56)
        self._writer = self._make_engine(_begin_write, pool_size=1, max_overflow=0)
        self._write_lock = WriteTurn()
        self._readers = KeptConnections(self._engine, _READERS)
        self._writers = KeptConnections(self._writer, 1)

    def _make_engine(
        self, begin: Callable[[sa.Connection], None], pool_size: int, max_overflow: int
    ) -> sa.Engine:
        from sqlcipher3 import dbapi2

        where = f"sqlite:///{self.path}"
        if self._frozen:
            where = f"sqlite:///file:{quote(str(self.path.absolute()))}?mode=ro&immutable=1&uri=true"
        engine = sa.create_engine(
            where,
            module=dbapi2,
            poolclass=pool.QueuePool,
            pool_size=pool_size,
            max_overflow=max_overflow,
            connect_args={
                "check_same_thread": False,
                "timeout": BUSY_SECONDS,
                "factory": ending(cast(Any, dbapi2).Connection),
            },
        )

        def prepare(connection: Any, _record: object) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA cipher_log_level = NONE")
            connection.execute(f"PRAGMA key = \"x'{self._key}'\"")
            connection.execute("PRAGMA cipher_memory_security = OFF")
            if not self._frozen:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA secure_delete = ON")
            if begin is not _begin:
                connection.execute("PRAGMA busy_timeout = 0")

        event.listen(engine, "connect", prepare)
        event.listen(engine, "begin", begin)
        return engine

    @property
    def place(self) -> str:
        """Return the file's path."""
        return str(self.path)

    @property
    def beside(self) -> None:
        """Return no schema: a library's tables lie among ours."""
        return

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        """A snapshot; raises Unavailable or NotSetUp when the file cannot be read."""
        with _translated(self.path), self._readers.transaction() as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[sa.Connection]:
        """An immediate transaction, durable when the block ends, undone when it raises."""
        with _translated(self.path), self._write_lock, self._writers.transaction() as connection:
            yield connection

    @contextmanager
    def alone(self, work: str) -> Generator[Callable[[], None]]:
        """Hold the lock on a file beside the database; raises Conflict where another process does this work."""
        lock = self.path.with_name(f"{work}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(
                f"{lock} cannot be made ({error.strerror}).",
                fix="Free some disk space or mend the folder's permissions.",
            ) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    f"Another {work} is running in this workspace.", fix="Wait for it to finish."
                ) from error
            # The lock ends with this handle, so with this process at the latest.
            yield lambda: None
        finally:
            os.close(handle)

    def lend(self) -> Lent:
        """Return an engine on the same file; its transactions begin with their first write, in turn."""
        engine = self._make_engine(_begin_nothing, pool_size=_LENT, max_overflow=0)
        event.listen(engine, "before_cursor_execute", _begin_before_writing, retval=True)
        return Lent(engine, None)

    def exists(self) -> bool:
        """Return whether the file is there."""
        return self.path.exists()

    def create(self) -> None:
        """Make the file and its schema, whole or not at all; raises Conflict for a file that is there."""
        try:
            make_folder(self.path.parent, 0o700)
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as error:
            raise Conflict(f"{self.path} already exists.", fix="Nothing was overwritten.") from error
        except OSError as error:
            raise Unavailable(
                f"{self.path} cannot be made ({error.strerror}).",
                fix="Free some disk space or mend the folder's permissions.",
            ) from error
        try:
            self._migrate()
        except MunimentError:
            self.discard()
            raise

    def check(self) -> None:
        """Refuse a missing, foreign or newer database; migrate an older one."""
        if not self.path.exists():
            raise NotSetUp(f"No database at {self.path}.", fix="Run `muniment init` first.")
        with self.read() as connection:
            tables = sa.inspect(connection).get_table_names()
            found = (
                connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
                if "alembic_version" in tables
                else None
            )
        if not is_current(self.place, found):
            self._migrate()

    def _migrate(self) -> None:
        with _translated(self.path), self._engine.connect() as connection:
            migrate(connection)

    def examine(self) -> Condition:
        """Check every page; raises Tampered for a damaged file."""
        whole = self._is_whole()
        if not whole and not self._frozen:
            # The check reads the file alone, and a page that a process half wrote there when it was killed stands
            # whole in the log beside it.
            self._fold_log()
            whole = self._is_whole()
        if not whole:
            raise Tampered("The database is damaged.", fix="Restore the home folder from a backup.")
        return Condition(f"{self.path} is whole and encrypted")

    def _is_whole(self) -> bool:
        with self.read() as connection:
            state = connection.exec_driver_sql("PRAGMA cipher_integrity_check").fetchall()
            quick = connection.exec_driver_sql("PRAGMA quick_check").scalar()
        return not state and quick == "ok"

    def _fold_log(self) -> None:
        """Write what the log holds into the file."""
        from sqlcipher3 import dbapi2

        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(FULL)")
        except dbapi2.DatabaseError as error:  # pyright: ignore[reportAttributeAccessIssue]
            raise Unavailable(
                f"The database could not be checked ({error}).",
                fix="Free some disk space or mend the folder's permissions, then check again.",
                detail=str(error),
            ) from error
        finally:
            connection.close()

    def copy_to(self, target: Path) -> None:
        """Write one snapshot to a new file, compact and encrypted: no deleted row is in it."""
        from sqlcipher3 import dbapi2

        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(target),))
            target.chmod(0o600)
        except dbapi2.DatabaseError as error:  # pyright: ignore[reportAttributeAccessIssue]
            raise Unavailable(
                f"The database could not be copied ({error}).",
                fix="Free some disk space, or run `muniment doctor`.",
                detail=str(error),
            ) from error
        finally:
            connection.close()

    def scrub(self) -> bool:
        """Empty the write-ahead log into the file, where deleted rows are overwritten; wait for readers a while."""
        until = time.monotonic() + _SCRUB_SECONDS
        with self._write_lock:
            connection = self._engine.raw_connection()
            try:
                while True:
                    busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                    if not busy or time.monotonic() > until:
                        return not busy
                    time.sleep(_POLL_SECONDS)
            finally:
                connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        self._writers.close()
        self._engine.dispose()
        self._writer.dispose()

    def discard(self) -> None:
        """Close and remove a database that this object made and that holds nothing yet."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _begin(connection: sa.Connection) -> None:
    say(connection, "BEGIN DEFERRED")


def _begin_nothing(_connection: sa.Connection) -> None:
    pass


def _begin_before_writing(
    connection: sa.Connection, _cursor: object, statement: str, parameters: Any, *_said: object
) -> tuple[str, Any]:
    """Begin as our own writers do, whoever asks for it: the database's own way of waiting is outrun by them."""
    first = statement.split(maxsplit=1)[0].upper()
    driver: Any = connection.connection.dbapi_connection
    if first in _WRITES and not driver.in_transaction:
        _begin_write(connection)
        if first == "BEGIN":
            return "SELECT 1", parameters
    return statement, parameters


def _begin_write(connection: sa.Connection) -> None:
    """Begin an immediate transaction within BUSY_SECONDS of waiting for other processes."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            say(connection, "BEGIN IMMEDIATE")
            return
        except exc.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > until:
                raise
        time.sleep(_POLL_SECONDS)


def _is_busy(error: exc.OperationalError) -> bool:
    text = str(getattr(error, "orig", error))
    return "locked" in text or "busy" in text


@contextmanager
def _translated(path: Path) -> Generator[None]:
    try:
        yield
    except exc.OperationalError as error:
        text = str(getattr(error, "orig", error))
        if _is_busy(error):
            raise Conflict(
                "Another process is writing to this workspace.",
                fix="Try again when it has finished.",
                detail=text,
            ) from error
        raise Unavailable(
            f"The database cannot be read or written ({text}).",
            fix="Free some disk space or mend the folder's permissions; nothing was lost.",
            detail=text,
        ) from error
    except exc.DatabaseError as error:
        text = str(getattr(error, "orig", error))
        if "not a database" in text or "malformed" in text:
            raise NotSetUp(
                f"{path} does not open with this workspace's key, or is damaged.",
                fix="Put back the right key file, or restore the folder from a backup.",
                detail=text,
            ) from error
        raise
