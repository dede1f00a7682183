"""From text to the terms that lexical search counts, and from a query to what it asks for.

Words are folded (case, accents, width), English words are stemmed, Chinese, Japanese and Korean runs become
overlapping pairs, and codes such as `INV-2024-0017` count whole as well as in parts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from muniment.foundation.stems import stem

VERSION = "words-1"
"""Names the rules below; a segment made under others is not searched by words."""

MAX_QUERY_TERMS = 64
_LONGEST = 64

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]{1,2}(?![^\W_]))?(?:[-_./:@+&][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['’][^\W\d_]{1,2}(?![^\W_])")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff]+")
_DIACRITICS = dict.fromkeys(range(0x300, 0x370))
_QUOTED = re.compile(r'(?<!\S)(-?)"([^"]+)"|(?<!\S)-(?=[^\W\d_])(\S+)')

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about am an and any are as at be been being but by can could did do does doing for from had has "
        "have having he her hers him his how i if in into is it its me my of on or our ours she should so "
        "some such than that the their theirs them then there these they this those to us was we were what when "
        "where which who whom whose why will with would you your yours",
    )
)
"""English function words: dropped from a query unless it holds nothing else."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a query asks for, in terms."""

    terms: tuple[str, ...]
    """Distinct, in order of first use."""
    phrases: tuple[tuple[str, ...], ...]
    """Each must occur, its terms side by side."""
    excluded: tuple[str, ...]
    """No result holds any of these."""
    text: str
    """The query without its exclusions and quotation marks, as a model reads it."""


def fold(text: str) -> str:
    """Return `text` without case, accents and width."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text).translate(_DIACRITICS)
    return unicodedata.normalize("NFKC", plain).casefold()


def terms(text: str) -> list[str]:
    """Return every term of `text`, repeats kept; a code's parts come before the whole."""
    # No token reaches across a blank, and the words between blanks come again and again.
    words = fold(text).split()
    short = max(map(len, words), default=0) <= _LONGEST
    return list(chain.from_iterable(map(_short_word_terms if short else _word_terms, words)))


def parse(query: str) -> Query:
    """Return what `query` asks for: words, `"quoted phrases"` that must occur, `-words` that must not."""
    phrases: list[tuple[str, ...]] = []
    excluded: list[str] = []
    plain: list[str] = []
    at = 0
    for match in _QUOTED.finditer(query):
        plain.append(query[at : match.start()])
        at = match.end()
        minus, quoted, word = match.groups()
        if minus or word is not None:
            excluded += terms(word or quoted)[-1:]
        else:
            phrases.append(tuple(_words(quoted)))
            plain.append(quoted)
    plain.append(query[at:])
    asked = question(" ".join(plain))
    return Query(
        asked.terms, tuple(phrase for phrase in phrases if phrase), tuple(dict.fromkeys(excluded)), asked.text
    )


def question(text: str) -> Query:
    """Return what a sentence asks for: its words, whatever its punctuation."""
    text = " ".join(text.split())
    every = list(dict.fromkeys(terms(text)))
    kept = [term for term in every if term not in _stopped()]
    return Query(tuple((kept or every)[:MAX_QUERY_TERMS]), (), (), text)


def holds_phrase(text: str, phrase: tuple[str, ...]) -> bool:
    """Return whether the words of `phrase` stand side by side in `text`."""
    words = _words(text)
    first, size = phrase[0], len(phrase)
    return any(
        word == first and tuple(words[at : at + size]) == phrase
        for at, word in enumerate(words[: len(words)])
    )


def _words(text: str) -> list[str]:
    """Return the terms of `text` in reading order, codes in parts only."""
    parts = _PART.findall(_POSSESSIVE.sub("", fold(text)))
    return [term for part in parts for term in _part_terms(part)]


def _word_terms(word: str) -> tuple[str, ...]:
    return tuple(chain.from_iterable(map(_token_terms, _TOKEN.findall(word))))


_short_word_terms = lru_cache(maxsize=50_000)(_word_terms)


@lru_cache(maxsize=200_000)
def _token_terms(token: str) -> tuple[str, ...]:
    token = _POSSESSIVE.sub("", token)
    parts = _PART.findall(token)
    if len(parts) == 1:
        return _part_terms(token)
    found = [term for part in parts for term in _part_terms(part)]
    return (*found, token[:_LONGEST])


@lru_cache(maxsize=200_000)
def _part_terms(part: str) -> tuple[str, ...]:
    if part.isascii():
        return (stem(part[:_LONGEST]) if part.isalpha() else part[:_LONGEST],)
    if not _CJK.search(part):
        return (part[:_LONGEST],)
    found: list[str] = []
    at = 0
    for match in _CJK.finditer(part):
        found += _part_terms(part[at : match.start()]) if match.start() > at else ()
        run = match.group()
        found += [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]
        at = match.end()
    if at < len(part):
        found += _part_terms(part[at:])
    return tuple(found)


@lru_cache(maxsize=1)
def _stopped() -> frozenset[str]:
    return frozenset(stem(word) for word in STOP_WORDS) | STOP_WORDS
