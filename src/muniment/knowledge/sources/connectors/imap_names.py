"""Names of mail folders as people read them, and ids of messages."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

_SHIFTED = re.compile(rb"&([^-]*)-")


@dataclass(frozen=True, slots=True)
class Place:
    """One message: it never changes, and what is moved is another."""

    account: str
    mailbox: bytes
    validity: int
    uid: int

    def id(self) -> str:
        """Return the id of the message."""
        return f"{box_id(self.account, self.mailbox)}/{self.validity}/{self.uid}"


def box_id(account: str, mailbox: bytes) -> str:
    """Return the id of a folder."""
    return f"{quote(account, safe='')}/{quote(mailbox, safe='')}"


def place_of(name: str) -> Place:
    """Return the message of an id; raises ValueError for what is none."""
    account, mailbox, validity, uid = name.split("/")
    return Place(
        unquote_to_bytes(account).decode("utf-8"), unquote_to_bytes(mailbox), int(validity), int(uid)
    )


def shown(mailbox: bytes, delimiter: bytes) -> str:
    """Return a folder's path: its name in plain letters, from modified UTF-7 (RFC 3501, 5.1.3), its levels by `/`."""
    levels = mailbox.split(delimiter) if delimiter else [mailbox]
    return "/".join(_plain(level).replace("/", "_") or "_" for level in levels)


def _plain(level: bytes) -> str:
    try:
        text = _SHIFTED.sub(_unshifted, level).decode("utf-8")
    except (ValueError, binascii.Error):
        text = level.decode("ascii", "backslashreplace")
    return "".join(letter if letter.isprintable() else "_" for letter in text)


def _unshifted(found: re.Match[bytes]) -> bytes:
    if not found[1]:
        return b"&"
    coded = found[1].replace(b",", b"/")
    return base64.b64decode(coded + b"=" * (-len(coded) % 4), validate=True).decode("utf-16-be").encode()
