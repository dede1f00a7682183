"""Text so that a reader sees every character of it: nothing hidden, nothing moved, nothing run together.

Invariants:
- from what is shown the text can be read back, character for character;
- two texts are never shown alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

PieceKind = Literal["plain", "hidden", "line"]
LINE = "↵"
"""Stands for a line feed; the line ends behind it."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Me"})
_BLANK = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)
"""Letters and marks that show nothing, though their category says otherwise."""
_OVERLAY = 1
"""Combining class of marks that strike through what they stand on."""
_MOST_MARKS = 2
"""Combining marks on one letter; further ones cover other text."""
_CODE = re.compile(r"\[U\+([0-9A-F]{4,6})\]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text as it is shown: itself, or what stands for a character that would not be seen."""

    text: str
    kind: PieceKind = "plain"
    marked: bool = False
    """Whether it is pointed out, such as for being other than before."""


def pieces(text: str, marked: Sequence[tuple[int, int]] = ()) -> tuple[Piece, ...]:
    """Return a text as it is shown; `marked` are stretches of it that are pointed out, in order and apart."""
    found: list[Piece] = []
    plain: list[str] = []
    inside = _inside(len(text), marked)
    was = False
    for at, (kind, shown) in enumerate(_shown(text)):
        if plain and (kind != "plain" or inside(at) != was):
            found.append(Piece("".join(plain), marked=was))
            plain.clear()
        was = inside(at)
        if kind == "plain":
            plain.append(shown)
        else:
            found.append(Piece(shown, kind, was))
    if plain:
        found.append(Piece("".join(plain), marked=was))
    return tuple(found)


def spelled(shown: Iterable[Piece]) -> str:
    """Return pieces as one line of text."""
    return "".join(one.text for one in shown)


def read_back(shown: str) -> str:
    """Return the text that is shown so."""
    return _CODE.sub(lambda found: chr(int(found[1], 16)), shown.replace(LINE, "\n"))


def unseen(character: str) -> bool:
    """Return whether a character shows nothing, or moves what stands around it; a space does not count."""
    return (
        unicodedata.category(character) in _UNSEEN or ord(character) in _BLANK
    ) and character not in " \n\t"


def code(character: str) -> str:
    """Return what stands for a character that would not be seen, such as `[U+202E]`."""
    return f"[U+{ord(character):04X}]"


def _inside(length: int, marked: Sequence[tuple[int, int]]) -> Callable[[int], bool]:
    if not marked:
        return lambda _: False
    flags = bytearray(length)
    for start, end in marked:
        flags[start:end] = b"\1" * (end - start)
    return lambda at: flags[at] == 1


def _shown(text: str) -> Iterator[tuple[PieceKind, str]]:
    marks = 0
    base = False
    for at, one in enumerate(text):
        before, after = text[at - 1] if at else "", text[at + 1 : at + 2]
        if unicodedata.category(one) in ("Mn", "Mc") and ord(one) not in _BLANK:
            marks += 1
            sits = base and marks <= _MOST_MARKS and unicodedata.combining(one) != _OVERLAY
            yield ("plain", one) if sits else ("hidden", code(one))
            continue
        marks, base = 0, one.isalpha() and not unseen(one)
        if one == "\n":
            yield "line", LINE
        elif one == " " and before and after and not (before.isspace() or after.isspace()):
            yield "plain", one
        elif not _seen(one) or one == LINE or (one == "[" and text.startswith("U+", at + 1)):
            # A text that spells such a mark itself would look like one.
            yield "hidden", code(one)
        else:
            yield "plain", one


def _seen(character: str) -> bool:
    return not character.isspace() and not unseen(character)
