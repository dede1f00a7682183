"""Statements put into words once mean the same as those put into words each time."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import exc

from muniment.foundation.worded import Listed, Worded

TABLE = sa.Table("place", sa.MetaData(), sa.Column("name", sa.Text), sa.Column("number", sa.Integer))
ROWS = [(f"n{at % 7}", at) for at in range(600)]


@pytest.fixture(scope="module")
def connection() -> sa.Connection:
    made = sa.create_engine("sqlite://").connect()
    TABLE.metadata.create_all(made)
    made.execute(sa.insert(TABLE), [{"name": name, "number": number} for name, number in ROWS])
    return made


def test_named_values_and_its_own_are_placed(connection: sa.Connection) -> None:
    worded = Worded(
        sa.select(TABLE.c.number).where(TABLE.c.name == sa.bindparam("name"), TABLE.c.number < 20)
    )
    assert [row[0] for row in worded.rows(connection, name="n3")] == [3, 10, 17]
    assert [row[0] for row in worded.rows(connection, name="n4")] == [4, 11, 18]


def test_it_runs_once_for_each_of_some_values(connection: sa.Connection) -> None:
    Worded(sa.insert(TABLE)).run(connection, [{"name": "new", "number": at} for at in (1001, 1002)])
    found = connection.execute(sa.select(TABLE.c.number).where(TABLE.c.name == "new")).scalars()
    assert list(found) == [1001, 1002]


LISTED = Listed(
    sa.select(TABLE.c.name, TABLE.c.number).where(TABLE.c.number < 500), TABLE.c.name, TABLE.c.number
)


@given(st.lists(st.sampled_from([*ROWS, ("n0", 5), ("absent", 1)]), max_size=40))
def test_rows_of_a_list_are_those_that_it_names(
    connection: sa.Connection, values: list[tuple[str, int]]
) -> None:
    found = [tuple(row) for row in LISTED.rows(connection, values)]
    assert sorted(found) == sorted({value for value in values if value in ROWS and value[1] < 500})


def test_a_list_of_five_hundred_is_taken(connection: sa.Connection) -> None:
    assert len(LISTED.rows(connection, ROWS[:500])) == 500


def test_what_the_database_refuses_is_told_as_for_any_other_statement_and_without_the_values(
    connection: sa.Connection,
) -> None:
    connection.exec_driver_sql("CREATE TABLE once (name TEXT UNIQUE)")
    once = Worded(sa.insert(sa.table("once", sa.column("name", sa.Text))).values(name=sa.bindparam("one")))
    once.rows(connection, one="a secret")
    for attempt in (
        lambda: once.rows(connection, one="a secret"),
        lambda: once.run(connection, [{"one": "a secret"}]),
    ):
        with pytest.raises(exc.IntegrityError) as refused:
            attempt()
        assert "UNIQUE" in str(refused.value) and "a secret" not in str(refused.value)
    with pytest.raises(exc.OperationalError, match="no such table"):
        Worded(sa.select(sa.table("absent", sa.column("name")).c.name)).rows(connection)
