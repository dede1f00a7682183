"""Connections that stay open between transactions: to take one from its pool costs more than a short read.

Invariant: no transaction sees the snapshot of one before it, whatever was left half read there.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import sqlalchemy as sa


class KeptConnections:
    """Connections of one engine, whose driver's are of a type that `ending` made."""

    def __init__(self, engine: sa.Engine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._idle: deque[sa.Connection] = deque()
        self._closed = 0

    @contextmanager
    def transaction(self) -> Generator[sa.Connection]:
        """Lend a connection in a transaction."""
        closed = self._closed
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            with connection.begin():
                try:
                    yield connection
                finally:
                    _driver(connection).end_reading()
        finally:
            self._take_back(connection, closed)

    def close(self) -> None:
        """Close those that nobody has; the others close when they come back."""
        self._closed += 1
        while self._idle:
            with suppress(IndexError):
                _close(self._idle.popleft())

    def _take_back(self, connection: sa.Connection, closed: int) -> None:
        ended = not connection.in_transaction() and not _driver(connection).in_transaction
        if ended and closed == self._closed and len(self._idle) < self._most:
            self._idle.append(connection)
        else:
            _close(connection)


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection


def _close(connection: sa.Connection) -> None:
    """Close it for good: its pool would keep it."""
    connection.detach()
    connection.close()


@cache
def ending(base: type[Any]) -> type[Any]:
    """Return a connection's type whose transactions end their reading with them.

    A result that somebody keeps half read holds its snapshot open beyond the transaction, and the connection's next
    transaction would be of that snapshot.
    """

    class Ending(base):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._cursors: list[weakref.ref[Any]] = []

        def cursor(self, *given: Any) -> Any:
            made = super().cursor(*given)
            self._cursors.append(weakref.ref(made))
            return made

        def end_reading(self) -> None:
            """Close what is still being read."""
            for one in self._cursors:
                cursor = one()
                if cursor is not None:
                    cursor.close()
            self._cursors.clear()

    return Ending
