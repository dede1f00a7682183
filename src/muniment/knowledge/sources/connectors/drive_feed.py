"""The feeds of Google Drive: everything in the drives that are read, then what changed since.

Invariants:
- where changes begin is asked before anything is listed, so that nothing falls between the two;
- a folder that changed, or anything that vanished without word of what it was, begins a whole pass: what lies in a
  folder is not told of with it;
- what does not lead up to a stated drive or folder is not read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import CursorLost
from muniment.knowledge.sources.connectors.drive_api import GoogleApi, entries, part
from muniment.knowledge.sources.http_api import (
    MOST_PAGES,
    Malformed,
    Object,
    Refusal,
    object_in,
    stated_in,
    text_in,
)

FOLDER = "application/vnd.google-apps.folder"
_BASIC = (
    "id,name,mimeType,trashed,parents,driveId,hasAugmentedPermissions,inheritedPermissionsDisabled,version,"
    "headRevisionId,md5Checksum,size,modifiedTime,webViewLink,lastModifyingUser(displayName)"
)
_PAGE = 200
_DEEPEST = 200


@dataclass(slots=True)
class Place:
    """Where a pass stands, as its cursor carries it."""

    began: float
    corpora: list[str]
    """Ids of shared drives; empty: what the account sees besides."""
    tokens: list[str]
    """Where the changes of each go on."""
    at: int = 0
    page: str = ""
    pages: int = 0
    whole: bool = True
    until: float = 0.0
    """When a grant that was met ends by itself; 0: none does."""
    marks: dict[str, str] = field(default_factory=dict[str, str])
    """Of what each shared drive states of its members and restrictions."""

    def begins(self) -> bool:
        """Return whether it stands before the first page of a pass."""
        return not self.at and not self.page

    def ends_by(self, at: float) -> None:
        """Take in when a grant ends."""
        self.until = min(self.until or at, at or self.until)

    def text(self) -> str:
        """Return it as a cursor."""
        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was met in a pass."""

    name: str
    parent: str
    own: bool
    """Whether it has readers of its own."""
    limited: bool
    trashed: bool


@dataclass(frozen=True, slots=True)
class Way:
    """The folders from a stated one down to an item."""

    root: str
    below: Sequence[tuple[str, Folder]]
    """Behind the root, from above; without the item."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was listed or changed."""

    id: str
    file: Object | None
    """None: it vanished."""


@dataclass
class Feed:
    """One feed over the stated drives and folders."""

    api: GoogleApi
    drives: Sequence[str]
    folders: Sequence[str]
    whole_seconds: float
    fields: str = ""
    """Asked for besides."""
    labels: Sequence[str] = ()
    _corpora: list[str] | None = None
    _folders: dict[str, Folder | None] = field(default_factory=dict[str, Folder | None])

    def corpora(self) -> list[str]:
        """Return the shared drives that hold what is read; empty text stands for what is in none."""
        if self._corpora is None:
            found = set(self.drives)
            for one in self.folders:
                said = self.file(one, "id,mimeType,driveId")
                if said is None or text_in(said, "mimeType") != FOLDER:
                    raise BadInput(
                        f"folders: {one} is no folder that is to be seen.", fix="Share it with the account."
                    )
                found.add(text_in(said, "driveId"))
            self._corpora = sorted(found)
        return self._corpora

    def roots(self) -> list[str]:
        """Return the ids of the stated drives and folders."""
        return [*self.drives, *self.folders]

    def place(self, cursor: str, now: float) -> Place:
        """Return where a pass stands; raises CursorLost where a whole pass is needed."""
        place = self._place(cursor, now)
        if place.begins():
            self._folders.clear()
        return place

    def page(self, place: Place) -> tuple[list[Entry], bool]:
        """Return the next page, and whether the pass goes on; `place` moves behind it. Raises CursorLost."""
        try:
            found, onward, ended = self._listed(place) if place.whole else self._changed(place)
        except Refusal as error:
            if (place.page or not place.whole) and error.status in (400, 404, 410):
                raise CursorLost("The feed does not know its token any more.") from error
            raise
        if onward and (onward == place.page or place.pages >= MOST_PAGES):
            raise Malformed("The pages of Google Drive go round in circles.")
        place.page, place.pages = onward, place.pages + 1 if onward else 0
        if onward:
            return found, True
        if not place.whole:
            place.tokens[place.at] = ended
        place.at += 1
        if place.at < len(place.corpora):
            return found, True
        place.at, place.whole = 0, False
        return found, False

    def file(self, name: str, fields: str) -> Object | None:
        """Return what is said of a file; None for one that is gone or not to be seen."""
        try:
            return self.api.get(f"/files/{part(name)}", {"supportsAllDrives": "true", "fields": fields})
        except Refusal as error:
            if error.status in (403, 404):
                return None
            raise

    def way(self, said: Object) -> Way | None:
        """Return the folders above a file; None for one that is in no stated drive or folder."""
        roots, at, below = set(self.roots()), parent(said), list[tuple[str, Folder]]()
        while at and at not in roots:
            folder = self._folder(at)
            if folder is None or folder.trashed:
                return None
            below.append((at, folder))
            at = folder.parent
            if len(below) > _DEEPEST:
                raise Malformed("The folders of Google Drive go round in circles.")
        return Way(at, below[::-1]) if at else None

    def meet(self, said: Object) -> None:
        """Learn a folder of a page."""
        self._folders[stated_in(said, "id")] = _folder(said)

    def _folder(self, name: str) -> Folder | None:
        if name not in self._folders:
            said = self.file(name, _BASIC)
            self._folders[name] = None if said is None else _folder(said)
        return self._folders[name]

    def own_above(self, way: Way) -> tuple[str, bool]:
        """Return the nearest folder whose readers are its own, and whether it takes none from above."""
        for name, folder in reversed(way.below):
            if folder.own:
                return name, folder.limited
        folder = None if way.root in self.drives else self._folder(way.root)
        return way.root, folder is not None and folder.limited

    def _place(self, cursor: str, now: float) -> Place:
        corpora = self.corpora()
        if not cursor:
            return Place(now, corpora, [self._start(one) for one in corpora])
        try:
            place = Place(**cast("dict[str, Any]", json.loads(cursor)))
        except (ValueError, TypeError) as error:
            raise CursorLost("The cursor is none of ours.") from error
        stale = now - place.began >= self.whole_seconds or (place.until and now >= place.until)
        if place.corpora != corpora or (stale and not place.whole):
            raise CursorLost("It is time for a whole pass.")
        return place

    def _start(self, corpus: str) -> str:
        said = self.api.get("/changes/startPageToken", _in_drive(corpus))
        return stated_in(said, "startPageToken")

    def _listed(self, place: Place) -> tuple[list[Entry], str, str]:
        corpus = place.corpora[place.at]
        query: dict[str, str | int] = {
            "q": "trashed = false",
            "pageSize": _PAGE,
            "corpora": "drive" if corpus else "user",
            "includeItemsFromAllDrives": "true" if corpus else "false",
            "fields": f"nextPageToken,incompleteSearch,files({self._fields()})",
            **_in_drive(corpus),
            **self._more(place),
        }
        said = self.api.get("/files", query)
        if said.get("incompleteSearch", False) is not False:
            raise Unavailable("Google Drive did not look everywhere.", fix="It is asked again later.")
        found = [Entry(stated_in(one, "id"), one) for one in entries(said, "files")]
        return found, text_in(said, "nextPageToken"), ""

    def _changed(self, place: Place) -> tuple[list[Entry], str, str]:
        corpus = place.corpora[place.at]
        query: dict[str, str | int] = {
            "pageSize": _PAGE,
            "includeRemoved": "true",
            "includeItemsFromAllDrives": "true" if corpus else "false",
            "fields": f"nextPageToken,newStartPageToken,changes(changeType,removed,fileId,file({self._fields()}))",
            **_in_drive(corpus),
            **self._more(place),
            "pageToken": place.page or place.tokens[place.at],
        }
        said = self.api.get("/changes", query)
        onward, ended = text_in(said, "nextPageToken"), text_in(said, "newStartPageToken")
        if bool(onward) == bool(ended):
            raise Malformed("The changes of Google Drive do not say how they go on.")
        latest = dict[str, Entry]()
        for one in entries(said, "changes"):
            if text_in(one, "changeType") != "file":
                raise CursorLost("A shared drive itself changed.")
            name, file = stated_in(one, "fileId"), object_in(one, "file")
            if one.get("removed", False) is not False or not file:
                raise CursorLost("Something vanished that may have been a folder.")
            if is_folder(file):
                raise CursorLost("A folder changed.")
            latest[name] = Entry(name, file)
        return list(latest.values()), onward, ended

    def _fields(self) -> str:
        return f"{_BASIC},{self.fields}" if self.fields else _BASIC

    def _more(self, place: Place) -> dict[str, str]:
        labels = {"includeLabels": ",".join(self.labels)} if self.labels else {}
        return {**labels, **({"pageToken": place.page} if place.page else {})}


def is_folder(said: Object) -> bool:
    """Return whether a file is a folder."""
    return text_in(said, "mimeType") == FOLDER


def is_trashed(said: Object) -> bool:
    """Return whether a file is in the trash, or that cannot be told."""
    return said.get("trashed") is not False


def parent(said: Object) -> str:
    """Return the folder that a file is in; empty for none."""
    found = said.get("parents")
    if found is None:
        return ""
    if not isinstance(found, list) or not all(isinstance(one, str) for one in cast("list[object]", found)):
        raise Malformed("parents is no list of ids.")
    parents = cast("list[str]", found)
    # With several the way up is not one; such files are from before 2020.
    return parents[0] if len(parents) == 1 else ""


def is_own(said: Object) -> bool:
    """Return whether a file has readers of its own, or that cannot be told."""
    in_drive = bool(text_in(said, "driveId"))
    return not in_drive or said.get("hasAugmentedPermissions") is not False or is_limited(said)


def is_limited(said: Object) -> bool:
    """Return whether a file takes no readers from the folder above, or that cannot be told."""
    return said.get("inheritedPermissionsDisabled", False) is not False


def _folder(said: Object) -> Folder:
    return Folder(text_in(said, "name"), parent(said), is_own(said), is_limited(said), is_trashed(said))


def _in_drive(corpus: str) -> dict[str, str | int]:
    return {"supportsAllDrives": "true", **({"driveId": corpus} if corpus else {})}
