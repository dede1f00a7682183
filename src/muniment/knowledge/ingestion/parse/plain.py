"""Plain text and Markdown."""

from __future__ import annotations

import re
from dataclasses import replace

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.markdown_html import html_shown
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_NOT_A_TITLE = re.compile(r" {0,3}([-*+>|]|\d+[.)]) ?")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_EMBEDDED = re.compile(r"!\[([^\]\n]{0,500})\]\(\s*<?data:[^)\s]*\)")
_MARKS = re.compile(r"(\*\*|__|`|(?<!\w)[*_]|[*_](?!\w))")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MOST_OF_A_HEADING = 1_000
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_KEY = r"^{}:[ \t]*[\"']?(.*?)[\"']?[ \t]*$"
_FRONT_TITLE = re.compile(_FRONT_KEY.format("title"), re.MULTILINE | re.IGNORECASE)
_FRONT_AUTHOR = re.compile(_FRONT_KEY.format("author"), re.MULTILINE | re.IGNORECASE)


def read_text(name: str, content: bytes) -> Parsed:
    """Read plain text: kept as it stands; its first line is the title if it looks like one."""
    out = Composer()
    out.block(decode(content, out).strip("\n"), keep_layout=True)
    parsed = out.parsed("", MEDIA_TYPES["txt"])
    first, _, rest = parsed.text.lstrip().partition("\n")
    line = first.strip()
    stands_apart = not rest or rest.startswith(("\n", "===", "---")) or line.isupper()
    looks_like_one = len(line) <= 100 and stands_apart and not line.endswith((".", ",", ";", ":"))
    return _with_title(parsed, title(name, line if looks_like_one and rest else None))


def read_markdown(name: str, content: bytes) -> Parsed:
    """Read Markdown as written, less comments, embedded images and the tags of HTML blocks; headings are found."""
    out = Composer()
    source = out.clean(decode(content, out))
    visible = _COMMENT.sub("", source) if "<!--" in source else source
    if visible != source:
        out.hide("\n".join(_COMMENT.findall(source)))
    text = html_shown(_EMBEDDED.sub(r"[image: \1]", visible), out).strip("\n")
    start = out.block(text, keep_layout=True)
    front = _FRONT_MATTER.match(text)
    if start is not None:
        for level, heading, at in _headings(text, front.end() if front else 0):
            out.mark_heading(level, heading, start + at)
    named = _FRONT_TITLE.search(front.group(1)) if front else None
    by = _FRONT_AUTHOR.search(front.group(1)) if front else None
    out.author = by.group(1) if by else ""
    return out.parsed(title(name, named.group(1) if named else None, out.first_heading), MEDIA_TYPES["md"])


def _headings(text: str, start: int) -> list[tuple[int, str, int]]:
    found: list[tuple[int, str, int]] = []
    fence = ""
    previous, previous_at, at = "", start, start
    for line in text[start:].split("\n"):
        opened = _FENCE.match(line)
        if fence:
            if opened and opened.group(1).startswith(fence):
                fence = ""
        elif opened:
            fence = opened.group(1)
        elif len(line) > _MOST_OF_A_HEADING:
            line = ""
        elif atx := _ATX.fullmatch(line):
            found.append((len(atx.group(1)), _plain(atx.group(2) or ""), at))
            line = ""
        elif (under := _UNDERLINE.fullmatch(line)) and previous.strip() and not _NOT_A_TITLE.match(previous):
            found.append((1 if "=" in under.group(1) else 2, _plain(previous), previous_at))
            line = ""
        previous, previous_at = ("" if fence else line), at
        end = text.find("\n", at)
        at = end + 1 if end >= 0 else len(text)
    return [row for row in found if row[1]]


def _plain(heading: str) -> str:
    return _MARKS.sub("", _LINK.sub(r"\1", heading)).strip()


def _with_title(parsed: Parsed, name: str) -> Parsed:
    return replace(parsed, title=name)
