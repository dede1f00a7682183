"""AZ11 at a file server: after any changes of rights, groups and places, nobody sees what Samba would refuse."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.simulators.samba_server import ADMIN, Samba, samba
from tests.simulators.smb_caller import descriptor, sid_bytes
from tests.simulators.sources.smb_scene import READER, UNKNOWN, stated

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import visible
from muniment.knowledge.sources.connectors.smb_facts import Entry, Fault
from muniment.knowledge.sources.connectors.smb_share import Place
from muniment.knowledge.sources.connectors.smb_share import Share as Files
from muniment.knowledge.syncing.tables import source_item

USERS = tuple(f"user{number}" for number in range(8))
GROUPS = tuple(f"group{number}" for number in range(4))
NESTING = ("local0", "local1")
"""Groups that hold groups."""
FOLDERS = tuple(f"folder{number}" for number in range(6))
FILES = 40
BATCH = 20
"""Changes between two passes over access."""
CONTENT_EACH = 5
"""Batches between two passes over content."""
PAIRS = 40
"""Of a user and a document that are compared after each batch."""
WELL_KNOWN = ("Everyone", "Authenticated", "Owner", "S-1-3-0", "S-1-5-2", UNKNOWN)
RIGHTS = ("READ", "READ", "READ", "CHANGE", "FULL", "0x1", "0x2", "0x120080", "0x80000000")


def _fill(server: Samba) -> None:
    for name in GROUPS:
        server.add_group(name)
    for name in NESTING:
        server.add_local_group(name)
    for name in (*USERS, READER):
        server.add_user(name)


@dataclass
class Share:
    """A share that is changed at random, and what its directory would export."""

    server: Samba
    people: Path
    drawn: random.Random
    places: dict[str, str] = field(default_factory=dict)
    """Path by name of a file."""
    nested: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in NESTING})
    disabled: set[str] = field(default_factory=set)

    def fill(self) -> None:
        self.server.set_acl("", f"{READER}:ALLOWED/OI|CI/READ", f"{ADMIN}:ALLOWED/OI|CI/FULL")
        for number in range(FILES):
            self._put(f"file{number}")
        self.export()

    def export(self) -> None:
        server = self.server
        lines = [
            f"[users.{name}]\nsid = {json.dumps(server.sid(name))}\n"
            f"active = {json.dumps(name not in self.disabled)}\n"
            for name in USERS
        ]
        for name in (*GROUPS, *NESTING):
            members = self.nested[name] if name in self.nested else server.members(name)
            lines.append(
                f"[groups.{name}]\nsid = {json.dumps(server.sid(name))}\nmembers = {json.dumps(sorted(members))}\n"
            )
        self.people.write_text("".join(lines))

    def change(self) -> None:
        how = self.drawn.choices(
            [self._rule, self._odd_list, self._regroup, self._nest, self._disable, self._move, self._again],
            [60, 6, 10, 1, 1, 12, 10],
        )[0]
        how()

    def _put(self, name: str) -> None:
        path = f"{self.drawn.choice(FOLDERS)}/{name}.txt"
        self.server.put(path, f"{name} says {self.drawn.random()}".encode())
        self.places[name] = path
        self._rule_of(path)

    def _rule(self) -> None:
        self._rule_of(self.drawn.choice(list(self.places.values())))

    def _rule_of(self, path: str) -> None:
        drawn = self.drawn
        entries = [] if drawn.random() < 0.02 else [f"{READER}:ALLOWED/0/READ"]
        for _ in range(drawn.randint(0, 6)):
            who = drawn.choice(drawn.choice([USERS, (*GROUPS, *NESTING), WELL_KNOWN]))
            kind = drawn.choices(["ALLOWED", "DENIED"], [2, 1])[0]
            entries.append(f"{who}:{kind}/{drawn.choice(['0', '0', '0', 'I', 'IO'])}/{drawn.choice(RIGHTS)}")
        entries.append(f"{ADMIN}:ALLOWED/0/FULL")
        owner = drawn.choice(["", "", *USERS, *GROUPS])
        self.server.set_acl(path, *entries, owner=owner)

    def _odd_list(self) -> None:
        path = self.drawn.choice(list(self.places.values()))
        sid = self.server.sid
        reader, all_ = (0, 0, 0x1200A9, sid(READER)), (0, 0, 0x1200A9, "S-1-1-0")
        none_at_all = struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 0)
        conditional = sid_bytes(sid(self.drawn.choice(USERS))) + b"artx" + bytes(4)
        entry = struct.pack("<BBHI", 0xA, 0, 8 + len(conditional), 0x1200A9) + conditional
        rest = b"".join(
            struct.pack("<BBHI", kind, flags, 8 + len(sid_bytes(who)), mask) + sid_bytes(who)
            for kind, flags, mask, who in (reader, all_)
        )
        head = struct.pack("<BBHIIIIBBHHH", 1, 0, 0x9004, 0, 0, 0, 20, 4, 0, 8 + len(entry + rest), 3, 0)
        made = self.drawn.choice([none_at_all, descriptor([]), descriptor([reader]), head + entry + rest])
        self.server.set_descriptor(path, made)

    def _regroup(self) -> None:
        user, group = self.drawn.choice(USERS), self.drawn.choice(GROUPS)
        (self.server.leave if user in self.server.members(group) else self.server.join)(user, group)

    def _nest(self) -> None:
        group, member = self.drawn.choice(NESTING), self.drawn.choice((*GROUPS, *USERS[:2]))
        if member in self.nested[group]:
            self.nested[group].remove(member)
            self.server.take_out(member, group)
        else:
            self.nested[group].add(member)
            self.server.nest(member, group)

    def _disable(self) -> None:
        user = self.drawn.choice(USERS)
        if user in self.disabled:
            self.disabled.remove(user)
            self.server.enable(user)
        else:
            self.disabled.add(user)
            self.server.disable(user)

    def _move(self) -> None:
        name = self.drawn.choice(list(self.places))
        to = f"{self.drawn.choice(FOLDERS)}/{name}-{self.drawn.randrange(10**9)}.txt"
        self.server.move(self.places[name], to)
        self.places[name] = to

    def _again(self) -> None:
        name = self.drawn.choice(list(self.places))
        self.server.remove(self.places.pop(name))
        self._put(name)


@dataclass
class Compared:
    """What was found."""

    pairs: int = 0
    shown: int = 0
    """Pairs of which both let the user read."""
    wider: int = 0
    narrower: int = 0
    lags: list[float] = field(default_factory=list[float])
    """How long each pass over access took, in seconds."""

    def __str__(self) -> str:
        lags = sorted(self.lags)
        return (
            f"{self.pairs} pairs, {self.shown} shown, {self.wider} wider, {self.narrower} narrower; "
            f"access read in {lags[len(lags) // 2]:.2f} s (median), {lags[-1]:.2f} s (longest)"
        )


def _compare(workspace: Workspace, share: Share, files: Files, compared: Compared) -> None:
    there = {
        entry.facts.id: f"{folder}/{entry.name}" for folder in FOLDERS for entry in _entries(files, folder)
    }
    drawn = share.drawn
    with workspace.database.read() as connection:
        query = sa.select(source_item.c.id, source_item.c.document).where(source_item.c.document.is_not(None))
        items = connection.execute(query).all()
        views = {user: visible(connection, Principal("user", user)) for user in USERS}
        for _ in range(PAIRS):
            row, user = drawn.choice(items), drawn.choice(USERS)
            document = library.get_document(connection, row.document)
            shown = document is not None and views[user].may_read(document)
            allowed = row.id in there and share.server.can_read(user, there[row.id])
            compared.pairs += 1
            compared.shown += shown
            compared.wider += shown and not allowed
            compared.narrower += allowed and not shown


def _entries(files: Files, folder: str) -> list[Entry]:
    try:
        return files.listed(folder)
    except Fault:
        return []


def _changed(workspace: Workspace, share: Share, files: Files, changes: int) -> Compared:
    compared = Compared()
    workspace.sources.sync_access("filer", OPERATOR)
    workspace.sources.sync_content("filer", OPERATOR)
    for batch in range(changes // BATCH):
        for _ in range(BATCH):
            share.change()
        share.export()
        compared.lags.append(workspace.sources.sync_access("filer", OPERATOR).seconds)
        if batch % CONTENT_EACH == CONTENT_EACH - 1:
            workspace.sources.sync_content("filer", OPERATOR)
        _compare(workspace, share, files, compared)
    return compared


@pytest.mark.parametrize(("changes", "seed"), [(40, 11), pytest.param(10_000, 12, marks=pytest.mark.prove)])
def test_nobody_sees_what_the_file_server_refuses(
    changes: int, seed: int, make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    with samba(_fill) as server:
        share = Share(server, tmp_path / "people.toml", random.Random(seed))
        share.fill()
        people = "".join(f"[users.{name}]\nname = {json.dumps(name)}\ngroups = []\n" for name in USERS)
        workspace = make_workspace(directory=people)
        settings = stated(server, tmp_path, traverse="bypassed")
        workspace.sources.add("filer", "smb", settings, OPERATOR)
        password = server.password_of(ADMIN)
        files = Files(
            Place(
                lambda: [server.host],
                server.host,
                server.port,
                server.share,
                ADMIN,
                lambda: password,
                True,
                True,
            )
        )
        try:
            compared = _changed(workspace, share, files, changes)
        finally:
            files.close()
    print(f"{changes} changes: {compared}")
    assert compared.wider == 0
    assert compared.shown > compared.pairs // 20
    assert compared.narrower < compared.pairs // 5
