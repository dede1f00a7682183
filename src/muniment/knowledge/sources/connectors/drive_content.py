"""What there is to read in Google Drive, and how it is got.

Documents, sheets and slides of Google's own are exported to the formats of Office, up to the size that Drive exports.
"""

from __future__ import annotations

from collections.abc import Mapping

from muniment.foundation.clock import Clock
from muniment.knowledge.sources.connector import Content, ContentPage, Gone, Item, Unreadable
from muniment.knowledge.sources.connectors.drive_api import part, reason
from muniment.knowledge.sources.connectors.drive_feed import Entry, Feed, Way, is_folder, is_trashed
from muniment.knowledge.sources.http_api import Object, Refusal, object_in, text_in

_GOOGLE = "application/vnd.google-apps."
_OFFICE = "application/vnd.openxmlformats-officedocument."
_EXPORTS: Mapping[str, tuple[str, str]] = {
    f"{_GOOGLE}document": (".docx", f"{_OFFICE}wordprocessingml.document"),
    f"{_GOOGLE}spreadsheet": (".xlsx", f"{_OFFICE}spreadsheetml.sheet"),
    f"{_GOOGLE}presentation": (".pptx", f"{_OFFICE}presentationml.presentation"),
}
_SHORTCUT = f"{_GOOGLE}shortcut"
_FACTS = "id,mimeType,trashed,version,headRevisionId,md5Checksum"


class ContentFeed:
    """The feed of content over all stated drives and folders."""

    def __init__(self, feed: Feed, clock: Clock, max_file_bytes: int) -> None:
        self._feed = feed
        self._clock = clock
        self._max_file_bytes = max_file_bytes

    def page(self, cursor: str) -> ContentPage:
        """Return the next part; raises CursorLost where a whole pass is needed."""
        place = self._feed.place(cursor, self._clock.now().timestamp())
        listed, more = self._feed.page(place)
        for one in listed:
            if one.file is not None and is_folder(one.file):
                self._feed.meet(one.file)
        items, gone = list[Item](), list[str]()
        for one in listed:
            found = self._item(one)
            if found is not None:
                items.append(found)
            elif one.file is None or not is_folder(one.file):
                gone.append(one.id)
        return ContentPage(items, gone, place.text(), more)

    def fetch(self, item: Item) -> Content:
        """Return what a file holds now; raises Unreadable, Gone."""
        api, url = self._feed.api, f"/files/{part(item.id)}"
        try:
            said = api.get(url, {"supportsAllDrives": "true", "fields": _FACTS})
            if is_trashed(said):
                raise Gone("It is in the trash.")
            kind = text_in(said, "mimeType")
            if kind in _EXPORTS:
                query = {"mimeType": _EXPORTS[kind][1]}
                return Content(api.bytes_of(f"{url}/export", self._max_file_bytes, query), _revision(said))
            if problem := _problem(kind):
                raise Unreadable(problem, why="kind")
            query = {"alt": "media", "supportsAllDrives": "true"}
            return Content(api.bytes_of(url, self._max_file_bytes, query), _revision(said))
        except Refusal as error:
            raise _meant(error) from error

    def _item(self, one: Entry) -> Item | None:
        said = one.file
        if said is None or is_folder(said) or is_trashed(said):
            return None
        way = self._feed.way(said)
        if way is None:
            return None
        kind, title = text_in(said, "mimeType"), text_in(said, "name")
        ending = _EXPORTS[kind][0] if kind in _EXPORTS else ""
        size = text_in(said, "size")
        return Item(
            id=one.id,
            path=self._path(way, f"{title}{ending}"),
            revision=_revision(said),
            size=int(size[:18]) if size.isdecimal() and not ending else 0,
            modified_at=text_in(said, "modifiedTime"),
            link=text_in(said, "webViewLink"),
            title=title if ending else "",
            author=text_in(object_in(said, "lastModifyingUser"), "displayName"),
            problem=_problem(kind),
        )

    def _path(self, way: Way, name: str) -> str:
        """Return where a file lies: below the one stated place, or below its id where there are several."""
        above = [] if len(self._feed.roots()) == 1 else [way.root]
        return "/".join(_plain(one) for one in (*above, *(folder.name for _, folder in way.below), name))


def _revision(said: Object) -> str:
    found = text_in(said, "headRevisionId") or text_in(said, "md5Checksum")
    return found or f"v{text_in(said, 'version')}"


def _problem(kind: str) -> str:
    if kind == _SHORTCUT:
        return "A shortcut to another place, which is not followed."
    if kind.startswith(_GOOGLE) and kind not in _EXPORTS:
        return f"Nothing to be exported: {kind.removeprefix(_GOOGLE)}."
    return ""


def _plain(name: str) -> str:
    """Return a name as a part of a path: there it may hold what divides one."""
    plain = name.replace("/", "_").strip()
    return "_" if plain in ("", ".", "..") else plain


def _meant(error: Refusal) -> Exception:
    if error.status in (404, 410):
        return Gone("It is no more.")
    if error.status == 401:
        return error
    said = reason(error)
    if said == "exportSizeLimitExceeded":
        return Unreadable("Larger than Google Drive exports.", why="size")
    if error.status == 403:
        return Unreadable(f"Google Drive refused it ({said or 'no reason'})."[:200], why="refused")
    return Unreadable(f"Google Drive answered {error.status}.", why="unreachable")
