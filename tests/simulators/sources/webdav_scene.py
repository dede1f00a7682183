"""A real WebDAV server (wsgidav) that lets people read what the settings say that they may."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER
from tests.simulators.webdav_server import Webdav, webdav

from muniment.knowledge.access import nearest
from muniment.knowledge.sources.kinds import KINDS

SHARE, READER = "company", "muniment"
Lists = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""Who is allowed and who is denied, by path."""


class WebdavScene:
    """Fills `Scene`: the operator states readers by path."""

    kind = KINDS["webdav"]
    can = frozenset({"deny", "folders", "break", "unreadable"})

    def __init__(self, place: Path) -> None:
        self._stack = ExitStack()
        self._lists: Lists = {}
        self._locked: set[str] = set()
        self._moment = 1_700_000_000
        folder = place / "webdav"
        folder.mkdir()
        self.server: Webdav = self._stack.enter_context(webdav(folder, controller=self._controller()))
        self.server.add_share(SHARE)
        self._secret = place / "webdav-secret"
        self._secret.write_text(self.server.password_of(READER))

    @property
    def settings(self) -> Mapping[str, object]:
        return {
            "url": f"{self.server.url}/{SHARE}/",
            "user": READER,
            "password": f"file:{self._secret}",
            "readers": [
                {"path": path, "allow": _ours(allow), "deny": _ours(deny)}
                for path, (allow, deny) in sorted(self._lists.items())
            ],
        }

    def put(self, path: str, text: str) -> None:
        self.server.put(f"{SHARE}/{path}", text.encode())
        # The server tells whole seconds, and what changes twice within one is another test's matter.
        self._moment += 10
        os.utime(self.server.folder / "shares" / SHARE / path, (self._moment, self._moment))

    def remove(self, path: str) -> None:
        self.server.remove(f"{SHARE}/{path}")

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        self._lists[path] = tuple(sorted(who)), tuple(sorted(deny))

    def inherit(self, path: str) -> None:
        del self._lists[path]

    def team(self, name: str, members: Collection[str]) -> None:
        raise NotImplementedError

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        (self._locked.add if locked else self._locked.discard)(path)

    def throttle(self, answers: int) -> None:
        raise NotImplementedError

    def reads(self, who: str, path: str) -> bool:
        return self.server.can_read(who, f"{SHARE}/{path}")

    def close(self) -> None:
        self._stack.close()

    def _may(self, who: str, path: str) -> bool:
        if who == READER:
            return path not in self._locked
        allow, deny = nearest(path, self._lists) or ((), ())
        return who in allow and who not in deny

    def _controller(self) -> Any:
        base = pytest.importorskip("wsgidav.dc.base_dc", reason="the package wsgidav is not installed")
        scene = self

        class Controller(base.BaseDomainController):  # type: ignore[misc]
            """Asks the scene who may read what."""

            def get_domain_realm(self, path_info: str, environ: object) -> str:
                return SHARE

            def require_authentication(self, realm: str, environ: object) -> bool:
                return True

            def basic_auth_user(self, realm: str, user: str, password: str, environ: Any) -> bool:
                known = user in (*PEOPLE, GUEST, STRANGER, READER)
                path = environ["PATH_INFO"].strip("/").removeprefix(SHARE).strip("/")
                return known and password == Webdav.password_of(user) and scene._may(user, path)

            def supports_http_digest_auth(self) -> bool:
                return False

        return Controller


def _ours(names: Collection[str]) -> list[str]:
    return [f"user:{name}" for name in names]
