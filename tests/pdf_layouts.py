"""PDF files whose pages are set in columns, tables and turned lines, made on the fly."""

from __future__ import annotations

from collections.abc import Sequence

from tests.set_pages import drawn

LEFT = (
    "Herons nest near the tarn in early",
    "spring and leave it when the water",
    "rises. Wardens count them twice a",
    "year and write the sums into a book",
    "that lies in the hut by the northern",
)
RIGHT = (
    "shore. Nobody may take it away. In",
    "winter the hut stays closed and the",
    "book is kept in the office, where all",
    "may read it on working days between",
    "nine and noon unless snow blocks it.",
)
TABLE = (("Grade", "Days"), ("L5", "25 and two more for each child"), ("L6", "28"))


def in_columns() -> bytes:
    """Return a page with a heading over two columns that the file holds line by line across both."""
    lines = "".join(
        f"BT /F 10 Tf {40 if column else 218} {230 - 12 * row} Td ({text}) Tj ET\n"
        for row, pair in enumerate(zip(LEFT, RIGHT, strict=True))
        for column, text in zip((1, 0), pair, strict=True)
    )
    return drawn(f"BT /F 18 Tf 40 260 Td (The herons of the northern tarn) Tj ET\n{lines}")


def with_table(rows: Sequence[Sequence[str]] = TABLE) -> bytes:
    """Return a page with a table of drawn lines, in which the text of a cell runs over several lines."""
    from fpdf import FPDF

    document = FPDF(unit="pt", format=(420, 600))
    document.add_page()
    document.set_font("helvetica", size=10)
    document.multi_cell(0, 12, "Leave depends on the grade.", new_x="LMARGIN", new_y="NEXT")
    with document.table(width=200, col_widths=(1, 2), first_row_as_headings=False) as table:
        for row in rows:
            line = table.row()
            for cell in row:
                line.cell(cell)
    document.multi_cell(0, 12, "It is granted in spring.")
    return bytes(document.output())


def turned(quarters: int) -> bytes:
    """Return a page whose lines are turned against the clock so many times."""
    a, b = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    x, y = ((40, 200), (200, 40), (360, 100), (200, 260))[quarters]
    return drawn(
        f"BT /F 12 Tf 14 TL {a} {b} {-b} {a} {x} {y} Tm (Every office is open and) Tj "
        "T* (closes at noon in spring.) Tj ET"
    )


def with_form() -> bytes:
    """Return a page with filled fields, of which one is secret and one unseen, and a reader's note."""
    widgets = (
        "/FT /Tx /T (name) /TU (Full name) /V (Ada Byron) /Rect [40 150 200 170] /F 4",
        "/FT /Btn /T (agree) /V /Yes /AS /Yes /Rect [40 120 60 140] /F 4 /AP << /N << /Yes 12 0 R /Off 12 0 R >> >>",
        "/FT /Tx /Ff 8192 /T (pin) /V (1234) /Rect [40 100 200 110] /F 4",
        "/FT /Tx /T (other) /V (unseen) /Rect [40 80 200 90] /F 2",
    )
    made = drawn(
        "BT /F 12 Tf 40 200 Td (Order form) Tj ET",
        more=[
            "<< /Fields [7 0 R 8 0 R 9 0 R 10 0 R] >>",
            *(f"<< /Type /Annot /Subtype /Widget {one} >>" for one in widgets),
            "<< /Type /Annot /Subtype /Text /T (Ben) /Contents (Ask for\\nthe price.) /Rect [300 200 320 220] >>",
            "<< /Type /XObject /Subtype /Form /BBox [0 0 20 20] /Length 0 >>\nstream\n\nendstream",
        ],
    )
    made = made.replace(b"/Type /Catalog", b"/Type /Catalog /AcroForm 6 0 R")
    return made.replace(b"/Contents 4 0 R", b"/Annots [7 0 R 8 0 R 9 0 R 10 0 R 11 0 R] /Contents 4 0 R", 1)
