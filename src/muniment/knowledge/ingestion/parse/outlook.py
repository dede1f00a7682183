"""Outlook messages (.msg): the headers that people read, the text, and what is attached.

The format is MS-OXMSG: a tree of streams named after the MAPI properties that they hold.
"""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.enclosed import Enclosure
from muniment.knowledge.ingestion.parse.html import write_html
from muniment.knowledge.ingestion.parse.mail import file_name, write_head
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.packed_rtf import unpacked
from muniment.knowledge.ingestion.parse.rtf import write_rtf
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from olefile import OleFileIO

_SUBJECT, _BODY, _HTML, _RTF = 0x0037, 0x1000, 0x1013, 0x1009
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_DISPLAY_NAME, _ADDRESS, _SMTP, _RECIPIENT_TYPE = 0x3001, 0x3003, 0x39FE, 0x0C15
_SHOWN_TO, _SHOWN_CC = 0x0E04, 0x0E03
_SENT, _DELIVERED = 0x0039, 0x0E06
_FILE, _LONG_FILE, _MIME, _CONTENT = 0x3704, 0x3707, 0x370E, "3701"
_CODEPAGES = (0x3FFD, 0x3FDE)
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MOST_STREAMS = 20_000
_MOST_OF_A_HEADER = 4_000
_MOST_BELOW = 500
"""Recipients, and attachments, of one message."""


def read_outlook(name: str, content: bytes, enclosure: Enclosure) -> Parsed:
    """Read a message. Raises ParseFailed where it is damaged or has no sender, subject or recipient."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(content), raise_defects=olefile.DEFECT_INCORRECT) as ole:
            streams = ole.listdir()
            if len(streams) > _MOST_STREAMS:
                raise _damaged()
            return _read_message(name, _Storage(ole, streams), enclosure)
    except (ParseFailed, MemoryError):
        raise
    except Exception as error:
        raise _damaged() from error


def _read_message(name: str, storage: _Storage, enclosure: Enclosure) -> Parsed:
    out = Composer()
    headers = _headers(storage, out)
    if not any(headers[shown] for shown in ("Subject", "From", "To")):
        raise ParseFailed("is not an e-mail: it has no headers.", fix="Export the message again.")
    write_head(headers, out)
    _write_body(storage, out)
    attached = [
        (_attachment_name(one, number, out), one) for number, one in enumerate(storage.below("__attach"), 1)
    ]
    if attached:
        out.block("Attachments: " + ", ".join(called for called, _ in attached))
    out.end()
    for called, one in attached:
        _append(called, one, out, enclosure)
    enclosure.close(out)
    out.author = headers["From"]
    return out.parsed(title(name, headers["Subject"]), MEDIA_TYPES["msg"])


def _headers(storage: _Storage, out: Composer) -> dict[str, str]:
    sender = storage.text(_SENDER, out), storage.text(_SENDER_SMTP, out) or storage.text(_SENDER_ADDRESS, out)
    people: dict[int, list[str]] = {1: [], 2: []}
    for recipient in storage.below("__recip"):
        who = recipient.text(_DISPLAY_NAME, out), recipient.text(_SMTP, out) or recipient.text(_ADDRESS, out)
        people.get(recipient.number(_RECIPIENT_TYPE) & 0xF, []).append(_person(*who))
    headers = {
        "Subject": storage.text(_SUBJECT, out),
        "From": _person(*sender),
        "To": ", ".join(filter(None, people[1])) or storage.text(_SHOWN_TO, out),
        "Cc": ", ".join(filter(None, people[2])) or storage.text(_SHOWN_CC, out),
        "Date": _date(storage.number(_SENT) or storage.number(_DELIVERED)),
    }
    return {shown: one_line(out.clean(value))[:_MOST_OF_A_HEADER] for shown, value in headers.items()}


def _person(name: str, address: str) -> str:
    if "@" not in address:  # an address inside an Exchange organisation says nothing to a reader
        return name
    return f"{name} <{address}>" if name and name != address else address


def _date(ticks: int) -> str:
    """Return a moment, counted in tenths of microseconds since 1601, as mails write it."""
    try:
        return format_datetime(_EPOCH + timedelta(microseconds=ticks // 10)) if ticks else ""
    except OverflowError:
        return ""


def _write_body(storage: _Storage, out: Composer) -> None:
    """Append the text: plain where there is one, else the page, else the RTF document."""
    plain = storage.text(_BODY, out)
    if plain.strip():
        out.block(plain)
    elif page := storage.content(f"{_HTML:04X}") or storage.text(_HTML, out).encode():
        write_html(decode(page, out, storage.codec), out)
    elif packed := storage.content(f"{_RTF:04X}"):
        write_rtf(unpacked(packed), out)


def _attachment_name(attachment: _Storage, number: int, out: Composer) -> str:
    called = attachment.text(_LONG_FILE, out) or attachment.text(_FILE, out)
    if not called and (inner := attachment.inner()) is not None:
        called = inner.text(_SUBJECT, out)
    called = called or attachment.text(_DISPLAY_NAME, out) or f"unnamed {number}"
    return one_line(out.clean(called))[:300]


def _append(called: str, attachment: _Storage, out: Composer, enclosure: Enclosure) -> None:
    inner = attachment.inner()
    if inner is not None:
        enclosure.append_read(out, called, 0, lambda deeper: _read_message(called, inner, deeper), 2)
    else:
        kind = attachment.text(_MIME, out).lower()
        enclosure.append(out, file_name(called, kind), attachment.content(_CONTENT), 2)


class _Storage:
    """A message, a recipient or an attachment: a storage with its properties."""

    def __init__(self, ole: OleFileIO[str], streams: list[list[str]], path: tuple[str, ...] = ()) -> None:
        self._ole = ole
        self._path = path
        self._streams = [stream for stream in streams if tuple(stream[: len(path)]) == path]
        self._own = {stream[-1].upper(): stream for stream in self._streams if len(stream) == len(path) + 1}
        self._fixed = self._fixed_properties()
        codepage = next(filter(None, (self.number(one) for one in _CODEPAGES)), 0)
        self.codec = "utf-8" if codepage == 65001 else f"cp{codepage or 1252}"
        """Of text that is no Unicode."""

    def below(self, prefix: str) -> list[_Storage]:
        """Return the storages whose names begin with `prefix`."""
        at = len(self._path)
        names = dict.fromkeys(stream[at] for stream in self._streams if len(stream) > at + 1)
        chosen = [name for name in names if name.lower().startswith(prefix)]
        return [_Storage(self._ole, self._streams, (*self._path, name)) for name in chosen[:_MOST_BELOW]]

    def inner(self) -> _Storage | None:
        """Return the message that this attachment is, None where it is a file."""
        return next(iter(self.below("__substg1.0_3701000d")), None)

    def text(self, identifier: int, out: Composer) -> str:
        """Return a property that is text, or nothing."""
        if wide := self._stream(f"__SUBSTG1.0_{identifier:04X}001F"):
            return wide.decode("utf-16-le", "replace").rstrip("\x00")
        narrow = self._stream(f"__SUBSTG1.0_{identifier:04X}001E")
        return decode(narrow, out, self.codec).rstrip("\x00") if narrow else ""

    def content(self, identifier: str) -> bytes:
        """Return a property that is bytes, or none."""
        return self._stream(f"__SUBSTG1.0_{identifier}0102")

    def number(self, identifier: int) -> int:
        """Return a property that is a number, or 0."""
        return self._fixed.get(identifier, 0)

    def _stream(self, name: str) -> bytes:
        path = self._own.get(name)
        return self._ole.openstream(path).read() if path else b""

    def _fixed_properties(self) -> dict[int, int]:
        """Return the properties of fixed length by their identifiers."""
        properties = self._stream("__PROPERTIES_VERSION1.0")
        head = 8
        if not self._path or self._path[-1].lower().startswith("__substg"):
            head = 24 if self._path else 32
        found: dict[int, int] = {}
        for at in range(head, len(properties) - 15, 16):
            kind, identifier = struct.unpack_from("<HH", properties, at)
            if kind in (0x0003, 0x0040):
                found[identifier] = int.from_bytes(
                    properties[at + 8 : at + (12 if kind == 3 else 16)], "little"
                )
        return found


def _damaged() -> ParseFailed:
    return ParseFailed("is damaged: it cannot be read as an Outlook message.", fix="Save or export it again.")
