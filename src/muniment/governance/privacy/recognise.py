"""All sensitive values of a text, where no two lie over each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from muniment.governance.privacy.accounts import accounts
from muniment.governance.privacy.cards import cards
from muniment.governance.privacy.contacts import emails, phones
from muniment.governance.privacy.credentials import credentials
from muniment.governance.privacy.folding import fold
from muniment.governance.privacy.kinds import KINDS, Finding, Kind
from muniment.governance.privacy.national_ids import national_ids
from muniment.governance.privacy.numbers import runs

_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


def recognise(text: str, kinds: Iterable[Kind] = KINDS) -> tuple[Finding, ...]:
    """Return the values of these classes in the order of the text; of two that overlap, the class named first wins.

    Within a class the one that begins first wins, and of those the longest. Time grows with the length of the text,
    whatever it holds.
    """
    wanted = frozenset(kinds)
    if not wanted:
        return ()
    folded = fold(text)
    found = sorted(
        _all(folded.text, wanted), key=lambda one: (_RANK[one.kind], one.start, -one.end, one.what)
    )
    taken = bytearray(len(folded.text))
    kept: list[Finding] = []
    for one in found:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\x01" * (one.end - one.start)
            kept.append(Finding(one.kind, *folded.span(one.start, one.end), one.what))
    return tuple(sorted(kept, key=lambda one: one.start))


def _all(text: str, wanted: frozenset[Kind]) -> Iterator[Finding]:
    numeric = runs(text) if wanted & {"card", "national_id", "phone"} else []
    if "secret" in wanted:
        yield from credentials(text)
    if "card" in wanted:
        yield from cards(text, numeric)
    if "iban" in wanted:
        yield from accounts(text)
    if "national_id" in wanted:
        yield from national_ids(text, numeric)
    if "email" in wanted:
        yield from emails(text)
    if "phone" in wanted:
        yield from phones(text, numeric)
