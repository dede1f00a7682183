"""OCR with the Tesseract of this system: it sees plain bitmaps that we made, and is confined while it does.

Invariant: it is never run where it cannot be confined as `isolation` demands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from muniment.foundation.confined_program import Program, ProgramLimits, run
from muniment.foundation.confinement import Isolation
from muniment.foundation.errors import NotSetUp

PROGRAMS = ("/usr/bin/tesseract", "/usr/local/bin/tesseract")
LANGUAGE_FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
)
LANGUAGE = r"^[a-zA-Z]{3,8}(_[a-zA-Z]{2,12}){0,2}$"
"""A language as Tesseract names its data, such as eng or chi_sim."""
_WHOLE_PAGE = "3"
_OFF = 'OCR is off: set ingestion.ocr = "auto", and install Tesseract.'


@dataclass(frozen=True, slots=True)
class OcrLimits:
    """Bounds of OCR."""

    page: ProgramLimits = field(default_factory=lambda: ProgramLimits(memory_bytes=768 << 20))
    file_seconds: float = 900.0
    """After which the pages of a file that are left stay unread."""
    file_pages: int = 500


class Ocr:
    """Reads bitmaps of pages, where Tesseract and its languages are installed and OCR is wanted."""

    def __init__(
        self,
        languages: Sequence[str] = ("eng",),
        isolation: Isolation = "required",
        *,
        wanted: bool = True,
        limits: OcrLimits | None = None,
        programs: Sequence[str] = PROGRAMS,
        folders: Sequence[str] = LANGUAGE_FOLDERS,
    ) -> None:
        self.limits = limits or OcrLimits()
        self._isolation: Isolation = isolation
        self._program = ""
        self._folder = ""
        self.why_not = _OFF if not wanted else ""
        """Why nothing can be read, and what to do; empty where it can."""
        if wanted:
            self.why_not = self._find(languages, programs, folders)
        self._languages = "+".join(languages)

    def read(self, bitmap: bytes) -> str:
        """Return Tesseract's table of the words on a bitmap.

        Raises ChildFailed where it fails on this one, NotSetUp where it cannot be run at all.
        """
        if self.why_not:
            raise NotSetUp(self.why_not)
        program = Program(
            self._program,
            (
                "stdin", "stdout", "-l", self._languages, "--psm", _WHOLE_PAGE, "--dpi", "300",
                "--tessdata-dir", self._folder, "-c", "tessedit_create_tsv=1",
            ),
            (self._folder,),
            {"OMP_THREAD_LIMIT": "1", "LC_ALL": "C"},
        )  # fmt: skip
        try:
            return run(program, bitmap, self.limits.page, self._isolation).decode("utf-8", "replace")
        except NotSetUp as error:
            self.why_not = str(error)
            raise

    def _find(self, languages: Sequence[str], programs: Sequence[str], folders: Sequence[str]) -> str:
        self._program = next((path for path in programs if os.access(path, os.X_OK)), "")
        packages = " ".join(f"tesseract-ocr-{name.lower().replace('_', '-')}" for name in languages)
        if not self._program:
            return (
                f"Install Tesseract, which reads pictures (Debian: apt-get install tesseract-ocr {packages})."
            )
        if not languages or not all(re.match(LANGUAGE, name) for name in languages):
            return "Name languages as Tesseract does in ingestion.ocr_languages, such as eng."
        having = [folder for folder in folders if Path(folder).is_dir()]
        for folder in having:
            if all(Path(folder, f"{name}.traineddata").is_file() for name in languages):
                self._folder = folder
                return ""
        return f"Install what Tesseract needs to read {', '.join(languages)} (Debian: apt-get install {packages})."
