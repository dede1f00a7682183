"""The pages of one file that are pictures: each is shown by the parser child and read by OCR, within bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from muniment.foundation.errors import NotSetUp
from muniment.foundation.sandbox import ChildFailed
from muniment.knowledge.ingestion.ocr import Ocr

_BITMAP = b"P5\n"


@dataclass(frozen=True, slots=True)
class PagesRead:
    """What OCR read."""

    tables: Mapping[int, str]
    """Tables of words, by page."""
    why_not: str
    """Why pages are missing; empty where none is."""


def pictures(answer: Mapping[str, object]) -> tuple[int, ...]:
    """Return the pages that the parser child calls pictures; raises ValueError where they are no page numbers."""
    pages = answer.get("scans", [])
    if not isinstance(pages, list):
        raise ValueError("not a list")
    if not all(isinstance(page, int) and not isinstance(page, bool) and page > 0 for page in pages):
        raise ValueError("not a page")
    return tuple(sorted(set(pages)))


def read_pages(ocr: Ocr, bitmap: Callable[[int], bytes], pages: Sequence[int]) -> PagesRead:
    """Read each page that `bitmap` shows; a page that breaks what reads it is left out, and said to be."""
    tables: dict[int, str] = {}
    why_not = ocr.why_not
    if why_not:
        return PagesRead(tables, why_not)
    ends = time.monotonic() + ocr.limits.file_seconds
    for page in pages[: ocr.limits.file_pages]:
        if time.monotonic() > ends:
            return PagesRead(
                tables, f"OCR may take {ocr.limits.file_seconds:g} seconds of one file; split it."
            )
        try:
            shown = bitmap(page)
            if not shown.startswith(_BITMAP):
                why_not = "A picture is damaged, or too large to show; export it again."
                continue
            tables[page] = ocr.read(shown)
        except ChildFailed as failure:
            why_not = f"OCR failed ({failure.reason}); export the picture again."
        except NotSetUp as refused:
            return PagesRead(tables, str(refused))
    if len(pages) > ocr.limits.file_pages:
        why_not = f"OCR reads at most {ocr.limits.file_pages:,} pages of one file; split it."
    return PagesRead(tables, why_not)


def with_unread(answer: dict[str, object], why_not: str) -> dict[str, object]:
    """Return the answer of the parser child, saying which pictures were not read and why."""
    unread = pictures(answer)
    if not unread:
        return answer
    why = why_not or "Leave them out."
    if "failed" in answer:
        return {**answer, "fix": why}
    notes = answer.get("notes")
    pages = "1 page is a picture" if len(unread) == 1 else f"{len(unread)} pages are pictures"
    said = f"{pages} that OCR did not read: {why}"
    return {**answer, "notes": [*(notes if isinstance(notes, list) else []), said]}
