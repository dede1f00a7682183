"""AZ11: through random changes of mail, nobody reads here what the mail server itself would not give them."""

from __future__ import annotations

import imaplib
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.simulators.dovecot_server import MASTER, Dovecot, dovecot
from tests.simulators.sources.mirrored import readers_here

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources.connectors.imap_names import box_id

USERS = ("alice", "bob", "carol", "dave", "erin")
GROUPS = ("engineers", "sellers")
FOLDERS = ("INBOX", "Plans", "Plans/Heron", "Übersicht & more")
KEPT_FROM = (AssertionError, imaplib.IMAP4.error)
"""How the server says that a list keeps even the owner from something."""
BATCH, PAIRS = 25, 40
CHANGES, PROVE_CHANGES, PARTS = 40, 10_000, 10
DIRECTORY = "".join(f'[users.{name}]\nname = "{name}"\ngroups = []\n' for name in USERS)


@dataclass
class Mail:
    """The server, and what was done to it."""

    server: Dovecot
    file: Path
    drawn: random.Random
    messages: list[tuple[str, str, int]] = field(default_factory=list)
    lists: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in USERS})
    disabled: set[str] = field(default_factory=set)

    def list(self) -> None:
        lines = [
            f"[users.{name}]\ngroups = {json.dumps(['$' + one for one in own] + ['!$' + one for one in own])}\n"
            for name, own in ((name, sorted(own)) for name, own in self.groups.items())
        ]
        self.file.write_text("".join(lines))

    def change(self) -> None:
        draw = self.drawn.choice
        kind = self.drawn.random()
        if kind < 0.2 or len(self.messages) < 4:
            self.deliver()
        elif kind < 0.3:
            owner, folder, uid = draw(self.messages)
            to = draw(FOLDERS)
            if to != folder and self.opens(owner, folder) and self.opens(owner, to):
                with suppress(*KEPT_FROM):
                    moved = self.server.move(owner, wire(folder), uid, wire(to))
                    self.messages.remove((owner, folder, uid))
                    self.messages.append((owner, to, moved))
        elif kind < 0.4:
            owner, folder, uid = draw(self.messages)
            if self.opens(owner, folder):
                with suppress(*KEPT_FROM):
                    self.server.remove(owner, wire(folder), uid)
                    self.messages.remove((owner, folder, uid))
        elif kind < 0.7:
            self.set_acl()
        elif kind < 0.85:
            owner, folder, _ = draw(self.messages)
            stated = self.lists.get((owner, folder), set())
            if stated:
                one = draw(sorted(stated))
                with suppress(*KEPT_FROM):
                    self.server.set_acl(owner, wire(folder), one, "")
                    stated.discard(one)
        elif kind < 0.92:
            who, group = draw(USERS), draw(GROUPS)
            joined = group in self.groups[who]
            (self.server.leave if joined else self.server.join)(who, group)
            (self.groups[who].discard if joined else self.groups[who].add)(group)
            self.list()
        elif self.disabled:
            self.server.enable(self.disabled.pop())
        else:
            self.disabled.add(who := draw(USERS))
            self.server.disable(who)

    def opens(self, owner: str, folder: str) -> bool:
        """Return whether the owner can read a folder of its own, so that its messages can be changed."""
        if owner in self.disabled:
            return False
        uid = next((uid for who, place, uid in self.messages if (who, place) == (owner, folder)), None)
        return uid is None or self.server.can_read(owner, owner, wire(folder), uid)

    def deliver(self) -> None:
        owner, folder = self.drawn.choice(USERS[:3]), self.drawn.choice(FOLDERS)
        if not self.opens(owner, folder):
            return
        text = f"Subject: {len(self.messages)}\r\n\r\nHeron\r\n".encode()
        # What a list keeps even its owner from doing is not done.
        with suppress(*KEPT_FROM):
            self.messages.append((owner, folder, self.server.deliver(owner, wire(folder), text)))

    def set_acl(self) -> None:
        draw = self.drawn.choice
        owner, folder, _ = draw(self.messages)
        who = draw([*USERS, *("$" + one for one in GROUPS), "!$" + GROUPS[0], "anyone", "nobody-knows"])
        who = ("-" if self.drawn.random() < 0.25 else "") + who
        with suppress(*KEPT_FROM):
            self.server.set_acl(owner, wire(folder), who, draw(["lr", "r", "l", "lrs", "lrswia"]))
            self.lists.setdefault((owner, folder), set()).add(who)


def wire(folder: str) -> str:
    """Return the name of a folder in modified UTF-7."""
    return folder.replace("&", "&-").replace("Ü", "&ANw-")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Mail]:
    with dovecot() as server:
        made = Mail(server, tmp_path / "accounts.toml", random.Random())
        for name in USERS:
            server.add_user(name)
        made.list()
        yield made


@pytest.fixture
def workspace(mail: Mail, make_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    made = make_workspace(directory=DIRECTORY, clock=FixedClock())
    password = tmp_path / "master-password"
    password.write_text(mail.server.password_of(MASTER))
    password.chmod(0o600)
    settings = {
        "server": mail.server.host,
        "port": mail.server.port,
        "tls": "none",
        "private_network": True,
        "accounts_file": str(mail.file),
        "master": MASTER,
        "master_password": f"file:{password}",
    }
    made.sources.add("mail", "imap", settings, OPERATOR)
    return made


def churn(mail: Mail, workspace: Workspace, changes: int, seed: int) -> tuple[int, int]:
    """Change and compare; return how many pairs were compared, and how often we were narrower."""
    mail.drawn.seed(seed)
    compared = narrower = made = 0
    while made < changes:
        for _ in range(min(BATCH, changes - made)):
            mail.change()
            made += 1
        workspace.sources.sync_access("mail", OPERATOR)
        readers = readers_here(workspace, "mail", USERS)
        for _ in range(PAIRS):
            who, (owner, folder, uid) = mail.drawn.choice(USERS), mail.drawn.choice(mail.messages)
            there = mail.server.can_read(who, owner, wire(folder), uid)
            here = who in item_of(readers, owner, folder, uid)
            stated = mail.lists.get((owner, folder))
            assert there or not here, f"{who} reads {owner}/{folder} here alone: {stated}, {mail.groups}"
            compared += 1
            narrower += there and not here
    return compared, narrower


def item_of(readers: dict[str, set[str]], owner: str, folder: str, uid: int) -> set[str]:
    """Return who reads a message here; nobody where it is not mirrored."""
    begin = box_id(owner, wire(folder).encode()) + "/"
    found = [
        who
        for name, who in readers.items()
        if name.startswith(begin) and name.endswith(f"/{uid}") and name.count("/") == 3
    ]
    assert len(found) <= 1
    return found[0] if found else set()


def test_nothing_is_wider_than_the_mail_server(mail: Mail, workspace: Workspace) -> None:
    compared, narrower = churn(mail, workspace, CHANGES, 11)
    assert compared and narrower < compared


@pytest.mark.prove
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_changes_leave_nothing_wider(
    mail: Mail, workspace: Workspace, part: int, record_property: Callable[[str, object], None]
) -> None:
    compared, narrower = churn(mail, workspace, PROVE_CHANGES // PARTS, part)
    record_property("narrower", narrower)
    print(f"{compared} pairs compared, {narrower} narrower")
    assert narrower < compared / 2
