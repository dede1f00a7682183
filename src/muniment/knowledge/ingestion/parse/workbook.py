"""Excel workbooks: the stored values of the sheets that are shown, with their comments and charts.

A sheet that fits one chunk reads as it stands, its column names above it. In a larger one every line names its
columns, so that it makes sense alone.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.chunk import HIGHEST
from muniment.knowledge.ingestion.parse.charts import chart_rows
from muniment.knowledge.ingestion.parse.container import check_container
from muniment.knowledge.ingestion.parse.normal import (
    Composer,
    cell_text,
    column_names,
    one_line,
    plain_lines,
    table_lines,
)
from muniment.knowledge.ingestion.parse.office_parts import (
    OfficeParts,
    attribute,
    below,
    comment_line,
    first,
    text_of,
    transitional,
)
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

_MOST_CELLS = 2_000_000
_MOST_EMPTY_ROWS = 10_000
_EMPTY_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#NULL!"})

Table = list[list[str]]


def read_workbook(name: str, content: bytes) -> Parsed:
    """Read the visible sheets of a workbook: stored values, no formulas, no links followed."""
    import openpyxl

    check_container(content)
    try:
        content = transitional(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        parts = OfficeParts(content)
        paths = _paths(parts)
    except MemoryError:
        raise
    except Exception as error:
        raise ParseFailed("is damaged: it cannot be read as a workbook.", fix="Save it again.") from error
    out = Composer()
    cells = 0
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    for number, label in enumerate(book.sheetnames, 1):
        if getattr(book[label], "sheet_state", "visible") != "visible":
            out.note(f"hidden sheet {number} was left out")
            continue
        rows: Table = []
        if label in sheets:
            rows, seen = _rows(sheets[label], _MOST_CELLS - cells)
            cells += seen
        path = paths.get(label, "")
        _write_sheet(label, number, rows, [*_charts(parts, path)], [*_comments(parts, path)], out)
    out.author = book.properties.creator or ""
    return out.parsed(title(name, book.properties.title), MEDIA_TYPES["xlsx"])


def _paths(parts: OfficeParts) -> dict[str, str]:
    """Return the part in which each sheet is kept, by the sheet's name."""
    where = {identity: path for identity, _, path in parts.related(parts.start)}
    sheets = first(parts.read(parts.start), "sheets")
    return {
        one.get("name") or "": where.get(attribute(one, "id"), "")
        for one in (sheets if sheets is not None else ())
    }


def _write_sheet(
    label: str,
    number: int,
    rows: Table,
    charts: Sequence[tuple[str, Table]],
    comments: Sequence[str],
    out: Composer,
) -> None:
    out.begin("sheet", label, number)
    lines = _lines(_tables(rows), len(label))
    if not (lines or charts or comments):
        return
    out.heading(1, label)
    out.block("\n".join(lines), tight=True, keep_layout=True)
    for named, table in charts:
        out.block(f"Chart: {named}" if named else "Chart")
        out.block("\n".join(_lines([table])), tight=True, keep_layout=True)
    for comment in comments:
        out.block(comment)


def _lines(tables: Sequence[Table], beside: int = 0) -> list[str]:
    """Return the lines of the tables of a sheet, which stands in one chunk with `beside` characters more."""
    cells = [[[cell_text(cell) for cell in row] for row in table] for table in tables]
    size = beside + sum(len(cell) + 3 for table in cells for row in table for cell in row)
    lines: list[str] = []
    for table in cells:
        lines += plain_lines(table) if size <= HIGHEST else table_lines(table, always_name=True)
    return lines


def _charts(parts: OfficeParts, sheet: str) -> Iterator[tuple[str, Table]]:
    for _, kind, drawing in parts.related(sheet) if sheet else ():
        if kind == "drawing":
            for chart in parts.of_kind(drawing, "chart"):
                yield chart_rows(chart)


def _comments(parts: OfficeParts, sheet: str) -> Iterator[str]:
    """Yield the comments on cells; a conversation is kept twice, and its newer form is read."""
    if not sheet:
        return
    persons = {
        attribute(one, "id"): attribute(one, "displayName")
        for _, kind, where in parts.related(parts.start)
        if kind == "person"
        for one in below(parts.read(where), "person")
    }
    threaded: set[str] = set()
    newer: list[str] = []
    for root in parts.of_kind(sheet, "threadedComment"):
        for one in below(root, "threadedComment"):
            threaded.add(attribute(one, "ref"))
            by = persons.get(attribute(one, "personId"), "")
            newer.append(comment_line(by, attribute(one, "dT"), attribute(one, "ref"), text_of(one)))
    for root in parts.of_kind(sheet, "comments"):
        authors = [one.text or "" for one in below(root, "author")]
        for one in below(root, "comment"):
            place = attribute(one, "authorId")
            by = authors[int(place)] if place.isdecimal() and int(place) < len(authors) else ""
            if attribute(one, "ref") not in threaded:
                yield comment_line(by, "", attribute(one, "ref"), text_of(first(one, "text")))
    yield from newer


def _rows(sheet: ReadOnlyWorksheet, most_cells: int) -> tuple[Table, int]:
    rows: Table = []
    cells = empty = 0
    sheet.reset_dimensions()
    for row in sheet.iter_rows(values_only=True):
        values = _values(row)
        cells += len(row)
        empty = 0 if values else empty + 1
        if cells > most_cells:
            raise ParseFailed(
                f"holds more than {_MOST_CELLS:,} cells.", fix="Split it into smaller workbooks."
            )
        if empty > _MOST_EMPTY_ROWS:
            break
        if values or (rows and rows[-1]):
            rows.append(values)
    return rows, cells


def _values(row: Sequence[object]) -> list[str]:
    values = [_shown(value) for value in row]
    while values and not values[-1]:
        values.pop()
    return values


def _shown(value: object) -> str:
    """Return a cell as people write it."""
    if value is None or value in _EMPTY_ERRORS:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time.min
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    return one_line(str(value))


def _tables(rows: Iterable[list[str]]) -> list[Table]:
    """Split a sheet at its blank lines, and at blank columns where tables stand side by side."""
    tables: list[Table] = []
    for blank, band in groupby(rows, key=lambda row: not row):
        if not blank:
            for table in _side_by_side(list(band)):
                tables += _without_title(table)
    return tables


def _without_title(table: Table) -> list[Table]:
    """Return a table with the title above it apart."""
    if len(table) > 1 and _filled(table[0]) == 1 and _filled(table[1]) > 1:
        return [[[cell for cell in table[0] if cell]], table[1:]]
    return [table]


def _side_by_side(band: Table) -> list[Table]:
    """Return the tables of rows that follow each other.

    A blank column sets two tables apart only where each has column names of its own and they are not equally long:
    elsewhere it is a gap inside one table, whose rows stay whole.
    """
    filled = sorted({place for row in band for place, cell in enumerate(row) if cell})
    starts = [filled[0], *(after for before, after in pairwise(filled) if after > before + 1)]
    groups = [
        [row[start:end] for row in band]
        for start, end in zip(starts, [*starts[1:], filled[-1] + 1], strict=True)
    ]
    tables = [groups[0]]
    for group in groups[1:]:
        if _is_table(tables[-1]) and _is_table(group) and _extent(tables[-1]) != _extent(group):
            tables.append(group)
        else:
            width = max(map(len, tables[-1]))
            tables[-1] = [
                [*left, *[""] * (width - len(left)), *right] if right else left
                for left, right in zip(tables[-1], group, strict=True)
            ]
    return [[row for row in table if any(row)] for table in tables]


def _extent(group: Table) -> tuple[int, int]:
    rows = [place for place, row in enumerate(group) if any(row)]
    return rows[0], rows[-1]


def _is_table(group: Table) -> bool:
    first, last = _extent(group)
    return bool(column_names(group[first : last + 1], always_name=True))


def _filled(row: list[str]) -> int:
    return sum(1 for cell in row if cell)
