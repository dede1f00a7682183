"""Whether the evidence that was shown for each statement supports it.

Given for answers. A statement is supported where it has quotes, all of them stand, and the gate of citations, asked
again with nothing but these quotes, lets it pass: so an answer that was given with the gate switched off is found
out. It checks words, numbers, dates, names and negation; what that cannot see, only a person or a measured judge can.

Edge cases: what is marked as an inference is held to the same; words of an answer that are in no statement count, a
sentence at a time, as statements without evidence; so does an answer without any statement. Of an answer in a schema
each value of the result is a statement; one from a closed list needs no more than quotes that stand. Titles and
headings are not shown as evidence; the words of a document's path stand in for them.
"""

from __future__ import annotations

import re

from muniment.assistant.gate import Gate, Verified
from muniment.assistant.structured import leaves, stands
from muniment.assistant.values import INFERRED
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation, SeenClaim, SeenQuote
from muniment.foundation.checked_schema import CheckedSchema
from muniment.inference.messages import Draft, Mark
from muniment.inference.providers.sentences import pieces
from muniment.knowledge.passage import Passage

_NUMBERS = re.compile(r"\[\d{1,4}\]")
_WORD = re.compile(r"\w")
_GATE = Gate()


def grade(case: Case, seen: Observation) -> dict[str, float]:
    """Return `faithfulness` of an answer."""
    if seen.status != "answered":
        return {}
    held = _of_result(case, seen) if case.schema is not None else _of_statements(seen)
    return {"faithfulness": sum(held) / len(held) if held else 0.0}


def supported(claim: SeenClaim) -> bool:
    """Return whether a statement's quotes stand and support it."""
    if not _proved(claim):
        return False
    passages = [_passage(quote) for quote in claim.quotes]
    marks = tuple(Mark(n, quote.quote) for n, quote in enumerate(claim.quotes, 1))
    return isinstance(_GATE.check(Draft(claim.text, marks), passages), Verified)


def _of_statements(seen: Observation) -> list[bool]:
    return [*map(supported, seen.claims), *([False] * _unclaimed(seen))]


def _of_result(case: Case, seen: Observation) -> list[bool]:
    claims = {claim.text: claim for claim in seen.claims}
    held: list[bool] = []
    for leaf in leaves(seen.result, "", CheckedSchema(case.schema).resolved):
        claim = claims.get(leaf.text)
        if claim is None or not _proved(claim):
            held.append(False)
            continue
        around = [_named(quote) for quote in claim.quotes]
        held.append(leaf.closed or stands(leaf, [quote.quote for quote in claim.quotes], around))
    return held


def _unclaimed(seen: Observation) -> int:
    """Return how many sentences of the answer are in no statement."""
    rest = _bare(seen.answer)
    for text in sorted({_bare(claim.text) for claim in seen.claims} - {""}, key=len, reverse=True):
        # The line ends keep sentences on both sides apart.
        rest = rest.replace(text + INFERRED, "\n").replace(text, "\n")
    return sum(max(1, len(pieces(line))) for line in rest.split("\n") if _WORD.search(line))


def _bare(text: str) -> str:
    return " ".join(_NUMBERS.sub(" ", text).split())


def _proved(claim: SeenClaim) -> bool:
    return bool(claim.quotes) and all(quote.stands for quote in claim.quotes)


def _passage(quote: SeenQuote) -> Passage:
    """Return a quote as the gate reads it: a passage that is nothing else."""
    text = quote.quote
    return Passage(
        quote.path, _named(quote), quote.version, "", None, (0, len(text)), 0.0, text, "", "", quote.path, ""
    )


def _named(quote: SeenQuote) -> str:
    return re.sub(r"[\W_]+", " ", quote.path.rpartition(".")[0] or quote.path).strip()
