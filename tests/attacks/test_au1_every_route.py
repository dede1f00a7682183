"""AU1 for every route: while the log takes no entry, it answers 503 and changes nothing, or needs none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.matrix import test_routes as matrix
from tests.matrix.test_routes import ROWS, Site

from muniment.app import Workspace

site = matrix.site

NO_ENTRY = {
    # What this installation is.
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /signin",
    "GET /v1/models",
    "GET /v1/models/{model_id}",
    "POST /mcp",
    # The tools that the caller may use, and the caller's own actions, runs and delegations.
    "GET /v1/tools",
    "GET /v1/tools/{tool_id}",
    "GET /v1/workflows",
    "GET /v1/workflows/{run_id}",
    "GET /v1/actions",
    "GET /v1/actions/{action_id}",
    "GET /actions",
    "GET /v1/approvals/delegations",
    "GET /approvals/delegations",
    "GET /workflows",
    "GET /workflows/new/{workflow_id}",
    "GET /workflows/{run_id}",
    "GET /workflows/{run_id}/state",
    # A form, with the sources that the caller may read.
    "GET /search",
    # What waits for the caller: which, and not what; showing one has its entry.
    "GET /v1/approvals",
    "GET /approvals",
    "GET /approvals/{action_id}/state",
}
"""Routes that give no passage, no answer and no document, and do nothing."""


@contextmanager
def full(workspace: Workspace) -> Iterator[None]:
    """Let the database itself refuse every new entry, as a full disk would."""
    refuse = "CREATE TRIGGER full BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    with workspace.database.write() as connection:
        connection.exec_driver_sql(refuse)
    try:
        yield
    finally:
        with workspace.database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER full")


class Failing:
    """Sends requests while the log takes no entry, and says whether anything was written."""

    def __init__(self, site: Site, watching: sa.Connection) -> None:
        self.workspace, self.http = site.workspace, site.http
        self.watching = watching
        self.changed = False

    def _writes(self) -> int:
        """A number that is another after each transaction of another connection that wrote."""
        return self.watching.exec_driver_sql("PRAGMA data_version").scalar_one()

    def request(self, method: str, path: str, **options: Any) -> Any:
        with full(self.workspace):
            before = self._writes()
            answer = self.http.request(method, path, **options)
            self.changed = self._writes() != before
        return answer


@pytest.fixture
def failing(site: Site) -> Iterator[Failing]:
    lent = site.workspace.database.lend()
    with lent.engine.connect() as watching:
        yield Failing(site, watching)
    lent.engine.dispose()


@pytest.mark.parametrize("caller", ["owner", "other"])
def test_no_route_gives_or_does_anything_while_the_log_takes_no_entry(
    site: Site, failing: Failing, caller: str
) -> None:
    wrong = list[tuple[str, int, bool]]()
    sending = Site(site.workspace, failing, site.places, site.bearers, site.cookies)  # type: ignore[arg-type]
    for route, row in ROWS.items():
        expected = matrix.expected(row, caller)
        status = sending.send(row, caller)
        refused = status == expected and 400 <= status < 500
        if failing.changed or not (status == 503 or refused or (route in NO_ENTRY and status == expected)):
            wrong.append((route, status, failing.changed))
    assert wrong == []


def test_what_needs_no_entry_is_a_route_that_only_shows() -> None:
    assert ROWS.keys() >= NO_ENTRY
    assert {route for route in NO_ENTRY if not route.startswith("GET ")} == {"POST /mcp"}


def test_what_is_written_is_seen(site: Site, failing: Failing) -> None:
    before = failing._writes()
    site.workspace.directory.principal("alice")
    assert failing._writes() == before
    site.session("alice")
    assert failing._writes() != before
