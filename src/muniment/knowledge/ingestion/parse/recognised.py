"""What OCR read on one page: Tesseract's table of words, made into paragraphs."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_WORDS = 50_000
HARD_TO_READ = 60
"""Mean confidence, of 100, below which an operator is told."""
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_WORD = "5"
_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Recognised:
    """The text of a page."""

    paragraphs: tuple[str, ...]
    confidence: float
    """Mean of its words, of 100; 0 where it has none."""


def recognised(table: str) -> Recognised:
    """Return the page in a table of words; lines that are none are left out."""
    paragraphs: list[str] = []
    confidences: list[float] = []
    place: tuple[str, ...] = ()
    for row in table.splitlines():
        cells = row.split("\t", _COLUMNS - 1)
        if len(cells) != _COLUMNS or cells[0] != _WORD or len(confidences) >= MOST_WORDS:
            continue
        word = cells[11].strip()
        confidence = _confidence(cells[10])
        if not word or confidence is None:
            continue
        paragraph, line = tuple(cells[1:4]), tuple(cells[1:5])
        if not paragraphs or place[:3] != paragraph:
            paragraphs.append(word)
        else:
            paragraphs[-1] = _joined(paragraphs[-1], word, new_line=place != line)
        place = line
        confidences.append(confidence)
    mean = sum(confidences) / len(confidences) if confidences else 0.0
    return Recognised(tuple(paragraphs), mean)


def _joined(text: str, word: str, *, new_line: bool) -> str:
    if new_line and _HYPHEN.search(text) and word[:1].islower():
        return text[:-1] + word
    return f"{text} {word}"


def _confidence(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if 0 <= value <= 100 else None
