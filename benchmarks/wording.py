"""Sentences said otherwise: the same in other words, or with one thing changed that a reader would rely on."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_DIGITS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "twelve": "12", "fifteen": "15", "twenty": "20", "thirty": "30", "fifty": "50",
}  # fmt: skip
_SPELT = {digits: word for word, digits in _DIGITS.items()}
_MONTHS = ("January", "February", "March", "April", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_SAME: tuple[tuple[str, str], ...] = (
    (r"\bmust\b", "has to"),
    (r"\bmay\b", "can"),
    (r"\bcan\b", "may"),
    (r"\bneeds\b", "requires"),
    (r"\bbegins\b", "starts"),
    (r"\bbegin\b", "start"),
    (r"\bat least\b", "no less than"),
    (r"\bat most\b", "no more than"),
    (r"\bless than\b", "under"),
    (r"\bmore than\b", "over"),
    (r"\bEUR (\d[\d,.]*\d|\d)", r"\1 euros"),
    (r"(\d) percent\b", r"\1%"),
    (r"\bdo not\b", "don't"),
    (r"\bdoes not\b", "doesn't"),
    (r"\bis not\b", "isn't"),
    (r"\bcannot\b", "can not"),
    (r"\bevery\b", "each"),
    (r"\bmonthly\b", "every month"),
    (r"\bas well as\b", "and"),
    (r" \([^)]{3,80}\)", ""),
    (r"\bfor example\b", "for instance"),
    (r"\bbecause\b", "since"),
    (r"\bwhoever\b", "anyone who"),
    (r"\bhowever\b", "yet"),
    (r"\bnobody\b", "no one"),
    (r"\bEmployees\b", "Employees of the company"),
    (r"\b(\d{1,2}):00\b(?!:)", r"\1:00 o'clock"),
    (r"\bwithin\b", "in no more than"),
)
_OPENINGS = ("According to the document, ", "As written there, ", "The text says that ", "In short, ")
_SWAP = re.compile(r"(If|When|Where|As long as|After|Before) ([^,;]{8,90}), ([^,;]{8,120})\.")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")
_UNITS = (("days", "weeks"), ("weeks", "months"), ("months", "years"), ("years", "months"), ("hours", "days"),
          ("minutes", "hours"), ("percent", "points"), ("EUR", "USD"), ("kilometres", "miles"))  # fmt: skip
_AUXILIARY = re.compile(r"\b(is|are|was|were|must|may|can|will|should|has|have)\b(?! not\b|n't|to\b)")
_NEGATED = re.compile(
    r"\b(is|are|was|were|must|may|can|will|should|has|have|do|does|did)( not\b|n't\b)|\bnever\b"
)


def said_otherwise(sentence: str, chance: random.Random) -> str | None:
    """Return the sentence in other words, or None where none of the rules applies."""
    swapped = _SWAP.fullmatch(sentence)
    if swapped is not None:
        condition = swapped[1].lower() + " " + swapped[2]
        return f"{swapped[3][0].upper()}{swapped[3][1:]} {condition}."
    rules = [rule for rule in _SAME if re.search(rule[0], sentence)]
    numbers = [word for word in re.findall(r"\b\w+\b", sentence) if word in _DIGITS or word in _SPELT]
    if numbers and chance.random() < 0.5:
        word = chance.choice(numbers)
        sentence = re.sub(
            rf"(?<![\d,.:-])\b{word}\b(?![,.:-]?\d)", _DIGITS.get(word) or _SPELT[word], sentence
        )
    elif not rules:
        opening = chance.choice(_OPENINGS)
        first = sentence.split()[0]
        return opening + (
            sentence if first.isupper() or first[1:] != first[1:].lower() else _lowered(sentence)
        )
    for pattern, replacement in chance.sample(rules, min(2, len(rules))):
        sentence = re.sub(pattern, replacement, sentence)
    return sentence


def _lowered(sentence: str) -> str:
    first = sentence.split()[0]
    common = {
        "The",
        "A",
        "An",
        "If",
        "When",
        "It",
        "They",
        "We",
        "You",
        "Each",
        "Every",
        "All",
        "No",
        "In",
        "On",
        "For",
    }
    return sentence[0].lower() + sentence[1:] if first in common else sentence


def altered(sentence: str, names: Sequence[str], chance: random.Random) -> str | None:
    """Return the sentence with another number, unit, month or name in it, or None where it has none."""
    ways: list[Callable[[], str | None]] = [
        lambda: _other_number(sentence, chance),
        lambda: _other_unit(sentence, chance),
        lambda: _other_month(sentence, chance),
        lambda: _other_name(sentence, names, chance),
    ]
    chance.shuffle(ways)
    return next((made for way in ways if (made := way()) is not None and made != sentence), None)


def _other_number(sentence: str, chance: random.Random) -> str | None:
    found = list(re.finditer(r"(?<![\w.,:-])\d{1,3}(?:,\d{3})*(?![\w:.-]|,\d)", sentence))
    if not found:
        return None
    one = chance.choice(found)
    value = int(one[0].replace(",", ""))
    other = chance.choice([value + 1, value * 2 + 1, value * 10, max(0, value - 1)])
    return sentence[: one.start()] + (f"{other:,}" if "," in one[0] else str(other)) + sentence[one.end() :]


def _other_unit(sentence: str, chance: random.Random) -> str | None:
    fitting = [pair for pair in _UNITS if re.search(rf"\d {pair[0]}\b|\b{pair[0]} \d", sentence)]
    if not fitting:
        return None
    unit, other = chance.choice(fitting)
    return re.sub(rf"\b{unit}\b", other, sentence)


def _other_month(sentence: str, chance: random.Random) -> str | None:
    fitting = [month for month in _MONTHS if month in sentence]
    if not fitting:
        return None
    month = chance.choice(fitting)
    return sentence.replace(month, chance.choice([one for one in _MONTHS if one != month]))


def _other_name(sentence: str, names: Sequence[str], chance: random.Random) -> str | None:
    found = [one for one in _NAME.findall(sentence) if one in names]
    others = [name for name in names if name not in sentence]
    if not found or not others:
        return None
    return re.sub(rf"\b{chance.choice(found)}\b", chance.choice(others), sentence)


def names_of(sentences: Sequence[str]) -> list[str]:
    """Return the words that are written with a capital in the middle of sentences and never without."""
    lower = {word for sentence in sentences for word in re.findall(r"\b[a-z]+\b", sentence)}
    found = {name for sentence in sentences for name in _NAME.findall(sentence)}
    return sorted(name for name in found if name.lower() not in lower and name not in _MONTHS)


def flipped(sentence: str) -> str | None:
    """Return the sentence with its negation taken away, or with one put in; None where neither is plain."""
    negated = _NEGATED.search(sentence)
    if negated is not None:
        return sentence[: negated.start()] + (negated[1] or "always") + sentence[negated.end() :]
    if re.search(r"\b(no|none|nobody|without|nothing|neither|unless|only|except)\b", sentence, re.IGNORECASE):
        return None
    stated = _AUXILIARY.search(sentence)
    if stated is None:
        return None
    return sentence[: stated.end()] + " not" + sentence[stated.end() :]
