"""Isolated parsers that outlive the ingest that started them: starting one takes longer than a small company's files.

As in one long ingest, a child reads file after file and knows nothing of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from muniment.foundation.confinement import Isolation
from muniment.foundation.sandbox import Sandbox
from muniment.knowledge.ingestion import parser
from muniment.knowledge.ingestion.ocr import Ocr
from muniment.knowledge.ingestion.parse.pdf_open import Passwords, no_passwords
from muniment.knowledge.ingestion.parser import ParseLimits, Parser

_idle: dict[tuple[ParseLimits, Isolation], list[Sandbox]] = {}


class LentParser(Parser):
    """A parser whose child serves the next one of the same limits when it is closed."""

    def __init__(
        self,
        limits: ParseLimits | None = None,
        isolation: Isolation = "required",
        pdf_passwords: Passwords = no_passwords,
        ocr: Ocr | None = None,
    ) -> None:
        super().__init__(limits, isolation, pdf_passwords, ocr)
        self._waiting = _idle.setdefault((self._limits, isolation), [])
        if self._waiting:
            self._sandbox = self._waiting.pop()

    def close(self) -> None:
        """Leave the child to another; this parser is not used again."""
        self._waiting.append(self._sandbox)


@contextmanager
def lent() -> Iterator[None]:
    """Give ingests of this process lent parsers; whoever imports `Parser` at the top of a file has its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "Parser", LentParser)
        yield
    for sandbox in (one for idle in _idle.values() for one in idle):
        sandbox.close()
    _idle.clear()
