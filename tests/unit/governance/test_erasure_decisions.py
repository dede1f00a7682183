"""Every table has a decision about the people in it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests import tables

from muniment.app import Workspace
from muniment.foundation.database import metadata
from muniment.governance.privacy.decisions import DECISIONS


def registered() -> dict[str, sa.Table]:
    """Return every table of every room."""
    return {name: metadata.tables[name] for name in tables.registered()}


def test_every_table_is_decided_on(workspace: Workspace) -> None:
    with workspace.database.read() as connection:
        there = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
    assert there == {one.table for one in DECISIONS}


def test_every_decision_is_about_columns_that_there_are() -> None:
    known = registered()
    for one in DECISIONS:
        named = {*one.removed, *one.renamed, *one.within, one.removed_by_name} - {""}
        named |= {column for pair in one.emptied for column in pair}
        named |= {"kind"} if one.has_kind else set()
        named |= {one.removed_through[0]} if one.removed_through else set()
        assert named <= set(known[one.table].c.keys()), one.table
        assert one.why


@pytest.mark.parametrize(
    "column", ["by", "changed_by", "made_by", "created_by", "owner", "principal", "person"]
)
def test_no_column_that_names_a_person_is_passed_over(column: str) -> None:
    decided = {
        (one.table, name)
        for one in DECISIONS
        for name in (*one.removed, *one.renamed, *(one.removed_through or ())[:1])
    }
    elsewhere = {one.table for one in DECISIONS if one.elsewhere}
    for name, table in registered().items():
        if column in table.c and name not in elsewhere:
            assert (name, column) in decided, name
