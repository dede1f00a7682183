"""A schema without the wait: each process runs the migrations once, and databases made later get what they did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from muniment.foundation import postgres, sqlcipher
from muniment.foundation.database import migrate

_CHANGES = ("ALTER", "CREATE", "DELETE", "DROP", "INSERT", "UPDATE")
_VERSION, _ASIDE = "alembic_version", "alembic_version_aside"
_done: list[tuple[str, Any]] = []
"""The statements by which the migrations made the schema of an empty file."""


@contextmanager
def schemas() -> Iterator[None]:
    """Let what is created meanwhile go by what was prepared; what is opened is migrated as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlcipher, "migrate", _migrate_file)
        patch.setattr(postgres, "migrate", _migrate_postgres)
        yield


def set_aside(connection: sa.Connection) -> None:
    """Let a schema that was just made look empty until `create` comes to it."""
    connection.exec_driver_sql(f"ALTER TABLE {_VERSION} RENAME TO {_ASIDE}")


def _migrate_file(connection: sa.Connection) -> None:
    empty = not sa.inspect(connection).get_table_names()
    connection.rollback()
    if not empty:
        migrate(connection)
    elif _done:
        for statement, parameters in _done:
            connection.exec_driver_sql(statement, parameters)
        connection.commit()
    else:
        _done.extend(_recorded(connection))


def _recorded(connection: sa.Connection) -> list[tuple[str, Any]]:
    """Run the migrations, and return what they changed."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(_CHANGES):
            seen.append((statement, parameters))

    event.listen(connection.engine, "before_cursor_execute", note)
    try:
        migrate(connection)
    finally:
        event.remove(connection.engine, "before_cursor_execute", note)
    return seen


def _migrate_postgres(connection: sa.Connection) -> None:
    if connection.exec_driver_sql(f"SELECT to_regclass('{_ASIDE}') IS NULL").scalar():
        migrate(connection)
    else:
        connection.exec_driver_sql(f"ALTER TABLE {_ASIDE} RENAME TO {_VERSION}")
