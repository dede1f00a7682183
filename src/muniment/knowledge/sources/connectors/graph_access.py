"""Who may read what in the libraries of a site.

Invariants:
- an item that has permissions of its own, or of which that cannot be told, is a scope by itself;
- what inherits is in the scope of the nearest folder that has its own, as it was met in the same whole pass;
- a later pass states changed items one by one; whatever moves the readers of more than one begins a whole pass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from muniment.foundation.clock import Clock
from muniment.foundation.egress import Reply
from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources.connector import UNREADABLE, AccessPage, CursorLost, Stated
from muniment.knowledge.sources.connectors.graph_drives import LABEL, SERVICE, Drives
from muniment.knowledge.sources.connectors.graph_item import (
    is_deleted,
    is_folder,
    is_own,
    is_root,
    latest,
    parent,
    part,
    whole_id,
)
from muniment.knowledge.sources.connectors.graph_people import next_link
from muniment.knowledge.sources.connectors.graph_permissions import Read, read
from muniment.knowledge.sources.connectors.graph_place import Drive, Folder, Place, place_of
from muniment.knowledge.sources.http_api import (
    Malformed,
    Object,
    Refusal,
    heed,
    object_in,
    objects_in,
    stated_in,
    text_in,
)

_BATCH = 20
"""Requests that the service takes at once."""
_HIERARCHY = "hierarchicalsharing"
SHARING = {
    "prefer": f"deltashowremovedasdeleted, deltatraversepermissiongaps, deltashowsharingchanges, {_HIERARCHY}"
}
_INHERITS, _OWN = "", "own"
"""Marks of folders; the latter until it is known what their permissions state."""


class AccessFeed:
    """The feed of access over all libraries."""

    def __init__(
        self,
        drives: Drives,
        clock: Clock,
        tenant: str,
        labels: Mapping[str, str],
        assumed: bool,
        whole_seconds: float,
    ) -> None:
        """With `assumed`, the service is taken to say which items inherit though it does not confirm it."""
        self._drives = drives
        self._clock = clock
        self._tenant = tenant
        self._labels = labels
        self._assumed = assumed
        self._whole_seconds = whole_seconds

    def page(self, cursor: str) -> AccessPage:
        """Return the next part; raises CursorLost where a whole pass is needed."""
        now = self._clock.now().timestamp()
        place = place_of(cursor, list(self._drives.names()), now)
        if not place.whole and place.is_stale(now, self._whole_seconds):
            raise CursorLost("It is time for a whole pass.")
        drive = place.drives[place.at]
        reply, page = self._drives.delta(drive, SHARING)
        place.each = place.each or not self.tells_who_inherits(reply)
        rule = self._ruled_whole if place.whole else self._ruled_since
        found = rule(place, drive, latest(page))
        more = self._drives.go_on(place, drive, page)
        return AccessPage(found.scopes, found.items, (), place.text(), more)

    def tells_who_inherits(self, reply: Reply) -> bool:
        """Return whether an answer tells the items that inherit from those that do not."""
        applied = reply.headers.get("preference-applied", "").lower().split(",")
        return self._assumed or _HIERARCHY in {one.strip() for one in applied}

    def _ruled_whole(self, place: Place, drive: Drive, entries: Sequence[Object]) -> _Ruled:
        found = _Ruled(drive.id)
        wanted = {} if place.each else self._met(drive, entries)
        for one in entries:
            name = stated_in(one, "id")
            if is_deleted(one):
                found.shut(name)
            elif not is_folder(one):
                alone = place.each or is_own(one) or self._is_labelled(one)
                scope = "" if alone else _scope_above(drive, one)
                if scope:
                    found.put(name, scope)
                else:
                    wanted[name] = one
        for name, mark in self._rule(place, drive, wanted, found).items():
            if is_folder(wanted[name]):
                drive.learn(name, Folder(parent(wanted[name]), mark))
        return found

    def _met(self, drive: Drive, entries: Sequence[Object]) -> dict[str, Object]:
        """Learn the folders of a page; return those with permissions of their own."""
        own: dict[str, Object] = {}
        for one in entries:
            if not is_folder(one) or is_deleted(one):
                continue
            name, before = stated_in(one, "id"), drive.met(stated_in(one, "id"))
            if before is not None and (before.parent != parent(one) or bool(before.mark) != is_own(one)):
                raise CursorLost("A folder changed while the library was read.")
            drive.learn(name, Folder(parent(one), _OWN if is_own(one) else _INHERITS))
            if is_own(one):
                own[name] = one
        return own

    def _ruled_since(self, place: Place, drive: Drive, entries: Sequence[Object]) -> _Ruled:
        if entries and (place.each or drive.folders is None):
            raise CursorLost("Something changed, and it cannot be told for which items.")
        found = _Ruled(drive.id)
        wanted: dict[str, Object] = {}
        for one in entries:
            name = stated_in(one, "id")
            before = drive.met(name)
            if is_deleted(one):
                if before is not None:
                    raise CursorLost("A folder was removed.")
                found.shut(name)
            elif not is_folder(one) or _is_to_be_compared(drive, one, before):
                wanted[name] = one
        for name, mark in self._rule(place, drive, wanted, found).items():
            before = drive.met(name)
            if before is not None and before.mark != mark:
                raise CursorLost("A folder has other readers.")
        return found

    def _rule(
        self, place: Place, drive: Drive, wanted: Mapping[str, Object], found: _Ruled
    ) -> dict[str, str]:
        """Read the permissions of items, each a scope of its own; return a mark of what each states."""
        now = self._clock.now()
        marks: dict[str, str] = {}
        for name, permissions in self._permissions(drive.id, list(wanted)):
            one = wanted[name]
            if permissions is None and is_root(one):
                raise Unavailable(
                    f"{SERVICE} does not let the permissions of a library be read.",
                    fix="Grant the application Sites.FullControl.All.",
                )
            ruled = Read(UNREADABLE)
            if permissions is not None and self._knows_label(one):
                ruled = read(permissions, self._tenant, now, self._sensitivity(one))
            place.ends_by(ruled.until)
            marks[name] = _mark(ruled)
            found.scopes[whole_id(drive.id, name)] = ruled.stated
            if not is_folder(one):
                found.put(name, name)
        return marks

    def _permissions(self, drive: str, names: Sequence[str]) -> Iterator[tuple[str, list[Object] | None]]:
        """Yield the permissions of items, None for one that is gone or shut to us."""
        for at in range(0, len(names), _BATCH):
            asked = names[at : at + _BATCH]
            url = f"/drives/{part(drive)}/items"
            requests = [
                {"id": str(number), "method": "GET", "url": f"{url}/{part(name)}/permissions"}
                for number, name in enumerate(asked)
            ]
            page = self._drives.api.post("/$batch", {"requests": requests})
            answers = {stated_in(one, "id"): one for one in objects_in(page, "responses")}
            for number, name in enumerate(asked):
                if str(number) not in answers:
                    raise Malformed(f"{SERVICE} left an answer out.")
                yield name, self._answered(answers[str(number)])

    def _answered(self, answer: Object) -> list[Object] | None:
        status = answer.get("status")
        headers = {name.lower(): str(value) for name, value in object_in(answer, "headers").items()}
        reply = Reply(status if isinstance(status, int) else 500, b"", "", headers)
        heed(reply, self._clock, SERVICE)
        if reply.status in (403, 404):
            return None
        if reply.status != 200:
            raise Refusal(SERVICE, reply)
        body = object_in(answer, "body")
        found = objects_in(body, "value")
        if onward := next_link(body):
            for page in self._drives.api.pages(onward, None, next_link):
                found += objects_in(page, "value")
        return found

    def _is_labelled(self, one: Object) -> bool:
        return bool(self._labels) and one.get(LABEL) is not None

    def _knows_label(self, one: Object) -> bool:
        return not self._is_labelled(one) or self._sensitivity(one) is not None

    def _sensitivity(self, one: Object) -> str | None:
        return self._labels.get(text_in(object_in(one, LABEL), "displayName"))


class _Ruled:
    """What a page states of access."""

    def __init__(self, drive: str) -> None:
        self._drive = drive
        self.scopes: dict[str, Stated] = {}
        self.items: dict[str, str] = {}

    def put(self, item: str, scope: str) -> None:
        """Put an item into a scope."""
        self.items[whole_id(self._drive, item)] = whole_id(self._drive, scope)

    def shut(self, item: str) -> None:
        """Let nobody read an item that was removed, before content is read again."""
        self.scopes[whole_id(self._drive, item)] = UNREADABLE
        self.put(item, item)


def _is_to_be_compared(drive: Drive, one: Object, before: Folder | None) -> bool:
    """Return whether a folder's permissions may be others than before; raises CursorLost where that is certain.

    A folder comes with each change of what is in it. A new one has nothing in it that was not told of too.
    """
    if before is None:
        drive.learn(stated_in(one, "id"), Folder(parent(one), _OWN if is_own(one) else _INHERITS))
        return False
    if before.parent != parent(one) or bool(before.mark) != is_own(one):
        raise CursorLost("A folder moved, or has other readers.")
    return bool(before.mark)


def _scope_above(drive: Drive, one: Object) -> str:
    """Return the nearest folder with permissions of its own; empty where one on the way was not met."""
    for name, folder in drive.upwards(parent(one)):
        if folder is None:
            return ""
        if folder.mark:
            return name
    return ""


def _mark(ruled: Read) -> str:
    said = [[sorted(one) for one in ruled.stated.clauses], ruled.until]
    return hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest()[:16]
