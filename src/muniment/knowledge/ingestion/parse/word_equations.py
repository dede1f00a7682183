"""Equations of Word documents as one line of plain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.equations import MOST_DEEP, fraction, root, scripts

if TYPE_CHECKING:
    from muniment.knowledge.ingestion.parse.word_elements import Element

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"


def equation(element: Element, deep: int = 0) -> str:
    """Return what stands below `element` as one line."""
    if deep > MOST_DEEP:
        return "".join(_signs(element))
    pieces: list[str] = []
    for one in element:
        name = str(one.tag).removeprefix(MATH)
        if name == "t":
            pieces.append(one.text or "")
        elif name in _WAYS:
            pieces.append(_WAYS[name](one, deep))
        elif not name.endswith("Pr"):
            pieces.append(equation(one, deep + 1))
    return "".join(pieces)


def _signs(element: Element) -> Iterator[str]:
    waiting = list(reversed(list(element)))
    while waiting:
        one = waiting.pop()
        if one.tag == f"{MATH}t":
            yield one.text or ""
        waiting.extend(reversed(list(one)))


def _part(element: Element, name: str, deep: int) -> str:
    part = element.find(f"{MATH}{name}")
    return equation(part, deep + 1).strip() if part is not None else ""


def _setting(element: Element, name: str, usual: str) -> str:
    """Return a sign that the properties of a construct name."""
    for properties in element:
        if str(properties.tag).endswith("Pr"):
            sign = properties.find(f"{MATH}{name}")
            if sign is not None:
                value = sign.get(f"{MATH}val")
                return usual if value is None else value
    return usual


def _fraction(element: Element, deep: int) -> str:
    return fraction(_part(element, "num", deep), _part(element, "den", deep))


def _scripts(element: Element, deep: int) -> str:
    return scripts(_part(element, "e", deep), _part(element, "sub", deep), _part(element, "sup", deep))


def _root(element: Element, deep: int) -> str:
    return root(_part(element, "e", deep), _part(element, "deg", deep))


def _large(element: Element, deep: int) -> str:
    """A sum, product or integral with its limits."""
    sign = scripts(_setting(element, "chr", "∫"), _part(element, "sub", deep), _part(element, "sup", deep))
    return f"{sign} {_part(element, 'e', deep)}"


def _bracketed(element: Element, deep: int) -> str:
    between = _setting(element, "sepChr", "|")
    inside = between.join(equation(one, deep + 1).strip() for one in element if one.tag == f"{MATH}e")
    return f"{_setting(element, 'begChr', '(')}{inside}{_setting(element, 'endChr', ')')}"


def _function(element: Element, deep: int) -> str:
    name, of = _part(element, "fName", deep), _part(element, "e", deep)
    return f"{name}{of}" if of.startswith("(") else f"{name} {of}"


def _limit(element: Element, deep: int) -> str:
    limit = _part(element, "lim", deep)
    upper = element.tag == f"{MATH}limUpp"
    return scripts(_part(element, "e", deep), "" if upper else limit, limit if upper else "")


def _rows(element: Element, deep: int) -> str:
    """A matrix, or equations below each other."""
    rows: list[str] = []
    for row in element:
        if row.tag == f"{MATH}mr":
            rows.append("  ".join(equation(one, deep + 1).strip() for one in row if one.tag == f"{MATH}e"))
        elif row.tag == f"{MATH}e":
            rows.append(equation(row, deep + 1).strip())
    return "; ".join(rows)


_WAYS = {
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "rad": _root,
    "nary": _large,
    "d": _bracketed,
    "func": _function,
    "limLow": _limit,
    "limUpp": _limit,
    "m": _rows,
    "eqArr": _rows,
}
"""What the constructs of an equation become; the parts of any other are set one after the other."""
