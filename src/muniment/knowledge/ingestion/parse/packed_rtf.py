"""The packing of RTF documents inside Outlook messages (MS-OXRTFCP)."""

from __future__ import annotations

import struct

from muniment.knowledge.ingestion.parsed import ParseFailed

MOST_BYTES = 8 << 20
_RING = 4096
_BEFORE = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)
"""What stands in the ring before the first byte."""


def unpacked(content: bytes) -> bytes:
    """Return the document in `content`. Raises ParseFailed where it is damaged or larger than a mail's text."""
    if len(content) < 16:
        raise _damaged()
    _, size, mark = struct.unpack_from("<II4s", content)
    if size > MOST_BYTES:
        raise ParseFailed(f"holds text of more than {MOST_BYTES >> 20} MiB.", fix="Save it as .eml.")
    if mark == b"MELA":
        return content[16 : 16 + size]
    if mark != b"LZFu":
        raise _damaged()
    return _unpacked(content[16:], size)


def _unpacked(packed: bytes, size: int) -> bytes:
    ring = bytearray(_BEFORE.ljust(_RING, b"\x00"))
    made = bytearray()
    read, at = 0, len(_BEFORE)
    while read < len(packed) and len(made) < size:
        control = packed[read]
        read += 1
        for bit in range(8):
            if control >> bit & 1:
                token = int.from_bytes(packed[read : read + 2], "big")
                read += 2
                if token >> 4 == at % _RING or read > len(packed):
                    return bytes(made[:size])
                places = range(token >> 4, (token >> 4) + (token & 0xF) + 2)
            else:
                ring[at % _RING : at % _RING + 1] = packed[read : read + 1] or b" "
                read += 1
                places = range(at, at + 1)
            for place in places:
                ring[at % _RING] = ring[place % _RING]
                made.append(ring[at % _RING])
                at += 1
    return bytes(made[:size])


def _damaged() -> ParseFailed:
    return ParseFailed("is damaged: its text cannot be unpacked.", fix="Save it as .eml.")
