"""A schema without the wait: each process runs the migrations once, and databases made later get what they did."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlcipher3 import dbapi2
from tests import memory

from muniment.foundation import postgres, sqlcipher
from muniment.foundation.database import migrate

_VERSION, _ASIDE = "alembic_version", "alembic_version_aside"
_KEY = "ab" * 32


@contextmanager
def schemas() -> Iterator[None]:
    """Let what is created meanwhile go by what was prepared; what is opened is migrated as ever."""
    with (
        tempfile.TemporaryDirectory(prefix="muniment-schema-", dir=memory.place()) as folder,
        closing(_encrypted(Path(folder) / "empty")) as made,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sqlcipher, "migrate", lambda connection: _migrate_file(connection, made))
        patch.setattr(postgres, "migrate", _migrate_postgres)
        yield


def set_aside(connection: sa.Connection) -> None:
    """Let a schema that was just made look empty until `create` comes to it."""
    connection.exec_driver_sql(f"ALTER TABLE {_VERSION} RENAME TO {_ASIDE}")


def _encrypted(path: Path) -> Any:
    """Open an empty file for a schema; pages go from one encrypted file to another, whatever the key of each."""
    opened = cast(Any, dbapi2).connect(str(path), isolation_level=None, check_same_thread=False)
    opened.execute(f"PRAGMA key = \"x'{_KEY}'\"")
    opened.execute("PRAGMA synchronous = OFF")
    return opened


def _migrate_file(connection: sa.Connection, made: Any) -> None:
    empty = not sa.inspect(connection).get_table_names()
    connection.rollback()
    if not empty:
        migrate(connection)
        return
    file: Any = connection.connection.dbapi_connection
    if made.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        try:
            made.backup(file)
        except cast(Any, dbapi2).Error as error:
            raise sa.exc.OperationalError("copying the schema", None, error) from error
    else:
        migrate(connection)
        file.backup(made)


def _migrate_postgres(connection: sa.Connection) -> None:
    if connection.exec_driver_sql(f"SELECT to_regclass('{_ASIDE}') IS NULL").scalar():
        migrate(connection)
    else:
        connection.exec_driver_sql(f"ALTER TABLE {_ASIDE} RENAME TO {_VERSION}")
