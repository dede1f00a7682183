"""A folder of this machine: its files, and who may read them by POSIX rights or by access manifests.

An item is known by its path: what is moved is another item. POSIX rights are worked out for each account of the
machine, through every folder from the root of the file system down; a scope is a set of readers.
"""

from __future__ import annotations

import grp
import os
import pwd
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

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
from muniment.knowledge.sources.connectors.posix_rights import (
    PASS,
    READ,
    Person,
    readers_of,
    rights_of,
)
from muniment.knowledge.sources.folder import Folder, Listing
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.reader_sets import scope_of
from muniment.knowledge.sources.source_settings import SourceSettings

PAGE = 500


class Settings(SourceSettings):
    """Of a folder."""

    root: str = Field(min_length=1)
    """The folder, by its absolute path."""
    access: Literal["posix", "manifests"] = "posix"
    """Who decides: owners, modes and access lists of the file system, or the access.toml files in it."""
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
        self._listing: tuple[str, Listing] | None = None
        self._reading: _Rights | None = None

    def check(self) -> Checked:
        """List the folder once."""
        listing = self._folder.walk()
        warnings = [f"{one.path}: {one.reason}" for one in listing.problems[:10]]
        if self._settings.access == "posix":
            found = self._people()
            return Checked([f"{len(listing.files)} files", f"{len(found)} accounts"], warnings)
        return Checked([f"{len(listing.files)} files", f"{len(listing.manifests)} manifests"], warnings)

    def people(self) -> Iterable[People]:
        """Return the accounts of the machine; manifests name accounts of ours, so that there are none."""
        if self._settings.access == "manifests":
            return
        yield People([Account(name, name) for name in sorted(self._people())])

    def access(self, cursor: str) -> AccessPage:
        """Return the readers of the next files."""
        listing = self._listed(cursor, "access")
        page, more = _behind(listing, cursor)
        if self._settings.access == "manifests":
            stated = {path: _stated(listing.access(path)) for path in page}
        else:
            if not cursor or self._reading is None:
                self._reading = _Rights(self._folder.root, self._people())
            stated = {path: self._reading.of(path) for path in page}
        scopes = {scope_of(one): one for one in stated.values()}
        items = {path: scope_of(one) for path, one in stated.items()}
        return AccessPage(scopes, items, (), page[-1] if more else "", more)

    def changes(self, cursor: str) -> ContentPage:
        """Return the next files."""
        listing = self._listed(cursor, "content")
        facts = {entry.path: entry for entry in listing.files}
        page, more = _behind(listing, cursor)
        items: list[Item] = []
        for path in page:
            try:
                found = os.lstat(self._folder.root / path)
            except OSError:
                continue
            revision = f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}"
            modified = timestamp(datetime.fromtimestamp(facts[path].modified_ns / 1e9, UTC))
            items.append(Item(path, path, revision, size=found.st_size, modified_at=modified))
        if not cursor:
            items += [
                Item(one.path, one.path, "", problem=one.reason)
                for one in listing.problems
                if one.why not in ("list", "unreachable", "name")
            ]
        return ContentPage(items, (), page[-1] if more else "", more)

    def fetch(self, item: Item) -> Content:
        """Return a file's bytes, and the scope it is in as they are read."""
        try:
            scope = None
            if self._settings.access == "posix":
                scope = scope_of(_Rights(self._folder.root, self._people()).of(item.id))
            content = self._folder.read(item.id).content
        except BadInput as error:
            if not os.path.lexists(self._folder.root / item.id):
                raise Gone(f"{item.path} is no more.") from error
            raise Unreadable(error.public, why="unreachable", fix=error.fix) from error
        return Content(content, scope=scope)

    def close(self) -> None:
        """There is nothing to end."""

    def _opened(self) -> Folder:
        try:
            return Folder(Path(self._settings.root), self._max_file_bytes)
        except BadInput as error:
            raise Unavailable(error.public, fix=error.fix) from error

    def _listed(self, cursor: str, feed: str) -> Listing:
        """Return the listing of a pass, made anew where it begins or goes on after a restart."""
        if not cursor or self._listing is None or self._listing[0] != feed:
            self._folder = self._opened()
            self._listing = (feed, self._folder.walk())
        return self._listing[1]

    def _people(self) -> Mapping[str, Person]:
        if not self._settings.people:
            return _of_this_machine()
        return _of_file(self._home / Path(self._settings.people).expanduser())


class _Rights:
    """Who reads what below a folder; what a folder grants is worked out once."""

    def __init__(self, root: Path, people: Mapping[str, Person]) -> None:
        self._root = root
        self._people = people
        self._passing: dict[str, frozenset[str]] = {}

    def of(self, path: str) -> Stated:
        """Return who reads a file; nobody, where that cannot be told."""
        folder = path.rpartition("/")[0]
        try:
            rights = rights_of(str(self._root / path))
            found = readers_of(self._people, self._through(folder), rights, READ)
        except OSError:
            return UNREADABLE
        return Stated((frozenset(account(name) for name in found),)) if found else UNREADABLE

    def _through(self, folder: str) -> frozenset[str]:
        """Return who reaches what lies in a folder of the source."""
        if folder not in self._passing:
            if folder:
                above = self._through(folder.rpartition("/")[0])
                self._passing[folder] = self._pass(str(self._root / folder), above)
            else:
                reached = frozenset(self._people)
                for one in (*reversed(self._root.parents), self._root):
                    reached = self._pass(str(one), reached)
                self._passing[folder] = reached
        return self._passing[folder]

    def _pass(self, folder: str, reached: frozenset[str]) -> frozenset[str]:
        return readers_of(self._people, reached, rights_of(folder), PASS)


def _stated(access: AccessList) -> Stated:
    if not access.allow:
        return Stated(sensitivity=access.sensitivity)
    return Stated((access.allow,), access.deny, access.sensitivity)


def _behind(listing: Listing, cursor: str) -> tuple[Sequence[str], bool]:
    paths = [entry.path for entry in listing.files if entry.path > cursor]
    return paths[:PAGE], len(paths) > PAGE


def _of_this_machine() -> dict[str, Person]:
    found: dict[str, Person] = {}
    for one in pwd.getpwall():
        found[one.pw_name] = Person(one.pw_uid, frozenset(os.getgrouplist(one.pw_name, one.pw_gid)))
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
        if not isinstance(uid, int) or not isinstance(gids, list) or set(said) != {"uid", "gids"}:
            raise Unavailable(f"people: users.{name} in {file} needs uid and gids.", fix="Mend that account.")
        numbers = [one for one in cast("list[object]", gids) if isinstance(one, int)]
        if len(numbers) != len(cast("list[object]", gids)):
            raise Unavailable(
                f"people: users.{name}.gids in {file} must be numbers.", fix="Mend that account."
            )
        yield name, Person(uid, frozenset(numbers))
