"""What there is to read in the libraries of a site.

Invariants:
- a path is made of the folders as they are: where one was renamed, moved or removed, everything is listed anew;
- of a file that comes twice the last counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from muniment.foundation.clock import Clock
from muniment.knowledge.sources.connector import ContentPage, CursorLost, Item
from muniment.knowledge.sources.connectors.graph_drives import SERVICE, Drives
from muniment.knowledge.sources.connectors.graph_item import (
    is_deleted,
    is_folder,
    latest,
    name_of,
    parent,
    part,
    plain,
    problem,
    revision,
    size,
    whole_id,
)
from muniment.knowledge.sources.connectors.graph_place import MOST_FOLDERS, Drive, Folder, place_of
from muniment.knowledge.sources.http_api import Malformed, Object, Refusal, object_in, stated_in, text_in

_DEEPEST = 500


class ContentFeed:
    """The feed of content over all libraries."""

    def __init__(self, drives: Drives, clock: Clock, within: bool, whole_seconds: float) -> None:
        """With `within`, paths begin in the one library that is read, else with the name of each."""
        self._drives = drives
        self._clock = clock
        self._within = within
        self._whole_seconds = whole_seconds
        self._asked: dict[tuple[str, str], Folder] = {}

    def page(self, cursor: str) -> ContentPage:
        """Return the next part; raises CursorLost where everything has to be listed anew."""
        now = self._clock.now().timestamp()
        place = place_of(cursor, list(self._drives.names()), now)
        if not place.whole and place.is_stale(now, self._whole_seconds):
            raise CursorLost("It is time to list everything anew.")
        drive = place.drives[place.at]
        _, page = self._drives.delta(drive, {})
        entries = latest(page)
        if not place.whole:
            _check_folders(drive, entries)
        self._meet(drive, entries)
        items = [self._item(drive, one) for one in entries if not is_folder(one) and not is_deleted(one)]
        gone = [whole_id(drive.id, stated_in(one, "id")) for one in entries if is_deleted(one)]
        more = self._drives.go_on(place, drive, page)
        return ContentPage(items, gone, place.text(), more)

    def _meet(self, drive: Drive, entries: Sequence[Object]) -> None:
        """Learn folders; what lies below one that was renamed or moved is not told of by itself."""
        for one in entries:
            if not is_folder(one) or is_deleted(one):
                continue
            name, folder = stated_in(one, "id"), Folder(parent(one), name_of(one))
            before = drive.met(name) or self._asked.get((drive.id, name))
            if before is not None and before != folder:
                self._asked.clear()
                raise CursorLost("A folder was renamed or moved.")
            drive.learn(name, folder)
            self._keep(drive, name, folder)

    def _keep(self, drive: Drive, name: str, folder: Folder) -> None:
        if len(self._asked) >= 10 * MOST_FOLDERS:
            self._asked.clear()
        self._asked[drive.id, name] = folder

    def _item(self, drive: Drive, one: Object) -> Item:
        name = name_of(one)
        return Item(
            id=whole_id(drive.id, stated_in(one, "id")),
            path="/".join([*self._folders(drive, parent(one)), name]),
            revision=revision(one),
            name=name,
            size=size(one),
            modified_at=text_in(one, "lastModifiedDateTime"),
            link=text_in(one, "webUrl"),
            author=text_in(object_in(object_in(one, "createdBy"), "user"), "displayName"),
            problem=problem(one),
        )

    def _folders(self, drive: Drive, name: str) -> list[str]:
        """Return the names of a folder and those above it, from the top."""
        names: list[str] = []
        for _ in range(_DEEPEST):
            folder = drive.met(name) or self._asked.get((drive.id, name)) or self._asked_for(drive, name)
            if not folder.parent:
                return [*([] if self._within else [plain(self._drives.names()[drive.id])]), *names[::-1]]
            names.append(folder.mark)
            name = folder.parent
        raise Malformed(f"{SERVICE} has folders that cannot be followed upwards.")

    def _asked_for(self, drive: Drive, name: str) -> Folder:
        try:
            url = f"/drives/{part(drive.id)}/items/{part(name)}"
            one = self._drives.api.get(url, {"$select": "id,name,parentReference,root"})
        except Refusal as error:
            if error.status == 404:
                raise CursorLost("A folder went away while the library was read.") from error
            raise
        folder = Folder(parent(one), name_of(one))
        self._keep(drive, name, folder)
        return folder


def _check_folders(drive: Drive, entries: Sequence[Object]) -> None:
    """Raise CursorLost where a folder was removed, or where that cannot be told."""
    for one in entries:
        if not is_deleted(one):
            if is_folder(one) and drive.folders is None:
                raise CursorLost("A folder changed, and there are too many to tell how.")
        elif drive.met(stated_in(one, "id")) or (drive.folders is None and one.get("file") is None):
            raise CursorLost("A folder was removed.")
