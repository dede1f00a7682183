"""A follow-up as a question that stands alone: by fixed rules, from the questions asked before it.

A question that points back ("how long is it?", "and for contractors?", "why?") is completed from the last question
that stood by itself. One that may well mean what it says is left as it is. The rules know English; a question in
another language stays as it was asked.

Invariants:
- what comes out holds words of these questions and the few that join them, and nothing else;
- the same questions always give the same result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from muniment.foundation.stems import stem
from muniment.knowledge.retrieval.wording import STOP_WORDS

_LAST = 12
"""Questions that are looked at, the newest of them."""
LONGEST_READ = 300
"""Characters; a longer question says what it is about, and says too much to be what another is about."""
_LONGEST = 1_000
_ENOUGH = 3
"""Words of content that others may rest on, though something in the question points back to nothing."""
_LONGEST_SWAP = 8
"""Words that may take another's place."""
_POINTS_BACK = "This is about: "
"""Joins a question and the one it rests on; each word is one that search passes over."""


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


_PREP = _words(
    "of for in at on with from by under during after before without since until per over outside inside"
)
_DETERMINERS = _words("the a an our my your his her their this that these those each every")
_AUXILIARIES = _words(
    "is are was were am be been do does did can could may might must shall should will would has have had"
)
_ASKING = _words("what who whom whose where when why how which")
_MEASURES = _words("long much many often far soon big large high old late early exactly else so come")
_GENERIC = frozenset(
    map(
        stem,
        _words(
            "agree allow alternative amount apply approve begin change claim condition contact cost count cover date "
            "day deadline decide detail end exact exception expire form happen include last limit maximum minimum "
            "month need notice owner pay penalty place price process reach reason refuse responsible rule sign start "
            "step time valid week work year",
        ),
    )
)
"""Words that say too little to be searched for alone."""
_FILLER = re.compile(
    r"^(?:(?:ok|okay|thanks|thank you|thx|great|good|fine|right|sorry|please|well|hm+|alright|i see)\b[\s,.!:]*)+",
    re.IGNORECASE,
)
_JOINING = re.compile(r"^(?:and|but|or|also|so|then|plus)\b[\s,]*(?:then\b[\s,]*)?", re.IGNORECASE)
_SWAPS = (
    re.compile(r"^(?:what|how) about (?P<x>.+)$", re.IGNORECASE),
    re.compile(
        r"^(?:(?:is|are) (?:it|that|this|they) |does (?:that|this|it) (?:also )?(?:apply|hold|go) )?"
        r"(?:also |(?:exactly )?(?:the )?same )?(?P<x>(?:for|in|at|to) .+)$",
        re.IGNORECASE,
    ),
)
_EXPLETIVE = re.compile(
    r"\b(?:is|was) it (?:\w+ )?(?:allowed|possible|ok|okay|permitted|necessary|required|mandatory|true|safe|legal|"
    r"forbidden|enough|better|time|worth)\b (?:to|that|for|if|when)\b"
    r"|\b(?:does|did|will|would) it take (?:\S+ ){0,4}to \w+ \w+"
    r"|\bit (?:is|was) \w+ (?:to|that)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|she|him|her|hers|his)\b"
    r"|\b(?:this|that|these|those)\b(?=\s*(?:$|[,;]|is\b|are\b|was\b|were\b|does\b|do\b|can\b|may\b|apply\b|applies\b|"
    r"mean\b|means\b|cost\b|costs\b|work\b|works\b|take\b|takes\b|change\b|for\b|in\b|by\b|at\b|to\b|as\b|be\b|"
    r"always\b|still\b|really\b|also\b|paid\b|one\b|ones\b|happen\b|happens\b|include\b|count\b))"
    r"|(?<=\bdid )that\b|(?<=\bdoes )that\b|(?<=\bis )that\b|(?<=\bwas )that\b"
    r"|\b(?:there|the other one|the others|the same|the former|the latter)\s*$|\bfrom there\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:a|an|the|all|any|every|each|no|those|my|our|your) (?:\w+ ){1,2}that\b", re.IGNORECASE
)
_INSIDE = re.compile(r"\b(?:a|an|the|my|our|your|every|each)\s+\w+", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:when|if|once|while|because|unless)\b", re.IGNORECASE)
_SUBJECT = re.compile(
    rf"\b(?P<aux>{'|'.join(sorted(_AUXILIARIES))})\s+(?P<np>(?:(?:the|a|an|our|my|your)\s+)?"
    rf"(?:(?!(?:{'|'.join(sorted(_PREP | _AUXILIARIES))}|i|we|you|to|of|it|they|he|she|not)\b)[\w'’-]+\s*)+)",
    re.IGNORECASE,
)
_CLEAN = re.compile(
    r"^(?:what|who|where|when|how \w+|which) (?:is|are|was|were) "
    rf"(?P<np>(?:(?!\b(?:{'|'.join(sorted(_ASKING))}|and|or)\b).)+)$",
    re.IGNORECASE,
)
_PEOPLE = re.compile(
    r"^(?:[a-z]+ ){0,2}[a-z-]*[a-z](?<!s)s$|^(?:[a-z]+ )?(?:people|staff|women|men|children)$"
)
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class _Made:
    """A question that stands alone, and what the next one would be completed from."""

    text: str
    basis: str


def standalone(question: str, earlier: Sequence[str]) -> str:
    """Return a question that can be searched for by itself, made from it and from `earlier`, oldest first.

    Where nothing points back, or there is nothing to point to, it is the question as it was asked.
    """
    basis = ""
    for one in earlier[-_LAST:]:
        basis = _completed(" ".join(one.split()), basis).basis
    return _completed(" ".join(question.split()), basis).text


def _completed(question: str, basis: str) -> _Made:
    if len(question) > LONGEST_READ:
        return _Made(question, "")
    bare = _FILLER.sub("", question).rstrip(" ?!.")
    joined = _JOINING.match(bare)
    rest = bare[joined.end() :] if joined else bare
    if (other := _other(rest, joined is not None)) is not None:
        made = _swapped(basis, other) if basis else ""
        return _Made(made, made) if made and len(made) <= _LONGEST else _about(question, basis)
    if _points_back(rest, joined is not None):
        return _referring(question, rest, basis)
    return _Made(question, question)


def _about(question: str, basis: str) -> _Made:
    """Put the question beside the one it rests on."""
    if not basis:
        return _Made(
            question,
            question if len(_content(question)) >= _ENOUGH else "",
        )
    made = f"{question} {_POINTS_BACK}{basis}"
    return _Made(made if len(made) <= _LONGEST else question, basis)


def _other(rest: str, joined: bool) -> str | None:
    """Return what a follow-up asks the same about: `for contractors`, `Berlin`; None where it asks something else."""
    found = next((match["x"] for one in _SWAPS if (match := one.match(rest))), None)
    if found is None:
        words = rest.lower().split()
        begins = words[:1] and words[0] in _PREP
        if not words or not (joined or begins) or set(words) & (_ASKING | _AUXILIARIES):
            return None
        found = rest
    words = found.lower().split()
    if not _content(found) or len(words) > _LONGEST_SWAP or set(words) & (_ASKING | _AUXILIARIES):
        return None if found is rest else ""
    return "" if _PRONOUN.search(found) or words[-1] in ("one", "ones") else found


def _swapped(basis: str, other: str) -> str:
    """Return the earlier question with `other` in the place of what it is of a kind with, or joined to it."""
    if not other:
        return ""
    asked = basis.rstrip(" ?!.")
    first, _, rest = other.partition(" ")
    preposition = first.lower() if first.lower() in _PREP and rest else ""
    thing = rest if preposition else other
    for replaced in (
        _in_place_of_the_same_head(asked, thing),
        _in_place_of_a_phrase(asked, preposition, thing),
        _in_place_of_a_name(asked, thing),
        "" if preposition else _in_place_of_the_subject(asked, thing),
    ):
        if replaced and replaced != asked:
            return f"{replaced}?"
    return f"{asked} {preposition or 'for'} {thing}?"


def _in_place_of_the_same_head(asked: str, thing: str) -> str:
    """Replace `parental leave` by `sick leave`: what ends in the same word."""
    words, new = asked.split(" "), _WORD.findall(thing)
    if len(new) < 2:
        return ""
    head = stem(new[-1].lower())
    for at in range(len(words) - 1, 0, -1):
        if stem(words[at].lower().strip(",.;:")) != head:
            continue
        start = at
        while start > 1 and _is_content(words[start - 1]):
            start -= 1
        if start == at:
            return ""
        if words[start - 1].lower() in _DETERMINERS and new[0].lower() in _DETERMINERS:
            start -= 1
        return " ".join([*words[:start], thing, *words[at + 1 :]])
    return ""


def _in_place_of_a_phrase(asked: str, preposition: str, thing: str) -> str:
    """Replace `for employees` by `for contractors`."""
    if not preposition:
        return ""
    words = asked.split(" ")
    for at in range(len(words) - 2, 0, -1):
        if words[at].lower() != preposition:
            continue
        end = at + 1
        while end < len(words) and (_is_content(words[end]) or words[end].lower() in _DETERMINERS):
            end += 1
        if end > at + 1:
            return " ".join([*words[: at + 1], thing, *words[end:]])
    return ""


def _in_place_of_a_name(asked: str, thing: str) -> str:
    """Replace the one name of a question by another, and the one number by another."""
    words, new = asked.split(" "), _WORD.findall(thing)
    named = [at for at, word in enumerate(words) if at and _is_name(word)]
    if not named or not any(_is_name(one) for one in new) or named[-1] - named[0] != len(named) - 1:
        return ""
    start = named[0]
    if new[0].lower() in _DETERMINERS and words[start - 1].lower() in _DETERMINERS:
        start -= 1
    return " ".join([*words[:start], thing, *words[named[-1] + 1 :]])


def _in_place_of_the_subject(asked: str, thing: str) -> str:
    """Replace `the reception` by `the canteen`, and leave a question about people what it is about."""
    if _PEOPLE.match(thing):
        return ""
    found = _SUBJECT.search(asked)
    if found is None:
        return ""
    words = found["np"].split()
    # Of `does the canteen open`, the last word is the verb.
    if found["aux"].lower() not in ("is", "are", "was", "were") and len(words) > 1:
        words = words[:-1]
    before, after = asked[: found.start("np")], asked[found.start("np") + len(" ".join(words)) :]
    return f"{before}{thing}{after}"


def _points_back(rest: str, joined: bool) -> bool:
    content = _content(rest)
    words = rest.lower().split()
    if not words:
        return False
    if not content:
        return bool(set(words) & (_ASKING | _MEASURES)) or bool(_PRONOUN.search(rest))
    without = _EXPLETIVE.sub(" ", rest)
    found = None if _RELATIVE.search(without) else _PRONOUN.search(without)
    if found is not None:
        # What comes before it in the same question may be what it stands for.
        before = without[: found.start()]
        clause = _CLAUSE.search(before)
        return not _INSIDE.search(before) and not (clause and len(_content(before)) > 1)
    if any(_is_name(word) for word in rest.split(" ")[1:]) or any(one.isdigit() for one in rest):
        return False
    generic = [word for word in content if stem(word) in _GENERIC]
    asks = words[0] in _ASKING | _AUXILIARIES | _PREP
    if joined:
        return asks and len(content) - len(generic) <= 1
    return asks and len(content) == len(generic) and len(content) <= 2


def _referring(question: str, rest: str, basis: str) -> _Made:
    """Put what the earlier question is about in the place of the word that points to it, where both are plain."""
    topic = _CLEAN.match(basis.rstrip(" ?!.")) if basis else None
    if topic is not None and len(topic["np"].split()) <= _LONGEST_SWAP and not _PRONOUN.search(topic["np"]):
        found = re.findall(r"\b(?:it|they|them)\b", rest, re.IGNORECASE)
        if len(found) == 1 and len(_PRONOUN.findall(rest)) == 1:
            made = re.sub(r"\b(?:it|they|them)\b", lambda _: topic["np"], rest, flags=re.IGNORECASE)
            return _Made(f"{made[0].upper()}{made[1:]}?", basis)
    return _about(question, basis)


def _content(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if _is_content(word)]


def _is_content(word: str) -> bool:
    plain = word.lower().strip(",.;:?!")
    return bool(plain) and plain not in STOP_WORDS | _PREP | _AUXILIARIES | _MEASURES | _ASKING


def _is_name(word: str) -> bool:
    return (word[:1].isupper() and word != "I" and _is_content(word)) or word[:1].isdigit()
