"""CSV files: every line names its columns, so that it makes sense alone."""

from __future__ import annotations

import csv
import io
import re

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.normal import Composer, one_line, table_lines
from muniment.knowledge.ingestion.parse.title import from_file_name
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

_DECLARED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""The line with which Excel is told the separator."""


def read_csv(name: str, content: bytes) -> Parsed:
    """Read comma, semicolon, tab or bar separated rows."""
    out = Composer()
    text = decode(content, out).lstrip("\ufeff").replace("\x00", "")
    declared = _DECLARED.match(text)
    dialect = _dialect(text, name, declared.group(1) if declared else "")
    csv.field_size_limit(1 << 20)
    source = io.StringIO(text[declared.end() :] if declared else text, newline="")
    try:
        rows = [[one_line(cell) for cell in row] for row in csv.reader(source, dialect)]
    except csv.Error as error:
        raise ParseFailed("is not a readable CSV file.", fix="Export it again.") from error
    lines = table_lines([row for row in rows if any(row)], always_name=True)
    out.block("\n".join(lines), keep_layout=True)
    return out.parsed(from_file_name(name), MEDIA_TYPES["csv"])


def _dialect(text: str, name: str, declared: str) -> type[csv.Dialect]:
    class Plain(csv.excel):
        delimiter = declared or ("\t" if name.lower().endswith(".tsv") else ",")

    if declared:
        return Plain
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
