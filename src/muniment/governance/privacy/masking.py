"""Values as a reader sees them where they are not to be shown: enough to tell which one, too little to use it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from muniment.governance.privacy.kinds import Finding, Kind
from muniment.governance.privacy.numbers import digits_of


def masked(text: str, findings: Iterable[Finding]) -> str:
    """Return the text with these values masked."""
    made: list[str] = []
    at = 0
    for one in findings:
        made += [text[at : one.start], mask(one.kind, text[one.start : one.end])]
        at = one.end
    return "".join([*made, text[at:]])


def fits_masked(shown: str, text: str) -> bool:
    """Return whether a text may be what `shown` was before values in it were masked."""
    parts = _MASKS.split(shown)
    return re.fullmatch(".{1,400}".join(map(re.escape, parts)), text, re.DOTALL) is not None


def blotted(text: str, findings: Iterable[Finding]) -> str:
    """Return the text with each character of these values covered, so that all others keep their places."""
    made = list(text)
    for one in findings:
        made[one.start : one.end] = ["\u2022"] * (one.end - one.start)
    return "".join(made)


def mask(kind: Kind, value: str) -> str:
    """Return what stands for a value: such as `**** 1111` for a card."""
    if kind == "card":
        return f"**** {digits_of(value)[-4:]}"
    if kind == "iban":
        return f"{value[:2]}** **** {''.join(value.split())[-4:]}"
    if kind == "phone":
        return f"*** {digits_of(value)[-2:]}"
    if kind == "email":
        return f"{value[:1]}***@{value.rpartition('@')[2]}"
    return _IN_WORDS[kind]


_IN_WORDS: dict[Kind, str] = {
    "secret": "[key or password]",
    "national_id": "[national identifier]",
    "person": "[name]",
    "place": "[place]",
}
_MASKS = re.compile(
    "|".join(
        [
            *map(re.escape, _IN_WORDS.values()),
            r"\*{4} \d{0,4}",
            r"\w{0,2}\*\* \*{4} \w{0,4}",
            r"\*{3} \d{0,2}",
            r"\S?\*{3}@[^\s,;]*",
        ]
    )
)
