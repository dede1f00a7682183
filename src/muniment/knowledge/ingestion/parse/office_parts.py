"""The parts of an Office file and what they refer to; names are matched without their namespace.

The same part stands under other namespaces in the strict form of the format, and nothing here depends on which.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Protocol

from muniment.knowledge.ingestion.parse.normal import one_line


class Element(Protocol):
    """The part of an XML element that is used here."""

    @property
    def tag(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    @property
    def attrib(self) -> Mapping[str, str]: ...
    def get(self, key: str) -> str | None: ...
    def iter(self) -> Iterator[Element]: ...
    def __iter__(self) -> Iterator[Element]: ...
    def __len__(self) -> int: ...


class OfficeParts:
    """Reads parts of a container that `check_container` has passed."""

    def __init__(self, content: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self._names = frozenset(self._archive.namelist())

    def read(self, part: str) -> Element | None:
        """Return the root of a part, or None where it is missing or no XML."""
        from defusedxml.ElementTree import ParseError, fromstring

        if part not in self._names:
            return None
        try:
            return fromstring(self._archive.read(part))
        except ParseError:
            return None

    def related(self, part: str) -> list[tuple[str, str, str]]:
        """Return id, kind (as `comments`) and part of all that a part refers to inside the file."""
        folder, name = posixpath.split(part)
        root = self.read(posixpath.join(folder, "_rels", f"{name}.rels"))
        found: list[tuple[str, str, str]] = []
        for one in root if root is not None else ():
            target = one.get("Target") or ""
            if one.get("TargetMode") != "External" and target:
                kind = (one.get("Type") or "").rpartition("/")[2]
                where = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                found.append((one.get("Id") or "", kind, where))
        return found

    @property
    def start(self) -> str:
        """The part that everything else hangs on, such as `xl/workbook.xml`; nothing where none is named."""
        return next((where for _, kind, where in self.related("") if kind == "officeDocument"), "")

    def of_kind(self, part: str, kind: str) -> list[Element]:
        """Return the roots of all parts of a kind that a part refers to."""
        roots = [self.read(where) for _, one, where in self.related(part) if one.lower() == kind.lower()]
        return [root for root in roots if root is not None]


def local(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def below(element: Element | None, *names: str) -> Iterator[Element]:
    """Yield the element and what is below it that has one of these names, in order."""
    for one in element.iter() if element is not None else ():
        if local(one) in names:
            yield one


def first(element: Element | None, name: str) -> Element | None:
    """Return the first element below with this name."""
    return next(below(element, name), None)


def attribute(element: Element, name: str) -> str:
    """Return an attribute by its name without namespace, or nothing."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return ""


def text_of(element: Element | None) -> str:
    """Return the text of the runs below an element, with a space between paragraphs."""
    pieces: list[str] = []
    for one in below(element, "t", "text", "p", "br"):
        if local(one) in ("p", "br"):
            pieces.append(" ")
        elif len(one) == 0:
            pieces.append(one.text or "")
    return "".join(pieces).strip()


def comment_line(by: str, at: str, about: str, text: str) -> str:
    """Return a comment on a line of its own, marked as one, or nothing where it says nothing."""
    who = ", ".join(filter(None, (one_line(by), at[:10], about)))
    text = one_line(text)
    return (f"Comment ({who}): {text}" if who else f"Comment: {text}") if text else ""


_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")


def transitional(content: bytes) -> bytes:
    """Return a container of the strict form as one of the usual form, which libraries read; others as they are."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        if not _STRICT.search(old.read("_rels/.rels")):
            return content
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as new:
            for entry in old.infolist():
                part = old.read(entry)
                if entry.filename.lower().endswith((".xml", ".rels")):
                    part = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", part)
                new.writestr(zipfile.ZipInfo(entry.filename), part)
    return made.getvalue()
