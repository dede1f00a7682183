"""Whether the facts that a case asks for stand in what was said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from muniment.assistant.values import Answer


def said(answer: Answer) -> str:
    """Return an answer's words and its quotes."""
    return "\n".join([answer.answer, *(citation.quote for citation in answer.citations)])


def share(facts: Sequence[Sequence[str]], text: str) -> float:
    """Return which share of the facts, each given by its accepted spellings, stand in a text; of none, 1.0."""
    plain = _plain(text)
    stand = [any(_plain(spelling) in plain for spelling in fact) for fact in facts]
    return sum(stand) / len(stand) if stand else 1.0


def _plain(text: str) -> str:
    """Return `text` as it is compared: one case, one kind of space, dash and quote, no thousands separators."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text).replace("\u2019", "'")
    text = re.sub(r"(?<=\d)[,\u0020](?=\d{3}\b)", "", text)
    return " ".join(text.split())
