"""National identifiers of fourteen countries, by their published shapes, dates and check digits.

A shape that bare digits would meet by chance too often counts only with a word beside it that names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from muniment.governance.privacy import national_sums as sums
from muniment.governance.privacy.kinds import Finding
from muniment.governance.privacy.numbers import candidates, digits_of, near


@dataclass(frozen=True, slots=True)
class _Numeric:
    """An identifier of digits."""

    what: str
    least: int
    """Characters of the shortest one."""
    shape: re.Pattern[str]
    holds: Callable[[str], bool]
    """Of its digits."""
    bare: re.Pattern[str] | None = None
    """A shape that counts only beside one of the words."""
    words: re.Pattern[str] | None = None


def _shape(pattern: str, before: str = r"(?<![0-9A-Za-z])(?<![0-9][.-])") -> re.Pattern[str]:
    return re.compile(rf"{before}(?=({pattern})(?![0-9A-Za-z]))")


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])", re.IGNORECASE)


_NUMERIC = (
    _Numeric(
        "US social security number",
        9,
        _shape(r"[0-9]{3}-[0-9]{2}-[0-9]{4}(?!-[0-9])"),
        sums.us,
        _shape(r"[0-9]{9}|[0-9]{3} [0-9]{2} [0-9]{4}"),
        _words(r"ssn|social security"),
    ),
    _Numeric(
        "German tax identifier",
        11,
        _shape(r"[1-9][0-9]{10}|[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}"),
        sums.de,
    ),
    _Numeric(
        "French NIR",
        15,
        _shape(r"[1-478] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}"),
        sums.fr,
    ),
    _Numeric(
        "Dutch BSN",
        8,
        _shape(r"[0-9]{4}\.[0-9]{2}\.[0-9]{3}"),
        sums.nl,
        _shape(r"[0-9]{8,9}|[0-9]{3}[ .][0-9]{3}[ .][0-9]{3}"),
        _words(r"bsn|burgerservicenummer|sofi-?nummer|citizen service number"),
    ),
    _Numeric(
        "Belgian national number",
        11,
        _shape(r"[0-9]{2}[. ]?[0-9]{2}[. ]?[0-9]{2}[ -]?[0-9]{3}[. ]?[0-9]{2}"),
        sums.be,
    ),
    _Numeric("Polish PESEL", 11, _shape(r"[0-9]{11}"), sums.pl),
    _Numeric(
        "Swedish personnummer",
        10,
        _shape(r"(?:18|19|20)[0-9]{6}[-+]?[0-9]{4}|[0-9]{6}[-+][0-9]{4}"),
        sums.se,
        _shape(r"[0-9]{10}"),
        _words(r"personnummer|samordningsnummer|personal (?:identity )?number|pnr"),
    ),
    _Numeric(
        "Indian Aadhaar number",
        12,
        _shape(r"[2-9][0-9]{3}([ -])[0-9]{4}\2[0-9]{4}(?!\2[0-9])", r"(?<![0-9A-Za-z])(?<![0-9][ .-])"),
        sums.india,
        _shape(r"[2-9][0-9]{11}"),
        _words(r"aadhaar|aadhar|uidai|uid"),
    ),
    _Numeric("Brazilian CPF", 11, _shape(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|[0-9]{11}"), sums.br),
    _Numeric("Swiss AHV number", 13, _shape(r"756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}"), sums.ch),
)

_LETTERED = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?P<gb>[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"
    r" ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d])"
    r"|(?P<es>(?:[XYZxyz][ -]?[0-9]{7}|[0-9]{8})[ -]?[A-Za-z])"
    r"|(?P<it>[A-Za-z]{6}[0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{3}[A-Za-z])"
    r"|(?P<fi>[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Ya-y])"
    r"|(?P<fr>[12] ?[0-9]{2} ?[0-9]{2} ?2[ABab] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2})"
    r")(?![0-9A-Za-z])"
)
_NAMES = {
    "gb": ("UK national insurance number", sums.gb),
    "es": ("Spanish DNI or NIE", sums.es),
    "it": ("Italian codice fiscale", sums.it),
    "fi": ("Finnish henkilötunnus", sums.fi),
    "fr": ("French NIR", sums.fr),
}


def national_ids(text: str, runs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """Yield the national identifiers of a folded text."""
    for run in runs:
        for one in _NUMERIC:
            if run[1] - run[0] >= one.least:
                yield from _numeric(text, run, one)
    for found in _LETTERED.finditer(text):
        what, holds = _NAMES[str(found.lastgroup)]
        if holds("".join(character for character in found[0].upper() if character not in " -")):
            yield Finding("national_id", *found.span(), what)


def _numeric(text: str, run: tuple[int, int], one: _Numeric) -> Iterator[Finding]:
    for start, end in candidates(one.shape, text, *run):
        if one.holds(digits_of(text[start:end])):
            yield Finding("national_id", start, end, one.what)
    if one.bare is None or one.words is None:
        return
    for start, end in candidates(one.bare, text, *run):
        if one.holds(digits_of(text[start:end])) and near(one.words, text, start, end):
            yield Finding("national_id", start, end, one.what)
