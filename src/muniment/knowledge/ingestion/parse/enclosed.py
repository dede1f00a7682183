"""Files inside a file: what is attached to a message, and the members of an archive.

Invariants: all that one file encloses, however deep, shares one bound of depth, of files and of bytes; what is
not read is named in a note, and takes nothing else with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from muniment.knowledge.ingestion.parse.normal import MOST_CHARACTERS, Composer, one_line
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

MOST_DEPTH = 2
"""Files that lie inside each other, the outermost one not counted."""
MOST_FILES = 2_000
MOST_BYTES = 100 << 20
"""Of all enclosed files, unpacked."""
MOST_FILE_BYTES = 24 << 20
_MOST_NOTES = 20


@dataclass(slots=True)
class _Spent:
    files: int = 0
    size: int = 0
    full: bool = False


class Enclosure:
    """Reads the files that one file encloses."""

    def __init__(
        self, read: Callable[[str, bytes, Enclosure], Parsed], depth: int = 0, spent: _Spent | None = None
    ) -> None:
        self._read = read
        self._depth = depth
        self._spent = spent or _Spent()
        self._sections = 0
        self._unread = 0

    @property
    def sections(self) -> int:
        """How many files were read here."""
        return self._sections

    @property
    def is_outermost(self) -> bool:
        """Whether it is for the file itself, and not for one that lies in it."""
        return self._depth == 0

    def check_depth(self) -> None:
        """Raise ParseFailed for an archive so deep that its members are not read."""
        if self._depth >= MOST_DEPTH:
            raise ParseFailed(_TOO_DEEP, fix="Unpack the archives that it lies in.")

    def append(self, out: Composer, name: str, content: bytes, level: int) -> bool:
        """Append a file as a section under a heading of `level`; return whether it could be read."""
        return self.append_read(
            out, name, len(content), lambda inner: self._read(name, content, inner), level
        )

    def append_read(
        self, out: Composer, name: str, size: int, read: Callable[[Enclosure], Parsed], level: int
    ) -> bool:
        """Append what `read` makes of a file of so many bytes, as `append` does."""
        refusal = self._admission(size)
        if refusal:
            self.leave_out(out, name, refusal)
            return False
        self._spent.files += 1
        self._spent.size += size
        try:
            parsed = read(Enclosure(self._read, self._depth + 1, self._spent))
        except ParseFailed as failure:
            self.leave_out(out, name, failure.public)
            return False
        except MemoryError:
            raise
        except Exception:
            self.leave_out(out, name, "is damaged or unusual: it could not be read.")
            return False
        if out.length + len(parsed.text) + len(name) + 8 > MOST_CHARACTERS:
            self._spent.full = True
            self.leave_out(out, name, _FULL)
            return False
        self._sections += 1
        out.begin("section", name, self._sections)
        out.heading(level, name)
        out.inset(parsed, level)
        out.end()
        for note in parsed.notes:
            self._note(out, f"{one_line(out.clean(name))}: {note}")
        return True

    def leave_out(self, out: Composer, name: str, why: str) -> None:
        """Name a file that is not read."""
        self._unread += 1
        if self._unread <= _MOST_NOTES:
            out.note(f"not read: {one_line(out.clean(name))[:300]}, which {why}")

    def close(self, out: Composer) -> None:
        """Say how many more files were not read than were named."""
        if self._unread > _MOST_NOTES:
            out.note(f"not read: {self._unread - _MOST_NOTES} further files")

    def _admission(self, size: int) -> str:
        if self._depth >= MOST_DEPTH:
            return _TOO_DEEP
        if size > MOST_FILE_BYTES:
            return f"is larger than the {MOST_FILE_BYTES >> 20} MiB that an enclosed file may have."
        if self._spent.full:
            return _FULL
        if self._spent.files >= MOST_FILES or self._spent.size + size > MOST_BYTES:
            return f"exceeds the {MOST_FILES:,} files and {MOST_BYTES >> 20} MiB that one file may enclose."
        return ""

    def _note(self, out: Composer, text: str) -> None:
        if out.notes < 3 * _MOST_NOTES:
            out.note(text)


_TOO_DEEP = f"lies more than {MOST_DEPTH} files deep."
_FULL = f"would make more than {MOST_CHARACTERS:,} characters of text with what came before it."
