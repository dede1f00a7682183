"""A real WebDAV server (wsgidav) on the loopback: shares that each have users of their own, with a password each."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.simulators.certificates import Authority

_NOBODY = {"": {"password": None}}
"""Users of a share that lets nobody in; without any, wsgidav would fall back on those of all shares."""


class Webdav:
    """A running server: changes it as an administrator does, and asks it as its users do.

    The first folder of a path is the share; who may read is said for a share as a whole.
    """

    def __init__(self, folder: Path, application: Any) -> None:
        self.folder, self.host, self.port, self.tls = folder, "127.0.0.1", 0, False
        self.application = application
        self._users = application.config["simple_dc"]["user_mapping"]
        self._known: dict[str, set[str]] = {}

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    @property
    def authority(self) -> Path:
        """Certificate of the authority to trust, where the server speaks TLS."""
        return self.folder / "authority.pem"

    @staticmethod
    def password_of(user: str) -> str:
        """Return what a user signs in with."""
        return f"{user}-opens-the-door"

    def add_share(self, share: str, *users: str) -> None:
        """Make an empty share for users."""
        place = self.folder / "shares" / share
        place.mkdir(parents=True)
        self._users[f"/{share}"] = dict(_NOBODY)
        self.application.add_provider(f"/{share}", str(place))
        for user in users:
            self.grant(share, user)

    def grant(self, share: str, user: str) -> None:
        """Let a user into a share."""
        self._known.setdefault(user, set()).add(share)
        self._users[f"/{share}"][user] = {"password": self.password_of(user)}

    def revoke(self, share: str, user: str) -> None:
        """Let a user into a share no more."""
        self._known.get(user, set()).discard(share)
        self._users[f"/{share}"].pop(user, None)

    def disable(self, user: str) -> None:
        """Let a user in nowhere."""
        for share in self._known.get(user, set()):
            self._users[f"/{share}"].pop(user, None)

    def enable(self, user: str) -> None:
        """Let a disabled user in where it was let in before."""
        for share in self._known.get(user, set()):
            self.grant(share, user)

    def put(self, path: str, content: bytes) -> None:
        """Write a file of a share that is there."""
        place = self.folder / "shares" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def remove(self, path: str) -> None:
        """Remove a file."""
        (self.folder / "shares" / path).unlink()

    def can_read(self, user: str, path: str) -> bool:
        """Return whether the server gives a user, who signs in for it, a file."""
        status, _ = self.ask("GET", path, user)
        assert status in (200, 401, 403, 404), status
        return status == 200

    def ask(
        self, method: str, path: str, user: str | None, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes]:
        """Return what the server answers to a user, or to somebody without a name: status and body."""
        if user is not None:
            login = base64.b64encode(f"{user}:{self.password_of(user)}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        with closing(self._connection()) as connection:
            connection.request(method, f"/{quote(path)}", body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _connection(self) -> http.client.HTTPConnection:
        if not self.tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=10)
        trusting = ssl.create_default_context(cafile=str(self.authority))
        return http.client.HTTPSConnection(self.host, self.port, timeout=10, context=trusting)


@contextmanager
def webdav(folder: Path, tls: bool = False, controller: Any = None) -> Iterator[Webdav]:
    """Run a server without shares whose files lie in `folder`; skips where wsgidav is not installed.

    `controller` says who may do what, in place of the users of shares.
    """
    application = pytest.importorskip("wsgidav.wsgidav_app", reason="the package wsgidav is not installed")
    wsgi = pytest.importorskip("cheroot.wsgi", reason="the package cheroot is not installed")
    made = application.WsgiDAVApp(
        {
            "provider_mapping": {},
            "http_authenticator": {
                "domain_controller": controller,
                "accept_basic": True,
                "accept_digest": False,
                "default_to_digest": False,
            },
            "simple_dc": {"user_mapping": {"*": dict(_NOBODY)}},
            "dir_browser": {"enable": False},
            "property_manager": True,
            "lock_storage": True,
            "verbose": 0,
            "logging": {"enable": False},
        }
    )
    server = Webdav(folder, made)
    running = wsgi.Server((server.host, 0), made, numthreads=4, shutdown_timeout=1)
    running.expiration_interval = 0.05  # As long as it takes to end.
    if tls:
        from cheroot.ssl.builtin import BuiltinSSLAdapter

        authority = Authority()
        authority.write(server.authority)
        authority.issue(folder / "certificate.pem", folder / "key.pem", server.host)
        running.ssl_adapter = BuiltinSSLAdapter(str(folder / "certificate.pem"), str(folder / "key.pem"))
    running.prepare()
    server.port, server.tls = running.bind_addr[1], tls
    thread = threading.Thread(target=running.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        running.stop()
        thread.join()
