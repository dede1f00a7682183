"""The migrations make exactly the tables that the code reads and writes."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import muniment
from muniment.foundation import database as database_module
from muniment.foundation.database import HEAD, metadata
from muniment.foundation.errors import NotSetUp
from muniment.foundation.sqlcipher import SqlCipherDatabase

KEY = b"k" * 32


def load_every_table() -> None:
    for module in pkgutil.walk_packages(muniment.__path__, "muniment."):
        if not module.name.startswith(
            ("muniment.foundation.migrations", "muniment.foundation.sandbox_child")
        ):
            import_module(module.name)


def test_migrations_make_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    load_every_table()
    database = SqlCipherDatabase(tmp_path / "new.db", KEY)
    database.create()
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_the_code_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    database = SqlCipherDatabase(tmp_path / "newer.db", KEY)
    database.create()
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotSetUp, match="9999"):
        SqlCipherDatabase(tmp_path / "newer.db", KEY).check()
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_a_wrong_key_is_named_as_such(tmp_path: Path) -> None:
    SqlCipherDatabase(tmp_path / "x.db", KEY).create()
    with pytest.raises(NotSetUp, match="key"):
        SqlCipherDatabase(tmp_path / "x.db", b"j" * 32).check()
