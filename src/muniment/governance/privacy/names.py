"""Names of persons and places in a passage, as they were labelled when its document was taken in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from muniment.governance.privacy.kinds import LABELLED, NAMED, Finding, Kind


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one passage, each in its order; a passage that nobody labelled has None in the place of this."""

    title: tuple[Finding, ...] = ()
    heading: tuple[Finding, ...] = ()
    text: tuple[Finding, ...] = ()


def checked(spans: object, length: int) -> tuple[Finding, ...]:
    """Return the names that a list of `[kind, start, end]` means in a text of this length.

    Raises ValueError for anything else: unknown kinds, places outside of the text, names over each other.
    """
    if not isinstance(spans, list):
        raise ValueError("not a list of names")
    found = sorted((_finding(one, length) for one in spans), key=lambda one: one.start)
    for one, after in pairwise(found):
        if after.start < one.end:
            raise ValueError("two names lie over each other")
    return tuple(found)


def plain(findings: Iterable[Finding]) -> list[list[str | int]]:
    """Return names as `checked` reads them."""
    return [[one.kind, one.start, one.end] for one in findings]


def without(findings: Iterable[Finding], text: str, not_names: Collection[str]) -> tuple[Finding, ...]:
    """Return those names of a text that are not among the words that are none."""
    return tuple(one for one in findings if text[one.start : one.end] not in not_names)


def _finding(span: object, length: int) -> Finding:
    match span:
        case [str(kind), int(start), int(end)] if kind in LABELLED and 0 <= start < end <= length:
            if isinstance(start, bool) or isinstance(end, bool):
                raise ValueError("a place that is no number")
            named: Kind = kind
            return Finding(named, start, end, NAMED[named])
        case _:
            raise ValueError("not a kind of name with its place in the text")
