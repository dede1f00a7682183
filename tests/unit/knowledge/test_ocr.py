"""Pages that are pictures are read by OCR where it is there, and are said to be unread where it is not."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests import fixtures_parse as make
from tests.parsers import LentParser, lent
from tests.pictures import LINE, drawn, page_picture, saved

from muniment.foundation.confined_program import ProgramLimits
from muniment.knowledge.ingestion.ocr import LANGUAGE_FOLDERS, PROGRAMS, Ocr, OcrLimits
from muniment.knowledge.ingestion.parse.recognised import recognised
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

installed = pytest.mark.skipif(
    bool(Ocr().why_not), reason="Tesseract with its data of English is not installed"
)


@pytest.fixture(scope="module", autouse=True)
def children() -> Iterator[None]:
    with lent():
        yield


def fake(folder: Path, program: str, limits: OcrLimits | None = None) -> Ocr:
    """Return OCR by a program that is none."""
    (folder / "eng.traineddata").write_bytes(b"")
    return Ocr(programs=[program], folders=[str(folder)], limits=limits)


def reads(ocr: Ocr, name: str, content: bytes) -> Parsed:
    """Return what a file becomes, read by a child that other tests use too."""
    parser = LentParser(ocr=ocr)
    try:
        return parser.parse(name, content)
    finally:
        parser.close()


def unread(name: str, content: bytes, ocr: Ocr | None = None) -> ParseFailed:
    """Return why a file cannot be read."""
    with pytest.raises(ParseFailed) as failed:
        reads(ocr or Ocr(wanted=False), name, content)
    return failed.value


@installed
def test_the_text_of_a_picture_is_read() -> None:
    parsed = reads(Ocr(), "a.png", page_picture(LINE, "PNG", "RGBA"))
    assert parsed.text == LINE
    assert [(unit.kind, unit.number) for unit in parsed.units] == [("page", 1)]
    assert parsed.notes == ("read by OCR: page 1",)
    assert parsed.language == "en"
    assert parsed.scans == ()


class Shown(Ocr):
    """OCR that keeps the bitmaps it is shown, and reads a word on each."""

    def __init__(self) -> None:
        super().__init__(wanted=False)
        self.why_not = ""
        self.bitmaps: list[bytes] = []

    def read(self, bitmap: bytes) -> str:
        """Keep a bitmap."""
        self.bitmaps.append(bitmap)
        return table((1, 1, "word", 40))


@pytest.mark.parametrize(
    ("ending", "form", "mode"),
    [("png", "PNG", "RGBA"), ("png", "PNG", "P"), ("png", "PNG", "LA"), ("png", "PNG", "I;16"),
     ("jpeg", "JPEG", "RGB"), ("jpg", "JPEG", "CMYK"), ("tif", "TIFF", "1"), ("tiff", "TIFF", "RGB"),
     ("webp", "WEBP", "RGBA"), ("gif", "GIF", "P"), ("bmp", "BMP", "RGB")],
)  # fmt: skip
def test_every_form_of_picture_becomes_the_same_plain_bitmap(ending: str, form: str, mode: str) -> None:
    ocr, plain = Shown(), drawn(LINE)
    made = (
        plain.convert("I").point(lambda grey: grey * 256).convert(mode)
        if mode == "I;16"
        else plain.convert(mode)
    )
    parsed = reads(ocr, f"a.{ending}", saved([made], form))
    assert parsed.notes == ("read by OCR: page 1", "page 1 was hard to read by OCR (40 of 100)")
    head, size, most, pixels = ocr.bitmaps[0].split(b"\n", 3)
    assert (head, size, most) == (b"P5", b"1500 220", b"255")
    different = sum(abs(one - other) > 64 for one, other in zip(pixels, plain.tobytes(), strict=True))
    assert different < len(pixels) // 50


@installed
def test_a_photograph_that_was_held_sideways_is_set_upright() -> None:
    image = drawn(LINE).rotate(90, expand=True)
    held = Image.Exif()
    held[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=held)
    assert reads(Ocr(), "held.jpg", out.getvalue()).text == LINE


@installed
def test_the_pages_of_a_fax_are_units() -> None:
    parsed = reads(Ocr(), "fax.tiff", saved([drawn("First page here"), drawn("Second page here")], "TIFF"))
    shown = [parsed.text[unit.start : unit.end] for unit in parsed.units]
    assert shown == ["First page here", "Second page here"]
    assert parsed.notes == ("read by OCR: pages 1-2",)


def half_scanned() -> bytes:
    """Return a PDF of a page of text and a page that is a picture."""
    made = pypdfium2.PdfDocument(make.pdf(1))
    made.import_pages(pypdfium2.PdfDocument(saved([drawn(LINE)], "PDF")))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@installed
def test_only_the_scanned_page_of_a_pdf_is_read_by_ocr() -> None:
    parsed = reads(Ocr(), "half.pdf", half_scanned())
    second = parsed.units[1]
    assert (second.number, parsed.text[second.start : second.end]) == (2, LINE)
    assert parsed.notes == ("read by OCR: page 2",)


@installed
def test_a_picture_without_text_is_said_to_have_none() -> None:
    with pytest.raises(ParseFailed, match=r"white\.png holds pictures, on which OCR found no text\."):
        reads(Ocr(), "white.png", page_picture(""))


def test_a_scanned_page_that_is_not_read_is_noted_with_what_to_do() -> None:
    parsed = reads(Ocr(programs=["/nowhere/tesseract"]), "half.pdf", half_scanned())
    assert parsed.scans == (2,)
    assert parsed.notes[-1] == (
        "1 page is a picture that OCR did not read: Install Tesseract, which reads pictures "
        "(Debian: apt-get install tesseract-ocr tesseract-ocr-eng)."
    )


def test_a_picture_that_cannot_be_read_says_what_to_do() -> None:
    picture = page_picture(LINE)
    assert 'set ingestion.ocr = "auto"' in unread("a.png", picture).fix
    missing = Ocr(("eng", "chi_sim"), programs=["/usr/bin/cat"], folders=["/nowhere"])
    assert "apt-get install tesseract-ocr-eng tesseract-ocr-chi-sim" in unread("a.png", picture, missing).fix
    assert "ingestion.ocr_languages" in Ocr(("../../etc/x",), programs=["/usr/bin/cat"]).why_not


@pytest.mark.parametrize(("program", "reason"), [("/usr/bin/false", "error"), ("/usr/bin/echo", "reply")])
def test_ocr_that_fails_loses_its_page_only(tmp_path: Path, program: str, reason: str) -> None:
    limits = OcrLimits(ProgramLimits(10, output_bytes=20))
    parsed = reads(fake(tmp_path, program, limits), "half.pdf", half_scanned())
    assert f"OCR failed ({reason})" in parsed.notes[-1]
    assert [unit.number for unit in parsed.units] == [1]


def test_one_file_takes_ocr_for_so_many_pages_and_so_long_only(tmp_path: Path) -> None:
    pages = saved([drawn("a", height=60), drawn("b", height=60)], "TIFF")
    few = fake(tmp_path, "/usr/bin/cat", OcrLimits(file_pages=1))
    assert "at most 1 pages of one file" in unread("a.tiff", pages, few).fix
    short = fake(tmp_path, "/usr/bin/cat", OcrLimits(file_seconds=-1))
    assert "seconds of one file" in unread("a.tiff", pages, short).fix


def test_damaged_tiny_and_huge_pictures_are_refused() -> None:
    whole = page_picture(LINE)
    assert "damaged" in str(unread("cut.png", whole[:60], Ocr()))
    assert "too small" in str(unread("dot.png", saved([Image.new("L", (2, 2))], "PNG")))
    huge = saved([Image.new("1", (10_000, 10_000))], "PNG")
    assert "more than 24 million pixels" in str(unread("huge.png", huge))
    assert "is named .png but is a JPEG image" in str(unread("a.png", page_picture(LINE, "JPEG")))


def table(*words: tuple[int, int, str, float]) -> str:
    rows = [f"5\t1\t1\t{par}\t{line}\t1\t0\t0\t1\t1\t{conf}\t{word}" for par, line, word, conf in words]
    return "\n".join(("level\tpage_num", *rows))


def test_words_become_paragraphs_and_a_cut_word_is_made_whole() -> None:
    found = recognised(table((1, 1, "An", 90), (1, 1, "employ-", 80), (1, 2, "ee", 70), (2, 1, "Next", 60)))
    assert found.paragraphs == ("An employee", "Next")
    assert found.confidence == 75


@settings(max_examples=60)
@given(st.text() | st.lists(st.text("5\t1\nx.", max_size=40)).map("\n".join))
def test_no_table_breaks_what_reads_it(text: str) -> None:
    found = recognised(text)
    assert 0 <= found.confidence <= 100
    assert bool(found.paragraphs) == any(found.paragraphs)


def test_what_is_looked_for_lies_outside_any_home() -> None:
    assert all(os.path.isabs(path) for path in (*PROGRAMS, *LANGUAGE_FOLDERS))
