"""What a claim states that can be checked without understanding it: numbers, dates, names, addresses, negation.

Every rule only refuses. A claim that passes may still be unsupported (see support.py); one that fails says something
that its evidence does not, in a place where a reader would rely on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from muniment.assistant.function_words import FUNCTION_WORDS
from muniment.assistant.polarity import opposed
from muniment.assistant.quantities import Quantity, contradicted, quantities
from muniment.foundation.stems import stem

Kind = Literal["number", "date", "name", "address", "code", "negation"]

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+|[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)
_CODE = re.compile(r"\b(?=[\w.:/-]*\d)(?=[\w.:/-]*[A-Za-z])\w+(?:[-_./:]\w+)*", re.ASCII)
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|am|pm|h|k|m|bn|x)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_](?:[^\W_]|['’.&-](?=[^\W_]))*")
_SENTENCE = re.compile(r"(?:^\s*|[.!?:;\n]\s+|[\"“(•-]\s?)$")
_MONTHS = re.findall(
    r"\w+", "january february march april may june july august september october november december"
)
_DAYS = re.findall(r"\w+", "monday tuesday wednesday thursday friday saturday sunday")
MOST_NUMBERS = 40
"""In one sentence: with more it is no sentence, and would take long to check."""
_DAY_AND_MONTH = re.compile(
    r"\b(\d{1,2})(?:st|nd|rd|th)?(?: of)? ([A-Z][a-z]{2,8}\b)|"
    r"\b([A-Z][a-z]{2,8})\.? (\d{1,2})(?:st|nd|rd|th)?\b(?![:.]\d)"
)
_ISO_DATE = re.compile(r"\b\d{4}-(\d{2})(?:-\d{2})?\b|\b\d{1,2}[./](\d{1,2})[./]\d{2,4}\b")
_PLAIN = FUNCTION_WORDS | frozenset(
    re.findall(
        r"\w+",
        "no not yes all each every some most other only please note answer according both either mr mrs ms dr prof",
    )
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a claim states and its evidence does not."""

    kind: Kind
    what: str


def faults(claim: str, evidence: Sequence[str], around: Sequence[str] = ()) -> list[Fault]:
    """Return what the claim states that its quotes do not; names may also stand in what is around them.

    `around` are the titles and headings that the quotes stand under.
    """
    quoted = "\n".join(evidence)
    wide = "\n".join((quoted, *around))
    return [
        *_numbers(claim, quoted, wide),
        *_dates(claim, quoted, wide),
        *(Fault("address", one) for one in _addresses(claim) if one.casefold() not in wide.casefold()),
        *(Fault("code", one) for one in _codes(claim) if one.casefold() not in wide.casefold()),
        *(Fault("name", one) for one in _missing_names(claim, wide)),
        *(Fault("negation", one) for one in opposed(claim, evidence)),
    ]


def _numbers(claim: str, quoted: str, wide: str) -> list[Fault]:
    stated = [one for one in quantities(claim) if one.must_be_found]
    if not stated:
        return []
    if len(stated) > MOST_NUMBERS:
        return [Fault("number", f"more than {MOST_NUMBERS} numbers")]
    known = quantities(quoted)
    found: list[Fault] = []
    for one in stated:
        around = quantities(wide) if _is_year(one) else known
        if contradicted(one, around):
            found.append(Fault("number", one.text))
    return found


def _is_year(one: Quantity) -> bool:
    """Whether it may be a year, which a title often says once for all below it."""
    return not one.unit and one.text.isdecimal() and 1900 <= int(one.text) <= 2100


def _dates(claim: str, quoted: str, wide: str) -> list[Fault]:
    named = _calendar(claim) - _calendar(wide)
    days = {} if named else _days_of_months(claim)
    known = _days_of_months(quoted)
    wrong = {month for month, stated in days.items() if month in known and not stated <= known[month]}
    wrong |= {month for month, stated in days.items() if month not in known and stated & _all_days(known)}
    return [Fault("date", one) for one in sorted(named | wrong)]


def _days_of_months(text: str) -> dict[str, set[int]]:
    """Return the days that a text puts beside a month's name, before or behind it, or in a date of numbers."""
    found: dict[str, set[int]] = {}
    for beside in _DAY_AND_MONTH.finditer(text):
        day, name = int(beside[1] or beside[4]), (beside[2] or beside[3]).casefold()
        month = next((one for one in _MONTHS if one.startswith(name[:3])), "")
        if month and month.startswith(name.rstrip(".")) and 1 <= day <= 31:
            found.setdefault(month, set()).add(day)
    for date in re.finditer(r"\b\d{4}-(\d{2})-(\d{2})\b", text):
        if 1 <= int(date[1]) <= 12:
            found.setdefault(_MONTHS[int(date[1]) - 1], set()).add(int(date[2]))
    return found


def day_stands(date: str, text: str) -> bool:
    """Return whether a text names the day `YYYY-MM-DD`, in digits or words, with its year."""
    year, month, day = date.split("-")
    if date in text:
        return True
    name = _MONTHS[int(month) - 1] if 1 <= int(month) <= 12 else ""
    return bool(re.search(rf"\b{year}\b", text)) and int(day) in _days_of_months(text).get(name, set())


def _all_days(known: dict[str, set[int]]) -> set[int]:
    return set().union(*known.values())


def _calendar(text: str) -> set[str]:
    """Return the months and weekdays that a text names, months also by the number in a date."""
    found: set[str] = set()
    for word in _WORD.finditer(text):
        plain = word[0].casefold().rstrip(".")
        for names in (_MONTHS, _DAYS):
            for name in names:
                if plain in (name, name + "s") or (len(plain) in (3, 4) and name.startswith(plain)):
                    if name in ("may", "march") and not _dated(text, word):
                        continue
                    if word[0][0].isupper():
                        found.add(name)
    for date in _ISO_DATE.finditer(text):
        month = int(date[1] or date[2])
        if 1 <= month <= 12:
            found.add(_MONTHS[month - 1])
    return found


def _dated(text: str, word: re.Match[str]) -> bool:
    """Whether a word that may be a month stands beside a number."""
    before, after = text[: word.start()].rstrip(), text[word.end() :].lstrip(" .,")
    return word[0][0].isupper() and (
        before[-1:].isdigit() or after[:1].isdigit() or before.endswith((" in", "In"))
    )


def _addresses(claim: str) -> list[str]:
    return [found.rstrip(".,;:") for found in _ADDRESS.findall(claim)]


def _codes(claim: str) -> list[str]:
    bare = _ADDRESS.sub(" ", claim)
    return [one for one in _CODE.findall(bare) if not _ORDINAL.fullmatch(one)]


def _missing_names(claim: str, wide: str) -> list[str]:
    """Return the words that the claim writes as names and that stand nowhere in `wide`."""
    bare = _ADDRESS.sub(" ", claim)
    known = {form for word in _WORD.findall(wide) for form in _forms(word)}
    initials = _initials(wide)
    missing: list[str] = []
    for word in _WORD.finditer(bare):
        text = word[0]
        capitals = sum(letter.isupper() for letter in text)
        opens = _SENTENCE.search(bare[: word.start()]) is not None
        if not text[0].isupper() and capitals < 2:
            continue
        if opens and capitals < 2:
            continue
        plain = text.casefold()
        if plain in _PLAIN or plain in _MONTHS or plain in _DAYS or _abbreviates(plain):
            continue
        forms = _forms(text)
        if not (forms & known or text.rstrip("s").replace(".", "") in initials or _derived(plain, known)):
            missing.append(text)
    return missing


def _derived(name: str, known: Set[str]) -> bool:
    """Whether a name is another form of one that is known, as Jordanians of Jordan."""
    if len(name) < 6:
        return False
    root = name[: max(5, len(name) - 4)]
    return any(one.startswith(root) for one in known)


def _abbreviates(word: str) -> bool:
    return len(word) in (3, 4) and any(name.startswith(word.rstrip(".")) for name in (*_MONTHS, *_DAYS))


def _forms(word: str) -> frozenset[str]:
    """Return the spellings under which a name may stand elsewhere: without its possessive, in parts, stemmed."""
    plain = re.sub(r"['’]s?$", "", word).rstrip(".").casefold()
    parts = re.split(r"['’.&-]", plain)
    return frozenset(
        {plain, stem(plain), plain.replace(".", ""), *(stem(one) for one in parts if len(one) > 2)}
    )


def _initials(text: str) -> set[str]:
    """Return the abbreviations that runs of words allow, such as HR of `human resources`."""
    words = [word for word in _WORD.findall(text) if word.casefold() not in ("of", "and", "the", "for")]
    letters = [word[0].upper() for word in words]
    return {
        "".join(letters[at : at + size]) for size in (2, 3, 4, 5) for at in range(len(letters) - size + 1)
    }
