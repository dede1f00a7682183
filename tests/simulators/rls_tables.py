"""A table of tickets in a real Postgres whose rows are shown by policy: to their owner, to their team, or to all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from tests.postgres import Server

EVERYONE = "everyone"
"""The team whose tickets every user sees."""
_MADE = """
CREATE TABLE ticket (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  title text NOT NULL,
  body text NOT NULL,
  owner text,
  team text,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON ticket (updated_at, id);
ALTER TABLE ticket ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticket FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON ticket FOR SELECT USING ({prefix} || owner = current_user);
CREATE POLICY team ON ticket FOR SELECT USING (pg_has_role(to_regrole({prefix} || team)::oid, 'USAGE'));
CREATE POLICY shared ON ticket FOR SELECT USING (team = {everyone});
"""


class Tickets:
    """The table: changes it as its administrator does, and asks it as its users do.

    Roles belong to the whole server, so each has the name of the database before its own: see `role_of`.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._owned = server.database(extension=False)
        self._database = sa.make_url(self._owned).database or ""
        self._admin = psycopg.connect(server.superuser(self._owned), autocommit=True)
        self._roles: list[str] = []
        named = {"prefix": f"{self._database}_", "everyone": EVERYONE}
        self.execute(sql.SQL(_MADE).format(**{key: sql.Literal(value) for key, value in named.items()}))  # type: ignore[arg-type]
        self._make("service", "LOGIN NOINHERIT")

    def role_of(self, name: str) -> str:
        """Return the role of a user, of a group, or of `service`, which may become any user and inherits nothing."""
        return f"{self._database}_{name}"

    def address(self, name: str) -> str:
        """Return where a user, or `service`, connects to."""
        return self._server.address(self._database, self.role_of(name))

    @property
    def administrator(self) -> str:
        """Where a superuser connects to, whom no policy binds."""
        return self._server.address(self._database)

    def execute(self, statement: sql.Composable | str) -> None:
        """Run a statement as the administrator, such as one that makes a policy."""
        self._admin.execute(statement)  # type: ignore[arg-type]

    def ask(self, statement: str, *said: object) -> list[tuple[Any, ...]]:
        """Return what a superuser is shown."""
        return self._admin.execute(statement, said).fetchall()  # type: ignore[arg-type]

    def add_user(self, user: str, *groups: str) -> None:
        """Make a user who may ask the table."""
        self._make(user, "LOGIN")
        self._run("GRANT {} TO {}", user, "service")
        for group in groups:
            self.join(user, group)

    def add_group(self, group: str) -> None:
        """Make a group, which a ticket names as its team."""
        self._make(group, "NOLOGIN")

    def join(self, member: str, group: str) -> None:
        """Put a user or a group into a group; it counts from the next question."""
        self._run("GRANT {} TO {}", group, member)

    def leave(self, member: str, group: str) -> None:
        """Take a user or a group out of a group."""
        self._run("REVOKE {} FROM {}", group, member)

    def disable(self, user: str) -> None:
        """Let a user connect no more."""
        self._run("ALTER ROLE {} NOLOGIN", user)

    def enable(self, user: str) -> None:
        """Let a disabled user connect again."""
        self._run("ALTER ROLE {} LOGIN", user)

    def put(self, title: str, body: str = "", owner: str | None = None, team: str | None = None) -> int:
        """Add a ticket and return its id."""
        made = "INSERT INTO ticket (title, body, owner, team) VALUES (%s, %s, %s, %s) RETURNING id"
        row = self._admin.execute(made, (title, body, owner, team)).fetchone()
        assert row is not None
        return int(row[0])

    def change(self, ticket: int, **columns: str | None) -> None:
        """Set columns of a ticket, and the time of its change."""
        told = [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in columns.items()]
        told.append(sql.SQL("updated_at = clock_timestamp()"))
        self._admin.execute(
            sql.SQL("UPDATE ticket SET {} WHERE id = {}").format(sql.SQL(", ").join(told), ticket)
        )

    def remove(self, ticket: int) -> None:
        """Remove a ticket."""
        self._admin.execute("DELETE FROM ticket WHERE id = %s", (ticket,))

    def visible_ids(self, user: str) -> set[int]:
        """Return the tickets that a user, who connects for it, is shown; none where the server refuses."""
        return self.visible_by(user, "SELECT id FROM ticket")[0]

    def visible_by(self, user: str, *asking: str) -> list[set[int]]:
        """Return the ids that a user is shown by each of these questions, none where the server refuses."""
        try:
            with psycopg.connect(self.address(user), autocommit=True) as connection:
                return [self._ids(connection, one) for one in asking]
        except psycopg.OperationalError as error:
            if "not permitted to log in" not in str(error):
                raise
            return [set[int]() for _ in asking]

    def _ids(self, connection: psycopg.Connection, ask: str) -> set[int]:
        try:
            return {row[0] for row in connection.execute(ask.encode())}
        except psycopg.errors.InsufficientPrivilege:
            return set()

    def can_read(self, user: str, ticket: int) -> bool:
        """Return whether a user is shown a ticket."""
        return ticket in self.visible_ids(user)

    def close(self) -> None:
        """Remove the database and its roles."""
        self._admin.close()
        self._server.drop(self._owned)
        with psycopg.connect(self._server.address("postgres"), autocommit=True) as connection:
            for role in self._roles:
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def _make(self, name: str, login: str) -> None:
        self._run(f"CREATE ROLE {{}} {login} PASSWORD 'owner'", name)
        self._roles.append(self.role_of(name))
        self._run("GRANT SELECT ON ticket TO {}", name)

    def _run(self, statement: str, *names: str) -> None:
        roles = [sql.Identifier(self.role_of(name)) for name in names]
        self._admin.execute(sql.SQL(statement).format(*roles))  # type: ignore[arg-type]


@contextmanager
def tickets(server: Server) -> Iterator[Tickets]:
    """Yield an empty table in a database of its own."""
    made = Tickets(server)
    try:
        yield made
    finally:
        made.close()
