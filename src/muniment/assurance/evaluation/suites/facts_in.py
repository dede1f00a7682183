"""Facts that a document states, each with a question that its sentence answers: amounts, dates, times, names.

A question is made by template from the words around the fact, so that it needs no model and says nothing that the
document does not. That makes it easy to find: it has the document's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from muniment.assurance.evaluation.graders import facts as stated
from muniment.governance.privacy.recognise import recognise
from muniment.inference.providers.sentences import Piece, pieces

_MONTH = (
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
_NUMBER = r"\d(?:[\d.,]*\d)?"
_MONEY = "EUR|USD|GBP|CHF|CZK|INR"
_WORDED = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|sixty|ninety"
)
_FACT = re.compile(
    rf"(?P<amount>(?:\b(?:{_MONEY})\s|[€$£₹]\s?){_NUMBER}(?: (?:thousand|million|billion))?(?!\w)"
    rf"|\b{_NUMBER}\s(?:(?:thousand|million|billion)\s)?(?:{_MONEY}|euros?|crowns?|dollars?|pounds?|francs)\b)"
    rf"|(?P<share>\b{_NUMBER}\s?(?:%|percent\b|per cent\b))"
    rf"|(?P<date>\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}} (?:{_MONTH})(?: \d{{4}})?\b"
    rf"|\b(?:{_MONTH}) \d{{1,2}}(?:, \d{{4}})?\b|\b(?:{_MONTH}) \d{{4}}\b)"
    r"|(?P<time>\b\d{1,2}:\d{2}\b(?!:)(?:\s?[ap]m\b)?)"
    rf"|(?P<span>\b(?:{_NUMBER}|{_WORDED})[ -](?:minute|hour|day|week|month|year)s?\b)"
    rf"|(?P<count>\b{_NUMBER}\s(?!means\b|does\b|across\b|plus\b|less\b)[a-z]{{3,}}s\b)"
    r"|(?P<name>(?<=[a-z,;:] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)+)"
)
_ASKS = {
    "amount": "how much",
    "share": "what share",
    "date": "when",
    "time": "at what time",
    "span": "how long",
    "count": "how many",
    "name": "who or what",
}
_IS = re.compile(r"(?P<subject>[^,;:()]{4,80}?) (?P<verb>is|are|was|were) (?:(?:on|at|about|up to) )?$")
_SHORTEST, _LONGEST = 20, 240
"""Characters of a sentence that says something, and that a question can hold."""
_GAP = "…"
_LETTERHEAD = re.compile(r"(?:From|To|Cc|Date|Sent|Subject|Reply-To): ")


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact of a document."""

    fact: str
    question: str
    sentence: str
    """Where it stands."""
    about: str
    """The title or heading that the sentence stands under."""


def facts_in(title: str, text: str) -> list[Stated]:
    """Return the facts of a document that a question can be asked about, in its order.

    Sentences with sensitive values, such as card numbers and passwords, are left out.
    """
    return [found for piece in pieces(text) for found in _of_piece(title, text, piece)]


def answers_itself(question: str, fact: str) -> bool:
    """Return whether a question already holds its fact."""
    return stated.share([(fact,)], question) == 1.0


def _of_piece(title: str, text: str, piece: Piece) -> Iterator[Stated]:
    sentence = " ".join(text[piece.start : piece.end].split())
    if len(sentence) > _LONGEST or _LETTERHEAD.match(sentence) or recognise(sentence):
        return
    under = title if not piece.context or piece.context in title else f"{title}, {piece.context}"
    if piece.kind == "row":
        found = _of_row(text, piece, sentence, under)
    else:
        found = _of_sentence(sentence.strip("#*-• "), under) if len(sentence) >= _SHORTEST else iter(())
    yield from (one for one in found if not answers_itself(one.question, one.fact))


def _of_row(text: str, piece: Piece, sentence: str, under: str) -> Iterator[Stated]:
    """Yield the cells of a row, named by their columns and the row's first cell."""
    cells = [cell.strip() for cell in sentence.strip("| ").split(" | ")]
    if piece.header is None:
        pairs = [(name.strip(), value.strip()) for name, _, value in (cell.partition(": ") for cell in cells)]
    else:
        head = " ".join(text[slice(*piece.header)].split()).strip("| ").split(" | ")
        pairs = list(zip((name.strip() for name in head), cells, strict=False))
    if not pairs or not all(pairs[0]):
        return
    for name, value in pairs[1:]:
        if name and 2 <= len(value) <= 60 and re.search(r"\d|[A-Z]", value):
            question = f"What is the {_lower(name)} of {pairs[0][1]}? ({under})"
            yield Stated(value, question, sentence, under)


def _of_sentence(sentence: str, under: str) -> Iterator[Stated]:
    for found in _FACT.finditer(sentence):
        asks = _ASKS[str(found.lastgroup)]
        before, after = sentence[: found.start()], sentence[found.end() :].rstrip(".!; ")
        whole = _IS.fullmatch(before)
        if whole and len(after) <= 60 and not re.search(r"[,;:.]", after):
            question = f"{asks.capitalize()} {whole['verb']} {_lower(whole['subject'])}{after}? ({under})"
        else:
            gapped = f"{before}{_GAP}{sentence[found.end() :]}"
            question = f"{under}: {asks} stands for “{_GAP}” in “{gapped}”?"
        yield Stated(found[0], question, sentence, under)


def _lower(words: str) -> str:
    """Return words as they stand inside a sentence: names and abbreviations as they are."""
    first = words.split(" ", 1)[0]
    plain = first in ("The", "A", "An", "Our", "Your", "All", "Each", "Every", "This")
    return words[0].lower() + words[1:] if plain or (" " not in words and words.istitle()) else words
