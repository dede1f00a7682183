"""How well each piece of the passages answers the question: the measurements behind `quotes`.

Everything is computed over the passages at hand, so that nothing outside them can move a figure.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from muniment.foundation.stems import stem
from muniment.inference.embedding import Embedder
from muniment.inference.messages import NumberedPassage
from muniment.inference.providers.sentences import Piece, pieces

MOST_PIECES = 40
"""Pieces that get a vector; the rest, poorer in words and further down, are left out for time."""

_WORD = re.compile(r"[^\W_]+(?:[.,][0-9]+)*")
_STOP = frozenset(
    re.findall(
        r"\S+",
        "a about after all also am an and any are as at be been before being but by can could did do "
        "does doing for from get give given had has have having he her hers him his how i if in into is "
        "it its kind long many may me much must my need of on or our ours out over please say says she "
        "should so some such tell than that the their theirs them then there these they this those to "
        "type under up us use was we were what when where which who "
        "whom whose why will with would you your yours s t re ve ll d m there's name exactly currently now",
    )
)
_PAST = re.compile(
    r"\b(?:was|were|been|is|are|now) (?:superseded|replaced|withdrawn)\b"
    r"|\((?:superseded|obsolete|withdrawn|archived|old)\)"
    r"|\bsuperseded by\b(?! this)|\breplaced by (?:the|version|policy)\b|\bno longer (?:in force|valid|applies)\b"
    r"|\bobsolete\b|^(?:draft|archived|superseded)\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instruction|rule|prompt|previous|above)|\bsystem prompt\b"
    r"|\b(?:AI|assistant|language model)s?\b.{0,60}\b(?:must|should|now|instead|reveal|answer|reply|send)\b"
    r"|\byou are now\b",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|none)\b", re.I
)
_CAPITAL = re.compile(r"(?<=[\w,;:(|] )[A-Z][a-z]+")
_LETTERHEAD = re.compile(r"\W*(?:date|from|to|cc|subject|sent)\b\W*:|\W*page \d+\W*$", re.IGNORECASE)
"""Lines that address or number a page say nothing by themselves."""
_ASKS_NUMBER = re.compile(
    r"\b(?:how (?:much|many|long|often|old|far|big|soon|late)|what (?:percent|share|amount))", re.I
)
_ASKS_TIME = re.compile(
    r"\b(?:when|what (?:date|day|time|year)|which (?:date|day|year|month)|since|until)\b", re.I
)
_ASKS_PERSON = re.compile(r"\b(?:who|whom|whose)\b", re.I)


@dataclass(frozen=True, slots=True)
class Weighed:
    """A piece of a passage with what was measured of it, each from 0 to 1."""

    passage: NumberedPassage
    piece: Piece
    text: str
    cosine: float
    """Of the question's vector and the piece's; 0 without vectors."""
    own: float
    """Share of the question's words, by weight, that stand in the piece."""
    near: float
    """The same for the piece, its heading and its document's title."""
    around: float
    """The same for the whole passage."""
    fits: float
    """1 when it holds the kind of thing asked for (a number, a date, a name), or none is asked for."""
    rank: float
    """1 for the first passage, falling."""
    stale: bool
    """Its document says that it was superseded."""
    order: bool
    """It gives orders to a machine."""
    judged: float = 0.0
    """The cross-encoder's opinion, for the pieces that were put to it; 0 without one."""


def words(text: str) -> set[str]:
    """Return the stems of a text's content words."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return {stem(word) for word in _WORD.findall(plain) if word not in _STOP}


def weigh(question: str, passages: Sequence[NumberedPassage], embedder: Embedder | None) -> list[Weighed]:
    """Return the pieces that come nearest to the question, in reading order."""
    asked = words(question)
    parts = [(passage, piece) for passage in passages for piece in _candidates(passage)]
    texts = [passage.text[piece.start : piece.end] for passage, piece in parts]
    stems = [words(text) for text in texts]
    titles = {passage.n: words(f"{passage.title} {passage.heading}") for passage in passages}
    near = [
        own | words(piece.context) | titles[passage.n] | _header_words(passage, piece)
        for own, (passage, piece) in zip(stems, parts, strict=True)
    ]
    around = {passage.n: words(passage.text) | titles[passage.n] for passage in passages}
    weights = _weights(asked, near)
    stale = _stale(passages)
    kept = _most_promising(parts, [_share(asked & held, weights) for held in near])
    cosines = _cosines(question, [spoken(*parts[at], texts[at]) for at in kept], embedder)
    return [
        Weighed(
            passage=parts[at][0],
            piece=parts[at][1],
            text=texts[at],
            cosine=cosine,
            own=_share(asked & stems[at], weights),
            near=_share(asked & near[at], weights),
            around=_share(asked & around[parts[at][0].n], weights),
            fits=_fits(question, texts[at]),
            rank=1 / math.sqrt(parts[at][0].n),
            stale=parts[at][0].title in stale,
            order=_ORDER.search(texts[at]) is not None,
        )
        for at, cosine in zip(kept, cosines, strict=True)
    ]


def _candidates(passage: NumberedPassage) -> list[Piece]:
    """Pieces that say something: a question is the context of the piece after it."""
    found: list[Piece] = []
    asked = ""
    for piece in pieces(passage.text):
        text = passage.text[piece.start : piece.end]
        if text.rstrip("*_ ").endswith("?"):
            asked = text.strip("*_ ")
            continue
        if (text.endswith(",") and len(text) < 60) or _LETTERHEAD.match(text):
            continue
        if len(words(text)) < 2 and not _NUMBER.search(text):
            continue
        found.append(
            Piece(piece.start, piece.end, piece.kind, piece.header, f"{piece.context} {asked}".strip())
        )
        if len(found) > 1 and asked and found[-2].context == found[-1].context:
            asked = ""
    return found


def _header_words(passage: NumberedPassage, piece: Piece) -> set[str]:
    return words(passage.text[slice(*piece.header)]) if piece.header else set()


def spoken(passage: NumberedPassage, piece: Piece, text: str) -> str:
    """Return what gets a vector: the piece under its title and heading, as a person would read it."""
    context = piece.context or passage.heading
    lead = (
        passage.title
        if context.casefold() in ("", passage.title.casefold())
        else f"{passage.title}, {context}"
    )
    columns = f" ({passage.text[slice(*piece.header)]})" if piece.header else ""
    return f"{lead}: {text}{columns}"[:600]


def _weights(asked: Iterable[str], held: Sequence[set[str]]) -> dict[str, float]:
    count = len(held) + 1
    return {term: math.log(1 + count / (1 + sum(term in one for one in held))) for term in sorted(asked)}


def _share(found: Iterable[str], weights: dict[str, float]) -> float:
    total = sum(weights.values())
    return math.fsum(weights[term] for term in found) / total if total else 0.0


def _most_promising(parts: Sequence[tuple[NumberedPassage, Piece]], shares: Sequence[float]) -> list[int]:
    order = sorted(range(len(parts)), key=lambda at: (-(shares[at] + 0.4 / parts[at][0].n), at))
    return sorted(order[:MOST_PIECES])


def _cosines(question: str, texts: list[str], embedder: Embedder | None) -> list[float]:
    if embedder is None or not texts:
        return [0.0] * len(texts)
    found = embedder.embed_sentences(texts) @ embedder.embed_query(question)
    return [float(v) if math.isfinite(v) else 0.0 for v in found]


def _stale(passages: Sequence[NumberedPassage]) -> set[str]:
    return {p.title for p in passages if _PAST.search(p.title) or _PAST.search(p.text[:400])}


def _fits(question: str, text: str) -> float:
    if _ASKS_NUMBER.search(question):
        return float(_NUMBER.search(text) is not None)
    if _ASKS_TIME.search(question):
        return float(_NUMBER.search(text) is not None)
    if _ASKS_PERSON.search(question):
        return float(_CAPITAL.search(text) is not None)
    return 1.0
