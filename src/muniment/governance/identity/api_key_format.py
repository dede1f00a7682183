"""How an API key is written: `mun_`, its id, `_`, a secret of 256 bits, and six characters that check the rest.

Where a server serves several tenants, the tenant's name and a full stop stand before the id.

The check tells a key that was mistyped or cut short from one that does not hold, with no look at any database;
it proves nothing else. No character of a secret is mistaken for another (base 58: no 0, O, I or l).
"""

from __future__ import annotations

import re
import zlib

from muniment.foundation.ids import Ids
from muniment.governance.identity import tenant_part

PREFIX = "mun_"
PATTERN = rf"mun_(?:{tenant_part.NAME}\.)?[a-z2-7]{{12}}_[1-9A-HJ-NP-Za-km-z]{{50}}"
"""Finds keys in texts: for scanners of code, logs and messages."""
SECRET_BYTES = 32

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SECRET_DIGITS, _CHECK_DIGITS = 44, 6
_KEY = re.compile(PATTERN)
_ID = re.compile("key_[a-z2-7]{12}")
_ID_LENGTH = len("key_") + 12


def new_id(ids: Ids) -> str:
    """Return an id that no other key has, short enough to be told over a telephone."""
    return ids.new("key")[:_ID_LENGTH]


def written(key_id: str, secret: bytes, tenant: str = "") -> str:
    """Return the key of an id such as `key_…` and a secret."""
    named = tenant_part.marked(tenant, key_id.removeprefix("key_"))
    body = f"{PREFIX}{named}_{_digits(int.from_bytes(secret, 'big'), _SECRET_DIGITS)}"
    return body + _check(body)


def is_api_key(text: str) -> bool:
    """Return whether a credential means to be an API key."""
    return text.startswith(PREFIX)


def id_in(text: str) -> str | None:
    """Return the id in a whole key; None where it is cut short, mistyped or something else."""
    if _KEY.fullmatch(text) is None or text[-_CHECK_DIGITS:] != _check(text[:-_CHECK_DIGITS]):
        return None
    return f"key_{text.split('_')[1].rpartition(tenant_part.MARK)[2]}"


def tenant_in(text: str) -> str:
    """Return the tenant that a credential names which means to be an API key, or nothing."""
    return tenant_part.tenant_in(text.removeprefix(PREFIX).partition("_")[0])


def is_id(text: str) -> bool:
    """Return whether a text is an id of a key, which is no secret."""
    return _ID.fullmatch(text) is not None


def _check(body: str) -> str:
    return _digits(zlib.crc32(body.encode("ascii")), _CHECK_DIGITS)


def _digits(number: int, count: int) -> str:
    found = ""
    for _ in range(count):
        number, digit = divmod(number, len(_ALPHABET))
        found = _ALPHABET[digit] + found
    return found
