"""The classes of sensitive values, and what a recogniser says of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["secret", "card", "iban", "national_id", "email", "phone", "person", "place"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Where two values lie over each other, the class that comes first here wins."""
LABELLED: frozenset[Kind] = frozenset({"person", "place"})
"""Classes that no expression recognises: what was labelled when documents were taken in says where they stand."""
NAMED: dict[Kind, str] = {
    "secret": "a key or password",
    "card": "a payment card number",
    "iban": "an account number",
    "national_id": "a national identifier",
    "email": "an e-mail address",
    "phone": "a telephone number",
    "person": "the name of a person",
    "place": "the name of a place",
}
"""Each class as a sentence names it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One value in a text."""

    kind: Kind
    start: int
    end: int
    """Characters of the text, end exclusive."""
    what: str
    """What it was recognised as, such as `Visa` or `US social security number`."""
