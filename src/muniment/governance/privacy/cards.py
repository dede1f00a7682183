"""Payment card numbers: issuer prefix, length and check digit, whole or in the groups that cards are printed in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from muniment.governance.privacy.check_digits import luhn
from muniment.governance.privacy.kinds import Finding
from muniment.governance.privacy.numbers import candidates, digits_of

_SHAPE = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9]\.)(?=("
    r"[0-9]{12,19}"
    r"|[0-9]{4}(?P<a>[ \n]{1,2}|[.-]| - )[0-9]{4}(?:(?P=a)|[ \n])[0-9]{4}(?:(?P=a)|[ \n])[0-9]{4}"
    r"|[0-9]{4}(?P<b>[ \n]{1,2}|[.-]| - )[0-9]{6}(?P=b)[0-9]{4,5}"
    r"|[0-9]{4}(?P<c>[ ]|[.-])[0-9]{4}(?P=c)[0-9]{4}(?P=c)[0-9]"
    r")(?![0-9A-Za-z]))"
)
_NINETEEN = re.compile(r"[ .-][0-9]{3}(?![0-9A-Za-z])")
_ISSUERS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("Visa", r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"),
        ("Mastercard", r"(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"),
        ("American Express", r"3[47][0-9]{13}"),
        ("Diners Club", r"3(?:0[0-5]|[689][0-9])[0-9]{11}|3(?:0[0-5]|[689][0-9])[0-9]{13}"),
        ("Discover", r"(?:6011|65[0-9]{2}|64[4-9][0-9])[0-9]{12}"),
        ("JCB", r"35(?:2[89]|[3-8][0-9])[0-9]{12}"),
        ("UnionPay", r"62[0-9]{14,17}"),
        ("Maestro", r"(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{8,15}"),
    )
)


def cards(text: str, runs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """Yield the payment card numbers of a folded text."""
    for run in runs:
        if run[1] - run[0] < 12:
            continue
        for start, end in candidates(_SHAPE, text, *run):
            written = text[start:end]
            issuer = _issuer(written)
            if issuer is None:
                end = _longer(text, start, end)
                issuer = _issuer(text[start:end]) if end - start > len(written) else None
            if issuer is not None and not _column(written) and not _part(text, start, end):
                yield Finding("card", start, end, issuer)


def _longer(text: str, start: int, end: int) -> int:
    """Return where a number in groups of four ends if three more digits belong to it."""
    more = _NINETEEN.match(text, end) if len(digits_of(text[start:end])) == 16 and end - start > 16 else None
    return more.end() if more else end


def _issuer(written: str) -> str | None:
    digits = digits_of(written)
    for name, pattern in _ISSUERS:
        if pattern.fullmatch(digits):
            return name if luhn(digits) else None
    return None


def _part(text: str, start: int, end: int) -> bool:
    """Whether the groups are those of a longer number with dashes or full stops."""
    sign = next((character for character in text[start:end] if character in "-."), "")
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return bool(sign) and (
        (before[1:] == sign and before[:1].isdigit()) or (after[:1] == sign and after[1:].isdigit())
    )


def _column(written: str) -> bool:
    """Whether each group stands on a line of its own: numbers of a column, not groups of one."""
    return "\n" in written and not re.search(r"[0-9] ?[ .-][0-9]", written.replace("\n ", "\n"))
