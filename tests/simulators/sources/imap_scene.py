"""Folders of a mail account that shares them by access lists, asked as those who sign in."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.simulators.dovecot_server import MASTER, Dovecot, dovecot
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources.kinds import KINDS

_shared = ExitStack()
_running: list[Dovecot] = []


def shared_dovecot() -> Dovecot:
    """Return the server that all scenes share."""
    if not _running:
        _running.append(_shared.enter_context(dovecot()))
    return _running[0]


def end_dovecot() -> None:
    """End that server, if it runs."""
    _running.clear()
    _shared.close()


class ImapScene:
    """Fills `Scene`: each item is a folder of one message, which an account that is nobody here keeps."""

    kind = KINDS["imap"]
    can = frozenset({"groups", "deny"})

    def __init__(self, place: Path) -> None:
        self.mail = shared_dovecot()
        self.keeper = f"keeper-{secrets.token_hex(4)}"
        self._uids: dict[str, int] = {}
        self._lists: dict[str, set[str]] = {}
        self._file = place / "accounts.toml"
        self._teams = {name: set(members) for name, members in TEAMS.items()}
        for name in (*PEOPLE, GUEST, STRANGER, self.keeper):
            self.mail.add_user(name, *self._groups(name))
        self._list()
        password = place / "master-password"
        password.write_text(self.mail.password_of(MASTER))
        password.chmod(0o600)
        self.settings: Mapping[str, object] = {
            "server": self.mail.host,
            "port": self.mail.tls_port,
            "ca_file": str(self.mail.authority),
            "private_network": True,
            "accounts_file": str(self._file),
            "master": MASTER,
            "master_password": f"file:{password}",
        }

    def _groups(self, name: str) -> list[str]:
        return [team for team, members in self._teams.items() if name in members]

    def _list(self) -> None:
        lines = [
            f"[users.{name}]\ngroups = {json.dumps(['$' + team for team in self._groups(name)])}\n"
            for name in (*PEOPLE, GUEST, STRANGER, self.keeper)
        ]
        self._file.write_text("".join(lines))

    def put(self, path: str, text: str) -> None:
        before = self._uids.get(path)
        message = f"Subject: {path}\r\nFrom: keeper@test\r\n\r\n{text}".encode()
        self._uids[path] = self.mail.deliver(self.keeper, _folder(path), message)
        if before is not None:
            self.mail.remove(self.keeper, _folder(path), before)

    def remove(self, path: str) -> None:
        self.mail.remove(self.keeper, _folder(path), self._uids.pop(path))

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        """State the whole list; what groups may, and each user who is denied may not, whoever else gives it."""
        folder = _folder(path)
        spelled = {"anyone" if one == "everyone" else one.replace("@", "$") for one in who}
        wanted = spelled | {f"-{one}" for one in deny}
        for one in self._lists.get(path, set()) - wanted:
            self.mail.set_acl(self.keeper, folder, one, "")
        for one in wanted - self._lists.get(path, set()):
            self.mail.set_acl(self.keeper, folder, one, "lr")
        self._lists[path] = wanted

    def inherit(self, path: str) -> None:
        raise NotImplementedError

    def team(self, name: str, members: Collection[str]) -> None:
        self._teams[name] = set(members)
        for one in (*PEOPLE, GUEST):
            if one in members:
                self.mail.join(one, name)
            else:
                self.mail.leave(one, name)
        self._list()

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        raise NotImplementedError

    def throttle(self, answers: int) -> None:
        raise NotImplementedError

    def reads(self, who: str, path: str) -> bool:
        uid = self._uids.get(path)
        return uid is not None and self.mail.can_read(who, self.keeper, _folder(path), uid)

    def close(self) -> None:
        self.mail.close()


def _folder(path: str) -> str:
    return path.replace(".", "-")
