"""HTML blocks inside Markdown, as their reader sees them: tables a line a row, lists, headings, nothing hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from muniment.knowledge.ingestion.parse.html import write_html
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parsed import ParseFailed

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_BEGINS = re.compile(
    r" {0,3}</?(address|article|aside|blockquote|center|details|div|dl|fieldset|figure|figcaption|footer|form|"
    r"h[1-6]|header|hr|main|nav|ol|p|pre|section|summary|table|ul)(?=[\s/>]|$)",
    re.IGNORECASE,
)
_WHOLE = frozenset({"table", "ul", "ol", "dl", "pre"})
"""Read to their end; any other block ends at a blank line, as Markdown has it."""


def html_shown(text: str, out: Composer) -> str:
    """Return Markdown with its HTML blocks as plain text; what they hide is counted in `out`."""
    if "<" not in text:
        return text
    return "\n".join(_lines(text.split("\n"), out))


def _lines(lines: Sequence[str], out: Composer) -> Iterator[str]:
    fence = ""
    unclosed: set[str] = set()
    at = 0
    while at < len(lines):
        line = lines[at]
        opened = _FENCE.match(line)
        begins = None if fence or opened else _BEGINS.match(line)
        if begins is not None:
            end = _end(lines, at, begins.group(1).lower(), unclosed)
            shown = _shown("\n".join(lines[at:end]), out)
            yield from [shown] if shown else []
            at = end
            continue
        if fence and opened and opened.group(1).startswith(fence):
            fence = ""
        elif opened and not fence:
            fence = opened.group(1)
        yield line
        at += 1


def _end(lines: Sequence[str], start: int, tag: str, unclosed: set[str]) -> int:
    """Return the line after a block; a tag that was seen not to close is not followed again."""
    if tag in _WHOLE and tag not in unclosed:
        mark = re.compile(rf"<(/?){tag}(?=[\s/>]|$)", re.IGNORECASE)
        depth = 0
        for at in range(start, len(lines)):
            depth += sum(-1 if found.group(1) else 1 for found in mark.finditer(lines[at]))
            if depth <= 0:
                return at + 1
        unclosed.add(tag)
    return next((at for at in range(start, len(lines)) if not lines[at].strip()), len(lines))


def _shown(block: str, out: Composer) -> str:
    inner = Composer()
    write_html(block, inner)
    out.hide_what(inner)
    try:
        read = inner.parsed("", "")
    except ParseFailed:
        return ""
    text = read.text
    for heading in reversed(read.headings):
        text = f"{text[: heading.start]}{'#' * heading.level} {text[heading.start :]}"
    return text
