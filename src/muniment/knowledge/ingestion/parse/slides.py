"""PowerPoint files, slide by slide: title, text, tables, notes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import check_container
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from pptx.shapes.base import BaseShape
    from pptx.slide import Slide


def read_slides(name: str, content: bytes) -> Parsed:
    """Read the slides that are shown; links, media and templates are not followed."""
    import pptx

    check_container(content)
    try:
        deck = pptx.Presentation(io.BytesIO(content))
        slides = list(deck.slides)
    except MemoryError:
        raise
    except Exception as error:
        raise ParseFailed(
            "is damaged: it cannot be read as a PowerPoint file.", fix="Save it again."
        ) from error
    out = Composer()
    for number, slide in enumerate(slides, 1):
        if slide.element.get("show") in ("0", "false"):
            out.note(f"hidden slide {number} was left out")
            continue
        _write_slide(slide, number, out)
    out.author = deck.core_properties.author or ""
    return out.parsed(title(name, deck.core_properties.title, out.first_heading), MEDIA_TYPES["pptx"])


def _write_slide(slide: Slide, number: int, out: Composer) -> None:
    named = slide.shapes.title
    heading = one_line(named.text_frame.text) if named is not None and named.has_text_frame else ""
    out.begin("slide", heading or f"Slide {number}", number)
    if heading:
        out.heading(1, heading)
    for shape in _in_reading_order(slide.shapes):
        if named is not None and shape.shape_id == named.shape_id:
            continue
        _write_shape(shape, out)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            out.block(f"Notes: {notes}")


def _in_reading_order(shapes: Iterable[BaseShape]) -> Iterator[BaseShape]:
    """Yield shapes and those inside groups, back to front as the file orders them."""
    from pptx.shapes.group import GroupShape

    waiting = list(reversed(list(shapes)))
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, GroupShape):
            waiting.extend(reversed(list(shape.shapes)))
        else:
            yield shape


def _write_shape(shape: BaseShape, out: Composer) -> None:
    from pptx.shapes.autoshape import Shape
    from pptx.shapes.graphfrm import GraphicFrame

    if isinstance(shape, GraphicFrame):
        if shape.has_table:
            out.rows([[cell.text for cell in row.cells] for row in shape.table.rows])
        return
    if not isinstance(shape, Shape) or not shape.has_text_frame:
        return
    first = True
    for paragraph in shape.text_frame.paragraphs:
        text = one_line(paragraph.text)
        if text:
            out.block(f"- {text}" if paragraph.level else text, tight=not first)
            first = False
