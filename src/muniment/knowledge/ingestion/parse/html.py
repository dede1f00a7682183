"""Web pages: what a reader sees, and nothing that the page hides from one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.equations import MATHML, MOST_DEEP
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_NEVER_SHOWN = frozenset(
    {
        "script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "head", "title", "meta",
        "link", "audio", "video", "canvas", "datalist", "area", "map", "param", "source", "track", "annotation",
        "annotation-xml",
    }
)  # fmt: skip
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div",
        "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li",
        "main", "menu", "nav", "ol", "optgroup", "option", "p", "pre", "section", "summary", "table", "ul",
    }
)  # fmt: skip
_LISTS = frozenset({"ul", "ol", "menu", "dl"})
_MOST_SPANNED = 200
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)", re.IGNORECASE)
_RULE = re.compile(r"([^{}@;]+)\{([^{}]*)\}")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_HIDING = re.compile(
    r"(display:none|visibility:(hidden|collapse)|opacity:0?\.?0*(;|$)|"
    r"font-size:0*\.?[01]?(px|pt|em|rem|%)?(;|$|!)|"
    r"content-visibility:hidden|clip-path:inset\((100|50)%|clip:rect\(0|transform:scale\(0|"
    r"(left|top|right|bottom|text-indent|margin-(left|top)):-\d{3,}|"
    r"(max-)?(height|width):0(px)?(;|$)[^}]*overflow:hidden|"
    r"overflow:hidden[^}]*(max-)?(height|width):0(px)?(;|$)|mso-hide:all)"
)
_COLOUR = re.compile(r"(?:^|;)color:([^;!]+)")
_GROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_WHITE = re.compile(r"(white|#fff|#ffff|#f{6}|#f{8}|rgba?\(255,255,255(,[\d.]+)?\)|hsla?\(\d+,\d+%,100%.*\))")
_CLEAR = re.compile(r"(transparent|#0{3}0|#.{6}00|rgba\(.*,0?\.?0*\))")


def read_html(name: str, content: bytes) -> Parsed:
    """Read a web page. Raises ParseFailed where it shows no text."""
    out = Composer()
    declared = _DECLARED.search(content[:4096])
    page_title = write_html(decode(content, out, declared.group(1).decode() if declared else None), out)
    return out.parsed(title(name, page_title, out.first_heading), MEDIA_TYPES["html"])


def write_html(source: str, out: Composer) -> str:
    """Append the visible text of a page to `out`; return the page's title."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(source)
    named = tree.css_first("title")
    page_title = named.text() if named else ""
    by = tree.css_first('meta[name="author" i]')
    out.author = out.author or (by.attributes.get("content") if by else "") or ""
    hidden = _hidden_by_rules(tree)
    if tree.root is not None:
        _Writer(out, hidden).write(tree.root)
    return page_title


def _hidden_by_rules(tree: object) -> frozenset[int]:
    """Return the elements that a style sheet of the page hides, by identity."""
    from selectolax.lexbor import LexborHTMLParser

    if not isinstance(tree, LexborHTMLParser):
        return frozenset()
    hidden: set[int] = set()
    tried = 0
    for sheet in tree.css("style"):
        for selector, declarations in _RULE.findall(_CSS_COMMENT.sub("", sheet.text() or "")):
            if not hides(declarations) or tried > 500:
                continue
            tried += 1
            try:
                hidden.update(node.mem_id for node in tree.css(selector.strip()))
            except Exception:  # noqa: S112 - an unknown selector hides nothing that we can find
                continue
    return frozenset(hidden)


def hides(style: str) -> bool:
    """Return whether the declarations hide text: invisible, sizeless, off the page, or white on nothing."""
    style = re.sub(r"\s+", "", style.lower())
    if _HIDING.search(style):
        return True
    colour = _COLOUR.search(style)
    if colour is None:
        return False
    ground = _GROUND.search(style)
    if _CLEAR.fullmatch(colour.group(1)):
        return True
    if ground and ground.group(1) == colour.group(1):
        return True
    return bool(_WHITE.fullmatch(colour.group(1))) and (ground is None or bool(_WHITE.match(ground.group(1))))


class _Writer:
    def __init__(self, out: Composer, hidden: frozenset[int]) -> None:
        self._out = out
        self._hidden = hidden
        self._line: list[str] = []
        self._item = ""
        self._depth = -1
        self._counts: list[int | None] = []
        self._heading = 0
        self._preformatted = 0
        self._grounds = 0

    def write(self, root: LexborNode) -> None:
        for node, entering in _walk(root, self._enter):
            if not entering:
                self._leave(node.tag or "")
        self._flush()

    def _enter(self, node: LexborNode) -> bool:
        """Take in a node; return whether its children are to be visited."""
        tag = node.tag or ""
        if node.is_comment_node:
            self._out.hide(node.comment_content or "")
            return False
        if node.is_text_node:
            self._line.append(self._text(node))
            return False
        if tag in _NEVER_SHOWN:
            return False
        if self._is_hidden(node):
            self._out.hide(node.text(deep=True) or "")
            return False
        if tag == "table" and self._is_plain_table(node):
            self._flush()
            self._out.rows(self._rows(node))
            return False
        if tag == "math":
            self._line.append(equation(node))
            return False
        if tag == "input":
            self._line.append(_box(node))
        self._open(tag, node)
        return True

    def _open(self, tag: str, node: LexborNode) -> None:
        if tag in _HEADINGS:
            self._flush()
            self._heading = _HEADINGS[tag]
        elif tag == "br":
            self._line.append("\n")
        elif tag in ("td", "th"):
            self._line.append(" ")
        elif tag in _BLOCKS or tag == "tr":
            self._flush()
            self._preformatted += tag == "pre"
            if tag in _LISTS:
                self._counts.append(_first_number(node) if tag == "ol" else None)
            elif tag in ("li", "dd"):
                self._begin_item(node)

    def _begin_item(self, node: LexborNode) -> None:
        count = self._counts[-1] if self._counts else None
        self._item = "-"
        if count is not None:
            self._item, self._counts[-1] = f"{count}.", count + 1
        self._depth = max(0, len(self._counts) - (node.tag == "li"))

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS or tag in _BLOCKS or tag == "tr":
            self._flush()
            self._preformatted -= tag == "pre"
            if tag in ("li", "dd"):
                self._item = ""
            elif tag in _LISTS and self._counts:
                self._counts.pop()

    def _text(self, node: LexborNode) -> str:
        text = node.text_content or ""
        return text if self._preformatted else re.sub(r"\s+", " ", text)

    def _flush(self) -> None:
        text = "".join(self._line)
        self._line.clear()
        if not self._preformatted:
            text = re.sub(r" {2,}", " ", re.sub(r" *\n *", "\n", text))
        if not text.strip():
            return
        if self._heading:
            self._out.heading(self._heading, text)
        elif self._item:
            self._out.item(text, self._depth, self._item)
        elif self._preformatted:
            self._out.verbatim(text)
        else:
            self._out.block(text)
        self._heading = 0
        self._item = ""

    def _is_hidden(self, node: LexborNode) -> bool:
        attributes = node.attributes
        if node.mem_id in self._hidden or "hidden" in attributes:
            return True
        style = attributes.get("style")
        if style and hides(style) and not self._stands_on_colour(node, style):
            return True
        colour = (attributes.get("color") or "").strip().lower()
        return (
            node.tag == "font"
            and bool(colour and _WHITE.fullmatch(colour))
            and not self._stands_on_colour(node, "")
        )

    def _stands_on_colour(self, node: LexborNode, style: str) -> bool:
        """Return whether white text stands on a coloured ground, which some ancestor sets."""
        if style and _HIDING.search(re.sub(r"\s+", "", style.lower())):
            return False
        above = node.parent
        for _ in range(20):
            if above is None:
                return False
            attributes = above.attributes
            ground = _GROUND.search(re.sub(r"\s+", "", (attributes.get("style") or "").lower()))
            colour = ground.group(1) if ground else (attributes.get("bgcolor") or "").strip().lower()
            if colour and not _WHITE.match(colour) and not _CLEAR.fullmatch(colour):
                return True
            above = above.parent
        return False

    def _is_plain_table(self, table: LexborNode) -> bool:
        """Return whether a table holds data; one that lays out a page holds tables, headings or one column."""
        if table.css_first("table table, table h1, table h2, table h3") is not None:
            return False
        if table.css_first("table th") is None and table.css_first("table p + p, table ul") is not None:
            return False
        return any(len(row.css("td, th")) > 1 for row in table.css("tr")[:20])

    def _rows(self, table: LexborNode) -> list[list[str]]:
        caption = table.css_first("caption")
        if caption is not None and not self._is_hidden(caption):
            self._out.block(re.sub(r"\s+", " ", caption.text()))
        rows: list[list[str]] = []
        taken: dict[int, int] = {}
        for row in table.css("tr"):
            if not self._counted(row):
                rows.append(self._row(row, taken))
        return rows

    def _row(self, row: LexborNode, taken: dict[int, int]) -> list[str]:
        """Return a cell a column; `taken` counts the rows that cells from above still reach down, by column.

        What spans columns or rows stands in the first of them.
        """
        texts: list[str] = []
        for cell in row.css("td, th"):
            while _reaches(taken, len(texts)):
                texts.append("")
            columns, rows = _span(cell, "colspan"), _span(cell, "rowspan")
            columns = min(columns, max(1, _MOST_SPANNED - len(texts)))
            for column in range(len(texts), len(texts) + columns):
                if rows > 1:
                    taken[column] = rows - 1
            texts += [self._cell(cell), *[""] * (columns - 1)]
        for column in [one for one in taken if one >= len(texts)]:
            _reaches(taken, column)
        return texts

    def _counted(self, node: LexborNode) -> bool:
        if not self._is_hidden(node):
            return False
        self._out.hide(node.text(deep=True) or "")
        return True

    def _cell(self, cell: LexborNode) -> str:
        text: list[str] = []

        def enter(node: LexborNode) -> bool:
            if node.is_comment_node:
                self._out.hide(node.comment_content or "")
                return False
            if node.is_text_node:
                text.append(self._text(node))
                return False
            if (node.tag or "") in _NEVER_SHOWN or self._counted(node):
                return False
            if node.tag == "math":
                text.append(equation(node))
                return False
            if node.tag in ("input", "li"):
                text.append(" - " if node.tag == "li" else _box(node))
                return True
            text.append(" " if node.tag == "br" or node.tag in _BLOCKS else "")
            return True

        for _ in _walk(cell, enter):
            pass
        return "".join(text)


def _reaches(taken: dict[int, int], column: int) -> bool:
    """Return whether a cell from above stands in this column of the row, and count the row."""
    left = taken.get(column, 0)
    if left:
        taken[column] = left - 1
    return left > 0


def _span(cell: LexborNode, name: str) -> int:
    given = (cell.attributes.get(name) or "").strip()
    return min(max(int(given), 1), _MOST_SPANNED) if given.isdecimal() and len(given) < 6 else 1


def equation(node: LexborNode, deep: int = 0) -> str:
    """Return an equation of a page as one line; what repeats it for programs is left out."""
    if node.is_text_node:
        return "".join((node.text_content or "").split())
    if (node.tag or "") in _NEVER_SHOWN or not node.tag:
        return ""
    if deep > MOST_DEEP:
        return "".join((node.text(deep=True) or "").split())
    parts: list[str] = []
    child = node.child
    while child is not None:
        if part := equation(child, deep + 1):
            parts.append(part)
        child = child.next
    return MATHML[node.tag](parts) if node.tag in MATHML else "".join(parts)


def _first_number(node: LexborNode) -> int:
    given = (node.attributes.get("start") or "").strip()
    return int(given) if given.isdecimal() and len(given) < 9 else 1


def _box(node: LexborNode) -> str:
    """Return the sign for a box to tick, and nothing for any other field."""
    if (node.attributes.get("type") or "").strip().lower() not in ("checkbox", "radio"):
        return ""
    return "☒ " if "checked" in node.attributes else "☐ "


def _walk(root: LexborNode, enter: object) -> Iterator[tuple[LexborNode, bool]]:
    """Visit `root` and what is below it without recursion; yield entered nodes on leaving them."""
    if not callable(enter):
        return
    if not enter(root):
        return
    stack = [(root, root.child)]
    while stack:
        node, child = stack[-1]
        if child is None:
            stack.pop()
            yield node, False
            continue
        stack[-1] = (node, child.next)
        if enter(child):
            stack.append((child, child.child))
