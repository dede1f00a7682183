"""Where a feed of Microsoft Graph is: its links, and the folders that it met, so that a moved one is noticed."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from muniment.knowledge.sources.connector import CursorLost

MOST_FOLDERS = 20_000
"""Of a library, past which they are not kept between requests."""
_DEEPEST = 500


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was met."""

    parent: str
    """Empty for the root."""
    mark: str
    """What the feed must notice when it changes."""


@dataclass(slots=True)
class Drive:
    """A library, and how far it is read."""

    id: str
    link: str = ""
    """To go on from; empty at the beginning."""
    folders: dict[str, Folder] | None = field(default_factory=dict[str, Folder])
    """By id; None where there are too many to keep."""

    def learn(self, name: str, folder: Folder) -> None:
        """Keep how a folder was met."""
        if self.folders is not None:
            self.folders[name] = folder

    def met(self, name: str) -> Folder | None:
        """Return how a folder was met before."""
        return None if self.folders is None else self.folders.get(name)

    def upwards(self, name: str) -> Iterator[tuple[str, Folder | None]]:
        """Return a folder and those above it; the last is the root, or None for one that was not met."""
        for _ in range(_DEEPEST):
            found = self.met(name)
            yield name, found
            if found is None or not found.parent:
                return
            name = found.parent
        yield name, None


@dataclass(slots=True)
class Place:
    """Where a feed is, over all libraries."""

    drives: list[Drive]
    at: int = 0
    """The library that is read next."""
    whole: bool = True
    """Whether the pass began at the beginning."""
    began: float = 0.0
    """When the last whole pass did, in seconds since 1970."""
    until: float = 0.0
    """When the first grant ends by itself; 0 for never."""
    each: bool = False
    """Whether the items that inherit cannot be told from those that do not."""

    def is_stale(self, now: float, whole_seconds: float) -> bool:
        """Return whether what is known is too old to build on, or a grant that it counts has ended."""
        return bool(self.until and now >= self.until) or not 0 <= now - self.began < whole_seconds

    def ends_by(self, until: float) -> None:
        """Keep that a grant ends by itself; 0: it does not."""
        if until:
            self.until = min(self.until or until, until)

    def text(self) -> str:
        """Return it as a cursor."""
        return json.dumps(
            {
                "drives": [[one.id, one.link, _packed(one.folders)] for one in self.drives],
                "at": self.at,
                "whole": self.whole,
                "began": self.began,
                "until": self.until,
                "each": self.each,
            }
        )


def place_of(cursor: str, drives: Sequence[str], now: float) -> Place:
    """Return where a cursor leads; raises CursorLost where it is none of these libraries."""
    if not cursor:
        return Place([Drive(one) for one in drives], began=now)
    try:
        said = json.loads(cursor)
        found = Place(
            [Drive(name, link, _unpacked(folders)) for name, link, folders in said["drives"]],
            int(said["at"]),
            bool(said["whole"]),
            float(said["began"]),
            float(said["until"]),
            bool(said["each"]),
        )
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise CursorLost("The cursor cannot be read.") from error
    if [one.id for one in found.drives] != list(drives) or not 0 <= found.at < len(drives):
        raise CursorLost("The libraries are others than before.")
    return found


def _packed(folders: dict[str, Folder] | None) -> str | None:
    if folders is None or len(folders) > MOST_FOLDERS:
        return None
    rows = [[name, one.parent, one.mark] for name, one in folders.items()]
    return base64.b64encode(zlib.compress(json.dumps(rows).encode("ascii"))).decode("ascii")


def _unpacked(packed: str | None) -> dict[str, Folder] | None:
    if packed is None:
        return None
    rows = json.loads(zlib.decompress(base64.b64decode(packed)))
    return {name: Folder(parent, mark) for name, parent, mark in rows}
