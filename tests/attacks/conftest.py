"""What several attacks need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from muniment import app
from muniment.app import Workspace


@pytest.fixture
def pair(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> tuple[Workspace, Workspace]:
    """Return two workspace objects on one home, as two processes have them: one changes, one reads."""
    first = make_workspace()
    first.ingest(folder, "docs")
    return first, app.open(tmp_path / "home", embedder=lambda: None)


@pytest.fixture(scope="session")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Return the sample company, where nothing takes an approver but what information flow asks of people."""
    from tests.attacks.chains import DOCUMENTS, TRACK, shipment
    from tests.attacks.hijacked import HANDBOOK
    from tests.simulators.acme_company import FLOW, acme_company
    from tests.simulators.mcp_server import mcp_server, ship

    from muniment.actions.runners.mcp_connection import RemoteServer
    from muniment.actions.runners.remote_tool import RemoteToolRunner
    from muniment.foundation.egress import Egress

    folder, documents = tmp_path_factory.mktemp("flow"), {**HANDBOOK, **DOCUMENTS}
    tools = [ship(name="track", description="Tracks an order.")]
    with (
        mcp_server(says=shipment, tools=tools) as server,
        acme_company(folder, FLOW, documents, [TRACK]) as made,
    ):
        door = Egress({server.url.removesuffix("/mcp")}, purpose="tools")
        made.tools.others = RemoteToolRunner(door, {"shop": RemoteServer("shop", server.url)})
        yield made
