"""Documents in the formats that companies keep, made from a seed: a few thousand characters each, in folders.

The words are those of the sample company, in sentences without sense. Document NUMBER is the same in every run.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
import textwrap
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, cast

import docx
import openpyxl
import pptx

from muniment.foundation.shipped import shipped

if TYPE_CHECKING:
    from pptx.shapes.autoshape import Shape

_SEED = 41
_PARAGRAPHS = (4, 9)
_SENTENCES = (4, 6)
_WORDS = (8, 14)
_PAGE_LINES, _LINE = 45, 90
_ON_A_SLIDE = 2


def write(root: Path, count: int, folders: int) -> None:
    """Write so many documents, dealt to the folders `folder000` and so on in turn."""
    for number in range(folders):
        (root / folder(number)).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        ending, content = document(number)
        (root / folder(number % folders) / f"document{number:06d}.{ending}").write_bytes(content)


def folder(number: int) -> str:
    """Return what a folder is called."""
    return f"folder{number:03d}"


def document(number: int) -> tuple[str, bytes]:
    """Return the ending and the bytes of one document; ten in a row have ten formats."""
    rng = random.Random(_SEED * 1_000_003 + number)
    ending, make = FORMATS[number % len(FORMATS)]
    paragraphs = [_paragraph(rng) for _ in range(rng.randint(*_PARAGRAPHS))]
    return ending, make(f"Report {number} on {_sentence(rng, 3).lower()}", paragraphs)


def _paragraph(rng: random.Random) -> str:
    return " ".join(f"{_sentence(rng, rng.randint(*_WORDS))}." for _ in range(rng.randint(*_SENTENCES)))


def _sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_words(), k=words)).capitalize()


@cache
def _words() -> Sequence[str]:
    texts = [file.read_text("utf-8") for file in sorted(shipped("examples/acme/documents").rglob("*.md"))]
    return sorted({word.lower() for text in texts for word in re.findall(r"\b[A-Za-z]{3,12}\b", text)})


def _md(title: str, paragraphs: Sequence[str]) -> bytes:
    middle = len(paragraphs) // 2
    parts = [f"# {title}", *paragraphs[:middle], "## What follows", *paragraphs[middle:]]
    return "\n\n".join(parts).encode()


def _txt(title: str, paragraphs: Sequence[str]) -> bytes:
    return "\n\n".join([title, *(textwrap.fill(one, _LINE) for one in paragraphs)]).encode()


def _html(title: str, paragraphs: Sequence[str]) -> bytes:
    body = "".join(f"<p>{escape(one)}</p>" for one in paragraphs)
    head = f"<head><meta charset=utf-8><title>{escape(title)}</title></head>"
    return f"<!DOCTYPE html><html>{head}<body><h1>{escape(title)}</h1>{body}</body></html>".encode()


def _rows(title: str, paragraphs: Sequence[str]) -> list[tuple[str, str]]:
    sentences = " ".join(paragraphs).split(". ")
    return [("number", title), *((str(at), said) for at, said in enumerate(sentences))]


def _csv(title: str, paragraphs: Sequence[str]) -> bytes:
    made = io.StringIO()
    csv.writer(made).writerows(_rows(title, paragraphs))
    return made.getvalue().encode()


def _json(title: str, paragraphs: Sequence[str]) -> bytes:
    sections = [{"number": at, "text": one} for at, one in enumerate(paragraphs)]
    return json.dumps({"title": title, "sections": sections}, indent=1).encode()


def _docx(title: str, paragraphs: Sequence[str]) -> bytes:
    made, out = docx.Document(), io.BytesIO()
    made.add_heading(title, 1)
    for one in paragraphs:
        made.add_paragraph(one)
    made.save(out)
    return out.getvalue()


def _pptx(title: str, paragraphs: Sequence[str]) -> bytes:
    made, out = pptx.Presentation(), io.BytesIO()
    for at in range(0, len(paragraphs), _ON_A_SLIDE):
        shown = "\n".join(paragraphs[at : at + _ON_A_SLIDE])
        slide = made.slides.add_slide(made.slide_layouts[1])
        for place, text in zip(slide.placeholders, (title, shown), strict=True):
            cast("Shape", place).text_frame.text = text
    made.save(out)
    return out.getvalue()


def _xlsx(title: str, paragraphs: Sequence[str]) -> bytes:
    made, out = openpyxl.Workbook(write_only=True), io.BytesIO()
    sheet = made.create_sheet("Notes")
    for row in _rows(title, paragraphs):
        sheet.append(row)
    made.save(out)
    return out.getvalue()


def _eml(title: str, paragraphs: Sequence[str]) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ada@example.com", "staff@example.com", title
    mail["Date"] = "Mon, 02 Nov 2026 09:00:00 +0000"
    mail.set_content("\n\n".join(textwrap.fill(one, _LINE) for one in paragraphs))
    return mail.as_bytes()


def _pdf(title: str, paragraphs: Sequence[str]) -> bytes:
    lines = [title, ""]
    for one in paragraphs:
        lines += [*textwrap.wrap(one, _LINE), ""]
    pages = [lines[at : at + _PAGE_LINES] for at in range(0, len(lines), _PAGE_LINES)]
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for at, page in enumerate(pages):
        shown = "BT /F1 10 Tf 14 TL 60 780 Td " + " ".join(f"({line}) Tj T*" for line in page) + " ET"
        objects += [
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>"
            f"/Contents {5 + 2 * at} 0 R>>",
            f"<</Length {len(shown)}>>stream\n{shown}\nendstream",
        ]
    return _numbered(objects)


def _numbered(objects: Sequence[str]) -> bytes:
    made, places = b"%PDF-1.4\n", list[int]()
    for number, one in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj{one}endobj\n".encode("ascii")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\n"
    return made + f"{end}startxref\n{len(made)}\n%%EOF\n".encode("ascii")


FORMATS: Sequence[tuple[str, Callable[[str, Sequence[str]], bytes]]] = (
    ("md", _md), ("txt", _txt), ("html", _html), ("csv", _csv), ("json", _json), ("docx", _docx), ("pptx", _pptx),
    ("xlsx", _xlsx), ("eml", _eml), ("pdf", _pdf),
)  # fmt: skip
"""Endings, each with what makes a file of it from a title and paragraphs of letters, spaces and full stops."""
