"""Who may read a file by its NT access list.

Entries count in the order in which they stand: the first that speaks of the right decides, canonical order or not.
What cannot be understood lets nobody in, unless it could only have let somebody in.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

READ, PASS = 0x1, 0x20
"""FILE_READ_DATA of a file, FILE_TRAVERSE of a folder."""
EVERYONE, AUTHENTICATED, NETWORK = "S-1-1-0", "S-1-5-11", "S-1-5-2"
OWNER_RIGHTS = "S-1-3-4"
GUESTS = "S-1-5-32-546"

_ALLOW, _DENY = 0x0, 0x1
_ALLOW_ONLY = frozenset({0x4, 0x5, 0x9, 0xB})
"""Compound, object and conditional entries that allow: they let nobody in here."""
_DENY_PERHAPS = frozenset({0x6, 0xA, 0xC})
"""Object and conditional entries that deny: whom they shut out is not known."""
_INHERIT_ONLY = 0x8
_GENERIC = {READ: 0x90000000, PASS: 0x30000000}
"""GENERIC_ALL, and GENERIC_READ or GENERIC_EXECUTE; servers store what they stand for, so that an entry that still
holds one counts only against its holder."""
_LABEL, _LABEL_NO_READ_UP, _SCOPED_POLICY = 0x11, 0x2, 0x13
_DACL_PRESENT, _SACL_PRESENT, _SELF_RELATIVE = 0x4, 0x10, 0x8000


class Unclear(Exception):
    """A descriptor that lets nobody in, because it was not understood; the text says what was not."""


@dataclass(frozen=True, slots=True)
class Ace:
    """One entry of a list."""

    kind: int
    flags: int
    mask: int
    sid: str
    """Empty for kinds that are not only a mask and whom it is for."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What says who may do what with a file."""

    owner: str | None
    aces: tuple[Ace, ...] | None
    """None: there is expressly no list, and everybody may do everything."""


class Tokens(Protocol):
    """What the accounts of a source present when they ask for a file, as far as it is known."""

    @property
    def accounts(self) -> frozenset[str]: ...

    def holding(self, sid: str) -> frozenset[str]:
        """Return the accounts that surely hold a SID."""
        ...

    def perhaps_holding(self, sid: str) -> frozenset[str]:
        """Return the accounts that may hold a SID: all, where it is unknown."""
        ...


def granted(found: Descriptor, tokens: Tokens, right: int) -> frozenset[str]:
    """Return the accounts that surely have a right; raises Unclear."""
    if found.aces is None:
        return tokens.holding(AUTHENTICATED)
    undecided, allowed = tokens.accounts, frozenset[str]()
    for ace in _counting(found.aces):
        if ace.kind == _ALLOW and ace.mask & right:
            let_in = undecided & _meant(found, ace, tokens.holding, frozenset())
            allowed, undecided = allowed | let_in, undecided - let_in
        elif ace.kind == _DENY and ace.mask & (right | _GENERIC[right]):
            undecided -= _meant(found, ace, tokens.perhaps_holding, tokens.accounts)
    return allowed


def _counting(aces: tuple[Ace, ...]) -> Iterator[Ace]:
    for ace in aces:
        if ace.kind not in {_ALLOW, _DENY} | _ALLOW_ONLY | _DENY_PERHAPS:
            raise Unclear(f"an entry of the unknown kind {ace.kind}")
    for ace in aces:
        if ace.flags & _INHERIT_ONLY or ace.kind in _ALLOW_ONLY:
            continue
        if ace.kind in _DENY_PERHAPS:
            raise Unclear("an entry that denies under a condition")
        if ace.kind == _ALLOW and not ace.mask:
            # So Samba shows POSIX rights, of which another order holds.
            raise Unclear("a list made from POSIX rights")
        yield ace


def _meant(
    found: Descriptor, ace: Ace, of: Callable[[str], frozenset[str]], unowned: frozenset[str]
) -> frozenset[str]:
    if ace.sid != OWNER_RIGHTS:
        return of(ace.sid)
    return unowned if found.owner is None else of(found.owner)


def parsed(descriptor: bytes) -> Descriptor:
    """Return what a self-relative security descriptor says of reading; raises Unclear."""
    try:
        return _parsed(descriptor)
    except (struct.error, IndexError) as error:
        raise Unclear("a descriptor that is cut off") from error


def _parsed(raw: bytes) -> Descriptor:
    revision, _, control, owner, _group, sacl, dacl = struct.unpack_from("<BBHIIII", raw)
    if revision != 1 or not control & _SELF_RELATIVE:
        raise Unclear("a descriptor of an unknown form")
    if not control & _DACL_PRESENT:
        raise Unclear("no access list was shown")
    if control & _SACL_PRESENT and sacl:
        for ace in _acl(raw, sacl):
            if ace.kind == _SCOPED_POLICY or (ace.kind == _LABEL and ace.mask & _LABEL_NO_READ_UP):
                raise Unclear("a central policy or an integrity label that narrows reading")
    return Descriptor(_sid(raw, owner) if owner else None, tuple(_acl(raw, dacl)) if dacl else None)


def _acl(raw: bytes, at: int) -> Iterator[Ace]:
    revision, _, size, count, _ = struct.unpack_from("<BBHHH", raw, at)
    end = at + size
    if revision not in (2, 4) or at < 20 or end > len(raw):
        raise Unclear("an access list of an unknown form")
    at += 8
    for _ in range(count):
        kind, flags, length = struct.unpack_from("<BBH", raw, at)
        if length < 8 or at + length > end:
            raise Unclear("an entry that is cut off")
        (mask,) = struct.unpack_from("<I", raw, at + 4)
        sid = _sid(raw[: at + length], at + 8) if kind in (_ALLOW, _DENY) else ""
        yield Ace(kind, flags, mask, sid)
        at += length


def _sid(raw: bytes, at: int) -> str:
    revision, count = struct.unpack_from("<BB", raw, at)
    if revision != 1 or count > 15:
        raise Unclear("a SID of an unknown form")
    authority = int.from_bytes(raw[at + 2 : at + 8], "big")
    numbers = struct.unpack_from(f"<{count}I", raw, at + 8)
    return "-".join(["S-1", str(authority), *(str(number) for number in numbers)])
