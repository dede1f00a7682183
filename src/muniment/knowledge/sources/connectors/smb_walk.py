"""Goes through all files of a share in the order of their paths, and goes on from any of them.

Reparse points (links, mount points, what leads to another server) are not followed: they are told of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from muniment.foundation.database import storable
from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources.connectors.smb_facts import (
    ELSEWHERE,
    FOLDER,
    HIDDEN,
    LINK,
    SYSTEM,
    Entry,
    Facts,
    Fault,
)

Listed = Callable[[str], Sequence[Entry]]
"""Gives what a folder holds; raises Fault."""
DEPTH = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A file, or what stands in its place."""

    parts: tuple[str, ...]
    """Names from the top down."""
    facts: Facts
    problem: str = ""
    """Why it is not read; of a folder, why nothing in it is."""

    @property
    def path(self) -> str:
        """Return its path; of a name that cannot be one, the part that can."""
        clean = ("".join(_shown(letter) for letter in name) or "?" for name in self.parts)
        return "/".join(clean)


def _shown(letter: str) -> str:
    return letter if storable(letter) and letter not in "/\\" else "?"


def walk(listed: Listed, top: Facts, hidden: bool, after: Sequence[str] = ()) -> Iterator[Found]:
    """Return the files behind a path, by path; what is hidden or of the system only where `hidden`.

    `listed` takes paths below the top. Raises Unavailable where the top cannot be listed, or a folder for a reason
    that may pass.
    """
    return _Walk(listed, hidden).below((), (top.id,), tuple(after))


class _Walk:
    def __init__(self, listed: Listed, hidden: bool) -> None:
        self._listed = listed
        self._left_out = 0 if hidden else HIDDEN | SYSTEM

    def below(self, at: tuple[str, ...], above: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Found]:
        """`after` counts from here; empty where all of this is yet to come."""
        for entry in sorted(self._listed("/".join(at)), key=lambda one: one.name):
            name, facts = entry.name, entry.facts
            if (after and name < after[0]) or facts.attributes & self._left_out:
                continue
            parts, rest = (*at, name), after[1:] if after and name == after[0] else ()
            if after and name == after[0] and not rest:
                continue
            problem = _problem(entry, above)
            if problem or not facts.attributes & FOLDER:
                if not rest:
                    yield Found(parts, facts, problem)
                continue
            yield from self._folder(Found(parts, facts), above, rest)

    def _folder(self, found: Found, above: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Found]:
        inside = self.below(found.parts, (*above, found.facts.id), after)
        while True:
            try:
                yield next(inside)
            except StopIteration:
                return
            except Fault as fault:
                if fault.why == "refused":
                    yield Found(found.parts, found.facts, "Our account may not list this folder.")
                elif fault.why == "link":
                    yield Found(found.parts, found.facts, "It leads elsewhere, and is not followed.")
                elif fault.why != "gone":
                    raise Unavailable(
                        f"The folder {found.path} cannot be listed now.", fix="See the server."
                    ) from fault
                return


def _problem(entry: Entry, above: tuple[str, ...]) -> str:
    name, facts = entry.name, entry.facts
    if not name or name == ".." or not storable(name) or set("/\\") & set(name):
        return "Its name cannot be used."
    if facts.attributes & LINK:
        return "It leads elsewhere, and is not followed."
    if facts.attributes & ELSEWHERE:
        return "It lies on another store, from which reading would fetch it."
    if facts.attributes & FOLDER and (facts.id in above or len(above) > DEPTH):
        return "It holds itself, or lies too deep."
    return ""
