"""Who writes does not wait for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.foundation.errors import Unavailable
from muniment.foundation.write_turn import WriteTurn


@BOTH
def test_a_write_inside_a_write_is_refused_and_the_outer_one_goes_on(
    make_workspace: Callable[..., Workspace],
) -> None:
    database = make_workspace().database
    with database.write() as connection:
        with pytest.raises(Unavailable), database.write():
            pass
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
    with database.write() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1


def test_threads_take_turns() -> None:
    turn, order = WriteTurn(), list[str]()
    with turn:
        other = threading.Thread(target=lambda: _take(turn, order))
        other.start()
        order.append("first")
    other.join(5)
    assert order == ["first", "second"]


def _take(turn: WriteTurn, order: list[str]) -> None:
    with turn:
        order.append("second")
