"""Text to quotable pieces with exact offsets: sentences, list items, table rows; headings only as context."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_LINE = re.compile(r"[^\n]*\n?")
_ITEM = re.compile(r"\s*(?:[-*•‣◦–]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+\S")
_FIELD = re.compile(r"\s*[A-Z][\w ()/&'-]{0,40}: \S")
_LABELLED = re.compile(r"[^|\n:]{1,60}: [^|\n]*\|[^|\n:]{1,60}: ")
_RULE = re.compile(r"[\s|:=_*-]+")
_END = re.compile(r"[.!?…][\"'”’)\]*]*(?=\s+[\"'“‘(\[*]?[^\sa-z])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Fig|Figs|Art|Sec|Ch|Vol|pp?|vs|etc|approx|ca|cf|incl|max|min|"
    r"Inc|Ltd|Co|Corp|e\.g|i\.e|a\.m|p\.m|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|[A-Z])\.$"
)
_SHORT_LINE = 45
"""A shorter line that is followed by a capital letter was ended on purpose, not wrapped."""
_HEADING_WORDS = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text that can stand alone as a quotation."""

    start: int
    end: int
    kind: Literal["sentence", "row"]
    header: tuple[int, int] | None = None
    """Where a row's column names stand; None where each cell holds its own, as in `name: Ann | floor: 3`."""
    context: str = ""
    """The heading or the lead-in line that it stands under."""


@dataclass(slots=True)
class _Block:
    kind: Literal["prose", "item", "field", "row", "rule", "heading", "blank"]
    start: int
    end: int
    last_line: str


def pieces(text: str) -> list[Piece]:
    """Return the quotable pieces of `text` in order; none is a heading alone."""
    found: list[Piece] = []
    context = ""
    header: tuple[int, int] | None = None
    for block in _headings_marked(text, (one for one in _blocks(text) if one.kind != "rule")):
        if block.kind == "row":
            if _LABELLED.match(text, block.start, block.end):
                found.append(Piece(block.start, block.end, "row", None, context))
            elif header is None:
                header = (block.start, block.end)
            else:
                found.append(Piece(block.start, block.end, "row", header, context))
            continue
        if header is not None:
            header = _end_table(found, header, context)
        if block.kind == "heading":
            context = text[block.start : block.end].strip("# *_").strip()
        elif block.kind != "blank":
            found.extend(
                Piece(start, end, "sentence", None, context) for start, end in _sentences(text, block)
            )
            if block.last_line.rstrip().endswith(":"):
                context = block.last_line.strip()
    if header is not None:
        _end_table(found, header, context)
    return found


def _end_table(found: list[Piece], header: tuple[int, int], context: str) -> None:
    """A table of one row has no header: quote that row."""
    if not (found and found[-1].header == header):
        found.append(Piece(*header, "row", None, context))


def _blocks(text: str) -> Iterator[_Block]:
    """Lines, with wrapped lines joined."""
    open_block: _Block | None = None
    for line in _LINE.finditer(text):
        if not line[0]:
            continue
        made = _line_block(line[0], line.start())
        if open_block is not None and _continues(open_block, made):
            open_block.end, open_block.last_line = made.end, made.last_line
            continue
        if open_block is not None:
            yield open_block
        open_block = made
    if open_block is not None:
        yield open_block


def _line_block(line: str, at: int) -> _Block:
    stripped = line.strip()
    start = at + len(line) - len(line.lstrip())
    end = start + len(stripped)
    if not stripped:
        return _Block("blank", start, end, "")
    if _RULE.fullmatch(stripped):
        return _Block("rule" if "|" in stripped else "blank", start, end, "")
    if stripped.startswith("#"):
        return _Block("heading", start, end, stripped)
    if " | " in stripped or "\t" in stripped or stripped.startswith("|"):
        return _Block("row", start, end, stripped)
    if _ITEM.match(line):
        return _Block("item", start, end, stripped)
    if _FIELD.match(line) and len(stripped) < 200:
        return _Block("field", start, end, stripped)
    return _Block("prose", start, end, stripped)


def _continues(block: _Block, line: _Block) -> bool:
    if line.kind != "prose" or block.kind not in ("prose", "item", "field"):
        return False
    return len(block.last_line) >= _SHORT_LINE or line.last_line[:1].islower()


def _headings_marked(text: str, blocks: Iterator[_Block]) -> Iterator[_Block]:
    """A short line of prose without an end mark, at the top or before other text, is a heading."""
    found = list(blocks)
    for at, block in enumerate(found):
        words = text[block.start : block.end].split()
        short = len(words) <= _HEADING_WORDS and block.last_line[-1:] not in ".!?;,:…\"'”)"
        alone = at == 0 or found[at - 1].kind == "blank"
        followed = at + 1 < len(found)
        if block.kind == "prose" and short and alone and followed:
            block.kind = "heading"
        yield block


def _sentences(text: str, block: _Block) -> Iterator[tuple[int, int]]:
    start = block.start
    for found in _END.finditer(text, block.start, block.end):
        upto = text[start : found.end()]
        if found[0].startswith(".") and (_ABBREVIATION.search(upto) or _is_number(upto)):
            continue
        yield start, found.end()
        start = found.end() + len(text[found.end() : block.end]) - len(text[found.end() : block.end].lstrip())
    if start < block.end:
        yield start, block.end


def _is_number(upto: str) -> bool:
    """`3.` at the start of an item numbers it and does not end a sentence."""
    return re.fullmatch(r"\s*\(?(?:\d{1,4}|[a-z])\.", upto) is not None
