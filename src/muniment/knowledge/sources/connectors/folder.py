"""A folder of this machine: its files, and who may read them by POSIX rights or by access manifests.

An item is known by its path: what is moved is another item. POSIX rights are worked out for each account of the
machine, through every folder from the root of the file system down; a scope is a set of readers.

Narrower than the system: whoever may pass through a folder of the source but not list it reads nothing below, for the
names in it are hidden from them; on file systems where others decide, as cifs and nfs, nobody reads anything. Not
seen, and so not narrower: security modules such as SELinux, and mounts that only some processes have.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeGuard, cast

from pydantic import Field

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.access import AccessList
from muniment.knowledge.sources.connector import (
    UNREADABLE,
    AccessPage,
    Account,
    Checked,
    Content,
    ContentPage,
    Gone,
    Item,
    People,
    Stated,
    Unreadable,
    account,
)
from muniment.knowledge.sources.connectors.posix_mounts import Mounts
from muniment.knowledge.sources.connectors.posix_rights import (
    PASS,
    READ,
    Person,
    readers_of,
    rights_of,
)
from muniment.knowledge.sources.folder import Folder, Listing, identity_of
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.reader_sets import scope_of
from muniment.knowledge.sources.source_settings import SourceSettings

PAGE = 500
_LATELY_SECONDS = 5.0
_OURS_TO_BEAR = {errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""What the system says where we may not look, or there is nothing any more; the rest is its own failure."""


class Settings(SourceSettings):
    """Of a folder."""

    root: str = Field(min_length=1)
    """The folder, by its absolute path."""
    access: Literal["posix", "manifests"] = "posix"
    """Who decides: owners, modes and access lists of the file system, or the access.toml files in it."""
    filesystems: tuple[str, ...] = ()
    """Further types of file system, as /proc/mounts calls them, on which owners and modes are all that decides."""
    people: str = ""
    """A TOML file of accounts (`[users.alice]` with `uid` and `gids`); empty: those of this machine."""


def connect(settings: SourceSettings, doors: Doors) -> FolderConnector:
    """Return a connection; raises BadInput for a folder that is not there or cannot be read."""
    return FolderConnector(cast("Settings", settings), doors)


class FolderConnector:
    """Fills `Connector`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        if not os.path.isabs(settings.root):
            raise BadInput(f"root: {settings.root} is not absolute.", fix="Write the whole path.")
        self._settings = settings
        self._max_file_bytes = doors.max_file_bytes
        self._home = doors.home
        self._folder = self._opened()
        self._clock = doors.clock
        self._listing: tuple[str, _Listed] | None = None
        self._rights: _Rights | _Manifests | None = None
        self._lately: tuple[float, Mapping[str, Person]] | None = None

    def check(self) -> Checked:
        """List the folder once."""
        listing = self._folder.walk()
        warnings = [f"{one.path}: {one.reason}" for one in listing.problems[:10]]
        if self._settings.access == "posix":
            found = self._people()
            mounts, place = Mounts(self._settings.filesystems), str(self._folder.root)
            if not mounts.decides(place):
                warnings.append(f"nobody reads anything: on {mounts.type_of(place)} others than modes decide")
            return Checked([f"{len(listing.files)} files", f"{len(found)} accounts"], warnings)
        return Checked([f"{len(listing.files)} files", f"{len(listing.manifests)} manifests"], warnings)

    def people(self) -> Iterable[People]:
        """Return the accounts of the machine; manifests name accounts of ours, so that there are none."""
        if self._settings.access == "manifests":
            return
        yield People([Account(name, name) for name in sorted(self._people())])

    def access(self, cursor: str) -> AccessPage:
        """Return the readers of the next files."""
        listed = self._listed(cursor, "access")
        page, onward = _behind(listed.files, cursor)
        if not cursor or self._rights is None:
            self._rights = self._new_rights(listed.listing, self._people())
        stated: dict[str, Stated] = {}
        marks: dict[str, str] = {}
        for path in page:
            try:
                stated[path], facts = self._rights.of(path)
            except FileNotFoundError:
                continue
            if facts is not None:
                marks[path] = _mark(facts)
        scopes = {scope_of(one): one for one in stated.values()}
        items = {path: scope_of(one) for path, one in stated.items()}
        return AccessPage(scopes, items, (), onward, bool(onward), marks)

    def changes(self, cursor: str) -> ContentPage:
        """Return the next files."""
        listed = self._listed(cursor, "content")
        page, onward = _behind(listed.all, cursor)
        items: list[Item] = []
        for path in page:
            if path in listed.problems:
                items.append(Item(path, path, "", problem=listed.problems[path]))
                continue
            try:
                found = os.lstat(self._folder.root / path)
            except OSError:
                continue
            revision = f"{_mark(found)}{found.st_ctime_ns}"
            items.append(Item(path, path, revision, size=found.st_size, modified_at=_moment(found)))
        return ContentPage(items, (), onward, bool(onward))

    def fetch(self, item: Item) -> Content:
        """Return a file's bytes, and the scope it is in as they are read."""
        try:
            before = self._standing(item.id)
            content = self._folder.read(item.id)
            after = self._standing(item.id)
        except OSError as error:
            raise Unreadable(f"{item.path}: cannot be read ({error.strerror}).") from error
        except BadInput as error:
            if not os.path.lexists(self._folder.root / item.id):
                raise Gone(f"{item.path} is no more.") from error
            raise Unreadable(error.public, why="unreachable", fix=error.fix) from error
        scope, identity = before
        if before != after or identity != content.identity:
            raise Unreadable(f"{item.path}: changed while it was read.")
        return Content(content.content, scope=scope)

    def _standing(self, path: str) -> tuple[str, tuple[int, int, int]]:
        """Return the scope of a file as of now, and what tells it from every other; raises OSError."""
        facts = os.lstat(self._folder.root / path)
        if self._settings.access == "manifests":
            stated = _stated(self._folder.stated(path).access)
        else:
            stated = self._new_rights(Listing(), self._people_lately()).of(path)[0]
        return scope_of(stated), identity_of(facts)

    def close(self) -> None:
        """There is nothing to end."""

    def _opened(self) -> Folder:
        try:
            return Folder(Path(self._settings.root), self._max_file_bytes)
        except BadInput as error:
            raise Unavailable(error.public, fix=error.fix) from error

    def _listed(self, cursor: str, feed: str) -> _Listed:
        """Return the listing of a pass, made anew where it begins or goes on after a restart."""
        if not cursor or self._listing is None or self._listing[0] != feed:
            self._folder = self._opened()
            listing = self._folder.walk()
            for one in listing.problems:
                if one.errno and (one.errno not in _OURS_TO_BEAR or not one.path):
                    # What lies there is not gone: the disk or the network is.
                    raise Unavailable(
                        f"{one.path}: {one.reason}.", fix="Mend the file system; nothing was taken away."
                    )
            self._listing = (feed, _Listed(listing))
        return self._listing[1]

    def _new_rights(self, listing: Listing, people: Mapping[str, Person]) -> _Rights | _Manifests:
        if self._settings.access == "manifests":
            return _Manifests(self._folder.root, listing)
        return _Rights(self._folder.root, people, Mounts(self._settings.filesystems))

    def _people_lately(self) -> Mapping[str, Person]:
        """Return the accounts as of some seconds ago at most, for whoever asks for each file."""
        now = self._clock.seconds()
        if self._lately is None or now - self._lately[0] > _LATELY_SECONDS:
            self._lately = (now, self._people())
        return self._lately[1]

    def _people(self) -> Mapping[str, Person]:
        own = self._settings.people
        return people_of(self._home / Path(own).expanduser() if own else None)


class _Listed:
    """A listing in the order of paths, to be paged through."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.files = [entry.path for entry in listing.files]
        told = [one for one in listing.problems if one.why != "list" and one.errno != errno.ENOENT]
        self.problems = {one.path: one.reason for one in told}
        self.all = sorted({*self.files, *self.problems})


class _Manifests:
    """Who reads what by the manifests of a listing."""

    def __init__(self, root: Path, listing: Listing) -> None:
        self._root = root
        self._listing = listing

    def of(self, path: str) -> tuple[Stated, os.stat_result | None]:
        """Return who reads a file, and its facts; raises FileNotFoundError."""
        return _stated(self._listing.access(path)), os.lstat(self._root / path)


class _Rights:
    """Who reads what below a folder; what a folder grants is worked out once."""

    def __init__(self, root: Path, people: Mapping[str, Person], mounts: Mounts) -> None:
        self._root = root
        self._people = people
        self._mounts = mounts
        self._passing: dict[str, frozenset[str]] = {}

    def of(self, path: str) -> tuple[Stated, os.stat_result | None]:
        """Return who reads a file, and its facts; nobody, where that cannot be told; raises FileNotFoundError."""
        folder = path.rpartition("/")[0]
        try:
            through = self._through(folder)
            rights, facts = rights_of(str(self._root / path), stat.S_ISREG)
        except FileNotFoundError:
            raise
        except OSError:
            return UNREADABLE, None
        found = readers_of(self._people, through, rights, READ)
        return Stated((frozenset(account(name) for name in found),)) if found else UNREADABLE, facts

    def _through(self, folder: str) -> frozenset[str]:
        """Return who reaches and lists what lies in a folder of the source."""
        if folder not in self._passing:
            if folder:
                reached = self._through(folder.rpartition("/")[0])
            else:
                reached = frozenset(self._people)
                for one in reversed(self._root.parents):
                    rights, _ = rights_of(str(one), stat.S_ISDIR)
                    reached = readers_of(self._people, reached, rights, PASS)
            place = str(self._root / folder)
            rights, _ = rights_of(place, stat.S_ISDIR)
            if not self._mounts.decides(place):
                reached = frozenset()
            self._passing[folder] = readers_of(self._people, reached, rights, PASS, READ)
        return self._passing[folder]


def _stated(access: AccessList) -> Stated:
    if not access.allow:
        return Stated(sensitivity=access.sensitivity)
    return Stated((access.allow,), access.deny, access.sensitivity)


def _behind(paths: Sequence[str], cursor: str) -> tuple[Sequence[str], str]:
    """Return the next paths, and the cursor behind them; "" at the end."""
    at = bisect_right(paths, cursor) if cursor else 0
    page = paths[at : at + PAGE]
    return page, page[-1] if at + PAGE < len(paths) else ""


def _mark(facts: os.stat_result) -> str:
    """Return what a revision begins with: what a change of rights does not move."""
    return f"{facts.st_ino}-{facts.st_size}-{facts.st_mtime_ns}-"


def _moment(facts: os.stat_result) -> str:
    try:
        return timestamp(datetime.fromtimestamp(facts.st_mtime, UTC))
    except (ValueError, OverflowError, OSError):
        return ""


def people_of(file: Path | None) -> Mapping[str, Person]:
    """Return the accounts that a file states, those of this machine without one; raises Unavailable."""
    return _of_this_machine() if file is None else _of_file(file)


def _of_this_machine() -> dict[str, Person]:
    found: dict[str, Person] = {}
    for one in pwd.getpwall():
        if one.pw_name not in found:
            groups = os.getgrouplist(one.pw_name, one.pw_gid)
            found[one.pw_name] = Person(one.pw_uid, frozenset(groups))
    if not grp.getgrall():
        raise Unavailable(
            "The groups of this machine cannot be read.", fix="Check /etc/group and nsswitch.conf."
        )
    return found


def _of_file(file: Path) -> dict[str, Person]:
    try:
        stated = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unavailable(f"people: {file} cannot be read.", fix="Mend the file, or its path.") from error
    return dict(_stated_people(stated, file))


def _stated_people(stated: Mapping[str, object], file: Path) -> Iterator[tuple[str, Person]]:
    users = stated.get("users")
    if not isinstance(users, dict) or set(stated) != {"users"}:
        raise Unavailable(f"people: {file} holds no accounts.", fix="Write [users.NAME] with uid and gids.")
    for name, facts in cast("dict[str, object]", users).items():
        said = cast("dict[str, object]", facts) if isinstance(facts, dict) else {}
        uid, gids = said.get("uid"), said.get("gids")
        if not _is_number(uid) or not isinstance(gids, list) or set(said) != {"uid", "gids"}:
            raise Unavailable(f"people: users.{name} in {file} needs uid and gids.", fix="Mend that account.")
        numbers = [one for one in cast("list[object]", gids) if _is_number(one)]
        if len(numbers) != len(cast("list[object]", gids)):
            raise Unavailable(
                f"people: users.{name}.gids in {file} must be numbers.", fix="Mend that account."
            )
        yield name, Person(uid, frozenset(numbers))


def _is_number(said: object) -> TypeGuard[int]:
    return isinstance(said, int) and not isinstance(said, bool) and said >= 0
