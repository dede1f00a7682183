"""EPUB books: the chapters in reading order, each a section under the name that the table of contents gives it."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import MOST_XML_BYTES, check_container, opened
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.html import hides, write_html
from muniment.knowledge.ingestion.parse.normal import MOST_CHARACTERS, Composer, one_line
from muniment.knowledge.ingestion.parse.structured import xml_tree
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251 - the type alone

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_NCX = "{http://www.daisy.org/z3986/2005/ncx/}"
_XHTML = "{http://www.w3.org/1999/xhtml}"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/html"})
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_RULE = re.compile(r"([^{}@;<]+)\{([^{}<]*)\}")
_MOST_STYLES = 256 << 10
_MOST_CHAPTERS = 5_000


def read_book(name: str, content: bytes) -> Parsed:
    """Read the chapters of a book. Raises ParseFailed where it is damaged or its text is locked."""
    check_container(content, pages=True)
    out = Composer()
    with opened(content) as archive:
        book = _Book(archive)
        for number, path in enumerate(book.chapters(), 1):
            page = book.page(path)
            _write_chapter(page, path, book.names.get(path, ""), number, out)
    out.author = book.author
    return out.parsed(title(name, book.title, out.first_heading), MEDIA_TYPES["epub"])


def _write_chapter(page: bytes, path: str, named: str, number: int, out: Composer) -> None:
    declared = _ENCODING.search(page[:200])
    chapter = Composer()
    write_html(decode(page, chapter, declared.group(1).decode() if declared else None), chapter)
    try:
        parsed = chapter.parsed("", "")
    except ParseFailed:  # a cover or another page of pictures
        return
    if out.length + len(parsed.text) > MOST_CHARACTERS - 1_000:
        raise ParseFailed(
            f"holds more than {MOST_CHARACTERS:,} characters of text.", fix="Split it into smaller files."
        )
    first = parsed.headings[0] if parsed.headings else None
    out.begin("section", named or (first.text if first else f"Chapter {number}"), number)
    if named and not (first and first.start == 0 and first.text.casefold() == named.casefold()):
        out.heading(1, named)
        out.inset(parsed, 1)
    else:
        out.inset(parsed, 0)
    for note in parsed.notes:
        out.note(f"{path}: {note}"[:300])


class _Book:
    """What the package of a book says: its title, its author, its pages in order, and their names."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        roots = xml_tree(_part(archive, "META-INF/container.xml")).iter(f"{_CONTAINER}rootfile")
        package = next((root.get("full-path") or "" for root in roots), "")
        self._package = xml_tree(_part(archive, package))
        self._folder = posixpath.dirname(package)
        metadata = self._package.find(f"{_OPF}metadata")
        self.title = self.author = ""
        if metadata is not None:
            self.title = metadata.findtext(f"{_DC}title") or ""
            self.author = ", ".join(filter(None, (one.text for one in metadata.iterfind(f"{_DC}creator"))))
        self._items = {
            item.get("id") or "": item for item in self._package.iterfind(f"{_OPF}manifest/{_OPF}item")
        }
        self._locked = frozenset(self._find_locked())
        self._hiding = b"<style>%s</style>" % "".join(self._hiding_rules()).encode()
        self.names: dict[str, str] = {}
        """Of pages, by path."""
        for path, named in self._contents():
            self.names.setdefault(path, named)

    def chapters(self) -> Iterator[str]:
        """Yield the pages of the book, each once."""
        seen: set[str] = set()
        for reference in self._package.iterfind(f"{_OPF}spine/{_OPF}itemref"):
            item = self._items.get(reference.get("idref") or "")
            if item is None or item.get("media-type") not in _PAGES:
                continue
            path = _resolved(self._folder, item.get("href") or "")
            if path in self._locked:
                raise ParseFailed(
                    "is locked: its text is encrypted.", fix="Put a copy without copy protection here."
                )
            if path not in seen and path in self._archive.NameToInfo:
                seen.add(path)
                yield path
            if len(seen) > _MOST_CHAPTERS:
                raise ParseFailed(f"holds more than {_MOST_CHAPTERS:,} pages.", fix="Split it.")

    def page(self, path: str) -> bytes:
        """Return a page together with the rules of the book's style sheets that hide text."""
        return _part(self._archive, path) + self._hiding

    def _hiding_rules(self) -> Iterator[str]:
        left = _MOST_STYLES
        for item in self._items.values():
            entry = self._archive.NameToInfo.get(_resolved(self._folder, item.get("href") or ""))
            if item.get("media-type") == "text/css" and entry is not None and entry.file_size <= left:
                left -= entry.file_size
                for selector, declarations in _RULE.findall(
                    self._archive.read(entry).decode("utf-8", "replace")
                ):
                    if hides(declarations):
                        yield f"{selector.strip()}{{{declarations}}}\n"

    def _find_locked(self) -> Iterator[str]:
        if "META-INF/encryption.xml" in self._archive.NameToInfo:
            for element in xml_tree(_part(self._archive, "META-INF/encryption.xml")).iter():
                if element.tag.endswith("}CipherReference"):
                    yield unquote(element.get("URI") or "")

    def _contents(self) -> Iterator[tuple[str, str]]:
        """Yield page and name of each entry of the table of contents, of either version of the format."""
        for item in self._items.values():
            is_nav = "nav" in (item.get("properties") or "").split()
            is_ncx = item.get("media-type") == "application/x-dtbncx+xml"
            path = _resolved(self._folder, item.get("href") or "")
            if (is_nav or is_ncx) and path in self._archive.NameToInfo:
                try:
                    tree = xml_tree(_part(self._archive, path))
                except ParseFailed:  # the chapters have headings of their own
                    continue
                yield from (
                    _links(tree, posixpath.dirname(path))
                    if is_nav
                    else _points(tree, posixpath.dirname(path))
                )


def _links(page: Element, folder: str) -> Iterator[tuple[str, str]]:
    for nav in page.iter(f"{_XHTML}nav"):
        if nav.get("{http://www.idpf.org/2007/ops}type", "toc") == "toc":
            for link in nav.iter(f"{_XHTML}a"):
                yield _resolved(folder, link.get("href") or ""), one_line("".join(link.itertext()))[:300]


def _points(tree: Element, folder: str) -> Iterator[tuple[str, str]]:
    for point in tree.iter(f"{_NCX}navPoint"):
        named, target = point.findtext(f"{_NCX}navLabel/{_NCX}text"), point.find(f"{_NCX}content")
        if named and target is not None:
            yield _resolved(folder, target.get("src") or ""), one_line(named)[:300]


def _resolved(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _part(archive: zipfile.ZipFile, path: str) -> bytes:
    entry = archive.NameToInfo.get(path)
    if entry is None:
        raise ParseFailed("is damaged: a part of the book is missing.", fix="Save or copy it again.")
    if entry.file_size > MOST_XML_BYTES:
        raise ParseFailed(
            f"holds a part of more than {MOST_XML_BYTES >> 20} MiB.", fix="Split it into smaller files."
        )
    return archive.read(entry)
