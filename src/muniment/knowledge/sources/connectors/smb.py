"""A share of a Windows file server or of Samba, with its NT access lists.

Readers are worked out for each account that the file `people` states, with all the groups that it is in; a scope is a
set of readers. An item keeps its id through renames and moves within the share.

Narrower than the server, where not told otherwise: a reader must be able to pass through every folder above a file,
though Windows lets most accounts bypass that check; whoever the setting `share_readers` does not name reads nothing,
for the list of the share itself is not shown over this protocol; a denial of a SID that the file does not state shuts
everybody out, as do entries that deny under a condition, central policies and integrity labels that bar reading.
Rights that only a privilege gives (to back up, to take ownership) let nobody in. Alternate streams are not read.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import AfterValidator, Field

from muniment.foundation.clock import timestamp
from muniment.foundation.egress import Unreached, origin_of
from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import (
    UNREADABLE,
    AccessPage,
    Checked,
    Content,
    ContentPage,
    CursorLost,
    Gone,
    Item,
    People,
    Stated,
    Unreadable,
    account,
)
from muniment.knowledge.sources.connectors.nt_rights import PASS, READ
from muniment.knowledge.sources.connectors.smb_facts import FOLDER, LINK, Entry, Facts, Fault, Seen
from muniment.knowledge.sources.connectors.smb_people import directory_of
from muniment.knowledge.sources.connectors.smb_readers import Readers
from muniment.knowledge.sources.connectors.smb_walk import Found, walk
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings

if TYPE_CHECKING:
    from muniment.knowledge.sources.connectors.smb_share import Share

PAGE = 500
_TRIES = 3
"""Times that a file is read which changes meanwhile."""


def _one_name(text: str) -> str:
    if not text or set('\\/:*?"<>|') & set(text) or not text.isprintable():
        raise ValueError("must be a name without slashes")
    return text


def _folder(text: str) -> str:
    parts = text.strip("/").split("/") if text.strip("/") else []
    if "\\" in text or any(part in ("", ".", "..") for part in parts):
        raise ValueError("must be a path of names joined by /")
    return "/".join(parts)


class Settings(SourceSettings):
    """Of a share."""

    server: str = Field(min_length=1)
    """Name or address."""
    share: Annotated[str, AfterValidator(_one_name)]
    folder: Annotated[str, AfterValidator(_folder)] = ""
    """What is read of the share; empty: all of it."""
    port: int = Field(default=445, ge=1, le=65535)
    user: Annotated[str, AfterValidator(_one_name)]
    """The account that reads."""
    domain: str = ""
    password: str = Field(min_length=1)
    """Where its password is: `env:NAME` or `file:PATH`."""
    encryption: bool = True
    """Whether the server must encrypt, which takes SMB 3."""
    signing: bool = True
    """Whether it must sign."""
    private_network: bool = False
    """Whether its name may lead into your own network."""
    people: str = Field(min_length=1)
    """A TOML file of accounts and groups with their SIDs."""
    people_seconds: int = Field(default=86400, ge=60, le=2678400)
    """How old that file may become, so that an export which stopped is noticed; past it, access is not read."""
    share_readers: list[str] = Field(min_length=1)
    """Whom the share itself lets read: names of the file, Everyone, Authenticated Users, Guests, or SIDs."""
    traverse: Literal["checked", "bypassed"] = "checked"
    """Whether a reader must be able to pass through the folders above a file."""
    hidden: bool = False
    """Whether hidden files and those of the system are read."""


def connect(settings: SourceSettings, doors: Doors) -> SmbConnector:
    """Return a connection, not yet begun; raises BadInput for a server that cannot be one."""
    from muniment.knowledge.sources.connectors.smb_share import Place, Share

    stated = cast("Settings", settings)
    host = f"[{stated.server}]" if ":" in stated.server else stated.server
    origin = f"https://{host}:{stated.port}"
    egress = doors.egress([origin], stated.private_network)

    def addresses() -> Sequence[str]:
        try:
            found = egress.addresses(origin_of(origin), 10.0)
        except Unreached as error:
            raise Unavailable(f"server: {stated.server} has no address.", fix="Mend the setting.") from error
        return [str(one) for one in found]

    def password() -> str:
        found = doors.secret(stated.password, "password")
        if found is None:
            raise BadInput("password: there is none.", fix="Write env:NAME or file:PATH of what holds it.")
        return found.reveal()

    origin_of(origin)
    user = f"{stated.domain}\\{stated.user}" if stated.domain else stated.user
    place = Place(
        addresses,
        stated.server,
        stated.port,
        stated.share,
        user,
        password,
        stated.encryption,
        stated.signing,
    )
    return SmbConnector(stated, Share(place), doors)


class SmbConnector:
    """Fills `Connector`."""

    def __init__(self, settings: Settings, share: Share, doors: Doors) -> None:
        self._settings = settings
        self._share = share
        self._clock = doors.clock
        self._max_file_bytes = doors.max_file_bytes
        self._people_file = doors.home / Path(settings.people).expanduser()
        self._known: tuple[tuple[int, ...], Readers] | None = None
        self._passing: dict[str, frozenset[str]] = {}
        """Who passes through folders, as of this pass over access."""
        self._walks: dict[str, tuple[str, Iterator[Found]]] = {}

    def check(self) -> Checked:
        """Sign in, and look at what lies at the top."""
        readers, top = self._readers(), self._top()
        found = list(itertools.islice(walk(self._listed, top, self._settings.hidden), 200))
        seen = self._share.seen([self._whole(one.parts) for one in found if not one.problem])
        shown = [one for one in seen if isinstance(one, Seen)]
        warnings = [f"{one.path}: {one.problem}" for one in found if one.problem]
        if len(shown) < len(seen):
            warnings.append(f"{len(seen) - len(shown)} files do not show {self._settings.user} their rights")
        many = "at least " if len(found) == 200 else ""
        people = readers.directory.people
        return Checked(
            [
                self._share.says(),
                f"{self._settings.user} sees {many}{len(found)} files",
                f"{len(people.accounts)} accounts and {len(people.teams)} groups in {self._people_file.name}",
            ],
            warnings[:10],
        )

    def people(self) -> Iterable[People]:
        """Return what the file states."""
        yield self._readers().directory.people

    def access(self, cursor: str) -> AccessPage:
        """Return the readers of the next files."""
        if not cursor:
            self._passing = {}
        found, cursor = self._next("access", cursor)
        readers = self._readers()
        plain = [one for one in found if not one.problem]
        scopes: dict[str, Stated] = {}
        items: dict[str, str] = {}
        paths = [self._whole(one.parts) for one in plain]
        for one, path, seen in zip(plain, paths, self._share.seen(paths), strict=True):
            if isinstance(seen, Fault):
                if seen.why == "gone":
                    continue
                who = frozenset[str]()
            elif seen.facts.id != one.facts.id:
                # Something else lies there by now; the next pass tells what.
                continue
            else:
                who = self._who(readers, path, seen, self._passing)
            scope = scope_of(who)
            scopes[scope] = _stated(who)
            items[one.facts.id] = scope
        return AccessPage(scopes, items, (), cursor, bool(cursor))

    def changes(self, cursor: str) -> ContentPage:
        """Return the next files."""
        found, cursor = self._next("content", cursor)
        items = [
            Item(
                one.facts.id,
                one.path,
                one.facts.revision,
                size=one.facts.size,
                modified_at=_moment(one.facts.written),
                problem=one.problem,
            )
            for one in found
        ]
        return ContentPage(items, (), cursor, bool(cursor))

    def fetch(self, item: Item) -> Content:
        """Return a file's bytes, and the scope it is in as they are read."""
        path = self._whole(item.path.split("/"))
        for _ in range(_TRIES):
            try:
                before, content, after = self._share.read(path, self._max_file_bytes)
            except Fault as fault:
                raise _failed(item, fault) from fault
            if before.facts.id != item.id:
                raise Unreadable(f"Something else lies at {item.path} by now.")
            if before.facts.attributes & (FOLDER | LINK):
                raise Unreadable(f"{item.path} leads elsewhere, and is not followed.", why="kind")
            if len(content) > self._max_file_bytes:
                raise Unreadable(f"{item.path} is larger than may be read.", why="size")
            if before == after and len(content) == after.facts.size:
                who = self._who(self._readers(), path, after, {})
                return Content(content, after.facts.revision, scope_of(who))
        raise Unreadable(f"{item.path} changes while it is read.")

    def close(self) -> None:
        """End the session."""
        self._share.close()

    def _next(self, feed: str, cursor: str) -> tuple[list[Found], str]:
        """Return the next files of a feed, and where it goes on; empty at its end."""
        kept = self._walks.pop(feed, None)
        if kept is None or not cursor or kept[0] != cursor:
            kept = ("", walk(self._listed, self._top(), self._settings.hidden, _parts_of(cursor)))
        walking = kept[1]
        found = list(itertools.islice(walking, PAGE))
        if len(found) < PAGE:
            return found, ""
        cursor = json.dumps(found[-1].parts)
        self._walks[feed] = (cursor, walking)
        return found, cursor

    def _top(self) -> Facts:
        folder = self._settings.folder
        (seen,) = self._share.seen([folder])
        if isinstance(seen, Fault) or not seen.facts.attributes & FOLDER or seen.facts.attributes & LINK:
            raise Unavailable(
                f"folder: {folder or '/'} of {self._settings.share} is no folder that our account sees.",
                fix="Mend the setting, or what the account may do.",
            )
        return seen.facts

    def _listed(self, path: str) -> Sequence[Entry]:
        return self._share.listed(self._whole(path.split("/") if path else ()))

    def _whole(self, parts: Sequence[str]) -> str:
        """Return the path within the share."""
        folder = self._settings.folder
        return "/".join((*([folder] if folder else []), *parts))

    def _readers(self) -> Readers:
        """Return what the file `people` states now."""
        try:
            found = self._people_file.stat()
        except OSError as error:
            raise Unavailable(
                f"people: {self._people_file} cannot be read.", fix="Mend the file, or its path."
            ) from error
        if self._clock.now().timestamp() - found.st_mtime > self._settings.people_seconds:
            raise Unavailable(
                f"people: {self._people_file} is older than people_seconds.", fix="Export it anew."
            )
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._known is None or self._known[0] != state:
            directory = directory_of(self._people_file)
            share_readers = directory.named(self._settings.share_readers, "share_readers")
            self._known = (state, Readers(directory, share_readers))
        return self._known[1]

    def _who(
        self, readers: Readers, path: str, seen: Seen, passing: dict[str, frozenset[str]]
    ) -> frozenset[str]:
        """Return who reads what lies at a path of the share; `passing` keeps who passes through its folders."""
        found = readers.of(seen.descriptor, READ)
        if self._settings.traverse == "bypassed" or not found:
            return found
        return found & self._through(readers, path.rpartition("/")[0], passing)

    def _through(self, readers: Readers, folder: str, passing: dict[str, frozenset[str]]) -> frozenset[str]:
        """Return who passes through a folder and all above it."""
        parts = folder.split("/") if folder else []
        chain = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]
        new = [one for one in chain if one not in passing]
        for one, seen in zip(new, self._share.seen(new), strict=True):
            passing[one] = frozenset() if isinstance(seen, Fault) else readers.of(seen.descriptor, PASS)
        return frozenset.intersection(*(passing[one] for one in chain))


def scope_of(who: frozenset[str]) -> str:
    """Return the scope of a set of readers."""
    return hashlib.sha256(json.dumps(sorted(who)).encode("ascii")).hexdigest()[:32]


def _stated(who: frozenset[str]) -> Stated:
    return Stated((frozenset(account(one) for one in who),)) if who else UNREADABLE


def _parts_of(cursor: str) -> tuple[str, ...]:
    if not cursor:
        return ()
    try:
        said: object = json.loads(cursor)
    except ValueError as error:
        raise CursorLost("The cursor is not one of a share.") from error
    if not isinstance(said, list) or not all(isinstance(one, str) for one in cast("list[object]", said)):
        raise CursorLost("The cursor is not one of a share.")
    return tuple(cast("list[str]", said))


def _moment(ticks: int) -> str:
    """Return a time of the server as RFC 3339; empty for one that cannot be."""
    try:
        return timestamp(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10))
    except OverflowError:
        return ""


def _failed(item: Item, fault: Fault) -> Exception:
    if fault.why == "gone":
        return Gone(f"{item.path} is no more.")
    if fault.why == "refused":
        return Unreadable(f"Our account may not read {item.path}.", why="refused")
    if fault.why == "link":
        return Unreadable(f"{item.path} leads elsewhere, and is not followed.", why="kind")
    return Unreadable(f"{item.path} cannot be opened now.")
