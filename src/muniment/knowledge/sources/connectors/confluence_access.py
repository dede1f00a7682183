"""Who may read what in Confluence.

Invariants:
- a reader of a page may see its space, and is among those to whom each page above it and itself is restricted;
- what has no restriction of its own is in the scope of the nearest page above it that has one, else of the space;
- a page above of which that cannot be told lets nobody in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from muniment.knowledge.sources.connector import AccessPage, CursorLost, Stated
from muniment.knowledge.sources.connectors.confluence_api import SERVICE, Listed, Space, Wiki
from muniment.knowledge.sources.http_api import Malformed, Object, objects_in, stated_in, text_in

Clause = frozenset[str]


class AccessFeed:
    """The feed of access over all spaces; every pass is whole."""

    def __init__(self, wiki: Wiki, spaces: Callable[[], Sequence[Space]]) -> None:
        self._wiki = wiki
        self._spaces = spaces
        self._readers: tuple[str, Clause] = ("", frozenset())
        self._met: dict[str, Clause | None] = {}
        self._turns = Turns()

    def page(self, cursor: str) -> AccessPage:
        """Return the next part."""
        if not cursor:
            self._readers, self._met, self._turns = ("", frozenset()), {}, Turns()
        space, listed, after = step(self._wiki, self._spaces(), cursor)
        if space is None:
            return AccessPage({}, {}, (), "", more=False)
        if self._readers[0] != space.key:
            self._readers = (space.key, self._wiki.readers(space))
            self._met.clear()
        scopes = {f"space/{space.key}": Stated((self._readers[1],))}
        items: dict[str, str] = {}
        for one in listed.pages:
            self._learn(stated_in(one, "id"), self._wiki.restriction(one))
        for one in listed.pages:
            scope, stated = self._scope(space, one)
            scopes[scope] = stated
            name = item_id(one)
            items |= {name: scope} | {
                f"{name}/{stated_in(file, 'id')}": scope for file in self._wiki.attachments(one)
            }
        self._turns.take(after)
        return AccessPage(scopes, items, (), after, bool(after))

    def _scope(self, space: Space, page: Object) -> tuple[str, Stated]:
        """Return the scope of a page, and what it states."""
        scope, clauses = f"space/{space.key}", [self._readers[1]]
        for name in [*(stated_in(one, "id") for one in objects_in(page, "ancestors")), stated_in(page, "id")]:
            if name not in self._met:
                self._learn(name, self._wiki.restriction_of(name))
            restricted = self._met[name]
            if restricted is not None:
                scope = f"page/{name}"
                if restricted not in clauses:
                    clauses.append(restricted)
        return scope, Stated(tuple(clauses))

    def _learn(self, name: str, restricted: Clause | None) -> None:
        self._met[name] = restricted


class Turns:
    """The cursors of a pass, of which none may come again."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def take(self, cursor: str) -> None:
        """Keep a cursor that follows; raises Malformed for one that was kept before."""
        if cursor and cursor in self._seen:
            self._seen.clear()
            raise Malformed(f"The pages of {SERVICE} go round in circles.")
        self._seen.add(cursor)


def item_id(page: Object) -> str:
    """Return the id of the item that a listed page is."""
    name = stated_in(page, "id")
    return f"blogpost:{name}" if text_in(page, "type") == "blogpost" else name


def step(wiki: Wiki, spaces: Sequence[Space], cursor: str) -> tuple[Space | None, Listed, str]:
    """Return the space that a cursor leads to, a part of what is in it, and the cursor of what follows.

    Without a space there is nothing more. Raises CursorLost for what is no cursor.
    """
    try:
        key, link = json.loads(cursor) if cursor else ("", "")
        if not isinstance(key, str) or not isinstance(link, str):
            raise TypeError
    except (ValueError, TypeError) as error:
        raise CursorLost("The cursor cannot be read.") from error
    left = [one for one in spaces if one.key >= key]
    if not left:
        return None, Listed([], ""), ""
    space = left[0]
    listed = wiki.listing(space, link if space.key == key else "")
    after = ""
    if listed.next:
        after = json.dumps([space.key, listed.next])
    elif len(left) > 1:
        after = json.dumps([left[1].key, ""])
    return space, listed, after
