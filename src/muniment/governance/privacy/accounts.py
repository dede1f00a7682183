"""International bank account numbers: the country's length, and check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from muniment.governance.privacy.check_digits import mod97
from muniment.governance.privacy.kinds import Finding

_LENGTHS = {
    country: int(length)
    for length, countries in (
        ("15", "NO"),
        ("16", "BE"),
        ("18", "DK FI FO GL NL SD FK"),
        ("19", "MK SI"),
        ("20", "AT BA EE KZ LT LU MN XK"),
        ("21", "CH HR LI LV"),
        ("22", "BG BH CR DE GB GE IE ME RS VA"),
        ("23", "AE GI IL IQ OM SO TL"),
        ("24", "AD CZ ES MD PK RO SA SE SK TN VG"),
        ("25", "LY PT ST"),
        ("26", "IS TR"),
        ("27", "BI DJ FR GR IT MC MR SM"),
        ("28", "AL AZ BY CY DO GT HN HU LB NI PL SV"),
        ("29", "BR EG PS QA UA"),
        ("30", "JO KW MU YE"),
        ("31", "MT SC"),
        ("32", "LC"),
        ("33", "RU"),
    )
    for country in countries.split()
}
_START = re.compile(r"(?<![0-9A-Za-z])([A-Za-z]{2})[0-9]{2}(?=[ -]?[0-9A-Za-z])")
_LONGEST = 34 * 2
_CHARACTER = re.compile(r"[ \n-]?([0-9A-Za-z])")


def accounts(text: str) -> Iterator[Finding]:
    """Yield the account numbers of a folded text, in either case, whole or in groups."""
    for found in _START.finditer(text):
        country = found[1].upper()
        length = _LENGTHS.get(country)
        if length is None:
            continue
        account, at, stop = "", found.start(), min(len(text), found.start() + _LONGEST)
        while len(account) < length:
            character = _CHARACTER.match(text, at, stop)
            if character is None:
                break
            account += character[1]
            at = character.end()
        follows = text[at : at + 1]
        whole = len(account) == length and not (follows.isascii() and follows.isalnum())
        if whole and mod97(account.upper()):
            yield Finding("iban", found.start(), at, f"IBAN of {country}")
