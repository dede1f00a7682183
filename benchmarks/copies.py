"""A folder of documents with copies beside them, which whoever may read the original may read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from muniment.foundation.errors import BadInput

_PLAIN = {".md", ".txt"}
"""Formats that are edited by writing a line behind them."""
_EDIT = "\n\nThis copy was made for the files of the department.\n"
_DAY = 24 * 3600
_ACCESS = "access.toml"


def with_copies(documents: Path, paths: Iterable[str], to: Path) -> int:
    """Copy `documents` to the new folder `to`, and beside them each of `paths` once more; return how many more.

    What is plain text is there a third time, with a sentence more. Copies are a day older than their originals.
    """
    shutil.copytree(documents, to)
    made = 0
    for path in sorted(set(paths)):
        original = to / path
        made += _copy(original, to / "copies" / path, to)
        if original.suffix in _PLAIN:
            edited = to / "edited copies" / path
            made += _copy(original, edited, to, _EDIT)
    return made


def _copy(original: Path, copy: Path, top: Path, more: str = "") -> int:
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_access(original, top), copy.parent / _ACCESS)
    copy.write_bytes(original.read_bytes() + more.encode())
    at = original.stat().st_mtime - _DAY
    os.utime(copy, (at, at))
    return 1


def _access(original: Path, top: Path) -> Path:
    """Return the nearest manifest above a document; raises BadInput where there is none."""
    for folder in original.parents:
        if (folder / _ACCESS).is_file():
            return folder / _ACCESS
        if folder == top:
            break
    raise BadInput(f"Nobody may read {original.name}.", fix=f"Put an {_ACCESS} above it.")
