"""Slide decks: one slide per `## ` section, with bullets, text, tables and speaker notes."""

from __future__ import annotations

from pathlib import Path

from archive import AUTHOR, WRITTEN, settle
from pptx import Presentation
from pptx.util import Inches, Pt
from source import Block


def write(path: Path, blocks: list[Block]) -> None:
    deck = Presentation()
    properties = deck.core_properties
    properties.author, properties.last_modified_by = AUTHOR, AUTHOR
    properties.created = properties.modified = WRITTEN.replace(tzinfo=None)
    slide, lines = None, 0
    for block in blocks:
        if block.kind == "title":
            properties.title = block.text
            slide, lines = deck.slides.add_slide(deck.slide_layouts[0]), 0
            slide.shapes.title.text = block.text
        elif block.kind == "section":
            slide, lines = deck.slides.add_slide(deck.slide_layouts[1]), 0
            slide.shapes.title.text = block.text
        elif block.kind == "note":
            slide.notes_slide.notes_text_frame.text = block.text
        elif block.kind == "table":
            add_table(slide, block.rows)
        else:
            add_line(slide, block.text, first=lines == 0)
            lines += 1
    deck.save(str(path))
    settle(path)


def add_line(slide: object, text: str, *, first: bool) -> None:
    frame = slide.placeholders[1].text_frame
    paragraph = frame.paragraphs[0] if first else frame.add_paragraph()
    paragraph.text = text
    paragraph.font.size = Pt(18)


def add_table(slide: object, rows: list[list[str]]) -> None:
    columns = max(map(len, rows))
    shape = slide.shapes.add_table(
        len(rows), columns, Inches(0.6), Inches(3.6), Inches(8.8), Inches(0.4 * len(rows))
    )
    for at, cells in enumerate(rows):
        for column, text in enumerate(cells):
            shape.table.cell(at, column).text = text
