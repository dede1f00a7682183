"""An identity provider that provisions over SCIM, and a server of its own for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.testclient import TestClient
from tests.simulators.web_client import api_key, client

from muniment.app import Workspace
from muniment.interfaces.server import create_server

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


class Provisioner:
    """Calls the SCIM interface with a key of the service helpdesk."""

    def __init__(self, workspace: Workspace, http: TestClient | None = None) -> None:
        self.http = http or client(workspace)
        self.headers = {"authorization": f"Bearer {api_key(workspace, 'provision')}"}

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Any:
        sent = {**self.headers, "content-type": "application/scim+json", **(headers or {})}
        content = None if body is None else json.dumps(body)
        return self.http.request(method, f"/scim/v2{path}", content=content, headers=sent, params=query)

    def user(self, name: str, /, **more: Any) -> dict[str, Any]:
        """Make a user."""
        made = self("POST", "/Users", {"schemas": [USER], "userName": name, "active": True, **more})
        assert made.status_code == 201, made.text
        return made.json()

    def group(self, name: str, /, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Make a group of these resources."""
        inside = [{"value": one["id"]} for one in members]
        made = self("POST", "/Groups", {"schemas": [GROUP], "displayName": name, "members": inside, **more})
        assert made.status_code == 201, made.text
        return made.json()

    def patch(self, resource: dict[str, Any], *operations: dict[str, Any], **headers: str) -> Any:
        """Change a resource."""
        path = resource["meta"]["location"].partition("/scim/v2")[2]
        return self("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, headers)

    def find(self, kind: str, **query: Any) -> list[str]:
        """Return the names of what is found."""
        got = self("GET", f"/{kind}", **query)
        assert got.status_code == 200, got.text
        name = "userName" if kind == "Users" else "displayName"
        return [one[name] for one in got.json()["Resources"]]


@contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    """Serve a workspace over HTTP; yield its address."""
    server = uvicorn.Server(
        uvicorn.Config(create_server(workspace), host="127.0.0.1", port=0, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
