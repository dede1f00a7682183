"""PDF files on A4; a document whose title is followed by `Pages: one per section` starts each section on a new page."""

from __future__ import annotations

from pathlib import Path

from archive import AUTHOR, WRITTEN
from fpdf import FPDF
from source import Block

PER_SECTION = "Pages: one per section"
SIZES = {"title": 20, "section": 15, "heading": 12}


class Pages(FPDF):
    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=8)
        self.cell(0, 8, f"Page {self.page_no()}", align="C")


def write(path: Path, blocks: list[Block]) -> None:
    pdf = Pages(format="A4")
    pdf.set_creation_date(WRITTEN)
    pdf.set_author(AUTHOR)
    pdf.set_margin(22)
    pdf.set_auto_page_break(True, 20)
    pdf.add_page()
    split = any(block.text == PER_SECTION for block in blocks)
    for block in blocks:
        if block.kind == "title":
            pdf.set_title(block.text)
        if block.text == PER_SECTION:
            continue
        if split and block.kind == "section":
            pdf.add_page()
        add(pdf, block)
    pdf.output(str(path))


def add(pdf: FPDF, block: Block) -> None:
    if block.kind in SIZES:
        pdf.set_font("Helvetica", "B", SIZES[block.kind])
        pdf.ln(2)
        pdf.multi_cell(0, None, block.text, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(2)
    elif block.kind == "table":
        pdf.set_font("Helvetica", size=10)
        with pdf.table() as table:
            for cells in block.rows:
                row = table.row()
                for cell in cells:
                    row.cell(cell)
        pdf.ln(3)
    else:
        hidden = block.kind == "hidden"
        pdf.set_font("Helvetica", size=2 if hidden else 11)
        pdf.set_text_color(255 if hidden else 0)
        text = f"- {block.text}" if block.kind == "bullet" else block.text
        pdf.multi_cell(0, None if hidden else 6, text, new_x="LMARGIN", new_y="NEXT")
        pdf.set_text_color(0)
        pdf.ln(1 if block.kind == "bullet" else 3)
