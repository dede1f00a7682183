"""Pictures: a file of one is a document of pages to be read by OCR."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.scans import MOST_PIXELS, Scans, portable
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from PIL.Image import Image

PLUGINS = {
    "png": "PNG", "jpg": "JPEG", "tiff": "TIFF", "webp": "WEBP", "gif": "GIF", "bmp": "BMP",
}  # fmt: skip
"""Kinds of pictures, and what Pillow calls them."""
MOST_PAGES = 500
LARGEST = 24_000_000
"""Pixels of a picture with colours, each of which takes four bytes as it is decoded."""
_GREY = 4
"""So many times as many may a picture have whose pixels take one byte."""
_SMALLEST = 8
_ORIENTATION = 0x0112
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""How a picture was held, and the transposition of Pillow that sets it upright."""
_DAMAGED = "is damaged: it cannot be read as a picture."


def read_image(name: str, content: bytes, scans: Scans | None = None) -> Parsed:
    """Read a picture. Raises ParseFailed where nothing was read on it."""
    scans = scans or Scans()
    kind = PurePosixPath(name.replace("\\", "/")).suffix[1:].lower()
    kind = {"jpeg": "jpg", "tif": "tiff"}.get(kind, kind)
    out = Composer()
    pages = _pages(kind, content)
    if pages > MOST_PAGES:
        out.note(f"only the first {MOST_PAGES} of {pages:,} pages were read")
    for number in range(1, min(pages, MOST_PAGES) + 1):
        out.begin("page", f"Page {number}", number)
        scans.write(number, out)
    if out.length == 0:
        raise ParseFailed("is a picture.", fix="Run text recognition on it first.")
    return out.parsed(title(name, "", ""), MEDIA_TYPES[kind])


def image_bitmap(kind: str, content: bytes, number: int) -> bytes:
    """Return a page of a picture, upright, as a grey bitmap (PGM). Raises ParseFailed."""
    with _opened(kind, content) as image:
        try:
            image.seek(number - 1)
            _check_size(image)
            turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
            grey = _grey(image)
        except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, KeyError, TypeError) as error:
            raise ParseFailed(_DAMAGED, fix="Export or copy it again.") from error
        scale = math.sqrt(MOST_PIXELS / (grey.width * grey.height))
        if scale < 1:
            grey = grey.resize((max(1, int(grey.width * scale)), max(1, int(grey.height * scale))))
        if turn is not None:
            grey = grey.transpose(turn)  # pyright: ignore[reportArgumentType]
        return portable(grey.tobytes(), grey.width, grey.height, grey.width)


def _opened(kind: str, content: bytes) -> Image:
    import io

    from PIL import Image

    try:
        return Image.open(io.BytesIO(content), formats=[PLUGINS[kind]])
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        raise ParseFailed(_DAMAGED, fix="Export or copy it again.") from error


def _pages(kind: str, content: bytes) -> int:
    with _opened(kind, content) as image:
        _check_size(image)
        if kind != "tiff":
            return 1
        pages = 1
        while pages <= MOST_PAGES:
            try:
                image.seek(pages)
            except EOFError:
                break
            except (OSError, SyntaxError, ValueError, ArithmeticError, KeyError, TypeError):
                break
            pages += 1
        return pages


def _check_size(image: Image) -> None:
    """Raise ParseFailed where a picture is too large or small; a JPEG is decoded smaller, and grey."""
    image.draft("L", (2_500, 2_500))
    light = image.mode in ("1", "L", "P") and "transparency" not in image.info
    if image.width * image.height > LARGEST * (_GREY if light else 1):
        raise _too_large()
    if min(image.width, image.height) < _SMALLEST:
        raise ParseFailed("is a picture too small to hold text.", fix="Leave it out.")


def _too_large() -> ParseFailed:
    return ParseFailed(
        f"is a picture of more than {LARGEST // 1_000_000} million pixels.",
        fix="Make it smaller, or split it.",
    )


def _grey(image: Image) -> Image:
    """Return the picture in 256 greys, what is transparent as white."""
    from PIL import Image as pillow

    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode not in ("RGBA", "LA", "PA"):
        return image.convert("L")
    if image.width * image.height > MOST_PIXELS:
        image = image.reduce(2)
    ground = pillow.new("L", image.size, 255)
    ground.paste(image.convert("L"), mask=image.getchannel("A"))
    return ground
