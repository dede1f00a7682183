"""What stands inside the rectangles that are marked on a page of a PDF, read without our code."""

from __future__ import annotations

from collections.abc import Iterable

from muniment.knowledge.pages.page_images import Box


def letters_inside(content: bytes, number: int, boxes: Iterable[Box]) -> str:
    """Return the characters, spaces aside, whose middle lies in one of the rectangles: those of the first, and so on.

    Those of one rectangle are ordered as the page has them.
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    document = pypdfium2.PdfDocument(content)
    page = document[number - 1]
    text_page = page.get_textpage()
    left, bottom, right, top = page.get_bbox()
    turned = page.get_rotation()
    marked = list(boxes)
    found: list[list[str]] = [[] for _ in marked]
    for index in range(text_page.count_chars()):
        cuts = pdfium.FPDFText_IsHyphen(text_page, index) == 1
        character = "-" if cuts else chr(pdfium.FPDFText_GetUnicode(text_page, index))
        if character.isspace() or pdfium.FPDFText_IsGenerated(text_page, index) == 1:
            continue
        x0, y0, x1, y1 = text_page.get_charbox(index)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        across, down = {
            0: (x - left, top - y),
            90: (y - bottom, x - left),
            180: (right - x, y - bottom),
            270: (top - y, right - x),
        }[turned]
        for place, b in enumerate(marked):
            if b.x <= across <= b.x + b.width and b.y <= down <= b.y + b.height:
                found[place].append(character)
                break
    document.close()
    halves = "".join("".join(one) for one in found)
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
