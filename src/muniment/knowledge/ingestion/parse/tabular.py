"""CSV files and Excel workbooks: every line names its columns, so that it makes sense alone."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import check_container
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.normal import Composer, one_line, table_lines
from muniment.knowledge.ingestion.parse.title import from_file_name, title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

_MOST_CELLS = 2_000_000
_MOST_EMPTY_ROWS = 10_000
_EMPTY_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#NULL!"})


def read_csv(name: str, content: bytes) -> Parsed:
    """Read comma, semicolon, tab or bar separated rows."""
    out = Composer()
    text = decode(content, out).lstrip("\ufeff").replace("\x00", "")
    dialect = _dialect(text, name)
    csv.field_size_limit(1 << 20)
    try:
        rows = [
            [one_line(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""), dialect)
        ]
    except csv.Error as error:
        raise ParseFailed("is not a readable CSV file.", fix="Export it again.") from error
    lines = table_lines([row for row in rows if any(row)], always_name=True)
    out.block("\n".join(lines))
    return out.parsed(from_file_name(name), MEDIA_TYPES["csv"])


def _dialect(text: str, name: str) -> type[csv.Dialect]:
    class Plain(csv.excel):
        delimiter = "\t" if name.lower().endswith(".tsv") else ","

    lines = [line for line in text[: 1 << 16].splitlines() if line.strip()][:50]
    best = 0.0
    for separator in (",", ";", "\t", "|"):
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        common = max(set(widths), key=widths.count) if widths else 1
        score = (common > 1) * widths.count(common) / max(1, len(widths)) * (1 + min(common, 20) / 100)
        if score > best + 0.05:
            best = score
            Plain.delimiter = separator
    return Plain


def read_workbook(name: str, content: bytes) -> Parsed:
    """Read the visible sheets of a workbook: stored values, no formulas, no links followed."""
    import openpyxl

    check_container(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except MemoryError:
        raise
    except Exception as error:
        raise ParseFailed("is damaged: it cannot be read as a workbook.", fix="Save it again.") from error
    out = Composer()
    cells = 0
    for number, sheet in enumerate(book.worksheets, 1):
        if getattr(sheet, "sheet_state", "visible") != "visible":
            out.note(f"hidden sheet {number} was left out")
            continue
        rows, seen = _rows(sheet, _MOST_CELLS - cells)
        cells += seen
        lines: list[str] = []
        for table in _tables(rows):
            lines += table_lines(table, always_name=True)
        out.begin("sheet", sheet.title, number)
        if lines:
            out.heading(1, sheet.title)
            out.block("\n".join(lines), tight=True)
    out.author = book.properties.creator or ""
    return out.parsed(title(name, book.properties.title), MEDIA_TYPES["xlsx"])


def _rows(sheet: ReadOnlyWorksheet, most_cells: int) -> tuple[list[list[str]], int]:
    rows: list[list[str]] = []
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


def _tables(rows: Iterable[list[str]]) -> list[list[list[str]]]:
    """Split a sheet at its blank lines; a title above a table stands on its own."""
    tables: list[list[list[str]]] = [[]]
    for row in rows:
        if not row:
            tables.append([])
        else:
            if len(tables[-1]) == 1 and _filled(tables[-1][0]) == 1 and _filled(row) > 1:
                tables.append([])
            tables[-1].append(row)
    return [table for table in tables if table]


def _filled(row: list[str]) -> int:
    return sum(1 for cell in row if cell)
