"""Text that stays text wherever it is shown: no link, image or markup of a document or a model comes to life.

Clients of answers render Markdown and HTML, and an image that loads tells its server who read what.
"""

from __future__ import annotations

import re

from muniment.inference.prompts import INVISIBLE

_LINK = re.compile(
    r"!?\[([^\[\]]{0,500})\]\(\s*<?((?:[^\s()<>]|\([^\s()<>]{0,500}\)){0,2000})>?[^()]{0,500}\)"
)
_AUTOLINK = re.compile(r"<(https?://[^\s<>]{1,2000}|mailto:[^\s<>]{1,500})>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z!?][^<>]{0,5000}>")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_LEFT = re.compile(r"(!)(?=\[)|(\])(?=[(:\[])|(<)(?=[A-Za-z/!?])")
"""What could still begin an image, a link, its definition or a tag."""


def inert(text: str) -> str:
    """Return the text without markup: a link as its words with its address behind them, an image as its description.

    Only addresses of http and https are kept. Invisible and direction characters are left out.
    """
    plain = _AUTOLINK.sub(lambda found: found[1], INVISIBLE.sub("", text))
    before = None
    while plain != before:
        before = plain
        plain = _LINK.sub(_spelt, plain)
    return " ".join(_LEFT.sub(r"\1\2\3 ", _TAG.sub(" ", plain)).split())


def _spelt(found: re.Match[str]) -> str:
    words, address = found[1].strip(), found[2]
    if not _SCHEME.match(address):
        return words
    return address if words in ("", address) else f"{words} ({address})"
