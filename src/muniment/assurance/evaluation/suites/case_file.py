"""Files of cases, changed whole or not at all: lines are added and taken out, and the others stay as they are.

Invariants:
- what is written was read back first: a file that was readable stays so;
- two writers take turns; a reader finds the file before or after, never between;
- a new file is its owner's alone; one that exists keeps its mode.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suite_file import cases_of, numbered
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.private_file import put_private

_NUMBERED = re.compile(r"(.*?)(\d+)")


def read_text(path: Path) -> str:
    """Return the text of a file, nothing where there is none; raises BadInput."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}).", fix="Save it as UTF-8.") from error


def append(path: Path, lines: Sequence[str]) -> tuple[Case, ...]:
    """Add lines to a file and return all its cases; raises BadInput where one cannot be read, and writes nothing."""

    def added(text: str) -> str:
        return "".join(
            [text, "" if not text or text.endswith("\n") else "\n", *(f"{one}\n" for one in lines)]
        )

    return change(path, added)


def remove(path: Path, ids: Collection[str]) -> None:
    """Take cases out of a file; raises as `append`."""

    def rest(text: str) -> str:
        return "".join(f"{line}\n" for _, line in numbered(text) if _id_of(line) not in ids)

    change(path, rest)


def change(path: Path, changed: Callable[[str], str]) -> tuple[Case, ...]:
    """Put what `changed` makes of a file's text in its place and return its cases; raises as `append`."""
    with _turn(path.parent):
        text = changed(read_text(path))
        cases = cases_of(text, str(path))
        put(path, text)
    return cases


def put(path: Path, text: str) -> None:
    """Put a text in the place of a file, whole and durably; raises Unavailable."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    put_private(path, text.encode())
    if mode != 0o600:
        path.chmod(mode)


def ids_in(*paths: Path) -> frozenset[str]:
    """Return the ids of the cases in files, of which some may not be there; raises as `append`."""
    return frozenset(case.id for path in paths for case in cases_of(read_text(path), str(path)))


def next_id(known: Iterable[str]) -> str:
    """Return an id that is free, counted on as the others are."""
    parts = [found.groups() for one in known if (found := _NUMBERED.fullmatch(one))]
    if not parts:
        return "c001"
    prefix = Counter(prefix for prefix, _ in parts).most_common(1)[0][0]
    last = max((digits for begin, digits in parts if begin == prefix), key=int)
    return f"{prefix}{int(last) + 1:0{len(last)}d}"


def _id_of(line: str) -> object:
    return json.loads(line).get("id")


@contextmanager
def _turn(folder: Path) -> Generator[None]:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be opened ({error.strerror}).") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
