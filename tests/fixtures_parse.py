"""Real files of every format, made on the fly."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage

PARSE_FOLDER = "../shared/data/parse"
"""Optional folder of real documents, relative to the repository root."""


def word(*, hidden: str = "", table: list[list[str]] | None = None) -> bytes:
    import docx

    document = docx.Document()
    document.core_properties.title = "Leave policy"
    document.core_properties.author = "Ada Byron"
    document.add_heading("Leave policy", 1)
    document.add_paragraph("Everyone takes leave.")
    document.add_heading("Parental leave", 2)
    document.add_paragraph("Parents receive twenty weeks.")
    document.add_paragraph("First item", style="List Bullet")
    if hidden:
        document.add_paragraph().add_run(hidden).font.hidden = True
    rows = table or [["Grade", "Days"], ["L5", "25"]]
    grid = document.add_table(len(rows), len(rows[0]))
    for row, values in zip(grid.rows, rows, strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    return _saved(document)


def slides() -> bytes:
    import pptx

    deck = pptx.Presentation()
    deck.core_properties.author = "Ada Byron"
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Topic {number}"
        slide.placeholders[1].text_frame.text = f"Point of slide {number}"
        slide.notes_slide.notes_text_frame.text = f"Spoken words {number}"
    return _saved(deck)


def workbook() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.properties.creator = "Ada Byron"
    book.active.title = "Pay"
    book.active.append(["Name", "Grade", "Salary"])
    book.active.append(["Ada", "L5", 50000])
    book.active.append(["Ben", "L4", 40000.5])
    secret = book.create_sheet("Hidden")
    secret.append(["concealed words"])
    secret.sheet_state = "hidden"
    book.create_sheet("Notes").append(["Reviewed in March"])
    return _saved(book)


def pdf(pages: int = 2, *, password: str = "", text: bool = True) -> bytes:
    from fpdf import FPDF

    document = FPDF()
    document.set_author("Ada Byron")
    for number in range(1, pages + 1):
        document.add_page()
        if text:
            document.set_font("helvetica", size=20)
            document.cell(text=f"Chapter {number}", new_x="LMARGIN", new_y="NEXT")
            document.set_font("helvetica", size=10)
            document.multi_cell(0, text=f"The text of page {number} runs over several lines. " * 12)
    if password:
        document.set_encryption(owner_password=password, user_password=password)
    return bytes(document.output())


def mail(*, html: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"] = "Plan for Zürich"
    message["From"] = "Ada <ada@example.com>"
    message["To"] = "ben@example.com"
    message["Date"] = "Tue, 03 Mar 2026 10:00:00 +0000"
    message.set_content("We meet at noon.")
    if html:
        message.set_content(html, subtype="html")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="budget.pdf")
    return message.as_bytes()


def repacked(container: bytes, changes: Mapping[str, bytes]) -> bytes:
    """Return the container with entries replaced or added."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(container)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in [name for name in old.namelist() if name not in changes]:
            new.writestr(name, old.read(name))
        for name, content in changes.items():
            new.writestr(name, content)
    return made.getvalue()


def part(container: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        return archive.read(name)


def _saved(document: object) -> bytes:
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()
