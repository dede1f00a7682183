"""The language that a text is written in, by CLD2: its tables are part of the library, so nothing is loaded."""

from __future__ import annotations

import re

MOST_CHARACTERS = 20_000
_LEAST_LETTERS = 30
_LEAST_SHARE = 60
"""Percent of the text."""
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MODERN = {
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jw": "jv",
    "mo": "ro",
    "zh": "zh-Hans",
    "no": "nb",
    "tl": "fil",
}


def language(text: str) -> str:
    """Return the language of most of a text in normal form as a BCP 47 tag; empty where that is not certain."""
    import pycld2

    sample = _sample(text)
    weight = sum(map(str.isalpha, sample)) + 3 * len(_IDEOGRAPHS.findall(sample))
    if weight < _LEAST_LETTERS:
        return ""
    try:
        certain, _, found = pycld2.detect(sample)
    except pycld2.error:
        return ""
    tag, share = found[0][1], found[0][2]
    if not certain or share < _LEAST_SHARE or not tag or tag == "un" or tag.startswith("xx"):
        return ""
    return _MODERN.get(str(tag), str(tag))


def _sample(text: str) -> str:
    """Return the text, or its beginning, middle and end."""
    if len(text) <= MOST_CHARACTERS:
        return text
    part = MOST_CHARACTERS // 3
    middle = len(text) // 2
    return "\n".join((text[:part], text[middle : middle + part], text[-part:]))
