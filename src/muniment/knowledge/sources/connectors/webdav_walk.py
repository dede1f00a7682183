"""A walk through a tree of collections, page by page, that goes on where it was after a restart."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import cast

from muniment.knowledge.sources.connector import CursorLost, Gone, Throttled, Unreadable
from muniment.knowledge.sources.connectors.webdav_api import Path, Resource

MOST_DEPTH = 100
PAGE, MOST_VISITS = 500, 50
_TOO_DEEP = f"It lies deeper than {MOST_DEPTH} folders."
Listing = Callable[[Path], Sequence[Resource]]
"""Gives what lies in a collection, in order; raises Gone, Unreadable."""


class Walk:
    """Visits collections in the order of their paths; a cursor is the place that was reached."""

    def __init__(self, root: Path, below: Listing) -> None:
        self._root = root
        self._below = below
        self._cursor = ""
        self._front: list[Path] = []
        """Collections that are to be visited, the next one last."""
        self._rest: list[Resource] = []
        """What is left of the collection that is being visited, the next one last."""
        self._at: Path = root

    def page(self, cursor: str) -> tuple[Sequence[Resource], str, bool]:
        """Return the next files, and collections that cannot be read; raises CursorLost."""
        # Until the page is whole, what is held here is not where the cursor is.
        reached, self._cursor = self._cursor, ""
        visits = 0
        if not cursor:
            self._front, self._rest = [], []
            self._visit(self._root, "")
            visits = 1
        elif cursor != reached:
            self._return_to(cursor)
        found: list[Resource] = []
        while len(found) < PAGE:
            if self._rest:
                found.append(self._rest.pop())
                continue
            if not self._front or visits >= MOST_VISITS:
                break
            try:
                refused = self._visit_next()
            except Throttled:
                if not visits:
                    raise
                break
            visits += 1
            found += refused
        more = bool(self._rest or self._front)
        last = found[-1].path[-1] if self._rest else None
        self._cursor = json.dumps([self._at, last]) if more else ""
        return found, self._cursor, more

    def _visit_next(self) -> Sequence[Resource]:
        """Visit the next collection; return it itself where it cannot be read."""
        path = self._front.pop()
        try:
            self._visit(path, "")
        except Gone:
            self._at = path
        except Unreadable as error:
            self._at = path
            return [Resource(path, True, problem=str(error))]
        except Throttled:
            self._front.append(path)
            raise
        return ()

    def _visit(self, path: Path, after: str | None) -> None:
        """Take in what lies in a collection; of its files those behind a name, none with None."""
        found = self._below(path)
        self._at = path
        folders = [one for one in found if one.collection and not one.problem]
        deep = len(path) - len(self._root) >= MOST_DEPTH
        self._front += reversed([] if deep else [one.path for one in folders])
        others = [one for one in found if one not in folders]
        if deep:
            others += [Resource(one.path, True, problem=_TOO_DEEP) for one in folders]
        left = [] if after is None else [one for one in others if one.path[-1] > after]
        self._rest = sorted(left, key=lambda one: one.path, reverse=True)

    def _return_to(self, cursor: str) -> None:
        """Find the way back to a place, by what lies beside it now."""
        try:
            names, last = cast("tuple[list[str], str | None]", json.loads(cursor))
            at = tuple(names)
            self._front = []
            for depth in range(len(self._root), len(at)):
                here = self._below(at[:depth])
                beside = [
                    one.path
                    for one in here
                    if one.collection and not one.problem and one.path[-1] > at[depth]
                ]
                self._front += reversed(beside)
            self._visit(at, last)
        except (Gone, Unreadable, ValueError, TypeError) as error:
            raise CursorLost("The place that was reached is no more.") from error
