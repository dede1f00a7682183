"""Which of a document's names deserves to be its title."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from muniment.knowledge.ingestion.parse.normal import one_line

_MEANINGLESS = re.compile(
    r"(untitled.*|document\d*|(powerpoint )?presentation\d*|book\d*|workbook\d*|sheet\d*|slide ?\d+|"
    r"microsoft word.*|"
    r"new document.*|(title|titel|page)|word document|.*\.(docx?|pptx?|xlsx?|pdf|html?|indd|tex|dvi|rtf))",
    re.IGNORECASE,
)


def title(name: str, *candidates: str | None) -> str:
    """Return the first candidate that says something, else the file's name made readable."""
    for candidate in candidates:
        text = one_line(candidate or "")
        if (
            3 <= len(text) <= 200
            and any(letter.isalpha() for letter in text)
            and not _MEANINGLESS.fullmatch(text)
        ):
            return text
    return from_file_name(name)


def from_file_name(name: str) -> str:
    """Return `2026_travel-policy.final.pdf` as `2026 travel policy.final`."""
    stem = PurePosixPath(name.replace("\\", "/")).stem
    words = one_line(re.sub(r"[_\-]+", " ", stem)) or stem
    return words[:1].upper() + words[1:]
