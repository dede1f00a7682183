"""Two answers side by side: what took part and differs with its words marked, and what only one of them says."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from muniment.assistant.comparing import Comparison
from muniment.assistant.lineage import Explanation
from muniment.assistant.values import Citation, Claim
from muniment.interfaces.web.asking.evidence import address
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import capitalised, minute

_LONGEST = 2_000
"""Characters of a value whose words are compared one by one."""

Words = tuple[tuple[str, bool], ...]
"""A text in pieces, each with whether it is another in the other text."""


@dataclass(frozen=True, slots=True)
class Differs:
    """A component that is another one."""

    name: str
    before: Words
    after: Words


@dataclass(frozen=True, slots=True)
class Said:
    """A claim of one answer."""

    text: str
    only: bool
    """Whether the other answer does not make it."""
    cited: tuple[tuple[str, str, bool], ...]
    """Address, title and whether the other answer does not cite that."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    heading: str
    href: str
    when: str
    question: str
    claims: tuple[Said, ...]
    nothing: str
    """What is said in the place of claims; empty where there are some."""
    withheld: str


@dataclass(frozen=True, slots=True)
class Both:
    """The two of them, the earlier one first as a rule."""

    sides: tuple[Side, Side]
    differs: tuple[Differs, ...]
    notes: tuple[str, ...]
    same: bool
    """Whether they say the same."""


def both(other: Explanation, this: Explanation, compared: Comparison) -> Both:
    """Return two answers side by side; `compared` goes from the other one to this."""
    differs = tuple(
        Differs(
            capitalised(f"{one.component} {one.name}".strip()),
            *marked(one.before, one.after),
        )
        for one in compared.differences
    )
    sides = (_side("compare.other", other, this), _side("compare.this", this, other))
    same = not any(claim.only for side in sides for claim in side.claims) and other.status == this.status
    return Both(sides, differs, compared.remarks, same)


def marked(before: str, after: str) -> tuple[Words, Words]:
    """Return two texts with the words marked that differ; all of a long one."""
    if max(len(before), len(after)) > _LONGEST:
        return ((before, True),), ((after, True),)
    a, b = (re.findall(r"\s+|[^\s/@:,.]+|[/@:,.]", text) for text in (before, after))
    told: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = ([], [])
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for pieces, words in ((told[0], a[a1:a2]), (told[1], b[b1:b2])):
            if words:
                pieces.append(("".join(words), tag != "equal"))
    return tuple(told[0]), tuple(told[1])


def _side(heading: str, mine: Explanation, other: Explanation) -> Side:
    texts = {claim.text for claim in other.claims}
    cited = {_place(one) for one in other.citations}
    return Side(
        heading=say(heading),
        href=f"/answers/{mine.id}",
        when=minute(mine.at),
        question=mine.question,
        claims=tuple(_said(claim, texts, cited) for claim in mine.claims),
        nothing="" if mine.claims else mine.answer,
        withheld=say("chain.claims_withheld", number=mine.withheld) if mine.withheld else "",
    )


def _said(claim: Claim, texts: Collection[str], cited: Collection[tuple[object, ...]]) -> Said:
    sources: Sequence[Citation] = tuple(dict.fromkeys(claim.citations))
    return Said(
        claim.text,
        claim.text not in texts,
        tuple(
            (
                address(one),
                say("compare.source", n=one.n, title=one.title, version=one.version),
                _place(one) not in cited,
            )
            for one in sources
        ),
    )


def _place(one: Citation) -> tuple[object, ...]:
    return one.document, one.version, one.span
