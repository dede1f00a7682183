"""Arguments of a call: read strictly, checked against the closed schema, spelled in one way only.

What is checked here is what is shown, hashed and carried out: no default is filled in, nothing is coerced.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from muniment.actions.manifest import Manifest, Money
from muniment.actions.paths import at
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import BadInput

LARGEST = 256 << 10
"""Bytes of the arguments of one call."""
_GREATEST = 2**53 - 1
_FINEST = 8
"""Decimal places of an amount."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that a reader does not see, or that move others about."""
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Those of other categories that show nothing: joiners, selectors of a variant, fillers and a pattern of no dots."""
_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)
_MONEY = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"})
"""Alphabets that are written together, and with Latin letters, none of which they look like."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Money that a call moves."""

    value: Decimal
    currency: str


def read_arguments(text: str | bytes) -> Mapping[str, object]:
    """Return the object that a JSON text holds; raises BadInput for one that two readers could read differently."""
    if len(text) > LARGEST:
        raise BadInput("The arguments are too large.", fix=f"Use at most {LARGEST >> 10} KiB.")
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_told_later(_whole),
            parse_float=_told_later(_fraction),
            parse_constant=_told_later(_refused),
        )
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        raise BadInput(
            "The arguments are no JSON.", fix='Write an object, such as {"order": "A-17"}.'
        ) from error
    if not isinstance(found, dict):
        raise BadInput("The arguments are no JSON object.", fix='Write an object, such as {"order": "A-17"}.')
    return cast("Mapping[str, object]", found)


def canonical_arguments(manifest: Manifest, given: Mapping[str, object]) -> Mapping[str, object]:
    """Return arguments in their one spelling; raises BadInput naming the place that does not fit the manifest."""
    spelled = canonical(given)
    if len(spelled) > LARGEST:
        raise BadInput("The arguments are too large.", fix=f"Use at most {LARGEST >> 10} KiB.")
    arguments = cast("Mapping[str, object]", json.loads(spelled, parse_int=_whole))
    faults = manifest.takes.faults(arguments)
    if faults:
        raise BadInput(
            f"The arguments do not fit {manifest.name}: {'; '.join(faults[:3])}.",
            fix=f"See `muniment tools show {manifest.name}`.",
        )
    for place, role in manifest.roles.items():
        if role in ("target", "reference"):
            for value in at(arguments, place):
                _check_name(place, value)
    for place, namespace in manifest.recipients.items():
        for value in at(arguments, place):
            _check_recipient(place, namespace, value)
    amount_of(manifest, arguments)
    return arguments


def amount_of(manifest: Manifest, arguments: Mapping[str, object]) -> Amount | None:
    """Return what a call moves, None where its tool moves nothing; raises BadInput where it cannot be told."""
    if manifest.money is None:
        return None
    found = list(at(arguments, manifest.money.amount))
    if not found:
        raise BadInput(f"{manifest.money.amount} is missing.", fix="Say how much the call moves.")
    currency = _currency(manifest.money, arguments, len(found))
    # Bounded, and with few decimal places, so that no sum is rounded.
    total = sum((_decimal(manifest.money.amount, value) for value in found), Decimal(0))
    if total > _GREATEST:
        raise BadInput(f"{manifest.money.amount} is no amount of money.", fix="Write a smaller one.")
    return Amount(total, currency)


def _currency(money: Money, arguments: Mapping[str, object], amounts: int) -> str:
    """Return the one currency of all amounts; in a list, each has to say it."""
    stated: list[object] = [money.always]
    if money.currency:
        stated = list(at(arguments, money.currency))
    first = stated[0] if stated else None
    if not isinstance(first, str) or not re.fullmatch("[A-Z]{3}", first):
        raise BadInput(f"{money.currency} is no currency.", fix="Write its ISO 4217 code, such as EUR.")
    if any(one != first for one in stated) or ("[]" in money.currency and len(stated) != amounts):
        raise BadInput(
            f"{money.currency} is not the same throughout.", fix="Make one call for each currency."
        )
    return first


def _decimal(place: str, value: object) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidOperation
        if isinstance(value, str) and not _MONEY.fullmatch(value):
            # What "1_000", "1e3", "010" or digits of other alphabets say depends on who reads them.
            raise InvalidOperation
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount > _GREATEST:
        raise BadInput(f"{place} is no amount of money.", fix="Write a number that is not negative.")
    if amount != round(amount, _FINEST):
        raise BadInput(f"{place} is finer than any money.", fix=f"Write at most {_FINEST} decimal places.")
    return amount


def _check_name(place: str, value: object) -> None:
    """Refuse a name that a reader could take for another one."""
    if not isinstance(value, str):
        return
    hidden = next((one for one in value if _unseen(one)), None)
    if hidden is not None:
        raise BadInput(
            f"{place} holds a character that is not seen (U+{ord(hidden):04X}).", fix="Write it without."
        )
    if value != value.strip():
        raise BadInput(f"{place} begins or ends with a space.", fix="Write it without.")
    alphabets = {_alphabet(one) for one in value if one.isalpha()}
    others = alphabets - _EAST_ASIAN
    if len(others) > 1 or (others != alphabets and not others <= {"LATIN"}):
        raise BadInput(
            f"{place} mixes letters of {' and '.join(sorted(alphabets))}, which can look alike.",
            fix="Write it in one alphabet.",
        )


def _unseen(one: str) -> bool:
    category = unicodedata.category(one)
    return category in _HIDDEN or (category == "Zs" and one != " ") or _BLANK.match(one) is not None


def _check_recipient(place: str, namespace: str, value: object) -> None:
    """Refuse whoever is spelled so that another reader could take them for somebody else."""
    if value is None or (namespace == "outside" and type(value) is int):
        return
    if not isinstance(value, str) or not value:
        raise BadInput(f"{place} names nobody.", fix="Write a text, or leave it out.")
    if namespace == "email" and not _MAIL.fullmatch(value):
        raise BadInput(
            f"{place} is no mail address in plain letters.",
            fix="Write one, such as ann@acme.example; a domain in other letters by its xn-- name.",
        )
    if unicodedata.normalize("NFKC", value) != value:
        raise BadInput(f"{place} holds characters that stand for others.", fix="Write those themselves.")


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0]


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise BadInput(f"The arguments hold {name[:64]!r} twice.", fix="Write each name once.")
        fault = _fault_in(value)
        if fault is not None:
            raise BadInput(f"{name[:64]} holds a number that JSON cannot say exactly.", fix=fault.fix)
        found[name] = value
    return found


def _told_later(read: Callable[[str], object]) -> Callable[[str], object]:
    """Return what keeps a fault in the place of its number, until the name that it stands under is known."""

    def kept(digits: str) -> object:
        try:
            return read(digits)
        except BadInput as fault:
            return fault

    return kept


def _fault_in(value: object) -> BadInput | None:
    if isinstance(value, list):
        return next((fault for one in cast("list[object]", value) if (fault := _fault_in(one))), None)
    return value if isinstance(value, BadInput) else None


def _whole(digits: str) -> int:
    # Measured before it is read: reading a number takes time in the square of its length.
    if len(digits) > 17 or abs(int(digits)) > _GREATEST:
        raise BadInput(
            f"The arguments hold {digits[:24]}, a number that JSON cannot say exactly.",
            fix=f"Use whole numbers up to {_GREATEST}, or a text.",
        )
    return int(digits)


def _fraction(digits: str) -> float:
    if abs(float(digits)) > _GREATEST:
        raise BadInput(
            f"The arguments hold {digits[:24]}, which is too large.", fix=f"Use numbers up to {_GREATEST}."
        )
    return float(digits)


def _refused(constant: str) -> object:
    raise BadInput(f"The arguments hold {constant}, which is no number.", fix="Write a number.")
