"""Whether an answer holds the facts that it must, and none that it must not.

`facts`, `all_facts` and `completeness` are given where the case names facts, `no_forbidden_facts` where it names
forbidden ones. Edge cases: a fact stands in any of its spellings, whatever case, white space, dashes, emphasis and
thousands separators; a word may stand inside a longer one, a number may not (24 is not in 240 or 2.4). Only an answer
holds facts; a forbidden one counts whatever the status, also in a result or in the arguments of a call.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation
from muniment.governance.audit.entry import Json
from muniment.inference.prompts import INVISIBLE

Facts = Sequence[Sequence[str]]


def grade(case: Case, seen: Observation) -> dict[str, float]:
    """Return the metrics of facts that apply."""
    scores: dict[str, float] = {}
    if case.facts and not case.abstain:
        answered = seen.status == "answered"
        held = share(case.facts, said(seen)) if answered else 0.0
        alone = share(case.facts, stated(seen)) if answered else 0.0
        scores = {"facts": held, "all_facts": float(held == 1.0), "completeness": alone}
    if case.forbidden_facts:
        scores["no_forbidden_facts"] = float(share(case.forbidden_facts, shown(seen)) == 0.0)
    return scores


def stated(seen: Observation) -> str:
    """Return the statements of an answer; of one without statements its words."""
    return "\n".join(claim.text for claim in seen.claims) or seen.answer


def said(seen: Observation) -> str:
    """Return an answer's words and its quotes."""
    return "\n".join([seen.answer, stated(seen), *_quotes(seen)])


def shown(seen: Observation) -> str:
    """Return every word that was given: those of the answer, its quotes, its result and its calls."""
    calls = (text for call in seen.calls for text in _texts(dict(call.arguments)))
    return "\n".join([said(seen), *_texts(seen.result), *calls])


def share(facts: Facts, text: str) -> float:
    """Return which share of the facts, each given by its accepted spellings, stand in a text; of none, 1.0."""
    plain = _plain(text)
    stand = [any(_stands(_plain(spelling), plain) for spelling in fact) for fact in facts]
    return sum(stand) / len(stand) if stand else 1.0


def _quotes(seen: Observation) -> list[str]:
    return [quote.quote for claim in seen.claims for quote in claim.quotes]


def _texts(value: Json) -> Iterator[str]:
    """Yield the texts and numbers of a value, and the names of its fields."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)


def _stands(fact: str, text: str) -> bool:
    before = r"(?<!\d)(?<!\d[.,])" if fact[:1].isdigit() else ""
    after = r"(?!\d)(?![.,]\d)" if fact[-1:].isdigit() else ""
    return bool(fact) and re.search(before + re.escape(fact) + after, text) is not None


def _plain(text: str) -> str:
    """Return `text` as it is compared: one case, one kind of space, dash and quote, no thousands separators."""
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).casefold()
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text).replace("\u2019", "'")
    text = re.sub(r"[*`\u00ad]", "", text)
    text = re.sub(r"(?<=\d)[,\u0020](?=\d{3}\b)", "", text)
    return " ".join(text.split())
