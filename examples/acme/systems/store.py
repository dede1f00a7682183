"""The database of the systems: one SQLite file in which an effect, its reply and its journal row commit together."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = Path(__file__).parent / "schema.sql"
VERSION = 1


class Unusable(Exception):
    """The file cannot serve; the message says why."""


class Store:
    """A SQLite file. Readers see one moment; writers come one after another."""

    def __init__(self, path: Path, seed: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._turn = threading.Lock()
        try:
            self._writer = self._open()
            self._prepare(seed)
        except sqlite3.Error as error:
            raise Unusable(f"{path} cannot be used as a database: {error}.") from error

    def _open(self) -> sqlite3.Connection:
        # Transactions are begun by hand: the module's own would begin one only at the first write.
        connection = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _prepare(self, seed: Callable[[sqlite3.Connection], None]) -> None:
        with self.writing() as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, VERSION):
                raise Unusable(
                    f"{self._path} has version {found} of the tables; this server reads {VERSION}."
                )
            if found == 0:
                # executescript would commit: a server killed at its first start must begin again from nothing.
                for statement in SCHEMA.read_text("utf-8").split(";\n"):
                    connection.execute(statement)
                seed(connection)
                connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees the database of one moment."""
        connection = self._open()
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writing(self, keep: bool = True) -> Iterator[sqlite3.Connection]:
        """Yield a connection whose changes are all kept, or none; none either unless `keep`."""
        with self._turn:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT" if keep else "ROLLBACK")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def use_token(self, issuer: str, jti: str, expires: int, now: float) -> bool:
        """Return whether this token was unused, and use it up."""
        with self.writing() as connection:
            # An hour longer than they are good for, should the clock be set back.
            connection.execute("DELETE FROM used_tokens WHERE expires < ?", (int(now) - 3600,))
            used = connection.execute(
                "INSERT INTO used_tokens VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (issuer, jti, expires)
            )
            return used.rowcount == 1

    def close(self) -> None:
        self._writer.close()


def new_id(kind: str) -> str:
    """Return an id that nobody can guess."""
    return f"{kind}_{secrets.token_hex(10)}"
