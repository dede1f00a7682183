"""Word documents: headings, paragraphs, bullets, tables and hidden runs."""

from __future__ import annotations

from pathlib import Path

from archive import AUTHOR, WRITTEN, settle
from docx import Document
from source import Block

HEADINGS = {"title": 0, "section": 1, "heading": 2}


def write(path: Path, blocks: list[Block]) -> None:
    document = Document()
    properties = document.core_properties
    properties.author, properties.last_modified_by = AUTHOR, AUTHOR
    properties.created = properties.modified = WRITTEN.replace(tzinfo=None)
    for block in blocks:
        if block.kind in HEADINGS:
            document.add_heading(block.text, HEADINGS[block.kind])
            if block.kind == "title":
                properties.title = block.text
        elif block.kind == "bullet":
            document.add_paragraph(block.text, style="List Bullet")
        elif block.kind == "hidden":
            document.add_paragraph().add_run(block.text).font.hidden = True
        elif block.kind == "table":
            add_table(document, block.rows)
        else:
            document.add_paragraph(block.text)
    document.save(str(path))
    settle(path)


def add_table(document: object, rows: list[list[str]]) -> None:
    table = document.add_table(rows=len(rows), cols=max(map(len, rows)), style="Light Grid Accent 1")
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=False):
            cell.text = text
