"""The Postgres connector: what only it meets, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.postgres import Server
from tests.simulators.rls_tables import Tickets

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.outside_postgres import OutsidePostgres, quoted
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.connector import Gone, Item, Unreadable
from muniment.knowledge.sources.connectors import postgres_rows
from muniment.knowledge.sources.connectors.postgres import PostgresConnector, connect
from muniment.knowledge.sources.connectors.postgres_text import filled, linked, written
from muniment.knowledge.sources.kinds import Doors, settings_of

TICKETS = {"name": "ticket", "key": ["id"], "title": "title", "text": ["body"]}


@pytest.fixture(scope="module")
def table(postgres: Server) -> Iterator[Tickets]:
    made = Tickets(postgres)
    made.add_group("sales")
    made.add_user("alice", "sales")
    made.add_user("bob")
    yield made
    made.close()


@pytest.fixture
def opened(table: Tickets, tmp_path: Path) -> Iterator[Callable[..., PostgresConnector]]:
    """Return a function that connects to the table as `service`, with other settings of it."""
    table.execute("DELETE FROM ticket")
    made: list[PostgresConnector] = []

    def make(*tables: dict[str, object], **settings: object) -> PostgresConnector:
        doors = Doors(
            lambda _origins, _private: Egress(()),
            lambda _reference, _key: Secret(table.address("service")),
            FixedClock(),
            tmp_path,
            1 << 20,
        )
        stated = {"url": "env:TICKETS", "tables": list(tables or (TICKETS,)), **settings}
        made.append(connect(settings_of("postgres", stated), doors))
        return made[-1]

    yield make
    for one in made:
        one.close()


def readers(connector: PostgresConnector, table: Tickets) -> dict[str, set[str]]:
    """Return who reads each item, by its id, of all pages."""
    found: dict[str, set[str]] = {}
    cursor, more = "", True
    while more:
        page = connector.access(cursor)
        for item, scope in page.items.items():
            clauses = page.scopes[scope].clauses
            names = {name.removeprefix("account:") for clause in clauses for name in clause}
            found[item] = {name.removeprefix(table.role_of("")) for name in names}
        cursor, more = page.cursor, page.more
    return found


def items(connector: PostgresConnector) -> list[Item]:
    found: list[Item] = []
    cursor, more = "", True
    while more:
        page = connector.changes(cursor)
        found += page.items
        cursor, more = page.cursor, page.more
    return found


def test_every_row_comes_once_however_pages_are_cut(
    table: Tickets, opened: Callable[..., PostgresConnector], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: dict[str, set[str]] = {}
    for number in range(11):
        owner, team = [("alice", None), ("bob", None), (None, "everyone"), (None, "sales")][number % 4]
        key = table.put("A ticket", owner=owner, team=team)
        expected[f'["public.ticket", [{key}]]'] = (
            {owner} if owner else {"alice", *(["bob"] * (number % 4 == 2))}
        )
    table.put("Nobody's", owner="carol")
    for size in (1, 2, 3, 100):
        monkeypatch.setattr(postgres_rows.page, "__defaults__", (size,))
        seen = readers(opened(), table)
        assert {name: who - {"service"} for name, who in seen.items()} == expected
        assert [one.id for one in items(opened())] == list(expected)


def test_keys_of_text_come_in_one_order_for_every_role(
    table: Tickets, opened: Callable[..., PostgresConnector], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["Ärger", "a", "B", "zebra", "Z%", 'it\'s "so"', "a/b", "\U0001f600", "\uffff"]
    table.execute("CREATE TABLE note (place text, number int, body text, PRIMARY KEY (place, number))")
    table.execute("GRANT SELECT ON note TO PUBLIC")
    try:
        for name in names:
            table.ask("INSERT INTO note VALUES (%s, 1, 'x'), (%s, 20, 'y') RETURNING 1", name, name)
        monkeypatch.setattr(postgres_rows.page, "__defaults__", (2,))
        connector = opened({"name": "note", "key": ["place", "number"], "text": ["body"]})
        found = items(connector)
        assert len(found) == len({one.id for one in found}) == 2 * len(names)
        assert {connector.fetch(one).content for one in found} == {b"body: x\n", b"body: y\n"}
        assert all(who >= {"alice", "bob"} for who in readers(connector, table).values())
    finally:
        table.execute("DROP TABLE note")


def test_who_may_not_read_a_column_reads_nothing_of_the_table(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    table.put("For all", team="everyone")
    bob = table.role_of("bob")
    table.execute(
        f'REVOKE SELECT ON ticket FROM "{bob}"; GRANT SELECT (id, title, owner, team) ON ticket TO "{bob}"'
    )
    try:
        assert [who & {"alice", "bob"} for who in readers(opened(), table).values()] == [{"alice"}]
        table.execute(f'GRANT SELECT (body) ON ticket TO "{bob}"')
        assert [who & {"alice", "bob"} for who in readers(opened(), table).values()] == [{"alice", "bob"}]
    finally:
        table.execute(f'GRANT SELECT ON ticket TO "{bob}"')


def test_a_role_that_our_login_may_not_become_reads_nothing_and_is_named(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    table.put("For all", team="everyone")
    bob, service = table.role_of("bob"), table.role_of("service")
    table.execute(f'REVOKE "{bob}" FROM "{service}"')
    try:
        assert "bob" not in next(iter(readers(opened(), table).values()))
        assert any(f"GRANT {bob}" in one for one in opened().check().warnings)
    finally:
        table.execute(f'GRANT "{bob}" TO "{service}"')
    assert not any(bob in one for one in opened().check().warnings)


def test_a_role_that_cannot_connect_is_no_active_account(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    def active() -> set[str]:
        return {one.id for part in opened().people() for one in part.accounts if one.active}

    bob = table.role_of("bob")
    assert bob in active()
    for shut, again in (
        ("NOLOGIN", "LOGIN"),
        ("VALID UNTIL '2001-01-01'", "VALID UNTIL 'infinity'"),
        ("CONNECTION LIMIT 0", "CONNECTION LIMIT -1"),
    ):
        table.execute(f'ALTER ROLE "{bob}" {shut}')
        assert bob not in active()
        table.execute(f'ALTER ROLE "{bob}" {again}')
    assert bob in active()


@pytest.mark.parametrize(
    "policy",
    [
        "owner = session_user",
        "owner = current_setting('app.user', true)",
        "of_the_session(owner)",
    ],
)
def test_a_table_whose_policy_asks_for_the_session_is_nobodys(
    table: Tickets, opened: Callable[..., PostgresConnector], policy: str
) -> None:
    table.put("For all", team="everyone")
    table.execute(
        "CREATE FUNCTION of_the_session(name text) RETURNS bool STABLE LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN name = session_user; END $$"
    )
    table.execute(f"CREATE POLICY odd ON ticket FOR SELECT USING ({policy})")
    try:
        connector = opened()
        assert readers(connector, table) == {}
        assert any("asks for the session" in one for one in connector.check().warnings)
        with pytest.raises(BadInput, match="asks for the session"):
            connector.changes("")
    finally:
        table.execute("DROP POLICY odd ON ticket; DROP FUNCTION of_the_session")
    assert readers(opened(), table)


def test_a_view_that_asks_for_the_session_or_stands_on_one_is_nobodys(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    table.put("For all", team="everyone")
    table.execute(
        "CREATE VIEW odd AS SELECT id, body FROM ticket WHERE session_user = session_user; "
        "CREATE VIEW above AS SELECT id, body FROM odd; GRANT SELECT ON odd, above TO PUBLIC"
    )
    try:
        for name in ("odd", "above"):
            connector = opened({"name": name, "key": ["id"], "text": ["body"]})
            assert readers(connector, table) == {}
            assert any("view odd asks for the session" in one for one in connector.check().warnings)
    finally:
        table.execute("DROP VIEW above, odd")


def test_a_row_of_a_view_that_differs_by_reader_is_nobodys(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    plain = table.put("Plain", "the same", team="everyone")
    masked = table.put("Masked", "secret", team="everyone")
    alice = table.role_of("alice")
    table.execute(
        "CREATE VIEW shown WITH (security_invoker) AS SELECT id, CASE WHEN title = 'Masked' AND current_user <> "
        f"'{alice}' THEN '***' ELSE body END AS body FROM ticket; GRANT SELECT ON shown TO PUBLIC"
    )
    try:
        connector = opened({"name": "shown", "key": ["id"], "text": ["body"]})
        found = readers(connector, table)
        assert found[f'["public.shown", [{plain}]]'] >= {"alice", "bob"}
        assert found[f'["public.shown", [{masked}]]'] == set()
        problems = {one.id: one.problem for one in items(connector)}
        assert "different" in problems[f'["public.shown", [{masked}]]']
        with pytest.raises(Unreadable, match="different"):
            connector.fetch(Item(f'["public.shown", [{masked}]]', "shown/2", ""))
    finally:
        table.execute("DROP VIEW shown")


def test_a_key_that_stands_for_several_rows_is_nobodys(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    table.put("Twice", "one", team="everyone")
    table.put("Twice", "two", team="everyone")
    connector = opened({"name": "ticket", "key": ["title"], "text": ["body"]})
    assert list(readers(connector, table).values()) == [set()]
    assert [one.problem for one in items(connector)] == ["its key stands for several rows"]


def test_a_policy_that_fails_for_a_role_shows_it_nothing(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    table.put("For all", team="everyone")
    bob = table.role_of("bob")
    table.execute(
        f"CREATE POLICY broken ON ticket AS RESTRICTIVE USING (1 / (current_user <> '{bob}')::int = 1)"
    )
    try:
        assert [who & {"alice", "bob"} for who in readers(opened(), table).values()] == [{"alice"}]
    finally:
        table.execute("DROP POLICY broken ON ticket")


def test_a_row_is_read_with_the_scope_it_is_in_at_that_moment(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    key = table.put("The lift", "is stuck\nagain", owner="alice")
    connector = opened()
    item = items(connector)[0]
    page = connector.access("")
    content = connector.fetch(item)
    assert content.content == b"# The lift\n\n## body\n\nis stuck\nagain\n"
    assert content.scope == page.items[item.id]
    assert content.revision == page.revisions[item.id] == item.revision
    table.change(key, owner="bob")
    assert connector.fetch(item).scope == connector.access("").items[item.id] != content.scope
    table.change(key, owner="carol")
    with pytest.raises(Gone):
        connector.fetch(item)


def test_a_row_that_is_too_long_is_not_read(table: Tickets, opened: Callable[..., PostgresConnector]) -> None:
    table.put("Long", "x" * (1 << 20), owner="alice")
    connector = opened()
    with pytest.raises(Unreadable, match="over the limit") as caught:
        connector.fetch(items(connector)[0])
    assert caught.value.why == "size"


def test_columns_and_tables_that_are_not_there_are_named(opened: Callable[..., PostgresConnector]) -> None:
    for table, named in (
        ({**TICKETS, "name": "tickets"}, r"no table or view public\.tickets"),
        ({**TICKETS, "text": ["words"]}, "no column words"),
        ({**TICKETS, "key": ["updated_at"]}, "updated_at .* is of the type timestamptz"),
        ({**TICKETS, "name": 'ticket"; DROP TABLE ticket; --'}, "no table or view"),
    ):
        with pytest.raises(BadInput, match=named):
            opened(table).changes("")
        assert not opened(table).access("").items


def test_what_a_transaction_asks_writes_nothing(
    table: Tickets, opened: Callable[..., PostgresConnector]
) -> None:
    key = table.put("For all", team="everyone")
    table.execute(
        "CREATE FUNCTION wipe() RETURNS bool VOLATILE LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN DELETE FROM ticket; RETURN true; END $$"
    )
    table.execute("CREATE POLICY wiping ON ticket FOR SELECT USING (wipe())")
    try:
        readers(opened(), table)
        assert table.ask("SELECT id FROM ticket") == [(key,)]
    finally:
        table.execute("DROP POLICY wiping ON ticket; DROP FUNCTION wipe")


def test_names_are_quoted_whatever_they_hold() -> None:
    assert quoted('a"b%') == '"a""b%%"'
    for wrong in ("", "a\x00b", "x" * 64):
        with pytest.raises(BadInput):
            quoted(wrong)


def test_over_a_network_the_vetted_address_is_connected_to_and_the_name_proven() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["10.1.2.3"]

    def said(url: str, private: bool = True) -> dict[str, object]:
        def door(origin: str) -> Egress:
            return Egress(() if private else [origin], [origin] if private else (), resolve=resolve)

        return OutsidePostgres(Secret(url), door, 5).parameters()

    found = said("postgresql://reader:word@db.corp/tickets")
    assert (found["host"], found["hostaddr"], found["sslmode"]) == ("db.corp", "10.1.2.3", "verify-full")
    assert said("postgresql://r:w@db.corp/tickets?sslmode=disable")["sslmode"] == "disable"
    for wrong in (
        "mysql://r:w@db.corp/tickets",
        "postgresql://r:w@db.corp/tickets?options=-crow_security%3Doff",
        "postgresql://r:w@db.corp/tickets?hostaddr=1.2.3.4",
        "postgresql://r:w@db.corp/",
        "nonsense",
    ):
        with pytest.raises(BadInput, match="url"):
            said(wrong)
    with pytest.raises(Exception, match=r"10\.1\.2\.3"):
        said("postgresql://r:w@db.corp/tickets", private=False)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    url = Secret(f"postgresql://r:w@/tickets?host={tmp_path}")
    with pytest.raises(Unavailable), OutsidePostgres(url, lambda _: Egress(()), 5).snapshot():
        pass


def test_a_document_is_made_of_columns_and_no_column_of_a_template() -> None:
    types = {"facts": "jsonb"}
    assert written("T  x\ny", {"a": "1", "facts": '{"b":[1]}', "none": None}, types) == (
        '# T x y\n\na: 1\n\nfacts:\n\n```json\n{\n  "b": [\n    1\n  ]\n}\n```\n'
    )
    assert filled("{a}-{b}-{c}", {"a": "{b}", "b": "2"}) == "{b}-2-"
    assert linked("https://x/{a}?y", {"a": "1/2?&"}) == "https://x/1%2F2%3F%26?y"
