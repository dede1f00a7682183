"""The outside of page images: gives a PDF to an isolated child and checks what comes back."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass

from muniment.foundation.confinement import Isolation
from muniment.foundation.errors import BadInput, MunimentError, NotSetUp, TooMany
from muniment.foundation.sandbox import ChildFailed, Limits, Sandbox
from muniment.knowledge.ingestion.parse.pdf_open import Passwords, may_be_locked, no_passwords
from muniment.knowledge.pages.turns import Turns

CHILD = "muniment.knowledge.pages.page_child"
LIMITS = Limits(seconds=8.0, memory_bytes=384 << 20, reply_bytes=24 << 20, start_seconds=20.0)
AT_ONCE = 2
"""Children; one person has one at a time, so that a page that takes long holds up nobody else."""
_MOST_MARKS = 5_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_PIXELS = 5_000_000
_MOST_PAGES = 1_000_000


class NoImage(MunimentError):
    """A page cannot be shown as an image: the file is damaged, or too large or too slow to show."""

    code = "no-image"
    status = 422


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in points from the upper left corner of a page."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Look:
    """A page as it is shown."""

    width: float
    """In points, as it is turned and cropped."""
    height: float
    marks: tuple[Box, ...] | None
    """On the words that were asked for; None where their place is not certain."""
    pages: int
    """Of the whole document."""


class PageImages:
    """Shows pages of PDF files in isolated children; a page that breaks a child fails alone."""

    def __init__(
        self,
        isolation: Isolation = "required",
        limits: Limits = LIMITS,
        pdf_passwords: Passwords = no_passwords,
    ) -> None:
        self._pdf_passwords = pdf_passwords
        self._sandboxes = tuple(Sandbox(CHILD, limits, isolation) for _ in range(AT_ONCE))
        self._turns = Turns(self._sandboxes)

    def look(
        self, content: bytes, page: int, stored: str = "", start: int = 0, end: int = 0, *, who: str = ""
    ) -> Look:
        """Return the size of a page, from 1, and where the characters `start` to `end` of its stored text stand.

        `who` is for whom, since people take turns. Raises NoImage, also where isolation cannot be had, or where too
        much is being drawn.
        """
        order = {"page": page, "start": start, "end": end}
        answer = self._ask(who, json.dumps(order).encode(), content, stored.encode())
        try:
            return _look(json.loads(answer))
        except (ValueError, KeyError, TypeError) as error:
            raise NoImage(_CANNOT, fix=_FIX, detail=str(error)) from error

    def image(self, content: bytes, page: int, *, who: str = "") -> bytes:
        """Return a page as a PNG. Raises as `look` does."""
        answer = self._ask(who, json.dumps({"page": page, "image": True}).encode(), content, b"")
        if not answer.startswith(_SIGNATURE) or math.prod(struct.unpack(">II", answer[16:24])) > _MOST_PIXELS:
            raise NoImage(_CANNOT, fix=_FIX, detail="no image of a page")
        return answer

    def close(self) -> None:
        """End the children."""
        for sandbox in self._sandboxes:
            sandbox.close()

    def _ask(self, who: str, order: bytes, content: bytes, stored: bytes) -> bytes:
        try:
            with self._turns.turn(who) as sandbox:
                answer = self._answer(sandbox, order, content, stored)
        except (BadInput, ChildFailed, NotSetUp, TooMany) as failure:
            raise NoImage(_CANNOT, fix=_FIX, detail=f"{failure} {failure.detail}") from failure
        if not answer:
            raise NoImage(_CANNOT, fix=_FIX)
        return answer

    def _answer(self, sandbox: Sandbox, *parts: bytes) -> bytes:
        passwords = self._pdf_passwords() if may_be_locked(parts[1]) else ()
        if not passwords:
            return sandbox.request(*parts)
        try:
            return sandbox.request(*parts, *(one.reveal().encode() for one in passwords))
        finally:  # a later file shares no process with the passwords
            sandbox.close()


_CANNOT = "This page cannot be shown as an image."
_FIX = "Read its text."


def _look(answer: dict[str, object]) -> Look:
    width, height = _length(answer["width"]), _length(answer["height"])
    found = answer["marks"]
    pages = answer["pages"]
    if isinstance(pages, bool) or not isinstance(pages, int) or not 1 <= pages <= _MOST_PAGES:
        raise ValueError("no count of pages")
    if found is None:
        return Look(width, height, None, pages)
    if not isinstance(found, list) or len(found) > _MOST_MARKS:
        raise ValueError("no list of marks")
    return Look(width, height, tuple(_mark(one, width, height) for one in found), pages)


def _mark(sides: object, width: float, height: float) -> Box:
    if not isinstance(sides, list) or len(sides) != 4:
        raise ValueError("no mark")
    left, top, right, bottom = (_length(one) for one in sides)
    if not (left <= right <= width + 0.01 and top <= bottom <= height + 0.01):
        raise ValueError("a mark beside the page")
    return Box(left, top, round(right - left, 2), round(bottom - top, 2))


def _length(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no length")
    if not (math.isfinite(value) and 0 <= value <= 15_000):
        raise ValueError("no length of a page")
    return float(value)
