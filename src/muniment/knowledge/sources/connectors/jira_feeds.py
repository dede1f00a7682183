"""What there is to read in Jira, and who may read it: both by one listing of issues with their comments.

Invariants:
- a pass builds on an earlier one only while the rights of all projects are what they were then;
- it asks for what changed since that began and some minutes before, for clocks differ and the index lags;
- what was deleted is found by the next whole pass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from muniment.foundation.clock import Clock
from muniment.knowledge.sources.connector import AccessPage, ContentPage, CursorLost, Item, Stated
from muniment.knowledge.sources.connectors.atlassian_time import rfc3339
from muniment.knowledge.sources.connectors.jira_api import Listed, Project, Tracker, number
from muniment.knowledge.sources.connectors.jira_rights import Judge, Rights, RightsReader, digest
from muniment.knowledge.sources.http_api import Object, object_in, objects_in, stated_in, text_in

OVERLAP_SECONDS = 600.0
_ALWAYS = ("summary", "updated", "project", "security", "reporter", "assignee", "comment", "attachment")


@dataclass(slots=True)
class Place:
    """Where a feed is."""

    since: float = 0.0
    """When the pass began that this one builds on; 0 for a whole pass."""
    whole: float = 0.0
    """When the last whole pass began."""
    began: float = 0.0
    """When this pass did; 0 between passes."""
    rights: str = ""
    """What an earlier pass stands on; where it is another now, that pass is not built on."""
    project: str = ""
    at: str = ""


def place_of(cursor: str, now: float, whole_seconds: float) -> Place:
    """Return where a cursor leads; raises CursorLost where it is none, or it is time for a whole pass."""
    if not cursor:
        return Place(whole=now, began=now)
    try:
        said = json.loads(cursor)
        found = Place(**{name: type(value)(said[name]) for name, value in asdict(Place()).items()})
    except (ValueError, TypeError, KeyError) as error:
        raise CursorLost("The cursor cannot be read.") from error
    if found.since and not 0 <= now - found.whole < whole_seconds:
        raise CursorLost("It is time for a whole pass.")
    if not found.began:
        found.began = now
    return found


class Walk:
    """Goes through the issues of all projects, part by part."""

    def __init__(
        self, tracker: Tracker, projects: Callable[[], Sequence[Project]], clock: Clock, whole_seconds: float
    ) -> None:
        self._tracker = tracker
        self._projects = projects
        self._clock = clock
        self._whole_seconds = whole_seconds

    def begin(self, cursor: str) -> Place:
        """Return where a cursor leads; raises CursorLost."""
        return place_of(cursor, self._clock.now().timestamp(), self._whole_seconds)

    def step(self, place: Place, extra: set[str]) -> tuple[Sequence[Object], bool]:
        """Return a part of the issues, and whether there is more; the place then leads to what follows."""
        left = [one for one in self._projects() if one.key >= place.project]
        listed = Listed([], "")
        if left:
            at = place.at if left[0].key == place.project else ""
            fields = ",".join([*_ALWAYS, *sorted(extra - set(_ALWAYS))])
            listed = self._tracker.search(self._jql(left[0].key, place), fields, at)
            if listed.next and listed.next == at:
                raise CursorLost("The list goes round in circles.")
        if listed.next:
            place.project, place.at = left[0].key, listed.next
        elif len(left) > 1:
            place.project, place.at = left[1].key, ""
        else:
            place.since, place.began, place.project, place.at = place.began, 0.0, "", ""
        return listed.issues, bool(place.began)

    def _jql(self, key: str, place: Place) -> str:
        changed = ""
        if place.since:
            seconds = self._clock.now().timestamp() - place.since + OVERLAP_SECONDS
            changed = f" and updated >= -{math.ceil(seconds / 60)}m"
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'project = "{quoted}"{changed} order by created asc'


def text_of(place: Place) -> str:
    """Return a place as a cursor."""
    return json.dumps(asdict(place))


class AccessFeed:
    """The feed of access."""

    def __init__(
        self, walk: Walk, tracker: Tracker, projects: Callable[[], Sequence[Project]], reader: RightsReader
    ) -> None:
        self._walk = walk
        self._tracker = tracker
        self._projects = projects
        self._reader = reader
        self._rights: Mapping[str, Rights] | None = None

    def begin(self) -> None:
        """Let the rights of all projects be read anew."""
        self._rights = None
        self._reader.begin()

    def page(self, cursor: str, attachments: bool) -> AccessPage:
        """Return the next part; raises CursorLost."""
        place = self._walk.begin(cursor)
        if self._rights is None:
            self._rights = {one.id: self._reader.read(one) for one in self._projects()}
        now = digest(self._rights)
        if place.rights not in ("", now):
            raise CursorLost("The rights of a project changed.")
        place.rights = now
        extra = set[str]().union(*(one.fields() for one in self._rights.values()))
        issues, more = self._walk.step(place, extra)
        judge = Judge(self._tracker, self._rights)
        scopes: dict[str, Stated] = {}
        items: dict[str, str] = {}
        for one in issues:
            name = stated_in(one, "id")
            scope, stated = judge.issue(one)
            scopes[scope], items[name] = stated, scope
            for said in self._tracker.comments(one):
                within, of = judge.comment(one, scope, stated, said)
                scopes[within], items[comment_id(name, said)] = of, within
            if attachments:
                items |= {attachment_id(name, file): scope for file in _attached(one)}
        return AccessPage(scopes, items, (), text_of(place), more)


class ContentFeed:
    """The feed of content."""

    def __init__(
        self, walk: Walk, tracker: Tracker, site: str, projects: Callable[[], Sequence[Project]]
    ) -> None:
        """`projects` gives the projects as they are now."""
        self._walk = walk
        self._tracker = tracker
        self._site = site.rstrip("/")
        self._projects = projects

    def page(self, cursor: str, attachments: bool) -> ContentPage:
        """Return the next part; raises CursorLost."""
        place = self._walk.begin(cursor)
        if not place.project:
            projects = ",".join(one.id for one in self._projects())
            if place.rights not in ("", projects):
                raise CursorLost("There are other projects than before.")
            place.rights = projects
        issues, more = self._walk.step(place, set())
        items = [item for one in issues for item in self._items(one, attachments)]
        return ContentPage(items, (), text_of(place), more)

    def _items(self, issue: Object, attachments: bool) -> list[Item]:
        fields, key, name = object_in(issue, "fields"), stated_in(issue, "key"), stated_in(issue, "id")
        path = f"{key.rpartition('-')[0]}/{key}"
        link = f"{self._site}/browse/{key}"
        title = f"{key} {text_in(fields, 'summary')}"
        updated = text_in(fields, "updated")
        author = _name(object_in(fields, "reporter"))
        found = [Item(name, path, updated, f"{key}.txt", 0, rfc3339(updated), link, title, author)]
        for one in self._tracker.comments(issue):
            said, changed = stated_in(one, "id"), text_in(one, "updated")
            found.append(
                Item(
                    id=comment_id(name, one),
                    path=f"{path}/comment {said}",
                    revision=changed,
                    name=f"{key}-{said}.txt",
                    modified_at=rfc3339(changed),
                    link=f"{link}?focusedCommentId={said}",
                    title=title,
                    author=_name(object_in(one, "author")),
                )
            )
        for one in _attached(issue) if attachments else []:
            file = text_in(one, "filename").replace("/", "_") or "_"
            at = f"{path}/{file}"
            created = text_in(one, "created")
            found.append(
                Item(attachment_id(name, one), at, "1", file, number(one, "size"), rfc3339(created), link)
            )
        return found


def comment_id(issue: str, comment: Object) -> str:
    """Return the id of the item that a comment is."""
    return f"{issue}/comment/{stated_in(comment, 'id')}"


def attachment_id(issue: str, attachment: Object) -> str:
    """Return the id of the item that an attachment is."""
    return f"{issue}/attachment/{stated_in(attachment, 'id')}"


def _attached(issue: Object) -> list[Object]:
    fields = object_in(issue, "fields")
    return objects_in(fields, "attachment") if fields.get("attachment") is not None else []


def _name(one: Object) -> str:
    return text_in(one, "displayName")
