"""Arguments of a call: read strictly, checked against the closed schema, spelled in one way only.

What is checked here is what is shown, hashed and carried out: no default is filled in, nothing is coerced.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from muniment.actions.manifest import Manifest
from muniment.actions.paths import at
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import BadInput

LARGEST = 256 << 10
"""Bytes of the arguments of one call."""
_GREATEST = 2**53 - 1
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that a reader does not see, or that move others about."""


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
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_refused)
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
    arguments = cast("Mapping[str, object]", json.loads(spelled))
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
    amount_of(manifest, arguments)
    return arguments


def amount_of(manifest: Manifest, arguments: Mapping[str, object]) -> Amount | None:
    """Return what a call moves, None where its tool moves nothing; raises BadInput where it cannot be told."""
    if manifest.money is None:
        return None
    found = list(at(arguments, manifest.money.amount))
    currency: object = manifest.money.always
    if manifest.money.currency:
        currency = next(at(arguments, manifest.money.currency), None)
    if not isinstance(currency, str) or not (
        len(currency) == 3 and currency.isascii() and currency.isupper()
    ):
        raise BadInput(
            f"{manifest.money.currency} is no currency.", fix="Write its ISO 4217 code, such as EUR."
        )
    total = Decimal(0)
    for value in found:
        total += _decimal(manifest.money.amount, value)
    return Amount(total, currency)


def _decimal(place: str, value: object) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidOperation
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount > _GREATEST:
        raise BadInput(f"{place} is no amount of money.", fix="Write a number that is not negative.")
    return amount


def _check_name(place: str, value: object) -> None:
    """Refuse a name that a reader could take for another one."""
    if not isinstance(value, str):
        return
    hidden = next((one for one in value if unicodedata.category(one) in _HIDDEN), None)
    if hidden is not None:
        raise BadInput(
            f"{place} holds a character that is not seen (U+{ord(hidden):04X}).", fix="Write it without."
        )
    if value != value.strip():
        raise BadInput(f"{place} begins or ends with a space.", fix="Write it without.")
    alphabets = {_alphabet(one) for one in value if one.isalpha()}
    if len(alphabets) > 1:
        raise BadInput(
            f"{place} mixes letters of {' and '.join(sorted(alphabets))}, which can look alike.",
            fix="Write it in one alphabet.",
        )


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0]


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise BadInput(f"The arguments hold {name[:64]!r} twice.", fix="Write each name once.")
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _GREATEST:
            raise BadInput(
                f"{name[:64]} is a number that JSON cannot say exactly.",
                fix=f"Use whole numbers up to {_GREATEST}, or a text.",
            )
        found[name] = value
    return found


def _refused(constant: str) -> object:
    raise BadInput(f"The arguments hold {constant}, which is no number.", fix="Write a number.")
