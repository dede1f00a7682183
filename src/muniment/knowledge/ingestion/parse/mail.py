"""E-mail (RFC 5322) messages: the headers that people read, the text, and what is attached."""

from __future__ import annotations

from collections.abc import Mapping
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import PurePosixPath

from muniment.knowledge.formats import EXTENSIONS, MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.enclosed import Enclosure
from muniment.knowledge.ingestion.parse.html import write_html
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_MOST_PARTS = 500
_MOST_OF_A_HEADER = 4_000


def read_mail(name: str, content: bytes, enclosure: Enclosure) -> Parsed:
    """Read a message. Raises ParseFailed where there is no sender, subject or recipient."""
    return _read_message(name, message_from_bytes(content), enclosure)


def _read_message(name: str, message: Message, enclosure: Enclosure) -> Parsed:
    headers = {shown: _header(message, shown) for shown in _SHOWN}
    if not any(headers[shown] for shown in ("Subject", "From", "To")):
        raise ParseFailed("is not an e-mail: it has no headers.", fix="Export the message again as .eml.")
    out = Composer()
    write_head(headers, out)
    attachments = _write_body(message, out)
    if attachments:
        out.block("Attachments: " + ", ".join(called for called, _ in attachments))
    out.end()
    for called, part in attachments:
        _append(called, part, out, enclosure)
    enclosure.close(out)
    out.author = headers["From"]
    return out.parsed(title(name, headers["Subject"]), MEDIA_TYPES["eml"])


def write_head(headers: Mapping[str, str], out: Composer) -> None:
    """Begin a message with those of its headers that say something; `Subject` comes first."""
    subject = headers["Subject"]
    out.begin("message", subject or "Message", 1)
    if subject:
        out.mark_heading(1, subject, 0)
    out.block("\n".join(f"{shown}: {value}" for shown, value in headers.items() if value))


def _append(called: str, part: Message, out: Composer, enclosure: Enclosure) -> None:
    if part.get_content_type() == "message/rfc822":
        inner = next(iter(_children(part)), None)
        if inner is not None:
            enclosure.append_read(out, called, 0, lambda deeper: _read_message(called, inner, deeper), 2)
            return
    payload = part.get_payload(decode=True)
    enclosure.append(
        out, file_name(called, part.get_content_type()), payload if isinstance(payload, bytes) else b"", 2
    )


def file_name(called: str, media_type: str) -> str:
    """Return the name of an attachment, with the extension of its media type where its own says nothing."""
    kind = next((kind for kind, known in MEDIA_TYPES.items() if known == media_type), "")
    known = PurePosixPath(called).suffix[1:].lower() in EXTENSIONS
    return called if known or kind not in EXTENSIONS else f"{called}.{kind}"


def _header(message: Message, name: str) -> str:
    return _decoded(str(message.get(name, "")))


def _decoded(value: str) -> str:
    """Return a header with its encoded words decoded; one that is malformed or endless, as far as it goes."""
    value = value[:_MOST_OF_A_HEADER]
    try:
        return one_line(str(make_header(decode_header(value))))
    except (MessageError, LookupError, ValueError):
        return one_line(value)


def _write_body(message: Message, out: Composer) -> list[tuple[str, Message]]:
    """Append the text parts in order; return what is attached, by name."""
    attachments: list[tuple[str, Message]] = []
    waiting: list[Message] = [message]
    visited = 0
    while waiting:
        part = waiting.pop()
        visited += 1
        if visited > _MOST_PARTS:
            out.note("further parts of the message were left out")
            break
        kind = part.get_content_type()
        attached = part.get_filename()
        if attached or part.get_content_disposition() == "attachment" or kind == "message/rfc822":
            attachments.append((_decoded(attached or "") or _subject(part) or f"unnamed {kind}", part))
        elif kind == "multipart/alternative":
            waiting.extend(_preferred(part))
        elif part.is_multipart():
            waiting.extend(reversed(_children(part)))
        elif kind in ("text/plain", "text/html"):
            _write_text(part, kind, out)
        else:
            attachments.append((f"unnamed {kind}", part))
    return attachments


def _subject(part: Message) -> str:
    inner = next(iter(_children(part)), None) if part.get_content_type() == "message/rfc822" else None
    return _header(inner, "Subject") if inner is not None else ""


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _preferred(part: Message) -> list[Message]:
    children = _children(part)
    plain = [child for child in children if child.get_content_type() == "text/plain" and child.get_payload()]
    return plain[:1] or children[-1:]


def _write_text(part: Message, kind: str, out: Composer) -> None:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return
    text = decode(payload, out, part.get_content_charset())
    if kind == "text/html":
        write_html(text, out)
    else:
        out.block(text)
