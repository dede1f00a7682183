"""Writes an image as a PNG file, with the standard library alone."""

from __future__ import annotations

import struct
import zlib

_LEVEL = 4


def png(pixels: memoryview, width: int, height: int, stride: int) -> bytes:
    """Return an image of three bytes a pixel, red, green and blue; `stride` is the bytes from row to row."""
    rows = bytearray()
    for row in range(height):
        rows += b"\0"
        rows += pixels[row * stride : row * stride + 3 * width]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, _LEVEL)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
