"""What the styles and lists of a Word document make of a paragraph: a heading, an item with its number, code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from muniment.knowledge.ingestion.parse.word_elements import Element, W, found, value

_HEADING = re.compile(r"(?:heading|überschrift|titre|título) ?([1-9])", re.IGNORECASE)
_CODE = re.compile(
    r"(source )?code( block)?|html preformatted|preformatted( text)?|verbatim|macro( text)?", re.IGNORECASE
)
_MONOSPACED = re.compile(
    r"courier.*|consolas|menlo|monaco|lucida console|.*\bmono(space)?\b.*", re.IGNORECASE
)
_SET_IN = re.compile(r"list (?:bullet|number) ([2-9])", re.IGNORECASE)
"""Word's own styles for the deeper items, each a list by itself."""
_MOST_STEPS = 20
"""From a style to the one that it is based on."""
_PLACE = re.compile(r"%([1-9])")


@dataclass(slots=True)
class _Level:
    """How the items of one depth of a list are numbered."""

    form: str
    text: str
    start: int


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level] = field(default_factory=dict)
    by_style: dict[str, int] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)


class Styles:
    """Reads paragraphs one after the other: the number of an item depends on those before."""

    def __init__(self, styles: Element | None, numbering: Element | None) -> None:
        self._styles = {
            str(one.get(f"{W}styleId") or ""): one
            for one in (styles if styles is not None else ())
            if one.tag == f"{W}style"
        }
        self._lists: dict[str, _List] = {}
        self._numbers: dict[str, str] = {}
        self._restarts: dict[str, dict[int, int]] = {}
        for one in numbering if numbering is not None else ():
            if one.tag == f"{W}abstractNum":
                self._lists[str(one.get(f"{W}abstractNumId"))] = _list(one)
            elif one.tag == f"{W}num":
                number = str(one.get(f"{W}numId"))
                self._numbers[number] = value(found(one, "abstractNumId"))
                self._restarts[number] = _restarts(one)

    def level(self, paragraph: Element) -> int:
        """Return the level of a heading from 1, or 0 for what is none."""
        outline = value(found(paragraph, "pPr/outlineLvl"))
        for style in self._inherited(_style(paragraph)):
            name = value(found(style, "name")).strip()
            if name.lower() in ("title", "titel"):
                return 1
            if known := _HEADING.fullmatch(name):
                return int(known.group(1))
            outline = outline or value(found(style, "pPr/outlineLvl"))
        return int(outline) + 1 if outline in tuple("012345678") else 0

    def is_code(self, paragraph: Element) -> bool:
        """Return whether a paragraph has a style for code, or every letter of it a font of one width."""
        named = self._styles.get(_style(paragraph))
        if named is not None and _CODE.fullmatch(value(found(named, "name")).strip()):
            return True
        runs = [one for one in paragraph if one.tag == f"{W}r" and one.find(f"{W}t") is not None]
        return bool(runs) and all(_MONOSPACED.fullmatch(_font(one)) for one in runs)

    def item(self, paragraph: Element) -> tuple[int, str] | None:
        """Return the depth from 0 and the mark of an item, such as `2.1.` or `-`; None for what is none.

        To be called once for each paragraph, in order.
        """
        style = _style(paragraph)
        number = value(found(paragraph, "pPr/numPr/numId"))
        depth = value(found(paragraph, "pPr/numPr/ilvl"))
        set_in = 0
        for one in self._inherited(style):
            if known := _SET_IN.fullmatch(value(found(one, "name")).strip()):
                set_in = int(known.group(1)) - 1
            number = number or value(found(one, "pPr/numPr/numId"))
            depth = depth or value(found(one, "pPr/numPr/ilvl"))
        named = self._lists.get(self._numbers.get(number, ""))
        if number == "0" or named is None:
            is_list = number not in ("", "0") or style.lower().startswith(("listbullet", "listnumber"))
            return (set_in, "-") if is_list else None
        place = int(depth) if depth.isdecimal() else named.by_style.get(style, 0)
        return place or set_in, self._mark(named, self._restarts.get(number, {}), place)

    def _mark(self, named: _List, restarts: dict[int, int], place: int) -> str:
        level = named.levels.get(place, _Level("bullet", "", 1))
        start = restarts.pop(place, None)
        before = named.counts.get(place)
        named.counts[place] = start if start is not None else level.start if before is None else before + 1
        for deeper in [one for one in named.counts if one > place]:
            del named.counts[deeper]
        if level.form in ("bullet", "none"):
            return "-" if level.form == "bullet" else ""

        def shown(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            other = named.levels.get(at, _Level("decimal", "", 1))
            return _written(named.counts.setdefault(at, other.start), other.form)

        return _PLACE.sub(shown, level.text).strip()

    def _inherited(self, style: str) -> list[Element]:
        """Return a style and those that it is based on, itself first."""
        chain: list[Element] = []
        while (one := self._styles.get(style)) is not None and len(chain) < _MOST_STEPS:
            chain.append(one)
            style = value(found(one, "basedOn"))
        return chain


def _style(paragraph: Element) -> str:
    return value(found(paragraph, "pPr/pStyle"))


def _font(run: Element) -> str:
    fonts = found(run, "rPr/rFonts")
    return str(fonts.get(f"{W}ascii") or "") if fonts is not None else ""


def _list(abstract: Element) -> _List:
    made = _List()
    for one in abstract:
        place = str(one.get(f"{W}ilvl") or "")
        if one.tag != f"{W}lvl" or not place.isdecimal():
            continue
        start = value(found(one, "start"))
        made.levels[int(place)] = _Level(
            value(found(one, "numFmt")) or "decimal",
            value(found(one, "lvlText")),
            int(start) if start.isdecimal() else 1,
        )
        if linked := value(found(one, "pStyle")):
            made.by_style[linked] = int(place)
    return made


def _restarts(number: Element) -> dict[int, int]:
    """Return at which number a list begins anew at each depth, where it says so."""
    made: dict[int, int] = {}
    for one in number:
        place, start = str(one.get(f"{W}ilvl") or ""), value(found(one, "startOverride"))
        if place.isdecimal() and start.isdecimal():
            made[int(place)] = int(start)
    return made


_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


def _written(count: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter") and 0 < count < 1_000:
        letters = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letters if form == "lowerLetter" else letters.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < count < 5_000:
        letters = ""
        for size, sign in _ROMAN:
            letters += sign * (count // size)
            count %= size
        return letters if form == "lowerRoman" else letters.upper()
    return f"{count:02}" if form == "decimalZero" else str(count)
