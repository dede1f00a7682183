"""The elements of a Word document, as far as they are used here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Element(Protocol):
    """The part of an lxml element that is used here; lxml has no types of its own."""

    @property
    def tag(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    def get(self, key: str) -> str | None: ...
    def find(self, path: str) -> Element | None: ...
    def iterancestors(self, tag: str) -> Iterator[Element]: ...
    def __iter__(self) -> Iterator[Element]: ...


W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
GONE = frozenset({f"{W}del", f"{W}moveFrom", f"{W}pPr", f"{W}rPr", f"{W}instrText", _FALLBACK})
"""Deleted by a tracked change, properties, field codes, and the second copy of a drawing."""


def below(parent: Element, tag: str) -> Iterator[Element]:
    """Yield the nearest descendants with `tag`: those inside another such are part of that one."""
    waiting = list(reversed(list(parent)))
    while waiting:
        element = waiting.pop()
        if element.tag == tag:
            yield element
        elif element.tag not in GONE:
            waiting.extend(reversed(list(element)))


def value(element: Element | None) -> str:
    """Return what an element says, or nothing."""
    return str(element.get(f"{W}val") or "") if element is not None else ""


def found(element: Element | None, path: str) -> Element | None:
    """Return what lies at a path of names below an element, as `pPr/numPr`."""
    return element.find("/".join(f"{W}{name}" for name in path.split("/"))) if element is not None else None


def is_on(element: Element | None) -> bool:
    """Return whether a switch is there and on."""
    return element is not None and value(element) not in ("0", "false", "off")
