"""What a proxy says of a request is believed only where that proxy is trusted."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from muniment.app import Workspace
from muniment.foundation.network_settings import NetworkSettings
from muniment.interfaces.forwarded import Proxies
from muniment.interfaces.server import create_server

NETWORKS = NetworkSettings(trusted_proxies=("10.0.0.0/24", "fd00::5")).proxies()
SECURE = {"x-forwarded-proto": "https"}


def seen(peer: str, **said: str) -> tuple[str, str]:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in said.items()]
    scope: dict[str, Any] = {"client": (peer, 1), "scheme": "http", "path": "/", "headers": headers}
    found, _ = Proxies(NETWORKS).believed(scope)
    assert found["headers"] == []
    return found["scheme"], found["client"][0]


@pytest.mark.parametrize("peer", ["10.0.0.7", "fd00::5", "::ffff:10.0.0.7"])
def test_a_trusted_proxy_is_believed(peer: str) -> None:
    said = {"x_forwarded_proto": "https", "x_forwarded_for": "203.0.113.9"}
    assert seen(peer, **said) == ("https", "203.0.113.9")


@pytest.mark.parametrize("peer", ["10.0.1.7", "127.0.0.1", "fd00::6", "", "testclient", "::ffff:10.0.1.7"])
def test_nobody_else_is(peer: str) -> None:
    said = {"x_forwarded_proto": "https", "x_forwarded_for": "203.0.113.9", "forwarded": "proto=https"}
    assert seen(peer, **said) == ("http", peer)


@pytest.mark.parametrize(
    ("said", "caller"),
    [
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.9", "203.0.113.9"),
        ("10.0.0.9", "10.0.0.7"),
        ("203.0.113.9, nonsense", "10.0.0.7"),
        ("", "10.0.0.7"),
    ],
)
def test_the_caller_is_who_the_last_trusted_proxy_saw(said: str, caller: str) -> None:
    assert seen("10.0.0.7", x_forwarded_for=said)[1] == caller


@pytest.mark.parametrize("said", ["http, https", "https, http", "", "wss", "https://"])
def test_a_request_is_secure_only_where_all_say_so(said: str) -> None:
    assert seen("10.0.0.7", x_forwarded_proto=said)[0] == "http"


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("10.0.0.7", SECURE, 401),
        ("10.0.0.7", {}, 403),
        ("10.0.0.7", {"x-forwarded-proto": "http"}, 403),
        ("203.0.113.9", SECURE, 403),
        ("127.0.0.1", SECURE, 403),
    ],
)
def test_a_server_behind_proxies_takes_nothing_past_them(
    workspace: Workspace, peer: str, headers: dict[str, str], status: int
) -> None:
    app = create_server(workspace, proxies=Proxies(NETWORKS, required=True))
    http = TestClient(app, base_url="http://localhost", client=(peer, 1))
    got = http.get("/v1/models", headers=headers)
    assert got.status_code == status and "content-security-policy" in got.headers
    assert ("strict-transport-security" in got.headers) == (status == 401)
    assert http.get("/healthz").status_code == (200 if peer == "10.0.0.7" else 403)


@pytest.mark.parametrize("given", ["0.0.0.0/0", "::/0", "10.0.0.1/24", "proxy.example", ""])
def test_who_is_no_address_or_everybody_cannot_be_trusted(given: str) -> None:
    with pytest.raises(ValueError):
        NetworkSettings(trusted_proxies=(given,))
