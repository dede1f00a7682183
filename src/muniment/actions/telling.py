"""Word to the run that proposed an action that it has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from muniment.actions.bound import read_bound
from muniment.foundation.errors import MunimentError

Tell = Callable[[sa.Connection, str, str, str], None]
"""Told of a run, an action of its and the state that it is in now, inside the transaction that changes it."""
RUN = "run_"
"""Begins the id of what can be told."""


def nobody(_connection: sa.Connection, _run: str, _action: str, _state: str) -> None:
    """Tell nobody."""


def tell_run(tell: Tell, connection: sa.Connection, row: sa.Row[Any], state: str) -> None:
    """Tell the run that proposed the action of a row, where one did."""
    try:
        run = read_bound(row.bound, row.digest).agent.run
    except MunimentError:
        return
    if run.startswith(RUN):
        tell(connection, run, row.id, state)
