"""Statements of every request, put into the database's words once: that costs more than running one.

They are about text, whole numbers and bytes, which go in and come back as the database's driver has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

Row = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Words:
    text: str
    order: tuple[str, ...] | None
    """The names of the values by position, or None where the database takes them by name."""
    own: Mapping[str, Any]
    """The values that the statement holds itself."""

    def placed(self, values: Mapping[str, object]) -> tuple[object, ...] | dict[str, object]:
        """Return these values and its own as the database takes them."""
        given = {**self.own, **values}
        return given if self.order is None else tuple(given[name] for name in self.order)


class Worded:
    """A statement with named values."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._words: dict[str, _Words] = {}

    def rows(self, connection: sa.Connection, **values: object) -> Sequence[Row]:
        """Return the rows, in order."""
        words = self._of(connection.dialect)
        return connection.exec_driver_sql(words.text, words.placed(values)).all()

    def run(self, connection: sa.Connection, values: Sequence[Mapping[str, object]]) -> None:
        """Run it once for each of some values, in order."""
        words = self._of(connection.dialect)
        placed: Any = [words.placed(one) for one in values]
        connection.exec_driver_sql(words.text, placed)

    def _of(self, dialect: sa.Dialect) -> _Words:
        return self._words.get(dialect.name) or self._word(dialect)

    def _word(self, dialect: sa.Dialect) -> _Words:
        compiled = cast(SQLCompiler, cast(sa.ClauseElement, self._statement).compile(dialect=dialect))
        order = tuple(compiled.positiontup or ()) if compiled.positional else None
        own = {name: value for name, value in compiled.params.items() if value is not None}
        words = self._words[dialect.name] = _Words(str(compiled), order, own)
        return words


class Listed:
    """A statement about the rows whose columns have one of several values: one for each size of list, rounded up."""

    def __init__(
        self, statement: sa.Select[*tuple[Any, ...]], *columns: sa.ColumnElement[str] | sa.ColumnElement[int]
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._of_size: dict[int, Worded] = {}

    def rows(self, connection: sa.Connection, values: Sequence[Sequence[object]]) -> Sequence[Row]:
        """Return the rows for up to 500 values, each one to a column."""
        if not values:
            return ()
        size = 1 << (len(values) - 1).bit_length()
        worded = self._of_size.get(size) or self._make(size)
        filled = [*values, *([values[-1]] * (size - len(values)))]
        given = {f"v{at}_{part}": one for at, value in enumerate(filled) for part, one in enumerate(value)}
        return worded.rows(connection, **given)

    def _make(self, size: int) -> Worded:
        among = [
            sa.and_(
                *(
                    column == sa.bindparam(f"v{at}_{part}", type_=column.type)
                    for part, column in enumerate(self._columns)
                )
            )
            for at in range(size)
        ]
        worded = self._of_size[size] = Worded(self._statement.where(sa.or_(*among)))
        return worded
