"""IN3: whatever a file holds, its reader stays inside: it fails by name with a reason, and the next file is read."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.attacks.fuzzed_files import Hostile, everything

from muniment.foundation.sandbox import Limits
from muniment.knowledge.formats import EXTENSIONS
from muniment.knowledge.ingestion.ocr import Ocr, OcrLimits
from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import ParseLimits, Parser

CANARY = "canary-7d31"
MOST_SECONDS, MOST_MEBIBYTES = 5.0, 288


class Blind(Ocr):
    """OCR that is shown each bitmap and reads nothing on it."""

    def __init__(self) -> None:
        super().__init__(wanted=False, limits=OcrLimits(file_seconds=MOST_SECONDS))
        self.why_not = ""

    def read(self, bitmap: bytes) -> str:
        """Look at a bitmap as the parser child gave it."""
        head, size, most, pixels = bitmap.split(b"\n", 3)
        width, height = map(int, size.split())
        assert (head, most, len(pixels)) == (b"P5", b"255", width * height)
        return ""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    file = tmp_path / "canary"
    file.write_text(CANARY)
    return file


def contained(parser: Parser, files: Sequence[Hostile]) -> None:
    """Read each file; raise AssertionError where it reaches out, or is not named in its failure."""
    for file in files:
        content = file.build()
        started = time.monotonic()
        failed: ParseFailed | None = None
        text = ""
        try:
            text = parser.parse(file.name, content).text
        except ParseFailed as error:
            failed = error
        if failed:
            said = str(failed)
            assert said.startswith(f"{file.name} "), (file.name, said)
            assert len(said) > len(file.name) + 8, said
            assert "\n" not in said, said
            assert failed.fix, said
        assert CANARY not in text, file.name
        assert time.monotonic() - started < MOST_SECONDS + 1.5, file.name
        assert peak_mebibytes(parser) < MOST_MEBIBYTES, file.name
        assert parser.parse("next.txt", b"still here").text == "still here", file.name


def peak_mebibytes(parser: Parser) -> int:
    """Return the most memory that the child ever held; 0 when it was replaced after being stopped."""
    pid = parser._sandbox.pid
    if pid is None:
        return 0
    with open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0) >> 10


def reading(ocr: Ocr) -> Parser:
    return Parser(ParseLimits(child=Limits(seconds=MOST_SECONDS)), ocr=ocr)


def silent(listener: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        listener.accept()
        return False
    return True


def test_some_hostile_files_of_all_sorts_are_contained(canary: Path, listener: socket.socket) -> None:
    files = everything(canary, listener.getsockname()[1])
    parser = reading(Blind())
    try:
        contained(parser, files[:: len(files) // 12][:12])
    finally:
        parser.close()
    assert silent(listener)


def test_every_ending_is_attacked(canary: Path) -> None:
    attacked = {file.name.rpartition(".")[2] for file in everything(canary, 1)}
    assert attacked == set(EXTENSIONS)
    assert len(everything(canary, 1)) >= 200


@pytest.mark.prove
def test_every_hostile_file_is_contained(canary: Path, listener: socket.socket) -> None:
    files = everything(canary, listener.getsockname()[1])
    parser = reading(Blind())
    try:
        contained(parser, files)
    finally:
        parser.close()
    assert silent(listener)


@pytest.mark.prove
@pytest.mark.skipif(bool(Ocr().why_not), reason="Tesseract with its data of English is not installed")
def test_hostile_pictures_are_contained_where_tesseract_reads_them(
    canary: Path, listener: socket.socket
) -> None:
    pictures = ("png", "jpg", "jpeg", "tif", "tiff", "webp", "gif", "bmp", "pdf")
    files = [file for file in everything(canary, listener.getsockname()[1]) if file.name.endswith(pictures)]
    ocr = Ocr(limits=OcrLimits(file_seconds=MOST_SECONDS))
    parser = reading(ocr)
    try:
        contained(parser, files)
    finally:
        parser.close()
    assert silent(listener)
