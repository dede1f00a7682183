"""A host with tenants that are as like each other as can be: same people, same documents, same names."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient
from tests.simulators.web_client import ORIGIN

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.tenants import TenantServer
from muniment.tenancy import making, places

SETTINGS = "[retrieval]\nvectors = false\n"


@dataclass
class Hosted:
    """A host's own workspace, and its tenants, each opened as by another process."""

    own: Workspace
    tenants: dict[str, Workspace] = field(default_factory=dict)

    def add(self, name: str, people: Path, folder: Path | None = None, settings: str = "") -> Workspace:
        """Make a tenant with people and documents."""
        making.create(self.own, name, SETTINGS + settings, OPERATOR)
        made = self.tenants[name] = places.opened(self.own.home, name, clock=self.own.clock)
        made.directory.import_file(people, OPERATOR)
        if folder is not None:
            made.ingest(folder, "docs")
        return made

    @contextmanager
    def served(self) -> Generator[tuple[TenantServer, TestClient]]:
        """Serve all of it as `muniment serve` does, but for the network."""
        server = TenantServer(self.own)
        with TestClient(server, base_url=ORIGIN, follow_redirects=False) as http:
            yield server, http

    def close(self) -> None:
        for workspace in self.tenants.values():
            workspace.close()


def host(make_workspace: Callable[..., Workspace], **options: Any) -> Hosted:
    """Return a host without tenants."""
    return Hosted(make_workspace("home", **options))
