"""The database as one schema of a Postgres server, which several processes may use at once.

Invariants:
- a writer holds the schema's advisory lock until it has committed, so audit chain and epochs stay linear across
  processes and machines; every commit waits until the server has it on disk;
- after `confine`, a read transaction runs as a role that owns nothing, under row-level security: rows of documents
  whose access list does not let the caller read are not there, and without a caller none are;
- no error and no place names the address of the server: it may hold a password.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc, pool

from muniment.foundation.database import BUSY_SECONDS, CONFINE, Condition, Lent, is_current, migrate
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotSetUp, Unavailable
from muniment.foundation.write_turn import WriteTurn

LEAST_SERVER, LEAST_VECTOR = 16, (0, 8)
"""Versions of Postgres and of pgvector that are good enough."""
CONNECTIONS = 64
"""Of one process, at most."""
_LENT = 16
"""Connections of a library that keeps its own tables beside a workspace."""
_LONGEST = 47
"""So that no name made of a schema's reaches the 63 characters that Postgres keeps."""
_HIDDEN = (
    "audit_entry",
    "audit_tree",
    "audit_checkpoint",
    "audit_sink",
    "audit_tile",
    "audit_witness",
    "audit_witnessed",
    "incident",
    "detection_place",
    "api_key_place",
    "audit_subject",
    "audit_subject_keys",
    "audit_erasure",
    "legal_hold",
    "session",
    "signin_link",
    "api_key",
    "signin_attempt",
    "first_administrator",
    "model_usage",
    "prompt_version",
    "prompt_stage",
    "release",
    "release_stage",
    "feedback",
    "evaluation_run",
    "evaluation_result",
    "review_set",
    "review_item",
    "review_label",
    "outcome",
    "name_label",
    "document_sketch",
    "document_band",
    "document_line",
    "tool",
    "tool_manifest",
    "tool_stop",
    "tool_call",
    "action",
    "action_decision",
    "approval_delegation",
    "notification",
    "source_connection",
    "source_item",
    "source_scope",
    "source_account",
    "source_team",
    "alembic_version",
)
"""Tables that no search or reading looks into."""

_COLLATE = """
DO $do$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT c.relname, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0
      AND NOT a.attisdropped AND a.atttypid = 'text'::regtype AND l.collname <> 'C'
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE text COLLATE "C"', one.relname, one.attname);
  END LOOP;
END $do$
"""
_CLASSES = sa.text("""
SELECT set_config('muniment.classes', coalesce((
  SELECT '{' || string_agg(access_class::text, ',') || '}' FROM (
    SELECT access_class FROM access_entry WHERE entry = ANY(CAST(:entries AS text[])) AND NOT denies
    EXCEPT
    SELECT access_class FROM access_entry WHERE entry = ANY(CAST(:entries AS text[])) AND denies
  ) AS readable
  WHERE CAST(:capped AS boolean) IS NOT TRUE OR EXISTS (
    SELECT FROM access_class WHERE id = access_class AND sensitivity = ANY(CAST(:labels AS text[])))), '{}'), true),
  set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
  set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true),
  set_config('role', CAST(:role AS text), true)
""")
"""The plans that are left reach rows by their keys only, so that rows nobody asked for cost no time."""


def schema_of(tenant: str) -> str:
    """Return the name of the schema that holds a tenant's workspace."""
    name = "muniment_" + tenant.replace("-", "_")
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 17]}_{hashlib.sha256(tenant.encode()).hexdigest()[:16]}"


class PostgresDatabase:
    """Fills `Database` on one schema of a Postgres server."""

    def __init__(self, url: str, schema: str, key: bytes) -> None:
        """`key` marks the schema as this workspace's own; it encrypts nothing there."""
        self.schema = schema
        self.reader = f"{schema}_reader"
        self.beside = f"{schema}_beside"
        self._mark = "muniment " + hashlib.sha256(b"muniment database\0" + key).hexdigest()[:32]
        lock = hashlib.sha256(b"muniment schema\0" + schema.encode()).digest()
        self._lock = int.from_bytes(lock[:8], "big", signed=True)
        self._engine = self._make_engine(url)
        self._write_lock = WriteTurn()
        self._made = False

    def _make_engine(self, url: str) -> sa.Engine:
        if importlib.util.find_spec("psycopg") is None:
            raise NotSetUp(
                "database.url is set, but the Postgres driver is not installed.",
                fix="Run `pip install 'muniment[postgres]'`.",
            )
        address = _address(url)
        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg"),
            poolclass=pool.QueuePool,
            pool_size=8,
            max_overflow=CONNECTIONS - 8,
            pool_pre_ping=True,
            hide_parameters=True,
            use_native_hstore=False,
            connect_args={"autocommit": True, "prepare_threshold": None, "connect_timeout": 10},
        )

        def begin(connection: sa.Connection) -> None:
            sql = connection.get_execution_options().get("begin")
            if sql is not None:
                connection.exec_driver_sql(sql, execution_options={"no_parameters": True})

        event.listen(engine, "begin", begin)
        return engine

    @property
    def place(self) -> str:
        """Return the schema's name; the server's is not told."""
        return f"Postgres schema {self.schema}"

    @contextmanager
    def read(self) -> Generator[sa.Connection]:
        """A snapshot; raises Unavailable or NotSetUp when the server cannot be read."""
        options: dict[str, Any] = {"begin": f"{_SNAPSHOT}; {self._path}", CONFINE: self._confine}
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Generator[sa.Connection]:
        """A transaction under the schema's lock, durable when the block ends, undone when it raises."""
        begin = (
            f"BEGIN; {self._path}; SET LOCAL synchronous_commit = on; "
            f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'; SELECT pg_advisory_xact_lock({self._lock}); "
            "SET LOCAL lock_timeout = 0"
        )
        with self._translated(), self._write_lock, self._engine.connect() as connection:
            connection = connection.execution_options(begin=begin)
            with connection.begin():
                yield connection

    @property
    def _path(self) -> str:
        return f'SET LOCAL search_path = "{self.schema}", public'

    def _confine(
        self, connection: sa.Connection, entries: Collection[str], labels: Collection[str] | None
    ) -> None:
        said = {"entries": sorted(entries), "capped": labels is not None, "labels": sorted(labels or ())}
        connection.execute(_CLASSES, {**said, "role": self.reader})

    @contextmanager
    def alone(self, work: str) -> Generator[Callable[[], None]]:
        """Hold a lock of the schema in a transaction of its own; raises Conflict where another does this work."""
        place = hashlib.sha256(f"{self.schema}\0{work}".encode()).digest()
        number = int.from_bytes(place[:8], "big", signed=True)
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(
                begin="BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0"
            )
            with connection.begin():
                got = connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(number))).scalar()
                if not got:
                    raise Conflict(
                        f"Another {work} is running in this workspace.", fix="Wait for it to finish."
                    )

                def require() -> None:
                    with self._translated():
                        connection.exec_driver_sql("SELECT 1")

                yield require

    def lend(self) -> Lent:
        """Return an engine, and the name of a schema in which the reader's role has no rights."""
        engine = sa.create_engine(
            self._engine.url,
            pool_size=_LENT,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
            use_native_hstore=False,
            connect_args={
                "prepare_threshold": None,
                "connect_timeout": 10,
                "options": "-c synchronous_commit=on -c idle_in_transaction_session_timeout=60000",
            },
        )
        return Lent(engine, self.beside)

    def exists(self) -> bool:
        """Return whether the schema holds a workspace."""
        with self.read() as connection:
            return self._found(connection)

    def create(self) -> None:
        """Make the schema, whole or not at all; raises Conflict where it holds a workspace."""
        with self.write() as connection:
            if self._found(connection):
                raise Conflict(
                    f"{self.place} already exists.",
                    fix="Nothing was overwritten. Name another tenant or another database.",
                )
            self._require_versions(connection)
            known = sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
            if connection.execute(known, {"name": self.schema}).scalar() is None:
                connection.exec_driver_sql(f'CREATE SCHEMA "{self.schema}"')
            self._migrate(connection)
            connection.exec_driver_sql(f"COMMENT ON SCHEMA \"{self.schema}\" IS '{self._mark}'")
        self._made = True

    def check(self) -> None:
        """Refuse a missing, foreign or newer schema; migrate an older one."""
        with self.read() as connection:
            if not self._found(connection):
                raise NotSetUp(f"No workspace in {self.place}.", fix="Run `muniment init` first.")
            said = sa.text("SELECT obj_description(CAST(:name AS regnamespace), 'pg_namespace')")
            mark = connection.execute(said, {"name": f'"{self.schema}"'}).scalar()
            found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if mark != self._mark:
            raise NotSetUp(
                f"{self.place} belongs to a workspace with other keys.",
                fix="Put back the right key files, or name another tenant or another database.",
            )
        if not is_current(self.place, found):
            with self.write() as connection:
                self._migrate(connection)

    def examine(self) -> Condition:
        """Return versions, and what weakens durability or the second barrier."""
        with self.read() as connection:
            vector = self._require_versions(connection)
            name, server, fsync, pages, above = connection.exec_driver_sql(
                "SELECT current_database(), current_setting('server_version'), current_setting('fsync'), "
                "current_setting('full_page_writes'), (SELECT rolsuper OR rolbypassrls FROM pg_roles "
                "WHERE rolname = current_user)"
            ).one()
            tables = sa.text(
                "SELECT count(*) FROM pg_class WHERE relnamespace = CAST(:name AS regnamespace) "
                "AND relname = ANY(:guarded) AND relrowsecurity AND relforcerowsecurity"
            )
            guarded = connection.execute(
                tables, {"name": f'"{self.schema}"', "guarded": list(GUARDED)}
            ).scalar()
        if guarded != len(GUARDED):
            raise NotSetUp(
                "Row-level security is off on a table of documents.",
                fix="Restore the database from a backup, or make the workspace anew and ingest again.",
            )
        says = f"Postgres {server}, pgvector {vector}, database {name}, schema {self.schema}"
        if (fsync, pages) != ("on", "on"):
            return Condition(
                says, "fsync or full_page_writes is off: a crash may lose entries", "Switch both on."
            )
        if above:
            return Condition(
                says,
                "the connecting role passes over row-level security",
                "Connect as a role that is no superuser and has no BYPASSRLS.",
            )
        return Condition(f"{says}; its volume must be encrypted by whoever runs it")

    def scrub(self) -> bool:
        """Vacuum the tables of this workspace; what the server archives elsewhere is its owner's."""
        with self._translated(), self._engine.connect() as connection:
            tables = sa.text(
                "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = ANY(ARRAY("
                "SELECT oid FROM pg_namespace WHERE nspname IN (:own, :beside)))"
            )
            names = connection.execute(tables, {"own": self.schema, "beside": self.beside}).scalars().all()
            for name in names:
                connection.exec_driver_sql(f"VACUUM {name}")
        return True

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def discard(self) -> None:
        """Close, and drop a schema that this object made and that holds nothing yet."""
        if self._made:
            with self.write() as connection:
                connection.exec_driver_sql(f'DROP SCHEMA "{self.schema}" CASCADE')
                connection.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{self.beside}" CASCADE')
            self._made = False
        self.close()

    @property
    def mark(self) -> str:
        """Return what tells this workspace's schema from one that was made with other keys."""
        return self._mark

    def why_kept(self) -> str:
        """Return why `drop` would refuse, or nothing."""
        with self.read() as connection:
            return self._why_kept(connection, self._mark)

    def drop(self, mark: str) -> None:
        """Drop the schema that bears this mark, and its reader's role where nothing else has it.

        One that is gone already is no error. Raises Conflict where the schema is another's or in use, NotSetUp where
        the role may not.
        """
        with self.write() as connection:
            if self._owner(connection) is None:
                return
            if why := self._why_kept(connection, mark):
                raise Conflict(why, fix="Let an administrator look at it.")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
            connection.exec_driver_sql(f'DROP SCHEMA "{self.schema}" CASCADE')
            connection.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{self.beside}" CASCADE')
            # A database of the same server may hold a workspace of the same name.
            with suppress(exc.DBAPIError), connection.begin_nested():
                connection.exec_driver_sql(f'DROP ROLE IF EXISTS "{self.reader}"')

    def _owner(self, connection: sa.Connection) -> tuple[str | None, bool] | None:
        """Return the schema's mark, and whether the connecting role may drop it; None where there is none."""
        known = sa.text(
            "SELECT obj_description(oid, 'pg_namespace'), pg_has_role(nspowner, 'USAGE') "
            "FROM pg_namespace WHERE nspname = :name"
        )
        row = connection.execute(known, {"name": self.schema}).one_or_none()
        return None if row is None else (row[0], bool(row[1]))

    def _why_kept(self, connection: sa.Connection, mark: str) -> str:
        owner = self._owner(connection)
        if owner is None:
            return ""
        if owner[0] != mark:
            return f"{self.place} belongs to a workspace with other keys"
        return "" if owner[1] else "the database role does not own it"

    def _found(self, connection: sa.Connection) -> bool:
        query = sa.text("SELECT to_regclass(:table) IS NOT NULL")
        return bool(connection.execute(query, {"table": f'"{self.schema}".alembic_version'}).scalar())

    def _require_versions(self, connection: sa.Connection) -> str:
        """Return the version of pgvector; raises NotSetUp for a server or an extension that is too old or absent."""
        server = int(str(connection.exec_driver_sql("SHOW server_version_num").scalar())) // 10000
        if server < LEAST_SERVER:
            raise NotSetUp(f"The server is Postgres {server}.", fix=f"Use Postgres {LEAST_SERVER} or newer.")
        known = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        version = connection.exec_driver_sql(known).scalar()
        if version is None:
            offered = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
            version = connection.exec_driver_sql(offered).scalar()
        if version is None:
            raise NotSetUp("The server has no pgvector.", fix="Install the extension `vector` on the server.")
        if tuple(int(part) for part in str(version).split(".")[:2]) < LEAST_VECTOR:
            raise NotSetUp(
                f"The server has pgvector {version}.",
                fix=f"Bring the extension to {'.'.join(map(str, LEAST_VECTOR))} or newer.",
            )
        return str(version)

    def _migrate(self, connection: sa.Connection) -> None:
        """Migrate inside the caller's transaction, then see to collations, the reader's role and its grants."""
        known = "SELECT 1 FROM pg_extension WHERE extname = 'vector'"
        if connection.exec_driver_sql(known).scalar() is None:
            _as_owner(connection, "CREATE EXTENSION vector WITH SCHEMA public")
        role = sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name")
        if connection.execute(role, {"name": self.reader}).scalar() is None:
            _as_owner(connection, f'CREATE ROLE "{self.reader}" NOLOGIN NOINHERIT')
        held = sa.text(
            "SELECT rolsuper OR pg_has_role(:name, 'SET') FROM pg_roles WHERE rolname = current_user"
        )
        if not connection.execute(held, {"name": self.reader}).scalar():
            _as_owner(connection, f'GRANT "{self.reader}" TO CURRENT_USER WITH INHERIT FALSE, SET TRUE')
        migrate(connection)
        compare_bytes(connection)
        for sql in (
            f'GRANT USAGE ON SCHEMA "{self.schema}" TO "{self.reader}"',
            f'GRANT SELECT ON ALL TABLES IN SCHEMA "{self.schema}" TO "{self.reader}"',
            f'REVOKE ALL ON {", ".join(_HIDDEN)} FROM "{self.reader}"',
        ):
            connection.exec_driver_sql(sql)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            translated = _translate(error)
            if translated is None:
                raise
            raise translated from None


GUARDED = (
    "document",
    "document_version",
    "document_label",
    "version_original",
    "document_flag",
    "quarantine",
    "chunk",
    "index_document",
    "index_chunk",
    "index_term",
)
"""Tables whose rows belong to a document, under row-level security."""

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "postgresql":
            return address
    except (exc.ArgumentError, ValueError):
        pass
    # Neither the text nor the parser's words are repeated: they may hold the password.
    raise BadInput(
        "database.url names no Postgres database.",
        fix="Let it hold postgresql://USER:PASSWORD@HOST/DATABASE, with %-escapes in the password.",
    )


def run_script(connection: sa.Connection, sql: str) -> None:
    """Run statements as they stand, one after the other."""
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def compare_bytes(connection: sa.Connection) -> None:
    """Let every text column of the schema compare byte for byte, whatever the server's language."""
    run_script(connection, _COLLATE)


def _as_owner(connection: sa.Connection, statement: str) -> None:
    """Run a statement that an administrator may have to run; raises NotSetUp with its text."""
    try:
        connection.exec_driver_sql(statement)
    except exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        user = connection.engine.url.username or "ROLE"
        raise NotSetUp(
            "The database role may not set up what a workspace needs.",
            fix=f"Let an administrator run in that database: {statement.replace('CURRENT_USER', user)}",
        ) from None


def _translate(error: exc.DBAPIError) -> MunimentError | None:
    """Return what a driver's error means to us; its own words are kept off, since they may hold content."""
    state = getattr(error.orig, "sqlstate", None) or ""
    detail = f"{type(error.orig).__name__} {state}".strip()
    if state == "55P03":
        return Conflict(
            "Another process is writing to this workspace.",
            fix="Try again when it has finished.",
            detail=detail,
        )
    if state in ("40001", "40P01"):
        return Conflict("Another process changed the same rows.", fix="Try again.", detail=detail)
    if state == "42501":
        # The server's sentence names a table, role or extension here, and never a value.
        said = getattr(getattr(error.orig, "diag", None), "message_primary", None)
        detail = f"{detail}: {said}"
        return NotSetUp(
            "The database role may not do this.",
            fix="Let it own its schema, create roles and, once, the extension `vector`; see docs/guide/postgres.md.",
            detail=detail,
        )
    if state in ("42P01", "3F000"):
        return NotSetUp(
            "A table of this workspace is not in its schema any more.",
            fix="If the schema was not dropped on purpose, restore the database from a backup.",
            detail=detail,
        )
    if state.startswith("22") or (isinstance(error, exc.DataError) and not state):
        return BadInput(
            "A value is too large, or holds a character that cannot be stored.",
            fix="Shorten it, or remove NUL characters.",
            detail=detail,
        )
    if state == "25006":
        return Unavailable(
            "The database server is a standby that cannot be written.",
            fix="Let database.url name the primary server.",
            detail=detail,
        )
    if state[:2] in ("53", "57", "58") or isinstance(error, (exc.OperationalError, exc.InterfaceError)):
        return Unavailable(
            "The database server cannot be reached, or refuses us or has no room.",
            fix="See that Postgres runs, has disk space, and that database.url holds the right "
            "host, database, user and password.",
            detail=detail,
        )
    return None
