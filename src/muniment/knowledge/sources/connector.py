"""The port to a system of record: what changed there, who may read it, and what is in it.

A pass begins at cursor "" or where an earlier one ended. A pass that begins at "" lists everything there is: what it
leaves out is gone, or is nobody's. A connector without a feed of changes ends every pass with the cursor "".
Each page is durable before the next is asked for, with its cursor; what comes twice does no harm.

Content and access have feeds and cursors of their own, so that no backlog of content delays a revocation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from muniment.foundation.errors import BadInput, MunimentError, Unavailable

EVERYONE_THERE = "everyone"
"""Every active account of the source that is no guest."""


def account(name: str) -> str:
    """Return the entry of one account of the source, by its id there."""
    return f"account:{name}"


def team(name: str) -> str:
    """Return the entry of one group of the source, by its id there."""
    return f"team:{name}"


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be read at the source, such as a file, page, message or row."""

    id: str
    """Stays the same when it is renamed or moved, and is never given to another while it lives."""
    path: str
    """Where it lies, for people: names joined by `/`, without one at the beginning."""
    revision: str
    """Moves when the content does; empty where only the content tells."""
    name: str = ""
    """What it is read by: a file name with its ending; empty: the last part of the path."""
    size: int = 0
    """In bytes; 0 where the source does not say."""
    modified_at: str = ""
    """RFC 3339; empty where the source does not say."""
    link: str = ""
    """The address at which a person opens it there."""
    title: str = ""
    """As the source calls it; empty: as the content does."""
    author: str = ""
    problem: str = ""
    """Why it cannot be read, where the source says so at once; it is reported and not asked for."""


@dataclass(frozen=True, slots=True)
class ContentPage:
    """A part of a pass over content."""

    items: Sequence[Item]
    gone: Sequence[str]
    """Ids that are no more."""
    cursor: str
    """Where to go on from."""
    more: bool
    """Whether the pass goes on."""


@dataclass(frozen=True, slots=True)
class Stated:
    """Who may read, as the source says it.

    A reader holds an entry of each clause, and none of `deny`. Entries are those of `account`, `team` and
    EVERYONE_THERE, or ours: `user:NAME`, `group:NAME`, `service:NAME`. Rules of which the first match wins are worked
    out by the connector into accounts.
    """

    clauses: tuple[frozenset[str], ...] = ()
    """None: nobody."""
    deny: frozenset[str] = frozenset()
    sensitivity: str | None = None
    """The label that the source itself gives."""


UNREADABLE = Stated()
"""What could not be read or understood: nobody."""


def readers(allow: Iterable[str], deny: Iterable[str] = (), sensitivity: str | None = None) -> Stated:
    """Return what one list states: any of `allow`, none of `deny`."""
    return Stated((frozenset(allow),), frozenset(deny), sensitivity)


@dataclass(frozen=True, slots=True)
class AccessPage:
    """A part of a pass over access.

    Access is stated of scopes: whatever carries a list there, as a folder, a space or an item itself. Every item is
    in one scope; an item that names none, or one that nothing was stated of, is nobody's.
    """

    scopes: Mapping[str, Stated]
    items: Mapping[str, str]
    """Scope by item."""
    gone: Sequence[str]
    """Scopes that are no more."""
    cursor: str
    more: bool
    revisions: Mapping[str, str] = field(default_factory=dict[str, str])
    """By item of a scope on this page, the revision that its access was read at, or what it begins with.

    Where what was read of the item is of another, it is given to nobody new: to nobody at all, if somebody new may
    read the item by now, until it is read again.
    """


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody at the source."""

    id: str
    name: str = ""
    """The name to sign in by."""
    email: str = ""
    active: bool = True
    guest: bool = False
    """From outside the organisation: never in EVERYONE_THERE, and never one of ours by name alone."""


@dataclass(frozen=True, slots=True)
class Team:
    """A group at the source."""

    id: str
    members: Sequence[str]
    """Entries of accounts and of groups, which nest."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """A part of all accounts and groups of the source."""

    accounts: Sequence[Account] = ()
    teams: Sequence[Team] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What an item held at one moment."""

    content: bytes
    revision: str = ""
    """That of the item it was read at, where the source says; empty: the one that was asked for.

    Another one than was asked for waits to be listed, and is read again then.
    """
    scope: str | None = None
    """The scope it was in at that moment, where the source can tell.

    Where that is not the scope which the item is known to be in, it is nobody's until access is read again.
    """


@dataclass(frozen=True, slots=True)
class Checked:
    """What a trial of the connection found."""

    says: Sequence[str]
    """What works, one line each: the server, the account that reads, how much is to be seen."""
    warnings: Sequence[str] = field(default=())


class Unreadable(BadInput):
    """This one item cannot be read; others can."""

    code = "unreadable"

    def __init__(self, public: str, *, why: Why = "unreachable", fix: str = "") -> None:
        super().__init__(public, fix=fix)
        self.why: Why = why


Why = Literal["unreachable", "size", "kind", "refused"]


class Gone(MunimentError):
    """The item is no more."""

    code = "gone"


class Throttled(Unavailable):
    """The source wants to be asked later."""

    code = "throttled"

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long it said to wait; 0 where it did not."""
        super().__init__("The source asked to be left alone for a while.")
        self.seconds = max(0.0, seconds)


class CursorLost(MunimentError):
    """The source does not know the cursor any more: the pass begins anew at ""."""

    code = "cursor-lost"


class Connector(Protocol):
    """One connection to a system of record.

    Every method raises Unavailable (or Throttled) where the source cannot be asked now, and BadInput where its
    settings cannot work. One that cannot tell raises; it never returns less than there is. It is used by one thread
    at a time; the feed of access has an instance of its own.
    """

    def check(self) -> Checked:
        """Try the connection by reading a little."""
        ...

    def people(self) -> Iterable[People]:
        """Return all accounts and groups, in parts."""
        ...

    def access(self, cursor: str) -> AccessPage:
        """Return the next part of who may read what; raises CursorLost."""
        ...

    def changes(self, cursor: str) -> ContentPage:
        """Return the next part of what there is to read; raises CursorLost."""
        ...

    def fetch(self, item: Item) -> Content:
        """Return what an item holds now; raises Unreadable, Gone."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """What a source's call to us asks for."""

    status: int = 202
    reply: str = ""
    """Plain text to be sent back, as a handshake asks for."""
    access: bool = True
    """Whether access is to be read again now."""
    content: bool = True


@runtime_checkable
class Notifies(Protocol):
    """A connector whose source can call us when something changes there."""

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        """Return what a call means, None where it does not prove that it comes from the source."""
        ...
