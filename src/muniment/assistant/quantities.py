"""Numbers in sentences: what they amount to, of what, and on which side of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["most", "least", ""]

_ONES = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
)
_TENS = re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = re.findall(
    r"\w+", "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
_WORDS = {
    **{word: float(value) for value, word in enumerate(_ONES)},
    **{word: 20.0 + 10 * at for at, word in enumerate(_TENS)},
    **{word: float(value) for value, word in enumerate(_ORDINALS)},
    "once": 1.0,
    "twice": 2.0,
    "half": 0.5,
    "dozen": 12.0,
    "quarter": 0.25,
    "single": 1.0,
    "double": 2.0,
    "fortnight": 14.0,
}
_SCALES = {"hundred": 100.0, "thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "bn": 1e9, "billion": 1e9}
_LOOSE = frozenset(
    {"one", "first", "second", "once", "half", "quarter", "single", "double", "zero", "twice", "fortnight"}
)
"""Words that are often no number: they can satisfy a claim, and are not asked of its evidence."""
_UNITS = {
    "second": "second", "sec": "second", "minute": "minute", "min": "minute", "hour": "hour", "hr": "hour",
    "h": "hour",
    "day": "day", "week": "week", "fortnight": "fortnight", "month": "month", "quarter": "quarter", "year": "year",
    "yr": "year", "percent": "%", "per cent": "%", "%": "%", "percentage": "%",
    "$": "dollar", "usd": "dollar", "dollar": "dollar", "€": "euro", "eur": "euro", "euro": "euro",
    "£": "pound", "gbp": "pound", "pound": "pound", "crown": "crown", "czk": "crown", "₹": "rupee", "inr": "rupee",
    "rs": "rupee", "rupee": "rupee", "chf": "franc", "franc": "franc", "yen": "yen",
    "km": "kilometre", "kilometre": "kilometre", "kilometer": "kilometre", "m": "metre", "metre": "metre",
    "meter": "metre", "mile": "mile", "kg": "kilogram", "kilogram": "kilogram", "g": "gram", "gram": "gram",
    "gb": "gigabyte", "gigabyte": "gigabyte", "mb": "megabyte", "megabyte": "megabyte", "tb": "terabyte",
    "am": "am", "pm": "pm", "a.m": "am", "p.m": "pm", "°c": "celsius", "°f": "fahrenheit",
}  # fmt: skip
_NUMBER = re.compile(
    r"(?P<sign>[$€£₹]\s?)?(?<![\w.])(?P<digits>\d+(?:[.,:'’]\d+)*)(?P<tail>st|nd|rd|th|k|bn|m|h|%|am|pm|gb|mb|tb|kg|km|g)?"
    r"(?![\w])|(?<![\w-])(?P<word>[a-z]+(?:-[a-z]+)?)(?![\w])",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s\u00a0-]*(?:\([^)]{0,12}\)\s*)?([%°]?[\w.]*)(?:[\s\u00a0-]+([\w.]+))?(?:[\s\u00a0-]+([\w.]+))?"
)
_MOST = re.compile(
    r"(?:at most|up to|(?:no|not) (?:more|later|longer|greater|higher) than|not exceed(?:ing)?|within|under|below|"
    r"(?:fewer|less|lower|shorter|earlier) than|maximum(?: of)?|max\.?|limited to|before|by|until|capped at)"
    r"\s+(?:a |an |the |of |about |[$€£₹])*$",
    re.IGNORECASE,
)
_LEAST = re.compile(
    r"(?:at least|(?:no|not) (?:less|fewer|lower|shorter|earlier|sooner) than|minimum(?: of)?|min\.?|"
    r"(?:more|greater|higher|longer|later) than|over|above|exceed(?:s|ing)?|after)"
    r"\s+(?:a |an |the |of |about |[$€£₹])*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a sentence."""

    text: str
    values: frozenset[float]
    """What it can amount to: `1.500` is one and a half, or one thousand five hundred."""
    unit: str
    """Of those known; empty where none stands behind it."""
    side: Side
    """Whether the sentence names it as the most, or the least."""
    must_be_found: bool
    """Whether it is certainly a number."""


def quantities(text: str) -> list[Quantity]:
    """Return the numbers of a text, digits and words, in order."""
    found: list[Quantity] = []
    for number in _NUMBER.finditer(text):
        if number["digits"]:
            found.append(_of_digits(text, number))
            continue
        word = number["word"].casefold()
        value = _of_word(word)
        if value is not None:
            found.append(_of_words(text, number, word, value))
    return found


def contradicted(stated: Quantity, known: Sequence[Quantity]) -> bool:
    """Return whether no known quantity is the stated one: its number, with its unit, on its side."""
    same = [one for one in known if one.values & stated.values]
    if not same:
        return True
    if stated.unit and not any(one.unit in ("", stated.unit) for one in same):
        return True
    fitting = [one for one in same if not stated.unit or one.unit in ("", stated.unit)]
    return bool(stated.side) and all(one.side not in ("", stated.side) for one in fitting)


def _of_digits(text: str, number: re.Match[str]) -> Quantity:
    digits, tail = number["digits"], (number["tail"] or "").casefold()
    following = _AFTER.match(text, number.end())
    words = [word.casefold().rstrip(".") for word in (following.groups() if following else ()) if word]
    values = _values(digits)
    scale = _SCALES.get(tail, 0.0) if tail in ("k", "bn", "m") else 0.0
    if not scale and words and words[0] in ("hundred", "thousand", "million", "billion", "bn"):
        scale, words = _SCALES[words[0]], words[1:]
    if scale:
        values = frozenset(value * scale for value in values)
    unit = _unit(((number["sign"] or "").strip(), tail, *words))
    if unit == "pm":
        values |= frozenset(value + 12 for value in values if value < 12)
    if ":" in digits and unit not in ("am", "pm"):
        unit = ""
    return Quantity(
        number[0].strip(), values, "" if unit in ("am", "pm") else unit, _side(text, number.start()), True
    )


def _of_words(text: str, number: re.Match[str], word: str, value: float) -> Quantity:
    following = _AFTER.match(text, number.end())
    words = [one.casefold().rstrip(".") for one in (following.groups() if following else ()) if one]
    if words and words[0] in ("hundred", "thousand", "million", "billion", "dozen"):
        value, words = value * {**_SCALES, "dozen": 12.0}[words[0]], words[1:]
    certain = word not in _LOOSE and word not in _ORDINALS
    return Quantity(number[0], frozenset({value}), _unit(words), _side(text, number.start()), certain)


def _of_word(word: str) -> float | None:
    first, _, second = word.partition("-")
    if not second:
        return _WORDS.get(first)
    tens, ones = _WORDS.get(first), _WORDS.get(second)
    if tens is None or ones is None or first not in _TENS or second not in _ONES:
        return None
    return tens + ones


def _values(digits: str) -> frozenset[float]:
    plain = digits.replace("'", "").replace("’", "")
    if ":" in plain:
        hours, _, minutes = plain.partition(":")
        whole = float(hours) + (float(minutes[:2]) / 60 if minutes[:2].isdigit() else 0.0)
        return frozenset({whole})
    found: set[float] = set()
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain):
        found.add(float(plain.replace(",", "")))
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", plain):
        found.add(float(plain.replace(".", "").replace(",", ".")))
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        found.add(float(plain))
    elif re.fullmatch(r"\d+,\d+", plain) and not found:
        found.add(float(plain.replace(",", ".")))
    # Version numbers and dates with dots are what they are, not an amount.
    return frozenset(found or {_stand_in(plain)})


def _stand_in(text: str) -> float:
    """A number that no amount equals, for a text of digits and dots."""
    return -float(int.from_bytes(text[:24].encode(), "big"))


def _unit(words: Sequence[str]) -> str:
    for word in words:
        plain = word.strip().casefold()
        found = _UNITS.get(plain) or _UNITS.get(plain.removesuffix("s"))
        if found:
            return found
    return ""


def _side(text: str, at: int) -> Side:
    before = text[max(0, at - 48) : at].replace("\n", " ")
    if _MOST.search(before):
        return "most"
    return "least" if _LEAST.search(before) else ""
