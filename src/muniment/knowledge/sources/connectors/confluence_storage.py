"""Confluence's storage format as a web page: what a reader of the page sees without asking for more.

Narrower than the source: of macros, only those that show their body to every reader are kept, so that one of an app
which shows it to some is not; what a macro would fetch from elsewhere is not fetched.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from muniment.knowledge.sources.connector import Unreadable

_SHOWN = frozenset(
    {
        "code", "column", "details", "excerpt", "expand", "info", "note", "noformat", "panel", "section", "tip",
        "warning", "quote", "align", "bgcolor", "div", "span", "highlight",
    }
)  # fmt: skip
_MACROS = frozenset({"ac:structured-macro", "ac:macro"})
_BECOMES = {
    "ac:rich-text-body": "div",
    "ac:plain-text-body": "pre",
    "ac:layout": "div",
    "ac:layout-section": "div",
    "ac:layout-cell": "div",
    "ac:task-list": "ul",
    "ac:task": "",
    "ac:task-body": "li",
    "ac:link": "",
    "ac:link-body": "",
    "ac:plain-text-link-body": "",
    "ac:inline-comment-marker": "",
}
"""What is kept, and as what; whatever else is of the wiki's own is left out with all that is in it."""
_SPECIAL = re.compile(r"<!--|<!\[CDATA\[")
_TAG = re.compile(r"<(/?)((?:ac|ri|at):[a-zA-Z-]+)((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*?)(/?)>")
_LEFT = re.compile(r"</?(?:ac|ri|at):", re.IGNORECASE)
_NAME = re.compile(r"\bac:name\s*=\s*[\"']([^\"'<]*)[\"']")
_DEEPEST = 200


@dataclass(slots=True)
class _Open:
    name: str
    called: str = ""
    shown: bool = True
    parts: list[str] = field(default_factory=list[str])


def shown(storage: str) -> str:
    """Return the HTML of what is shown; raises Unreadable for what is not well formed."""
    text = _plain(storage)
    stack, at = [_Open("")], 0
    for tag in _TAG.finditer(text):
        stack[-1].parts.append(text[at : tag.start()])
        at = tag.end()
        closes, name, attributes, empty = tag.groups()
        if closes:
            _close(stack, name)
            continue
        if len(stack) > _DEEPEST:
            raise _malformed()
        called = _NAME.search(attributes)
        stack.append(_Open(name, html.unescape(called.group(1)) if called else ""))
        if empty:
            _close(stack, name)
    stack[-1].parts.append(text[at:])
    page = "".join(stack[0].parts)
    if len(stack) > 1 or _LEFT.search(page):
        raise _malformed()
    return page


def _plain(storage: str) -> str:
    """Return the text without comments, its sections of characters as text."""
    pieces: list[str] = []
    at = 0
    for found in _SPECIAL.finditer(storage):
        if found.start() < at:
            continue
        begins = found.group()
        end = storage.find("-->" if begins == "<!--" else "]]>", found.end())
        if end < 0:
            raise _malformed()
        pieces.append(storage[at : found.start()])
        if begins != "<!--":
            pieces.append(html.escape(storage[found.end() : end]))
        at = end + 3
    return "".join([*pieces, storage[at:]])


def _close(stack: list[_Open], name: str) -> None:
    one = stack.pop()
    if not stack or one.name != name:
        raise _malformed()
    within, above = "".join(one.parts), stack[-1]
    if name == "ac:parameter":
        if above.name in _MACROS and one.called == "hidden" and within.strip().lower() != "false":
            above.shown = False
    elif name in _MACROS:
        if one.shown and one.called in _SHOWN:
            above.parts.append(within)
    elif name in _BECOMES:
        tag = _BECOMES[name]
        above.parts.append(f"<{tag}>{within}</{tag}>" if tag else within)


def _malformed() -> Unreadable:
    return Unreadable("The page is not well formed.", why="kind")
