"""A document shown page by page as it was set, the quoted words marked on the image."""

from __future__ import annotations

from dataclasses import replace

from muniment.interfaces.web.reading.leaves import Asked, address, described, text_of, text_view
from muniment.interfaces.web.reading.marker import Marker
from muniment.interfaces.web.reading.views import DocumentView, Leaf, LeafLink, Mark, PageImage
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import Unit, unit_at, units_of
from muniment.knowledge.originals import SHOWN_AS_SET
from muniment.knowledge.pages.page_images import Look, NoImage, PageImages
from muniment.knowledge.reading import DocumentRead

MOST_ENTRIES = 3_000
_LONGEST_ALT = 300


def view(read: DocumentRead, asked: Asked, images: PageImages, who: str) -> DocumentView:
    """Return the page that `who` asks for as it was set, or, where there is no image of it, its text and why."""
    if read.document.media_type not in SHOWN_AS_SET:
        return text_view(read, asked)
    units = {unit.number: unit for unit in units_of(read.version) if unit.kind == "page"}
    number = _number(list(units.values()), asked)
    if asked.as_text:
        as_set = Asked(asked.at, number) if asked.at is None else Asked(asked.at)
        return replace(text_view(read, asked), other_view=address(read, as_set) + _anchor(asked))
    if read.original is None:
        return replace(text_view(read, asked), said=say("document.not_kept"))
    unit = units.get(number)
    start, end = _within(unit, asked)
    stored = read.version.text[unit.start : unit.end] if unit else ""
    try:
        look = images.look(read.original, number, stored, start, end, who=who)
    except NoImage:
        return replace(text_view(read, asked), said=say("document.no_image"))
    return _page(read, asked, number, unit, look)


def _page(read: DocumentRead, asked: Asked, number: int, unit: Unit | None, look: Look) -> DocumentView:
    def href(page: int) -> str:
        return address(read, Asked(page=page)) + "#leaf"

    marks = tuple(Mark(one.x, one.y, one.width, one.height) for one in look.marks or ())
    start, end = _within(unit, asked)
    quoted = read.version.text[unit.start + start : unit.start + end] if unit else ""
    marker = Marker(read.version.text, asked.at, target=not marks)
    leaf = text_of(unit, marker) if unit else Leaf(number, "", ())
    page = say("document.leaf_page", number=number)
    shown = described(
        read,
        entries=tuple(
            LeafLink(str(n), say("document.leaf_page", number=n), href(n), n == number)
            for n in range(1, min(look.pages, MOST_ENTRIES) + 1)
        ),
        leaves=(replace(leaf, number=number, name=page),),
        earlier=href(number - 1) if number > 1 else "",
        later=href(number + 1) if number < look.pages else "",
        turns=("document.page_before", "document.page_after"),
    )
    text = Asked(asked.at, None if asked.at else _place(read, unit), as_text=True)
    return replace(
        shown,
        image=PageImage(
            src=image_address(read, number),
            width=look.width,
            height=look.height,
            marks=marks,
            says=_says(page, quoted) if marks else say("document.image_of", page=page),
        ),
        other_view=address(read, text) + _anchor(asked),
        said=say("document.no_mark") if quoted.strip() and not marks else "",
    )


def image_address(read: DocumentRead, number: int) -> str:
    """Return where the image of a page is."""
    return f"/documents/{read.document.id}/pages/{number}.png?version={read.version.version}"


def _says(page: str, quoted: str) -> str:
    words = " ".join(quoted.split())
    cut = words if len(words) <= _LONGEST_ALT else words[:_LONGEST_ALT].rsplit(" ", 1)[0] + " …"
    return say("document.image_marked", page=page, words=cut)


def _anchor(asked: Asked) -> str:
    return "#quote" if asked.at else ""


def _number(units: list[Unit], asked: Asked) -> int:
    """Return the page: of the quote, else the one that is asked for, as the document counts."""
    if asked.at is not None:
        quoted = unit_at(units, asked.at[0])
        return quoted.number if quoted else 1
    if asked.as_text:
        return units[min(max(asked.page or 1, 1), len(units)) - 1].number if units else 1
    return max(asked.page or 1, 1)


def _place(read: DocumentRead, unit: Unit | None) -> int | None:
    """Return the number of a page among those with text, by which the text's pages are named."""
    units = units_of(read.version)
    return units.index(unit) + 1 if unit in units else None


def _within(unit: Unit | None, asked: Asked) -> tuple[int, int]:
    """Return what of the page's text is quoted."""
    if unit is None or asked.at is None:
        return 0, 0
    start, end = max(asked.at[0], unit.start), min(asked.at[1], unit.end)
    return (start - unit.start, end - unit.start) if start < end else (0, 0)
