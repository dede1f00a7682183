"""Equations of Office files and web pages as one line of plain text: `(a + b)/2`, `x^2`, `√(y)`, `∑_(i=1)^n`.

The line can be read, searched and quoted as it stands; it keeps every sign of the equation and its order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

MOST_DEEP = 40
"""What is nested deeper is read as its signs, one after the other."""

Signs = Sequence[str]
"""The parts of one construct, each as a line already."""


def grouped(line: str) -> str:
    """Return a line with brackets around it, unless it is one sign, name or number, or stands in brackets."""
    line = line.strip()
    is_one = line.isdecimal() or line.isalpha() or len(line) <= 1
    return line if is_one or _is_bracketed(line) else f"({line})"


def fraction(above: str, under: str) -> str:
    """Return one line above another."""
    return f"{grouped(above)}/{grouped(under)}"


def scripts(base: str, under: str = "", above: str = "") -> str:
    """Return a base with what stands lower and higher beside it."""
    low = f"_{grouped(under)}" if under.strip() else ""
    high = f"^{grouped(above)}" if above.strip() else ""
    return f"{_based(base)}{low}{high}"


def root(line: str, degree: str = "") -> str:
    """Return a root."""
    return f"{'√' if not degree.strip() else f'root {degree.strip()} of '}({line.strip()})"


def _based(base: str) -> str:
    return grouped(base) if any(sign in base for sign in " +-/=") else base.strip()


def _is_bracketed(line: str) -> bool:
    """Return whether one pair of brackets holds the whole line."""
    if not (line.startswith("(") and line.endswith(")")):
        return False
    open_brackets = 0
    for place, sign in enumerate(line):
        open_brackets += (sign == "(") - (sign == ")")
        if not open_brackets:
            return place == len(line) - 1
    return False


MATHML: Mapping[str, Callable[[Signs], str]] = {
    "mfrac": lambda parts: fraction(*_padded(parts, 2)),
    "msup": lambda parts: scripts(_padded(parts, 2)[0], above=_padded(parts, 2)[1]),
    "msub": lambda parts: scripts(*_padded(parts, 2)),
    "msubsup": lambda parts: scripts(*_padded(parts, 3)),
    "munder": lambda parts: scripts(*_padded(parts, 2)),
    "mover": lambda parts: scripts(_padded(parts, 2)[0], above=_padded(parts, 2)[1]),
    "munderover": lambda parts: scripts(*_padded(parts, 3)),
    "msqrt": lambda parts: root("".join(parts)),
    "mroot": lambda parts: root(*_padded(parts, 2)),
    "mtd": lambda parts: "".join(parts) + "  ",
    "mtr": lambda parts: "".join(parts).strip() + "; ",
}
"""What the elements of MathML become; the parts of any other are set one after the other."""


def _padded(parts: Signs, count: int) -> list[str]:
    return [*parts[:count], *[""] * (count - len(parts))]
