"""Whether an answer cites the documents that it should, with words that stand in them.

Given where the case names relevant documents or citations. Edge cases: `citation_precision` is given only for
answers, and an answer that cites nothing has none; a document is well cited where it is relevant or must be cited,
and it has quotes, and all of them stand. `citation_recall` is 0 without an answer; where the case names no citations,
one relevant document is enough. A document that is cited twice counts once.
"""

from __future__ import annotations

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation


def grade(case: Case, seen: Observation) -> dict[str, float]:
    """Return `citation_recall`, and of an answer `citation_precision`."""
    right = frozenset((*case.relevant, *case.citations))
    if case.abstain or not right:
        return {}
    if seen.status != "answered":
        return {"citation_recall": 0.0}
    cited = frozenset(seen.cited)
    good = right & _proved(seen) & cited
    wanted = frozenset(case.citations)
    recall = len(wanted & cited) / len(wanted) if wanted else float(bool(right & cited))
    return {"citation_precision": len(good) / len(cited) if cited else 0.0, "citation_recall": recall}


def _proved(seen: Observation) -> frozenset[str]:
    """Return the documents that are quoted and of which every quote stands."""
    quotes = [quote for claim in seen.claims for quote in claim.quotes]
    false = {quote.path for quote in quotes if not quote.stands}
    return frozenset(quote.path for quote in quotes) - false
