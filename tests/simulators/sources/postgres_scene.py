"""A table of a real Postgres whose rows are shown by policy, asked by each role itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from tests.postgres import Server
from tests.simulators.rls_tables import Tickets
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources.kinds import KINDS


class PostgresScene:
    """Fills `Scene`: a ticket's readers stand in two columns, of which a policy makes what it shows."""

    kind = KINDS["postgres"]
    can = frozenset({"groups", "deny"})

    def __init__(self, server: Server, place: Path) -> None:
        self.tickets = Tickets(server)
        for name in TEAMS:
            self.tickets.add_group(name)
        for name in (*PEOPLE, GUEST, STRANGER):
            self.tickets.add_user(name, *(team for team, members in TEAMS.items() if name in members))
        self._roles = {name: self.tickets.role_of(name) for name in (*PEOPLE, GUEST, STRANGER, *TEAMS)}
        self.tickets.execute("ALTER TABLE ticket ADD path text, ADD readers text[], ADD denied text[]")
        self.tickets.execute(
            "DROP POLICY own ON ticket; DROP POLICY team ON ticket; DROP POLICY shared ON ticket"
        )
        self.tickets.execute(
            "CREATE POLICY listed ON ticket FOR SELECT USING (EXISTS (SELECT FROM unnest(readers) AS r "
            "WHERE pg_has_role(to_regrole(r)::oid, 'USAGE')) AND NOT current_user = ANY(denied))"
        )
        self._asking: dict[str, psycopg.Connection] = {}
        self._file = place / "address"
        self._file.write_text(self.tickets.address("service"))
        self.table = {"name": "ticket", "key": ["id"], "title": "title", "text": ["body"]}
        self.settings: Mapping[str, object] = {
            "url": f"file:{self._file}",
            "tables": [self.table],
            "match": "table",
            "accounts": {self._roles[name]: name for name in (*PEOPLE, GUEST)},
        }

    def id_of(self, path: str) -> int:
        """Return the key of a row by the path that the scene calls it by."""
        found = self.tickets.ask("SELECT id FROM ticket WHERE path = %s", path)
        return int(found[0][0])

    def put(self, path: str, text: str) -> None:
        if self.tickets.ask("SELECT 1 FROM ticket WHERE path = %s", path):
            self.tickets.change(self.id_of(path), body=text)
            return
        self.tickets.change(self.tickets.put(path, text), path=path)

    def remove(self, path: str) -> None:
        self.tickets.remove(self.id_of(path))

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        lists = [[self._roles.get(one.removeprefix("@"), one) for one in some] for some in (who, deny)]
        self.tickets.execute(
            sql.SQL("UPDATE ticket SET readers = {}, denied = {} WHERE path = {}").format(*lists, path)
        )

    def inherit(self, path: str) -> None:
        raise NotImplementedError

    def team(self, name: str, members: Collection[str]) -> None:
        for one in PEOPLE:
            (self.tickets.join if one in members else self.tickets.leave)(one, name)

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        raise NotImplementedError

    def throttle(self, answers: int) -> None:
        raise NotImplementedError

    def reads(self, who: str, path: str) -> bool:
        if who not in self._asking:
            self._asking[who] = psycopg.connect(self.tickets.address(who), autocommit=True)
        return bool(self._asking[who].execute("SELECT FROM ticket WHERE path = %s", (path,)).fetchall())

    def close(self) -> None:
        for connection in self._asking.values():
            connection.close()
        self.tickets.close()
