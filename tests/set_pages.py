"""PDF files set in ways that make words hard to find on their pages, made on the fly."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """How a page is set."""

    columns: int = 1
    rotation: int = 0
    cropped: bool = False
    size: int = 10
    table: bool = False


def set_page(words: Sequence[str], how: Setting) -> bytes:
    """Return a PDF of one page that holds the words in order, cut by hyphens where a line ends."""
    from fpdf import FPDF

    document = FPDF(unit="pt", format=(420, 600))
    document.set_auto_page_break(False)
    document.add_page()
    document.set_font("helvetica", size=how.size)
    if how.table:
        for row in range(0, len(words), 3):
            for cell in words[row : row + 3]:
                document.cell(120, 2 * how.size, cell)
            document.ln()
    else:
        _set_columns(document, words, how)
    return _turned(bytes(document.output()), how)


def _set_columns(document: object, words: Sequence[str], how: Setting) -> None:
    width = 360 / how.columns - 20
    lines: list[str] = [""]
    for word in words:
        if document.get_string_width(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}".strip()
        elif len(word) > 6 and document.get_string_width(f"{lines[-1]} {word[:3]}-") <= width:
            lines[-1] += f" {word[:3]}-"
            lines.append(word[3:])
        else:
            lines.append(word)
    each = -(-len(lines) // how.columns)
    for place, line in enumerate(lines):
        column, row = divmod(place, each)
        document.text(40 + column * (360 / how.columns), 60 + row * 1.2 * how.size, line)


def _turned(content: bytes, how: Setting) -> bytes:
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    page = document[0]
    page.set_rotation(how.rotation)
    if how.cropped:
        page.set_cropbox(20, 30, 410, 580)
    made = io.BytesIO()
    document.save(made)
    document.close()
    return made.getvalue()


def drawn(content: str, *, box: str = "0 0 400 300", fonts: str = "", more: Sequence[str] = ()) -> bytes:
    """Return a PDF of one page with these drawing commands; font `F` is Helvetica unless `fonts` has others."""
    font = fonts or "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        font,
        *more,
    ]
    made = "%PDF-1.7\n"
    places: list[int] = []
    for number, one in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{one}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    made += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    made += (
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{made.rindex('xref', 0, -1)}\n%%EOF"
    )
    return made.encode("latin-1")


def from_the_right(lines: Sequence[str], *, left: str = "") -> bytes:
    """Return a page of lines in Hebrew and Arabic, given as they are read, each ending at the right edge.

    Letters stand on it from the right; lam and alef share one shape. `left` stands beside the first line.
    """
    shapes: dict[str, int] = {}

    def shaped(line: str) -> str:
        found: list[str] = []
        for word in re.findall(r"[A-Za-z]+(?: [A-Za-z]+)*|[0-9]+(?:[.,][0-9]+)*|لا|.", line):
            whole = [word] if not word.isascii() or len(word) == 1 else list(word[::-1])
            found += (f"{shapes.setdefault(one, 0x21 + len(shapes)):02x}" for one in whole)
        return "".join(reversed(found))

    drawn_lines = "".join(
        f"BT /F 10 Tf 1 0 0 1 {380 - 4.5 * len(shaped(line)) / 2} {250 - 16 * place} Tm <{shaped(line)}> Tj ET\n"
        for place, line in enumerate(lines)
    )
    if left:
        drawn_lines += f"BT /F 10 Tf 1 0 0 1 40 250 Tm <{shaped(left)}> Tj ET\n"
    named = "\n".join(f"<{code:02x}> <{one.encode('utf-16-be').hex()}>" for one, code in shapes.items())
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n"
        "1 begincodespacerange <00> <FF> endcodespacerange\n"
        f"{len(shapes)} beginbfchar\n{named}\nendbfchar\nendcmap end end"
    )
    widths = " ".join(["450"] * 100)
    return drawn(
        drawn_lines,
        fonts=f"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /FirstChar 33 /LastChar 132 /Widths [{widths}] "
        "/ToUnicode 6 0 R >>",
        more=[f"<< /Length {len(table)} >>\nstream\n{table}\nendstream"],
    )


def with_ligature() -> bytes:
    """Return a page whose font has one letter for `ffi`, as its table for text extraction says."""
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n"
        "1 begincodespacerange <00> <FF> endcodespacerange\n"
        "1 beginbfchar <03> <006600660069> endbfchar\nendcmap end end"
    )
    return drawn(
        "BT /F 14 Tf 40 200 Td (Every o\\003ce is open on a su\\003cient number of days.) Tj ET",
        fonts="<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 6 0 R >>",
        more=[f"<< /Length {len(table)} >>\nstream\n{table}\nendstream"],
    )
