"""Cut a document into chunks: one topic each, of a size that an embedding takes in whole.

Invariants: `text[start:end]` is the chunk; chunks follow each other without overlap, hold every visible
character, and none crosses the edge of a page, slide, sheet or message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parsed import Heading, Parsed

if TYPE_CHECKING:
    from semantic_text_splitter import TextSplitter

HIGHEST = 1200
"""Most characters of a chunk of flowing text, unless settings say otherwise."""
SMALL = 350
"""A section below this joins the next one while both fit."""
VERSION = "chunk-2"
"""Changes when the same file would be read, or the same text be cut, otherwise: the next ingest does it again."""

_PART = 50_000


def rules(highest: int = HIGHEST) -> str:
    """Return the rules that cut a text into chunks of at most so many characters, as lineage names them."""
    return f"{VERSION} {_lowest(highest)}-{highest}"


def _lowest(highest: int) -> int:
    """A section that is shorter stays shorter, or joins its neighbour."""
    return highest * 2 // 3


UNRECORDED = f"chunk-1 {_lowest(HIGHEST)}-{HIGHEST}"
"""What cut every version of a document that does not say."""


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A stretch of a document's text."""

    ordinal: int
    """From 0."""
    start: int
    end: int
    page: int | None
    """Number of the page, slide, sheet or message; None where the format has none."""
    heading: str
    """Path of headings, as `Leave policy > Parental leave`."""


@dataclass(frozen=True, slots=True)
class _Section:
    start: int
    end: int
    path: tuple[str, ...]


def chunks(parsed: Parsed, highest: int = HIGHEST) -> list[ChunkSpan]:
    """Return the chunks of a document in order, those of flowing text of at most `highest` characters."""
    spans: list[ChunkSpan] = []
    for start, end, page in _regions(parsed):
        for section in _joined(parsed.text, _sections(parsed.headings, start, end), highest):
            for first, last in _cut(parsed.text, section, highest):
                spans.append(ChunkSpan(len(spans), first, last, page, " > ".join(section.path)))
    return spans


def _regions(parsed: Parsed) -> Iterator[tuple[int, int, int | None]]:
    """Yield the stretches that no chunk may cross, gaps between units included."""
    at = 0
    for unit in parsed.units:
        if unit.start > at:
            yield at, unit.start, None
        yield unit.start, unit.end, unit.number if unit.kind != "section" else None
        at = unit.end
    if at < len(parsed.text):
        yield at, len(parsed.text), None


def _sections(headings: Sequence[Heading], start: int, end: int) -> list[_Section]:
    """Cut a region at its headings; what precedes the first stands under the last one before the region."""
    sections: list[_Section] = []
    path: list[tuple[int, str]] = []
    at = start
    for heading in headings:
        if heading.start >= end:
            break
        if heading.start > at:
            sections.append(_Section(at, heading.start, tuple(text for _, text in path)))
        path = [
            *((level, text) for level, text in path if level < heading.level),
            (heading.level, heading.text),
        ]
        at = max(at, heading.start)
    sections.append(_Section(at, end, tuple(text for _, text in path)))
    return sections


def _joined(text: str, sections: Sequence[_Section], highest: int) -> Iterator[_Section]:
    """Join headings without text and small sections to the next while the result fits one chunk."""
    waiting: _Section | None = None
    for section in sections:
        if waiting is None:
            waiting = section
            continue
        size = len(text[waiting.start : section.end].strip())
        small = (
            len(text[waiting.start : waiting.end].strip()) < SMALL or section.end - section.start < SMALL // 2
        )
        if size <= highest and small and _related(waiting.path, section.path):
            waiting = _Section(waiting.start, section.end, _common(waiting.path, section.path))
        else:
            yield waiting
            waiting = section
    if waiting is not None:
        yield waiting


def _related(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    """Return whether two sections share a parent, or one stands below the other."""
    return len(first) <= 1 or len(second) <= 1 or first[0] == second[0]


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    shared: list[str] = []
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared.append(one)
    return tuple(shared) or first or second


def _cut(text: str, section: _Section, highest: int) -> Iterator[tuple[int, int]]:
    """Yield the trimmed stretches of a section."""
    piece = text[section.start : section.end]
    if len(piece.strip()) <= highest:
        yield from _trimmed(text, section.start, section.end)
        return
    lines = piece.split("\n")
    rows = sum(1 for line in lines if " | " in line or ": " in line[1:])
    if rows >= 0.7 * sum(1 for line in lines if line.strip()):
        yield from _cut_rows(text, section.start, lines, highest)
        return
    at = section.start
    for begun, part in _parts(piece):
        for offset, _ in _splitter(highest).chunk_indices(part):
            start = section.start + begun + offset
            yield from _trimmed(text, at, start)
            at = start
    yield from _trimmed(text, at, section.end)


def _parts(piece: str) -> Iterator[tuple[int, str]]:
    """Yield a long text in parts that end with a line where possible: the splitter's time grows with each part."""
    at = 0
    while at < len(piece):
        end = at + _PART
        if end < len(piece):
            end = piece.rfind("\n", at + _PART // 2, end) + 1 or end
        yield at, piece[at:end]
        at = end


def _cut_rows(text: str, start: int, lines: Sequence[str], highest: int) -> Iterator[tuple[int, int]]:
    """Pack whole rows; only a row longer than a chunk is cut."""
    at = begun = start
    for line in lines:
        after = at + len(line) + 1
        if after - begun > highest and at > begun:
            yield from _trimmed(text, begun, at)
            begun = at
        while after - begun > 2 * highest:
            yield from _trimmed(text, begun, begun + highest)
            begun += highest
        at = after
    yield from _trimmed(text, begun, min(at, start + sum(len(line) + 1 for line in lines) - 1))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if piece and not piece.isspace():
        yield start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


@lru_cache(maxsize=1)
def _splitter(highest: int) -> TextSplitter:
    from semantic_text_splitter import TextSplitter

    return TextSplitter((_lowest(highest), highest))
