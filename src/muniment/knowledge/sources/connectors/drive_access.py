"""Who may read what in Google Drive.

Invariants:
- in a shared drive, a file without readers of its own is in the scope of the nearest folder above that has some;
- elsewhere each file says its readers itself; files with the same readers share a scope;
- what a shared drive restricts to its members or its organisation holds for whatever is in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from muniment.foundation.clock import Clock
from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources.connector import EVERYONE_THERE, UNREADABLE, AccessPage, CursorLost, Stated
from muniment.knowledge.sources.connectors.drive_api import part
from muniment.knowledge.sources.connectors.drive_feed import (
    Feed,
    Place,
    is_folder,
    is_limited,
    is_own,
    is_trashed,
)
from muniment.knowledge.sources.connectors.drive_labels import sensitivity
from muniment.knowledge.sources.connectors.drive_permissions import Read, read
from muniment.knowledge.sources.http_api import Object, Refusal, object_in, objects_in, text_in

_SHUT = "shut"
_HARMLESS = frozenset(
    {
        "adminManagedRestrictions",
        "copyRequiresWriterPermission",
        "sharingFoldersRequiresOrganizerPermission",
        "downloadRestriction",
    }
)
"""What a shared drive may restrict without reading being touched."""
Clauses = tuple[frozenset[str], ...]


class AccessFeed:
    """The feed of access over all stated drives and folders."""

    def __init__(self, feed: Feed, clock: Clock, labels: Mapping[str, str]) -> None:
        """`labels` give the sensitivity here by label there."""
        self._feed = feed
        self._clock = clock
        self._labels = labels
        self._read: dict[str, Read] = {}
        self._clauses: dict[str, Clauses | None] = {}

    def page(self, cursor: str) -> AccessPage:
        """Return the next part; raises CursorLost where a whole pass is needed."""
        place = self._feed.place(cursor, self._clock.now().timestamp())
        if place.begins():
            self._begin(place)
        listed, more = self._feed.page(place)
        for one in listed:
            if one.file is not None and is_folder(one.file):
                self._feed.meet(one.file)
        scopes, items = dict[str, Stated](), dict[str, str]()
        for one in listed:
            if one.file is not None and is_folder(one.file):
                continue
            name, stated = self._ruled(place, one.id, one.file)
            # A whole pass leaves out what is not read; a later one tells that it is nobody's any more.
            if name != _SHUT or not place.whole:
                scopes[name], items[one.id] = stated, name
        return AccessPage(scopes, items, (), place.text(), more)

    def _begin(self, place: Place) -> None:
        """Compare the shared drives themselves with how they stood, for their feeds may not tell of them."""
        self._read.clear()
        self._clauses.clear()
        marks = {one: self._mark(one) for one in place.corpora if one}
        if not place.whole and marks != place.marks:
            raise CursorLost("A shared drive has other members or restrictions.")
        place.marks = marks

    def _mark(self, drive: str) -> str:
        clauses = self._restricted(drive)
        members = self._judged(self._permissions(drive, True), False)
        said = [
            clauses is None,
            [sorted(one) for one in clauses or ()],
            members.understood,
            sorted(members.allow),
        ]
        return _digest_of(said)

    def _ruled(self, place: Place, name: str, said: Object | None) -> tuple[str, Stated]:
        """Return the scope of a file, and what it states."""
        way = None if said is None or is_trashed(said) else self._feed.way(said)
        if said is None or way is None:
            return _SHUT, UNREADABLE
        label, known = sensitivity(said, self._labels)
        clauses = self._restricted(text_in(said, "driveId"))
        if not known or clauses is None:
            return _SHUT, UNREADABLE
        if is_own(said) or label is not None:
            found = self._own(name, said)
            place.ends_by(found.until)
            stated = found.stated(clauses, label)
            return f"set:{_digest(stated)}", stated
        above, limited = self._feed.own_above(way)
        if above not in self._read:
            listed = self._permissions(above, above in self._feed.drives)
            self._read[above] = self._judged(listed, limited)
        place.ends_by(self._read[above].until)
        return f"folder:{above}", self._read[above].stated(clauses)

    def _own(self, name: str, said: Object) -> Read:
        if not text_in(said, "driveId") and "permissions" in said:
            return self._judged(objects_in(said, "permissions"), is_limited(said))
        return self._judged(self._permissions(name, False), is_limited(said))

    def _judged(self, listed: list[Object] | None, limited: bool) -> Read:
        if listed is None:
            return Read(understood=False)
        return read(listed, limited, self._clock.now())

    def _permissions(self, name: str, is_drive: bool) -> list[Object] | None:
        """Return the permissions of an item, None where they are not ours to see."""
        query: dict[str, str | int] = {
            "supportsAllDrives": "true",
            "pageSize": 100,
            "fields": "nextPageToken,permissions",
        }
        try:
            return list(self._feed.api.listed(f"/files/{part(name)}/permissions", query, "permissions"))
        except Refusal as error:
            if error.status not in (403, 404):
                raise
            if is_drive:
                raise Unavailable(
                    "Google Drive does not let the members of a shared drive be read.",
                    fix="Make the account a manager of the drive.",
                ) from error
            return None

    def _restricted(self, drive: str) -> Clauses | None:
        """Return of which clauses readers of a shared drive hold something; None where that is not understood."""
        if not drive:
            return ()
        if drive not in self._clauses:
            self._clauses[drive] = self._read_restrictions(drive)
        return self._clauses[drive]

    def _read_restrictions(self, drive: str) -> Clauses | None:
        said = object_in(
            self._feed.api.get(f"/drives/{part(drive)}", {"fields": "restrictions"}), "restrictions"
        )
        set_ = {name for name, value in said.items() if value is not False} - _HARMLESS
        if set_ - {"domainUsersOnly", "driveMembersOnly"}:
            return None
        clauses = list[frozenset[str]]()
        if "domainUsersOnly" in set_:
            clauses.append(frozenset({EVERYONE_THERE}))
        if "driveMembersOnly" in set_:
            members = self._judged(self._permissions(drive, True), False)
            if not members.understood:
                return None
            clauses.append(members.allow)
        return tuple(clauses)


def _digest(stated: Stated) -> str:
    return _digest_of([[sorted(one) for one in stated.clauses], stated.sensitivity])


def _digest_of(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest()[:32]
