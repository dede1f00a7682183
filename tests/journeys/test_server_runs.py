"""What the log says of a server: that it began and ended, and which settings changed since the last time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.simulators.web_client import client

from muniment import app
from muniment.app import Workspace
from muniment.settings import parse

Make = Callable[..., Workspace]


def runs(workspace: Workspace) -> list[tuple[str, object]]:
    found = [one for one in workspace.audit.tail(1000) if one.kind.startswith("server.")]
    return [(one.kind, one.about.get("changed")) for one in found]


def served(workspace: Workspace) -> None:
    with client(workspace) as web:
        assert web.get("/healthz").status_code == 200


def test_each_run_of_a_server_begins_and_ends_in_the_log(workspace: Workspace) -> None:
    served(workspace)
    served(workspace)
    assert runs(workspace) == [("server.started", []), ("server.stopped", None)] * 2


def test_a_changed_setting_is_named_and_its_value_is_not_told(make_workspace: Make) -> None:
    workspace = make_workspace(settings=parse({"answers": {"passages": 5}}))
    served(workspace)
    home: Path = workspace.home
    workspace.close()
    settings = parse(
        {"answers": {"passages": 6}, "server": {"allowed_hosts": ["walnut-canary.example", "localhost"]}}
    )
    again = app.open(home, settings=settings, embedder=lambda: None)
    try:
        served(again)
        began = again.audit.last_of("server.started")
        assert began is not None and began.about["changed"] == ["answers.passages", "server.allowed_hosts"]
        assert "walnut" not in str(began.about)
    finally:
        again.close()
