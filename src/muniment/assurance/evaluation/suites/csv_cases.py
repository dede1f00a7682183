"""Cases from a table: one on each row, its columns named as the keys of a case are, or as the caller says.

Lists have bars between their parts (`EUR 310|per week`), or are JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suite_file import KEYS, read_case
from muniment.assurance.evaluation.suites.case_file import next_id
from muniment.assurance.evaluation.suites.imported import Imported, Refused
from muniment.assurance.evaluation.suites.typed import as_text, cell
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json

_DELIMITERS = (",", ";", "\t")


def read_csv(
    path: Path, columns: Mapping[str, str], asker: str = "", known: Collection[str] = ()
) -> Imported:
    """Return the cases of a table; raises BadInput where it is none.

    `columns` gives for a key the name of its column. `asker` asks the rows that name nobody; a row without an id is
    given one that is not among those `known`.
    """
    rows, head = _rows(path)
    keys = _keys(path, head, columns)
    cases: list[Case] = []
    refused: list[Refused] = []
    ids = set(known)
    for line, row in rows:
        where = f"{path.name}:{line}"
        try:
            case = _case(row, keys, where, asker, ids)
        except _Faulty as error:
            refused.append(Refused(error.where, error.why))
            continue
        ids.add(case.id)
        cases.append(case)
    unused = tuple(name for at, name in enumerate(head) if name and at not in keys.values())
    return Imported(tuple(cases), tuple(refused), unused)


class _Faulty(Exception):
    """A row that is no case."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(why)
        self.where = where
        self.why = why


def _case(row: Sequence[str], keys: Mapping[str, int], where: str, asker: str, ids: Collection[str]) -> Case:
    fields: dict[str, Json] = {}
    for key, at in keys.items():
        try:
            fields[key] = cell(key, row[at] if at < len(row) else "")
        except BadInput as error:
            raise _Faulty(f"{where}, column {key}", str(error)) from error
    fields["id"] = fields.get("id") or next_id(ids)
    fields["source"] = fields.get("source") or where
    try:
        case = read_case(as_text(fields), where, asker)
    except BadInput as error:
        raise _Faulty(where, str(error).removeprefix(f"{where}: ")) from error
    if case.id in ids:
        raise _Faulty(f"{where}, column id", f"There is a case {case.id} already.")
    return case


def _rows(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return the rows with the line that each ends on, and the names of the columns."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8 text.", fix="Save it as CSV UTF-8.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).") from error
    first = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count), strict=True
    )
    rows: list[tuple[int, list[str]]] = []
    try:
        head = [name.strip() for name in next(reader, [])]
        for row in reader:
            if any(one.strip() for one in row):
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num} is no row of a table ({error}).", fix="Mend it.") from error
    if not rows:
        raise BadInput(f"{path} holds no rows.", fix="Give a table whose first row names its columns.")
    return rows, head


def _keys(path: Path, head: Sequence[str], columns: Mapping[str, str]) -> Mapping[str, int]:
    """Return at which column each key stands."""
    for key, name in columns.items():
        if key not in KEYS:
            raise BadInput(f"--columns: {key} is no key of a case.", fix=f"Known: {', '.join(sorted(KEYS))}.")
        if name not in head:
            raise BadInput(f"{path} has no column '{name}'.", fix=f"It has: {', '.join(head)}.")
    named = {columns.get(key, key): key for key in KEYS}
    doubled = next((name for name in head if name in named and head.count(name) > 1), None)
    if doubled is not None:
        raise BadInput(f"{path} has the column '{doubled}' twice.", fix="Rename one.")
    keys = {named[name]: at for at, name in enumerate(head) if name in named}
    if "question" not in keys:
        raise BadInput(f"{path} has no column 'question'.", fix="Say which it is: --columns question=NAME.")
    return keys
