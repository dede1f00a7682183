"""Workbooks: one sheet per `## ` section; text lines become single cells, tables keep their numbers as numbers."""

from __future__ import annotations

import re
from pathlib import Path

from archive import AUTHOR, WRITTEN, settle
from openpyxl import Workbook
from openpyxl.styles import Font
from source import Block

WHOLE = re.compile(r"-?\d+")
DECIMAL = re.compile(r"-?\d+\.\d+")


def write(path: Path, blocks: list[Block]) -> None:
    book = Workbook()
    book.remove(book.active)
    book.properties.creator = AUTHOR
    book.properties.created = book.properties.modified = WRITTEN.replace(tzinfo=None)
    sheet = None
    for block in blocks:
        if block.kind == "title":
            book.properties.title = block.text
        elif block.kind == "section":
            sheet = book.create_sheet(block.text)
        elif block.kind == "table":
            for at, cells in enumerate(block.rows):
                sheet.append([number(cell) for cell in cells])
                if at == 0:
                    for cell in sheet[sheet.max_row]:
                        cell.font = Font(bold=True)
        else:
            sheet.append([block.text])
    book.save(path)
    settle(path)


def number(text: str) -> str | int | float:
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text
