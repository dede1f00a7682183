"""Statements of every request, put into the database's words once: that costs more than running one.

They are about text, whole numbers and bytes, which go in and come back as the database's driver has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]
_INSIDE = "sqlite"
"""The database inside this process: asking its driver straight costs a tenth of asking by way of a layer. Another's
answers take longer than that, and its connections may be lost, which the layer knows how to tell."""


def say(connection: sa.Connection, text: str, values: Sequence[object] = ()) -> Sequence[Row]:
    """Return the rows of a statement of the database inside this process; raises what its layer would."""
    try:
        return connection.connection.cursor().execute(text, values).fetchall()
    except Exception as error:
        raise _told(connection, text, error) from error


def _told(connection: sa.Connection, text: str, error: Exception) -> BaseException:
    base = connection.dialect.loaded_dbapi.Error
    return exc.DBAPIError.instance(text, None, error, base, hide_parameters=True, dialect=connection.dialect)


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
        return given if self.order is None else tuple([given[name] for name in self.order])


class Worded:
    """A statement with named values."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._words: dict[str, _Words] = {}

    def rows(self, connection: sa.Connection, **values: object) -> Sequence[Row]:
        """Return the rows, in order."""
        words = self._of(connection.dialect)
        placed: Any = words.placed(values)
        if connection.dialect.name == _INSIDE:
            return say(connection, words.text, placed)
        return [tuple(row) for row in connection.exec_driver_sql(words.text, placed)]

    def run(self, connection: sa.Connection, values: Sequence[Mapping[str, object]]) -> None:
        """Run it once for each of some values, in order."""
        words = self._of(connection.dialect)
        placed: Any = [words.placed(one) for one in values]
        if connection.dialect.name != _INSIDE:
            connection.exec_driver_sql(words.text, placed)
            return
        try:
            connection.connection.cursor().executemany(words.text, placed)
        except Exception as error:
            raise _told(connection, words.text, error) from error

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
