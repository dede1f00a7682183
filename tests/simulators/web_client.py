"""A caller of the HTTP interface and a browser without scripts, over a real workspace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.testclient import TestClient

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.server import create_server

ORIGIN = "http://localhost"
_loop: list[BlockingPortal] = []


@contextmanager
def one_loop() -> Iterator[None]:
    """Let every caller's requests run in one event loop, as a server's do, rather than each in a loop of its own."""
    with start_blocking_portal() as portal:
        _loop.append(portal)
        yield
        _loop.clear()


def client(workspace: Workspace, **options: Any) -> TestClient:
    """Return a caller without credentials."""
    made = TestClient(create_server(workspace), base_url=ORIGIN, follow_redirects=False, **options)
    made.portal = _loop[0] if _loop else None
    return made


def observable(response: Any) -> tuple[int, bytes, dict[str, str]]:
    """Return what a caller sees, but for the time and the random number of the request's trace."""
    headers = {k: v for k, v in response.headers.items() if k not in ("date", "traceresponse")}
    return response.status_code, response.content, headers


def bearer(workspace: Workspace, name: str) -> dict[str, str]:
    """Return the header of a bearer token."""
    return {"authorization": f"Bearer {workspace.tokens.issue(workspace.directory.principal(name))}"}


def api_key(workspace: Workspace, *scopes: str, service: str = "helpdesk") -> str:
    """Return a new API key of a service."""
    principal = workspace.directory.principal(f"service:{service}")
    return workspace.api_keys.create(principal, scopes, OPERATOR).text


def link(workspace: Workspace, name: str) -> str:
    """Return the secret of a one-time sign-in link."""
    return workspace.sessions.create_link(workspace.directory.principal(name), OPERATOR)


class Browser:
    """A browser without scripts: sends forms as the pages state them, with origin and cookie."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.http = client(workspace, headers={"accept": "text/html"})

    def sign_in(self, name: str) -> Browser:
        token = link(self.workspace, name)
        assert 'name="token"' in self.http.get("/signin", params={"token": token}).text
        response = self.post("/signin", token=token)
        assert response.status_code == 303, response.text
        return self

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.http.get("/").text)
        assert found is not None
        return found[1]

    def post(self, path: str, **fields: str) -> Any:
        return self.http.post(path, data=fields, headers={"origin": ORIGIN})

    def ask(self, question: str) -> Any:
        """Ask as the form does, and follow to the answer's page."""
        response = self.post("/ask", csrf=self.csrf, question=question)
        return self.http.get(response.headers["location"]) if response.status_code == 303 else response


def document_id(workspace: Workspace, path: str) -> str:
    """Return the id of the document at a path."""
    from muniment.knowledge import library

    with workspace.database.read() as connection:
        return next(row.id for row in library.documents(connection) if row.path == path)


def kinds(workspace: Workspace, count: int = 200) -> list[str]:
    """Return the kinds of the newest entries of the log, oldest first."""
    return [entry.kind for entry in workspace.audit.tail(count)]
