"""A database that is read and written only while a lease holds."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy as sa
from sqlalchemy import event

from muniment.foundation.clock import Clock
from muniment.foundation.database import CLOCK, Condition, Database, Lent


class LeasedDatabase:
    """Fills `Database` by another one, checking before each transaction."""

    def __init__(
        self, inner: Database, check: Callable[[], None], writes: bool = True, clock: Clock | None = None
    ) -> None:
        """`check` raises when the lease is lost. Without `writes`, writing goes on: the log records refusals so.

        `clock` is what `moment` asks in its transactions.
        """
        self.inner = inner
        self._check = check
        self._checks_writes = writes
        self._clock = clock or Clock()

    @property
    def place(self) -> str:
        return self.inner.place

    @property
    def beside(self) -> str | None:
        return self.inner.beside

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        self._check()
        with self.inner.read() as connection:
            connection.info[CLOCK] = self._clock
            yield connection

    @contextmanager
    def write(self) -> Generator[sa.Connection]:
        if self._checks_writes:
            self._check()
        with self.inner.write() as connection:
            connection.info[CLOCK] = self._clock
            yield connection

    def alone(self, work: str) -> AbstractContextManager[Callable[[], None]]:
        return self.inner.alone(work)

    def lend(self) -> Lent:
        """Return an engine each of whose transactions begins only while the lease holds."""
        lent = self.inner.lend()

        def begin(_connection: sa.Connection) -> None:
            self._check()

        event.listen(lent.engine, "begin", begin)
        return lent

    def exists(self) -> bool:
        return self.inner.exists()

    def create(self) -> None:
        self.inner.create()

    def check(self) -> None:
        self.inner.check()

    def examine(self) -> Condition:
        self._check()
        return self.inner.examine()

    def scrub(self) -> bool:
        return self.inner.scrub()

    def close(self) -> None:
        self.inner.close()

    def discard(self) -> None:
        self.inner.discard()
