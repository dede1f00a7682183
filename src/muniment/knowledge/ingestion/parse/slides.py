"""PowerPoint files, slide by slide: title, text, tables, charts, notes, comments."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.charts import chart_rows
from muniment.knowledge.ingestion.parse.container import check_container
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.office_parts import (
    OfficeParts,
    attribute,
    below,
    comment_line,
    local,
    text_of,
    transitional,
)
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from pptx.shapes.base import BaseShape
    from pptx.slide import Slide
    from pptx.text.text import TextFrame

_MAIN = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def read_slides(name: str, content: bytes) -> Parsed:
    """Read the slides that are shown; links, media and templates are not followed."""
    import pptx

    check_container(content)
    try:
        content = transitional(content)
        deck = pptx.Presentation(io.BytesIO(content))
        slides = list(deck.slides)
        parts = OfficeParts(content)
        authors = {
            attribute(one, "id"): attribute(one, "name")
            for kind in ("commentAuthors", "authors")
            for root in parts.of_kind(parts.start, kind)
            for one in below(root, "cmAuthor", "author")
        }
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
        _write_slide(slide, number, parts, out)
        _write_comments(parts, str(slide.part.partname).lstrip("/"), authors, out)
    out.author = deck.core_properties.author or ""
    return out.parsed(title(name, deck.core_properties.title, out.first_heading), MEDIA_TYPES["pptx"])


def _write_slide(slide: Slide, number: int, parts: OfficeParts, out: Composer) -> None:
    named = slide.shapes.title
    heading = one_line(named.text_frame.text) if named is not None and named.has_text_frame else ""
    out.begin("slide", heading or f"Slide {number}", number)
    if heading:
        out.heading(1, heading)
    for shape in _in_reading_order(slide.shapes):
        if named is not None and shape.shape_id == named.shape_id:
            continue
        _write_shape(shape, parts, out)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            out.block(f"Notes: {notes}")


def _write_comments(parts: OfficeParts, slide: str, authors: dict[str, str], out: Composer) -> None:
    for root in parts.of_kind(slide, "comments"):
        for one in below(root, "cm", "reply"):
            at = attribute(one, "dt") or attribute(one, "created")
            text = next((text_of(child) for child in one if local(child) in ("text", "txBody")), "")
            out.block(comment_line(authors.get(attribute(one, "authorId"), ""), at, "", text))


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


def _write_shape(shape: BaseShape, parts: OfficeParts, out: Composer) -> None:
    from pptx.shapes.autoshape import Shape
    from pptx.shapes.graphfrm import GraphicFrame

    if isinstance(shape, GraphicFrame):
        if shape.has_table:
            out.rows(
                [["" if cell.is_spanned else cell.text for cell in row.cells] for row in shape.table.rows]
            )
        else:
            _write_drawn(shape, parts, out)
    elif isinstance(shape, Shape) and shape.has_text_frame:
        _write_text(shape.text_frame, out)


def _write_drawn(shape: BaseShape, parts: OfficeParts, out: Composer) -> None:
    """Append what a frame refers to: a chart's values, or the words of a diagram."""
    wanted = {value for one in shape.element.iter() for key, value in one.attrib.items() if _refers(key)}
    for identity, kind, where in parts.related(str(shape.part.partname).lstrip("/")):
        root = parts.read(where) if identity in wanted else None
        if root is not None and kind == "chart":
            named, rows = chart_rows(root)
            out.block(f"Chart: {named}" if named else "Chart")
            out.rows(rows)
        elif root is not None and kind == "diagramData":
            for point in below(root, "pt"):
                out.item(one_line(text_of(point)))


def _refers(key: str) -> bool:
    return "relationships}" in key


def _write_text(frame: TextFrame, out: Composer) -> None:
    counts: dict[int, int] = {}
    tight = False
    for paragraph in frame.paragraphs:
        text = one_line(paragraph.text)
        if not text:
            continue
        properties = paragraph._p.pPr  # pyright: ignore[reportPrivateUsage]  # python-pptx knows no bullets
        numbered = properties.find(f"{_MAIN}buAutoNum") if properties is not None else None
        pointed = properties is not None and properties.find(f"{_MAIN}buChar") is not None
        depth = paragraph.level
        for deeper in [one for one in counts if one > depth or (one == depth and numbered is None)]:
            del counts[deeper]
        if numbered is not None:
            counts[depth] = counts.get(depth, int(numbered.get("startAt") or 1) - 1) + 1
            text = f"{'  ' * depth}{counts[depth]}. {text}"
        elif pointed or depth:
            text = f"{'  ' * depth}- {text}"
        out.block(text, tight=tight, keep_layout=True)
        tight = True
