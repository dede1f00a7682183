"""The parser's outside: gives the bytes of one file to the isolated child and checks what comes back."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from muniment.foundation.confinement import Isolation
from muniment.foundation.errors import BadInput, NotSetUp
from muniment.foundation.sandbox import ChildFailed, Limits, Sandbox
from muniment.knowledge.ingestion.ocr import Ocr
from muniment.knowledge.ingestion.ocr_pages import pictures, read_pages, with_unread
from muniment.knowledge.ingestion.parse.order import Order
from muniment.knowledge.ingestion.parse.pdf_open import Passwords, may_be_locked, no_passwords
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed, from_json

_CHILD = "muniment.knowledge.ingestion.parse_child"


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Bounds of one file."""

    file_bytes: int = 64 << 20
    child: Limits = field(default_factory=Limits)


class Parser:
    """Reads files in an isolated child, one at a time; a file that breaks the child fails alone."""

    def __init__(
        self,
        limits: ParseLimits | None = None,
        isolation: Isolation = "required",
        pdf_passwords: Passwords = no_passwords,
        ocr: Ocr | None = None,
    ) -> None:
        """Without `ocr` pages that are pictures stay unread."""
        self._limits = limits or ParseLimits()
        self._pdf_passwords = pdf_passwords
        self._ocr = ocr or Ocr(wanted=False)
        self._sandbox = Sandbox(_CHILD, self._limits.child, isolation)

    def parse(self, name: str, data: Path | bytes) -> Parsed:
        """Return the document in `data`, which is called `name`.

        Raises ParseFailed with one line about this file, NotSetUp where isolation cannot be had.
        """
        shown = PurePosixPath(name.replace("\\", "/")).name or name
        content = data if isinstance(data, bytes) else self._read(shown, data)
        if len(content) > self._limits.file_bytes:
            raise self._too_large(shown, len(content))
        try:
            answer = self._read_all(shown, name, content)
            if "failed" in answer:
                raise ParseFailed(f"{shown} {answer['failed']}", fix=str(answer.get("fix", "")))
            return from_json(answer)
        except ChildFailed as failure:
            raise self._explained(shown, failure) from failure
        except ValueError as error:
            raise ParseFailed(
                f"{shown} made the parser give a wrong answer.", fix=_LEAVE_OUT, detail=str(error)
            ) from error

    def _read_all(self, shown: str, name: str, content: bytes) -> dict[str, object]:
        """Return what the child answers, once more where OCR read pages that are pictures."""
        try:
            passwords = self._pdf_passwords() if may_be_locked(content) else ()
        except BadInput as error:
            raise ParseFailed(f"{shown} may need a password. {error.public}", fix=error.fix) from error
        parts = [content, *(one.reveal().encode() for one in passwords)]

        def bitmap(page: int) -> bytes:
            return self._sandbox.request(Order(name, bitmap=page).to_bytes(), *parts)

        try:
            answer = self._answer(Order(name), parts)
            if pages := pictures(answer):
                found = read_pages(self._ocr, bitmap, pages)
                if found.tables:
                    answer = self._answer(Order(name, tables=found.tables), parts)
                answer = with_unread(answer, found.why_not)
            return answer
        finally:
            if passwords:  # a later file shares no process with the passwords
                self._sandbox.close()

    def _answer(self, order: Order, parts: Sequence[bytes]) -> dict[str, object]:
        answer = json.loads(self._sandbox.request(order.to_bytes(), *parts))
        if not isinstance(answer, dict):
            raise ValueError("not an object")
        return {str(key): value for key, value in answer.items()}

    def start(self) -> None:
        """Start the child ahead of the first file. Raises NotSetUp where isolation cannot be had."""
        try:
            self._sandbox.start()
        except ChildFailed as failure:
            raise NotSetUp(
                "The parser cannot start.", fix="Reinstall muniment.", detail=failure.detail
            ) from failure

    def close(self) -> None:
        """End the child."""
        self._sandbox.close()

    def _read(self, shown: str, path: Path) -> bytes:
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise ParseFailed(f"{shown} is not a regular file.", fix="Leave it out.")
                if status.st_size > self._limits.file_bytes:
                    raise self._too_large(shown, status.st_size)
                return file.read(self._limits.file_bytes + 1)
        except IsADirectoryError as error:
            raise ParseFailed(f"{shown} is not a regular file.", fix="Leave it out.") from error
        except OSError as error:
            raise ParseFailed(
                f"{shown} cannot be opened ({error.strerror}).", fix="Check its permissions."
            ) from error

    def _too_large(self, shown: str, size: int) -> ParseFailed:
        most = self._limits.file_bytes >> 20
        return ParseFailed(
            f"{shown} is {max(size >> 20, 1):,} MiB; the limit is {most:,} MiB.",
            fix="Split it into smaller files.",
        )

    def _explained(self, shown: str, failure: ChildFailed) -> ParseFailed:
        seconds = self._limits.child.seconds
        what, fix = {
            "time": (f"took longer than {seconds:g} seconds to read.", "Split it or export it more simply."),
            "memory": ("needs more memory to read than one file may take.", "Split it into smaller files."),
            "reply": ("holds more text than one file may.", "Split it into smaller files."),
            "error": ("is damaged or unusual: it could not be read.", "Save or export it again."),
        }.get(failure.reason, ("made the parser stop.", _LEAVE_OUT))
        return ParseFailed(f"{shown} {what}", fix=fix, detail=failure.detail)


_LEAVE_OUT = "Save or export it again, or leave it out."
