"""How alike two texts are, character by character, whatever their marks and spaces.

The figure is F1 over characters: the longest common subsequence of both texts, taken twice, by their lengths
together. What is left out, what is added and what stands in another order all lower it. Both are first brought to the
same form by the same fixed rules: Unicode NFKC, no spaces, no marks of Markdown. The rules know the syntax and no
file: what a reader adds of its own, such as `Notes:` or a column's name that it repeats, counts against it.
"""

from __future__ import annotations

import html
import re
import unicodedata

from muniment.foundation.errors import NotSetUp

_PLACEHOLDER = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)")
_ADDRESS = re.compile(r"<((?:https?|mailto):[^<>\s]+)>")
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}(?=\s|$)|>|[-*+•](?=\s|$))[ \t]*", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[|:=-]|[ \t])+$|^[ \t]*(?:`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_BOX = re.compile(r"\[([ xX])\](?!\()")
_MARKS = re.compile(r"[*_`|\s]|~~")


def bare(text: str) -> str:
    """Return the characters that two texts are compared by."""
    text = _PLACEHOLDER.sub("", unicodedata.normalize("NFKC", text))
    while (less := _LINK.sub(r"\1", text)) != text:
        text = less
    text = _ADDRESS.sub(r"\1", text)
    text = _BOX.sub(lambda box: "☐" if box[1] == " " else "☒", text)
    text = _RULE.sub("", text)
    while (less := _LINE_MARK.sub("", text)) != text:
        text = less
    return _MARKS.sub("", unicodedata.normalize("NFKC", html.unescape(_ESCAPED.sub(r"\1", text))))


def likeness(one: str, other: str) -> float:
    """Return the F1 over the characters of both, 1 where they are the same. Raises NotSetUp without rapidfuzz."""
    try:
        from rapidfuzz.distance import LCSseq
    except ImportError as error:
        raise NotSetUp(
            "Texts cannot be compared: rapidfuzz is not installed.",
            fix="Install the `bench` extra: pip install 'muniment[bench]'.",
        ) from error
    one, other = bare(one), bare(other)
    if not one and not other:
        return 1.0
    return 2 * LCSseq.similarity(one, other) / (len(one) + len(other))
