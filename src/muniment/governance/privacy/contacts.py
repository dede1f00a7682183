"""E-mail addresses and telephone numbers. Numbers are taken only in the layouts that telephones are written in."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from muniment.governance.privacy.kinds import Finding
from muniment.governance.privacy.numbers import candidates, digits_of

_LOCAL = re.compile(r"[\w.+%'&*/=?^{}|~!#$-]{1,64}")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_TRIMMED = ".'/=*!{}|&?#"

_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?[0-9]{1,6})?"
_PHONE = re.compile(
    r"(?<![0-9A-Za-z.+-])(?=("
    rf"(?:\+[0-9]|00[1-9])[0-9]{{0,3}}(?:[ .-]?(?:\([0-9]{{1,4}}\)|[0-9]{{1,12}})){{1,7}}{_EXTENSION}"
    rf"|(?:1[ .-])?(?:\([0-9]{{3}}\) ?|[0-9]{{3}}[.-])[0-9]{{3}}[.-][0-9]{{4}}{_EXTENSION}"
    rf"|\([0-9]{{3}}\) ?[0-9]{{3}}[ .-]?[0-9]{{4}}{_EXTENSION}"
    rf"|\([0-9]{{2,5}}\)(?:[ -]?[0-9]{{2,8}}){{1,4}}{_EXTENSION}"
    r"|(?<![0-9] )0[1-9][0-9]{0,4}(?:[ /-][0-9]{2,8}){1,4}"
    r"|0[1-9](?:\.[0-9]{2}){4}"
    r")(?![0-9A-Za-z]))"
)
_BESIDE = re.compile(
    r"(?<![0-9A-Za-z.-])(?=((?:\([0-9]{1,5}\) ?)?[0-9]{2,15}(?:[ ./-][0-9]{2,8}){0,5})(?![0-9A-Za-z]))"
)
_WORDS = re.compile(
    r"(?<![a-z])(?:tel|telephone|phone|telefon|t[ée]l[ée]phone|tel[ée]fono|telefoon|telefone|mobile|cell|cellphone"
    r"|mobil|handy|fax|whatsapp|call(?: (?:me|us|back))?|reach(?: me| us)? (?:at|on)|hotline|dial|anruf|rufnummer)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?<![0-9])(?<![0-9][./-])(?:[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})(?!\1[0-9])"
    r"|(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2})(?![0-9])"
)
_REACH = 20
_LEAST, _MOST = 7, 15


def emails(text: str) -> Iterator[Finding]:
    """Yield the e-mail addresses of a folded text."""
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
        domain = _DOMAIN.match(text, at + 1)
        if local is not None and domain is not None:
            name = local[0][::-1].lstrip(_TRIMMED)
            if name and not name.endswith("."):
                yield Finding("email", at - len(name), domain.end(), "e-mail address")
        at = text.find("@", at + 1)


def phones(text: str, runs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """Yield the telephone numbers of a folded text."""
    words = [found.end() for found in _WORDS.finditer(text)] if runs else []
    for first, last in runs:
        # A sign or a bracket may stand before the first digit, an extension behind the last.
        run = max(0, first - 1), min(len(text), last + 12)
        after = 0
        for start, end in candidates(_PHONE, text, *run):
            if start >= after and _plausible(text[start:end], 8 if text[start] in "+(" else 9):
                after = end
                yield Finding("phone", start, end, "telephone number")
        if not words:
            continue
        for start, end in candidates(_BESIDE, text, *run):
            if start >= after and _named(text, words, start) and _plausible(text[start:end], _LEAST):
                after = end
                yield Finding("phone", start, end, "telephone number")


def _named(text: str, words: Sequence[int], start: int) -> bool:
    """Whether one of the words ends shortly before a place, with no other number between."""
    known = bisect_right(words, start)
    if not known or start - words[known - 1] > _REACH:
        return False
    between = text[words[known - 1] : start]
    return "\n" not in between and not any(map(str.isdigit, between))


def _plausible(written: str, least: int) -> bool:
    number = re.split(r"[xe]", written, maxsplit=1)[0]
    return least <= len(digits_of(number)) <= _MOST and _DATE.search(written) is None
