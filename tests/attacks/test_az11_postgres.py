"""AZ11: what is read of tables is shown to nobody whom the database does not show it, whatever changes there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attacks.mirrored import Compared, Tally
from tests.postgres import Server
from tests.simulators.rls_tables import EVERYONE, Tickets

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources.connectors.postgres_text import written

CHANGES, AT_ONCE, CONTENT_EVERY = 40, 8, 2
PROVE_CHANGES = 10_000
USERS = ["ann", "ben", "cas", "dee"]
GROUPS = ["red", "blue", "green"]
ROWS = 24
RELATIONS = ("ticket", "digest", "mine")
POLICIES = {
    "own": [
        "{prefix} || owner = current_user",
        "owner IS NOT NULL AND {prefix} || owner = current_user",
        "false",
    ],
    "team": [
        "pg_has_role(to_regrole({prefix} || team)::oid, 'USAGE')",
        "pg_has_role(to_regrole({prefix} || team)::oid, 'MEMBER') AND id % 2 = 0",
    ],
    "shared": ["team = 'everyone'", "team = 'everyone' AND id % 3 = 0", "id % 7 = 0"],
}
DIRECTORY = "".join(f'[users.{name}]\nname = "{name.title()}"\ngroups = []\n' for name in USERS)


class World:
    """A table, a view of it that asks as its owner, and the roles that ask them; all change at random."""

    def __init__(self, tickets: Tickets, seed: int) -> None:
        self.tickets = tickets
        self.random = random.Random(seed)
        self.texts = 0
        self.rows: set[int] = set()
        self.shown: dict[str, dict[str, set[int]]] = {}
        for name in GROUPS:
            tickets.add_group(name)
        for name in USERS:
            tickets.add_user(name, *self.random.sample(GROUPS, self.random.randint(0, 2)))
        tickets.execute("CREATE VIEW digest AS SELECT id, title, body FROM ticket WHERE team = 'everyone'")
        tickets.execute(
            "CREATE VIEW mine WITH (security_invoker) AS SELECT id, title, body FROM ticket WHERE id % 2 = 1"
        )
        for view in ("digest", "mine"):
            for name in USERS:
                tickets.execute(f'GRANT SELECT ON {view} TO "{tickets.role_of(name)}"')
        for _ in range(ROWS):
            self.add()

    def text(self) -> str:
        self.texts += 1
        return f"Report number{self.texts} of the archive."

    def readers(self) -> dict[str, str | None]:
        draw = self.random
        return {
            "owner": draw.choice([*USERS, None]),
            "team": draw.choice([*GROUPS, EVERYONE, "absent", None]),
        }

    def add(self) -> None:
        said = self.readers()
        self.rows.add(self.tickets.put("Ticket", self.text(), said["owner"], said["team"]))

    def files(self) -> dict[str, str]:
        """Return the digest of each row's document by its path."""
        found: dict[str, str] = {}
        for relation in RELATIONS:
            for key, title, body in self.tickets.ask(f"SELECT id, title, body FROM {relation}"):
                said = written(title, {"body": body}, {}).encode()
                found[f"public.{relation}/{key}.md"] = hashlib.sha256(said).hexdigest()
        return found

    def look(self) -> None:
        """Ask each table as each user, who connects for it and reads all the columns."""
        asking = [f"SELECT id, title, body FROM {relation}" for relation in RELATIONS]
        for user in USERS:
            self.shown[user] = dict(zip(RELATIONS, self.tickets.visible_by(user, *asking), strict=True))

    def reads(self, user: str, path: str) -> bool:
        relation, _, key = path.removeprefix("public.").removesuffix(".md").partition("/")
        return int(key) in self.shown[user][relation]

    def step(self) -> None:
        draw, tickets = self.random, self.tickets
        key = draw.choice(sorted(self.rows))
        kind = draw.random()
        user, group = tickets.role_of(draw.choice(USERS)), draw.choice(GROUPS)
        if kind < 0.40:
            said = self.readers()
            tickets.change(
                key, **{name: said[name] for name in draw.sample(["owner", "team"], draw.randint(1, 2))}
            )
        elif kind < 0.48:
            tickets.change(key, body=self.text())
        elif kind < 0.54:
            tickets.change(key, body=self.text(), **self.readers())
        elif kind < 0.60 and len(self.rows) > 4:
            tickets.remove(key)
            self.rows.discard(key)
        elif kind < 0.68:
            self.add()
        elif kind < 0.78:
            self.change_member(user, tickets.role_of(group))
        elif kind < 0.82:
            self.alter_policy()
        elif kind < 0.90:
            self.change_columns(user)
        elif kind < 0.94:
            tickets.execute(f'ALTER ROLE "{user}" {draw.choice(["NOLOGIN", "LOGIN", "LOGIN"])}')
        elif kind < 0.96:
            tickets.execute(f'ALTER ROLE "{user}" {draw.choice(["BYPASSRLS", "NOBYPASSRLS", "NOBYPASSRLS"])}')
        elif kind < 0.98:
            view = draw.choice(["digest", "mine"])
            self.grant_or_revoke("SELECT", view, user)
            tickets.execute(f"ALTER VIEW {view} SET (security_invoker = {draw.choice(['on', 'off'])})")
        else:
            self.recreate(key)

    def change_member(self, user: str, group: str) -> None:
        how = self.random.choice(
            [f'GRANT "{group}" TO "{user}"', f'REVOKE "{group}" FROM "{user}"', *self._inherited(group, user)]
        )
        self.tickets.execute(how)

    def _inherited(self, group: str, user: str) -> list[str]:
        return [f'GRANT "{group}" TO "{user}" WITH INHERIT {said}' for said in ("FALSE", "TRUE")]

    def alter_policy(self) -> None:
        name = self.random.choice(sorted(POLICIES))
        prefix = f"'{self.tickets.role_of('')}'"
        rule = self.random.choice(POLICIES[name]).format(prefix=prefix)
        self.tickets.execute(f"ALTER POLICY {name} ON ticket USING ({rule})")

    def change_columns(self, user: str) -> None:
        table = "ticket"
        how = self.random.choice(["all", "some", "none", "body"])
        self.tickets.execute(f'REVOKE SELECT ON {table} FROM "{user}"')
        said = {"all": "", "some": "(id, title, owner, team)", "body": "(id, title, body, owner, team)"}
        if how in said:
            self.tickets.execute(f'GRANT SELECT {said[how]} ON {table} TO "{user}"')

    def grant_or_revoke(self, right: str, relation: str, user: str) -> None:
        how = self.random.choice(
            [f'GRANT {right} ON {relation} TO "{user}"', f'REVOKE {right} ON {relation} FROM "{user}"']
        )
        self.tickets.execute(how)

    def recreate(self, key: int) -> None:
        """Put another row in the place of one, under its key."""
        said = self.readers()
        self.tickets.remove(key)
        self.tickets.ask(
            "INSERT INTO ticket (id, title, body, owner, team) OVERRIDING SYSTEM VALUE "
            "VALUES (%s, 'Ticket', %s, %s, %s) RETURNING id",
            key,
            self.text(),
            said["owner"],
            said["team"],
        )

    @staticmethod
    def why(_user: str, _path: str, is_read: bool) -> str:
        return "access of a text that was new" if is_read else "not read yet"


def run(workspace: Workspace, server: Server, place: Path, changes: int, at_once: int, seed: int) -> Tally:
    tickets = Tickets(server)
    try:
        world = World(tickets, seed)
        (place / "address").write_text(tickets.address("service"))
        tables = [{"name": name, "key": ["id"], "title": "title", "text": ["body"]} for name in RELATIONS]
        settings = {
            "url": f"file:{place / 'address'}",
            "tables": tables,
            "match": "table",
            "accounts": {tickets.role_of(name): name for name in USERS},
        }
        workspace.sources.add("tables", "postgres", settings, OPERATOR)
        compared = Compared(workspace, "tables", USERS)

        def compare() -> None:
            world.look()
            compared.compare(world.files(), world.reads, world.why)

        compared.read_access()
        compared.read_content()
        compare()
        for batch in range(changes // at_once):
            for _ in range(at_once):
                world.step()
            compared.read_access()
            compare()
            if batch % CONTENT_EVERY == CONTENT_EVERY - 1:
                compared.read_content()
                compare()
        return compared.tally
    finally:
        tickets.close()


def test_nobody_is_shown_a_row_that_the_database_does_not_show_them(
    make_workspace: Callable[..., Workspace], postgres: Server, tmp_path: Path
) -> None:
    tally = run(make_workspace(directory=DIRECTORY), postgres, tmp_path, CHANGES, AT_ONCE, seed=11)
    assert not tally.wider
    assert tally.readable > sum(tally.narrower.values())


@pytest.mark.prove
def test_nobody_is_shown_more_rows_through_ten_thousand_changes(
    make_workspace: Callable[..., Workspace], postgres: Server, tmp_path: Path
) -> None:
    tally = run(make_workspace(directory=DIRECTORY), postgres, tmp_path, PROVE_CHANGES, 25, seed=12)
    print(tally.said())
    assert not tally.wider
