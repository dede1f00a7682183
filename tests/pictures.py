"""Pictures of pages, as scanners and cameras make them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

LINE = "The annual leave policy grants twenty five days of leave."


def drawn(text: str, *, width: int = 1500, height: int = 220, grey: int = 0) -> Image.Image:
    """Return a picture of text, dark on white."""
    image = Image.new("L", (width, height), 255)
    ImageDraw.Draw(image).multiline_text(
        (60, 60), text, fill=grey, font=ImageFont.load_default(44), spacing=20
    )
    return image


def page_picture(text: str, form: str = "PNG", mode: str = "L") -> bytes:
    """Return a file of a picture of text."""
    return saved([drawn(text).convert(mode)], form)


def saved(images: Sequence[Image.Image], form: str) -> bytes:
    """Return pictures as a file, each a page where the form has pages."""
    out = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if len(images) > 1 else {}
    images[0].save(out, form, **more)
    return out.getvalue()
