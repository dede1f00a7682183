"""The accounts and groups that access lists of a file server name by SID, from a file exported from its directory.

    [users.alice]
    sid = "S-1-5-21-1-2-3-1105"
    groups = ["eng", "S-1-5-21-1-2-3-513"]

    [groups.eng]
    sid = "S-1-5-21-1-2-3-1201"
    members = ["alice", "contractors"]

Membership may be stated on either side, and groups nest. What is stated of a group is taken as all there is of it;
a SID that is nobody's here lets nobody in, and shuts everybody out where it is denied.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import Account, People, Team, account, team
from muniment.knowledge.sources.connectors.nt_rights import AUTHENTICATED, EVERYONE, GUESTS, NETWORK

_SID = re.compile(r"S-1-[0-9]{1,15}(-[0-9]{1,10}){1,15}")
_NAMED = {"Everyone": EVERYONE, "Authenticated Users": AUTHENTICATED, "Guests": GUESTS}
_GIVEN = frozenset({EVERYONE, AUTHENTICATED, NETWORK})
"""Held by whoever signs in over the network."""


def _as_sid(text: str) -> str:
    if not _SID.fullmatch(text):
        raise ValueError("must be a SID such as S-1-5-21-1-2-3-1105")
    return "-".join(["S", *(str(int(part)) for part in text.split("-")[1:])])


Sid = Annotated[str, AfterValidator(_as_sid)]


class _User(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sid: Sid
    groups: list[str] = []
    also: list[Sid] = []
    email: str = ""
    active: bool = True
    guest: bool = False


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sid: Sid
    members: list[str]
    also: list[Sid] = []


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    users: dict[str, _User]
    groups: dict[str, _Group] = {}


@dataclass(frozen=True, slots=True)
class Directory:
    """All accounts and groups, and what each account presents; fills `Tokens`."""

    people: People
    accounts: frozenset[str]
    """By SID."""
    _holders: Mapping[str, frozenset[str]]
    _stated: frozenset[str]
    """SIDs whose holders are all known."""
    _names: Mapping[str, str]

    def holding(self, sid: str) -> frozenset[str]:
        """Return the accounts that surely hold a SID."""
        return self._holders.get(sid, frozenset())

    def perhaps_holding(self, sid: str) -> frozenset[str]:
        """Return the accounts that may hold a SID: all, where it is unknown."""
        if sid == AUTHENTICATED:
            return self.accounts
        return self.holding(sid) if sid in self._stated else self.accounts

    def named(self, names: Iterable[str], setting: str) -> frozenset[str]:
        """Return the accounts that names or SIDs of a setting mean; raises BadInput for an unknown name."""
        found = frozenset[str]()
        for name in names:
            sid = self._names.get(name) or _NAMED.get(name) or (name if _SID.fullmatch(name) else None)
            if sid is None:
                raise BadInput(
                    f"{setting}: no account or group is called {name!r}.",
                    fix="Use a name of the file `people`, Everyone, Authenticated Users, Guests or a SID.",
                )
            found |= self.holding(_as_sid(sid))
        return found


def directory_of(file: Path) -> Directory:
    """Return what a file states; raises Unavailable naming what in it cannot be used."""
    try:
        said = _File.model_validate(tomllib.loads(file.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _wrong(file, f"{where}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unavailable(f"people: {file} cannot be read.", fix="Mend the file, or its path.") from error
    return _Making(said, file).made()


class _Making:
    """Finds out who holds what."""

    def __init__(self, said: _File, file: Path) -> None:
        self._said = said
        self._file = file
        self._names = self._every_name()
        self._above = self._every_group_above()

    def _every_name(self) -> dict[str, str]:
        said = self._said
        both = said.users.keys() & said.groups.keys()
        if both:
            raise _wrong(self._file, f"{min(both)} is both a user and a group")
        names = {name: one.sid for part in (said.users, said.groups) for name, one in part.items()}
        if len(set(names.values())) < len(names) or _GIVEN & set(names.values()):
            raise _wrong(self._file, "a SID is stated twice, or is one that everybody holds")
        return names

    def _every_group_above(self) -> dict[str, set[str]]:
        """Return, by SID, the SIDs that whoever holds it holds too, directly."""
        above: dict[str, set[str]] = defaultdict(set)
        for name, group in self._said.groups.items():
            above[group.sid].update(group.also)
            for member in group.members:
                above[self._sid_of(member, f"groups.{name}.members")].add(group.sid)
        for name, user in self._said.users.items():
            above[user.sid].update(user.also)
            for group in user.groups:
                above[user.sid].add(self._sid_of(group, f"users.{name}.groups"))
        return above

    def _sid_of(self, name: str, where: str) -> str:
        if name in self._names:
            return self._names[name]
        if not _SID.fullmatch(name):
            raise _wrong(self._file, f"{where}: {name!r} is neither stated in it nor a SID")
        return _as_sid(name)

    def made(self) -> Directory:
        """Return the directory."""
        said = self._said
        holders: dict[str, set[str]] = defaultdict(set)
        guests = frozenset(one.sid for one in said.users.values() if one.guest)
        active = frozenset(one.sid for one in said.users.values() if one.active)
        for sid in active:
            for held in self._token(sid, sid in guests):
                holders[held].add(sid)
        stated = {*self._names.values(), *_GIVEN, GUESTS} - {AUTHENTICATED}
        return Directory(
            People(
                [Account(u.sid, n, u.email, u.active, u.guest) for n, u in said.users.items()],
                [Team(group.sid, self._members(group.sid), name) for name, group in said.groups.items()],
            ),
            active,
            {sid: frozenset(of) for sid, of in holders.items()},
            frozenset(stated),
            self._names,
        )

    def _token(self, sid: str, guest: bool) -> set[str]:
        # A guest of Windows is not among the authenticated users.
        token = {sid, EVERYONE, NETWORK, GUESTS if guest else AUTHENTICATED}
        front = list(token)
        while front:
            more = self._above.get(front.pop(), set()) - token
            token |= more
            front.extend(more)
        return token

    def _members(self, sid: str) -> list[str]:
        users = {one.sid for one in self._said.users.values()}
        below = sorted(one for one, above in self._above.items() if sid in above)
        groups = {one.sid for one in self._said.groups.values()}
        return [account(o) if o in users else team(o) for o in below if o in users or o in groups]


def _wrong(file: Path, what: str) -> Unavailable:
    return Unavailable(f"people: {file} cannot be used: {what}.", fix="Mend the file, and export it anew.")
