"""Transactions on a Postgres schema, and what is said when it cannot be used."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.postgres import Server
from tests.unit.foundation.test_migrations import load_every_table

from muniment.foundation import postgres as database_module
from muniment.foundation.database import HEAD, metadata
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotSetUp, Unavailable
from muniment.foundation.postgres import PostgresDatabase, schema_of

KEY = b"k" * 32
TENANT = "acme"
SCHEMA = schema_of(TENANT)
ONLY_HERE = {"access_entry", "index_document", "index_chunk", "index_term"}


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    made = postgres.prepared(TENANT)
    yield made
    postgres.drop(made)


@pytest.fixture
def database(url: str) -> Iterator[PostgresDatabase]:
    made = PostgresDatabase(url, SCHEMA, KEY)
    made.create()
    with made.write() as connection:
        connection.execute(sa.text("CREATE TABLE note (body TEXT)"))
    yield made
    made.close()


def add(database: PostgresDatabase, body: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text("INSERT INTO note VALUES (:body)"), {"body": body})


def bodies(database: PostgresDatabase) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.text("SELECT body FROM note")).scalars())


def test_migrations_make_the_tables_that_the_code_declares(database: PostgresDatabase) -> None:
    load_every_table()
    with database.write() as connection:
        connection.execute(sa.text("DROP TABLE note"))
    with database.read() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
        collations = connection.execute(
            sa.text(
                "SELECT DISTINCT l.collname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
                "JOIN pg_collation l ON l.oid = a.attcollation WHERE c.relkind = 'r' "
                "AND a.atttypid = 'text'::regtype AND c.relnamespace = current_schema()::regnamespace"
            )
        )
        assert set(collations.scalars()) == {"C"}
    assert {
        (change[0], (change[1].table if hasattr(change[1], "table") else change[1]).name) for change in found
    } <= {(kind, table) for kind in ("remove_table", "remove_index") for table in ONLY_HERE}


def test_a_block_that_raises_undoes_all_that_it_wrote(database: PostgresDatabase) -> None:
    def write_and_fail() -> None:
        with database.write() as connection:
            connection.execute(sa.text("INSERT INTO note VALUES ('undone')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert bodies(database) == []
    add(database, "after")
    assert bodies(database) == ["after"]


def test_a_reader_keeps_one_snapshot_and_cannot_write(database: PostgresDatabase) -> None:
    add(database, "before")
    with database.read() as connection:
        count = sa.text("SELECT count(*) FROM note")
        assert connection.execute(count).scalar_one() == 1
        add(database, "meanwhile")
        assert connection.execute(count).scalar_one() == 1
        with pytest.raises(sa.exc.InternalError, match="read-only"):
            connection.execute(sa.text("INSERT INTO note VALUES ('no')"))
    assert bodies(database) == ["before", "meanwhile"]


def test_writers_in_two_processes_take_turns(database: PostgresDatabase, url: str) -> None:
    add(database, "0")
    program = f"""
import sqlalchemy as sa
from muniment.foundation.postgres import PostgresDatabase
database = PostgresDatabase({url!r}, {SCHEMA!r}, {KEY!r})
for _ in range(20):
    with database.write() as connection:
        now = int(connection.execute(sa.text("SELECT body FROM note")).scalar_one())
        connection.execute(sa.text("UPDATE note SET body = :body"), {{"body": str(now + 1)}})
"""
    others = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]

    def count_up() -> None:
        for _ in range(20):
            with database.write() as connection:
                now = int(connection.execute(sa.text("SELECT body FROM note")).scalar_one())
                connection.execute(sa.text("UPDATE note SET body = :body"), {"body": str(now + 1)})

    threads = [threading.Thread(target=count_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    assert bodies(database) == ["80"]


def test_a_writer_that_waits_too_long_is_told_what_to_do(
    database: PostgresDatabase, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 1)
    other = PostgresDatabase(url, SCHEMA, KEY)
    with database.write(), pytest.raises(Conflict, match="Try again"), other.write():
        pass
    other.close()
    add(database, "free again")


def test_one_process_at_a_time_does_what_is_to_be_done_alone(database: PostgresDatabase, url: str) -> None:
    other = PostgresDatabase(url, SCHEMA, KEY)
    with database.alone("ingest"):
        with pytest.raises(Conflict, match="Another ingest"), other.alone("ingest"):
            pass
        with other.alone("release"):
            add(other, "writers go on")
    with other.alone("ingest"):
        pass
    other.close()


def test_tenants_of_one_database_do_not_meet(database: PostgresDatabase, url: str) -> None:
    other = PostgresDatabase(url, schema_of("acme-2"), KEY)
    assert not other.exists()
    other.create()
    with other.write() as connection:
        connection.execute(sa.text("CREATE TABLE note (body TEXT)"))
    add(other, "theirs")
    assert bodies(database) == [] and bodies(other) == ["theirs"]
    other.close()


@pytest.mark.parametrize(
    ("one", "other"), [("a-b", "a-c"), ("x" * 63, "x" * 62), ("x" * 62 + "a", "x" * 62 + "b"), ("a", "a-")]
)
def test_every_tenant_has_a_schema_of_its_own(one: str, other: str) -> None:
    names = {schema_of(one), schema_of(other)}
    assert len(names) == 2
    assert all(len(f"{name}_reader") < 63 for name in names)


def test_a_workspace_is_made_once_and_its_key_is_asked_for(database: PostgresDatabase, url: str) -> None:
    with pytest.raises(Conflict, match="already exists"):
        PostgresDatabase(url, SCHEMA, KEY).create()
    with pytest.raises(NotSetUp, match="other keys"):
        PostgresDatabase(url, SCHEMA, b"x" * 32).check()
    with pytest.raises(NotSetUp, match="muniment init"):
        PostgresDatabase(url, schema_of("elsewhere"), KEY).check()
    database.check()


def test_a_schema_of_a_newer_version_is_refused_and_left_alone(database: PostgresDatabase) -> None:
    add(database, "kept")
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotSetUp, match=f"has schema 9999; this version knows up to {HEAD}"):
        database.check()
    assert bodies(database) == ["kept"]


def test_a_making_that_fails_leaves_nothing(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("no")

    url = postgres.database()
    database = PostgresDatabase(url, SCHEMA, KEY)
    with monkeypatch.context() as patched:
        patched.setattr(database_module, "compare_bytes", refuse)
        with pytest.raises(Unavailable):
            database.create()
    assert not database.exists()
    database.create()
    database.discard()
    assert not PostgresDatabase(url, SCHEMA, KEY).exists()
    postgres.drop(url)


def test_what_an_administrator_must_run_is_written_out(postgres: Server) -> None:
    url = postgres.database(extension=False)
    with pytest.raises(NotSetUp, match="CREATE EXTENSION vector WITH SCHEMA public"):
        PostgresDatabase(url, SCHEMA, KEY).create()
    postgres.drop(url)


def test_a_server_that_was_restarted_is_used_again(
    database: PostgresDatabase, postgres: Server, url: str
) -> None:
    add(database, "before")
    admin = sa.create_engine(sa.make_url(postgres.superuser(url)).set(drivername="postgresql+psycopg"))
    with admin.begin() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    admin.dispose()
    assert bodies(database) == ["before"]


def test_a_connection_lost_in_a_write_is_unavailable_and_undone(
    database: PostgresDatabase, postgres: Server, url: str
) -> None:
    admin = sa.create_engine(sa.make_url(postgres.superuser(url)).set(drivername="postgresql+psycopg"))

    def write_and_lose() -> None:
        with database.write() as connection:
            connection.execute(sa.text("INSERT INTO note VALUES ('lost')"))
            pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            with admin.begin() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    with pytest.raises(Unavailable, match="cannot be reached"):
        write_and_lose()
    admin.dispose()
    assert bodies(database) == []


@pytest.mark.parametrize(
    "bad",
    [
        "postgresql://owner:hunter2@127.0.0.1:1/acme",
        "postgresql://owner:hunter2@no-such-host.invalid/acme",
        "postgresql://owner:hunter2@127.0.0.1:hunter2/acme",
        "mysql://owner:hunter2@127.0.0.1/acme",
        "hunter2",
        "",
    ],
)
def test_no_error_repeats_the_address_or_its_password(bad: str) -> None:
    with pytest.raises(MunimentError) as caught:
        PostgresDatabase(bad, SCHEMA, KEY).check()
    error = caught.value
    assert isinstance(error, BadInput | Unavailable) and "database.url" in str(error)
    shown: BaseException | None = error
    while shown is not None:
        said = f"{shown} {shown.__dict__} {shown.__cause__ or ''}"
        assert "hunter2" not in said and "127.0.0.1" not in said
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def test_a_wrong_password_is_unavailable(database: PostgresDatabase, url: str) -> None:
    other = PostgresDatabase(sa.make_url(url).set(database="none").render_as_string(False), SCHEMA, KEY)
    with pytest.raises(Unavailable, match=r"database\.url"):
        other.check()


def test_doctor_hears_of_versions_and_of_what_weakens_the_second_barrier(
    database: PostgresDatabase, postgres: Server, url: str
) -> None:
    found = database.examine()
    assert "pgvector" in found.says and SCHEMA in found.says and not found.warning
    above = PostgresDatabase(postgres.superuser(url), SCHEMA, KEY)
    assert "row-level security" in above.examine().warning
    above.close()
    with database.write() as connection:
        connection.execute(sa.text("ALTER TABLE chunk NO FORCE ROW LEVEL SECURITY"))
    with pytest.raises(NotSetUp, match="Row-level security"):
        database.examine()


def test_text_that_cannot_be_stored_is_named(database: PostgresDatabase) -> None:
    with pytest.raises(BadInput, match="cannot be stored"):
        add(database, "a\0b")
    assert bodies(database) == []
