"""Where workflows are kept: encrypted under the workspace's key, out of the confined role's reach, in backups."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.postgres import Server

from muniment.assurance.backup.rights import NO_RIGHTS, rights
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database, confine
from muniment.foundation.errors import NotSetUp
from muniment.foundation.ids import Ids
from muniment.foundation.postgres import PostgresDatabase, schema_of
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.foundation.workflows.definition import Definition, Steps
from muniment.foundation.workflows.engine import Workflows
from muniment.foundation.workflows.runs import State
from muniment.settings import WorkspaceSettings

KEY = b"k" * 32
CANARY = "walnut-canary"


def work(steps: Steps, given: Mapping[str, Any]) -> Mapping[str, Any]:
    steps.tell(stage=CANARY)
    steps.do("keep", lambda: CANARY)
    steps.wait("word", 60)
    return steps.do("break", lambda: {}[CANARY])


@contextmanager
def failed_once(database: Database, place: Path) -> Iterator[Workflows]:
    """Yield workflows of which one waits and one has failed."""
    workflows = Workflows(database, [Definition("keep", 1, work)], place / "place", Clock(), Ids(), 0.02)
    workflows.launch()
    try:
        waits, fails = (workflows.start("keep", key, {"word": CANARY}) for key in ("a", "b"))
        workflows.send(fails, "word", CANARY, "one")
        while (
            workflows.run(fails).state is not State.FAILED or workflows.run(waits).state is not State.WAITING
        ):
            time.sleep(0.01)
        yield workflows
    finally:
        workflows.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqlCipherDatabase]:
    database = SqlCipherDatabase(tmp_path / "muniment.db", KEY)
    database.create()
    yield database
    database.close()


def test_nothing_of_a_workflow_reaches_the_disc_in_clear(
    file: SqlCipherDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.DEBUG), failed_once(file, tmp_path):
        found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"muniment.db", "place", "workflows.lock"} <= set(found)
    assert set(found) <= {"muniment.db", "muniment.db-wal", "muniment.db-shm", "place", "workflows.lock"}
    for name, text in found.items():
        for word in (CANARY.encode(), b"workflow_status", b"SQLite format 3"):
            assert word not in text, name
    assert CANARY not in caplog.text


def test_the_tables_of_workflows_are_in_a_backup_and_give_nobody_a_right(
    file: SqlCipherDatabase, tmp_path: Path
) -> None:
    with file.read() as connection:
        before = rights(connection)
    with failed_once(file, tmp_path):
        file.copy_to(tmp_path / "copy.db")
    copy = SqlCipherDatabase(tmp_path / "copy.db", KEY, frozen=True)
    copy.check()
    with copy.read() as connection:
        assert rights(connection) == before
        assert connection.execute(sa.text("SELECT count(*) FROM workflow_status")).scalar() == 2
        made = set(sa.inspect(connection).get_table_names())
    copy.close()
    with file.read() as connection:
        assert made == set(sa.inspect(connection).get_table_names())
    assert {"workflow_status", "operation_outputs", "notifications", "workflow_place"} <= made & NO_RIGHTS
    file.check()
    file.examine()


def _confined(database: Database, query: sa.TextClause) -> None:
    with database.read() as connection:
        confine(connection, ["user:alice"])
        connection.execute(query)


def test_the_confined_role_of_postgres_reads_no_workflow(postgres: Server, tmp_path: Path) -> None:
    url = postgres.prepared()
    database = PostgresDatabase(url, schema_of(WorkspaceSettings().tenant), KEY)
    database.create()
    try:
        with failed_once(database, tmp_path):
            beside = database.lend().schema
            for table in ("workflow_status", "operation_outputs", "notifications", "workflow_place"):
                query = sa.text(f'SELECT count(*) FROM "{beside}".{table}')
                with database.read() as connection:
                    assert connection.execute(query).scalar() is not None
                with pytest.raises(NotSetUp, match="may not"):
                    _confined(database, query)
        database.drop(database.mark)
        with database.write() as connection:
            left = connection.execute(
                sa.text("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'muniment%'")
            ).scalar()
        assert left == 0
    finally:
        database.close()
        postgres.drop(url)


def test_an_idle_engine_costs_next_to_nothing(file: SqlCipherDatabase, tmp_path: Path) -> None:
    workflows = Workflows(
        file, [Definition("keep", n, work) for n in range(1, 9)], tmp_path / "p", Clock(), Ids()
    )
    workflows.launch()
    assert workflows.is_running(10)
    time.sleep(0.3)
    began, used = time.monotonic(), time.process_time()
    time.sleep(1)
    share = (time.process_time() - used) / (time.monotonic() - began)
    workflows.close()
    assert share < 0.03, "measured by `muniment bench workflows` as well, for longer"


def test_the_library_is_not_loaded_before_something_is_asked_of_it() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from muniment.foundation.workflows import engine; from muniment import app;"
        "from muniment.interfaces.cli import main; assert 'dbos' not in sys.modules and 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
