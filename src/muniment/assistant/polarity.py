"""Whether two sentences say opposite things: negations, opposite words and prefixes, clause by clause."""

from __future__ import annotations

import re
from collections.abc import Sequence

from muniment.assistant.function_words import FUNCTION_WORDS
from muniment.foundation.stems import stem

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,:]\d+)*")
_CLAUSE = re.compile(
    r"[.;:!?()\n]+|,|\s[–—-]\s|\b(?:but|while|whereas|although|though|however|and|or|which|who)\b",
    re.IGNORECASE,
)
_NO_NEGATION = re.compile(
    r"\b(?:(?:no|not) (?:later|more|less|fewer|longer|earlier|sooner|greater|higher|lower|shorter) than|"
    r"not (?:only|exceed\w*|before|until|just)|whether or not|no\.? \d|no matter|nothing but|not? (?:doubt|problem))",
    re.IGNORECASE,
)
_NEGATIONS = frozenset(
    re.findall(
        r"\w+", "not no never none nobody nothing neither nor cannot without unless except hardly nowhere non"
    )
)
_OPPOSITES = (
    ("allow permit may can entitl elig author", "forbid forbidden prohibit ban disallow barred inelig illeg"),
    ("requir must mandatori compulsori oblig need", "option voluntari"),
    ("includ", "exclud"),
    ("open", "close shut"),
    ("increas rise rose grow grew higher raise", "decreas fall fell drop reduc lower shrink shrank"),
    ("accept approv", "refus reject deni declin"),
    ("alway", "never"),
    ("all everi each", "none"),
    ("enabl", "disabl"),
    ("maximum", "minimum"),
    ("most", "least"),
    ("befor", "after"),
    ("intern", "extern"),
    ("public", "privat confidenti secret"),
    ("success succeed", "fail failur"),
    ("pass", "fail"),
    ("start begin began begun commenc", "end stop ceas finish"),
    ("win won", "lose lost"),
    ("present", "absent"),
    ("free", "charg paid"),
    ("full", "empti part-tim"),
    ("buy bought purchas", "sell sold"),
    ("employ hire", "dismiss fire terminat"),
    ("more", "less fewer"),
    ("earlier", "later"),
    ("true", "fals"),
    ("safe", "danger unsaf"),
    ("permanent", "temporari"),
    ("same", "differ"),
    ("agre", "disagre"),
    ("support", "oppos"),
    ("arriv", "leav depart"),
    ("above", "below"),
    ("first", "last"),
    ("import", "export"),
    ("own", "rent leas"),
    ("manual", "automat"),
    ("promot activ enhanc stimul", "inhibit suppress block prevent impair"),
)
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis")


def opposed(claim: str, evidence: Sequence[str]) -> list[str]:
    """Return what turns the claim against its quotes: negations and opposites that one of them has and not the other.

    Empty where they agree. Only clauses of the quotes that speak of what the claim speaks of are counted.
    """
    stated = _read(claim)
    clauses = [_read(part) for text in evidence for part in _clauses(text)]
    aligned = [clause for clause in clauses if _speaks_of(clause, stated)]
    if not aligned:
        return []
    words = set().union(*(clause.words for clause in aligned))
    negations = {cue for clause in aligned for cue in clause.cues}
    count = sum(len(clause.cues) for clause in aligned)
    turns = _turns(stated.words, words)
    if (len(stated.cues) + len(turns) + count) % 2 == 0:
        return []
    return turns or sorted({*stated.cues} ^ negations) or ["negation"]


class _Read:
    """A clause: its words by stem, what it is about, and its negations."""

    __slots__ = ("about", "cues", "words")

    def __init__(self, words: set[str], about: set[str], cues: list[str]) -> None:
        self.words = words
        self.about = about
        self.cues = cues


def _read(text: str) -> _Read:
    plain = _NO_NEGATION.sub(" ", text)
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(plain)]
    cues = [word for word in words if word in _NEGATIONS or word.endswith("n't")]
    kept = [word for word in words if not (word in _NEGATIONS or word.endswith("n't"))]
    stems = {stem(word.removesuffix("'s")) for word in kept}
    return _Read(stems, {stem(w.removesuffix("'s")) for w in kept if w not in FUNCTION_WORDS}, cues)


def _clauses(text: str) -> list[str]:
    """Return the clauses of a quote; one that says too little goes with the one before it."""
    found: list[str] = []
    for part in _CLAUSE.split(_NO_NEGATION.sub(" ", text)):
        read = _read(part)
        if found and len(read.about) < (1 if read.cues else 2):
            found[-1] += " " + part
        elif part.strip():
            found.append(part)
    return found


def _speaks_of(clause: _Read, claim: _Read) -> bool:
    if not clause.about:
        return False
    shared = len({_bare(word) for word in clause.about} & {_bare(word) for word in claim.about})
    return shared >= 0.5 * len(clause.about) or shared >= 0.6 * max(1, len(claim.about))


def _bare(word: str) -> str:
    """A word without a prefix that turns it."""
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= 4:
            return word[len(prefix) :]
    return word


def _turns(claim: set[str], evidence: set[str]) -> list[str]:
    """Return the words of one that stand in the other as their opposite."""
    found: list[str] = []
    for one, other in _PAIRS:
        for here, there in ((one, other), (other, one)):
            if here & claim and not there & claim and there & evidence and not here & evidence:
                found.append(min(here & claim))
    for word in sorted(claim):
        for prefix in _PREFIXES:
            if len(word) >= 4 and prefix + word in evidence and word not in evidence:
                found.append(word)
            bare = word[len(prefix) :]
            if word.startswith(prefix) and len(bare) >= 4 and bare in evidence and word not in evidence:
                found.append(word)
    return found[:1]


_PAIRS = tuple((frozenset(one.split()), frozenset(other.split())) for one, other in _OPPOSITES)
