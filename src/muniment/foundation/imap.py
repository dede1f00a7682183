"""The door to a server that keeps mail (IMAP4rev1, RFC 3501), at an address that the egress rules let through.

Invariants:
- the server proves its name by a certificate before anything is said to it, unless TLS is switched off;
- without TLS a login is sent to this machine alone;
- what was sent before TLS began counts for nothing after it;
- each answer is bounded in bytes and in time, however slowly it drips.
"""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from muniment.foundation.egress import Egress, Unreached
from muniment.foundation.errors import BadInput

Tls = Literal["implicit", "starttls", "none"]
Value = bytes | None | list["Value"]
"""What an answer holds: text, nothing, or a list in parentheses."""
MAX_ANSWER_BYTES = 16 << 20
_MAX_LINE_BYTES = 1 << 20
_MOST_DEPTH = 8
_CODE = re.compile(rb"\[([A-Z][A-Z0-9-]*)")
_TOKEN = re.compile(rb' *(?:([()])|"((?:[^"\\\r\n]|\\.)*)"|([^ ()"{]+))')
_LITERAL = re.compile(rb"~?\{\d+\+?\}$")


class Rejected(Exception):
    """The server answered that it will not: the text is the code of its answer (RFC 5530), empty without one."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A folder as it is listed."""

    name: bytes
    """As it goes over the wire."""
    delimiter: bytes
    flags: frozenset[bytes]
    """In lower case."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder that was opened to be read."""

    validity: int
    next_uid: int
    messages: int


@dataclass(frozen=True)
class ImapServer:
    """A server that keeps mail."""

    host: str
    port: int
    tls: Tls
    egress: Egress
    """Lets this host and port through, as `https`."""
    ca_file: Path | None = None
    seconds: float = 30.0
    """How long one answer may take."""

    def sign_in(self, user: str, password: str) -> ImapSession:
        """Return a session; raises Rejected, Refused, Unreached, and BadInput for settings that cannot work."""
        addresses = self.egress.addresses(("https", self.host, self.port), self.seconds)
        if not addresses:
            raise Unreached("no address")
        if self.tls == "none" and not addresses[0].is_loopback:
            raise BadInput(
                f"tls: a login would go to {self.host} in clear.",
                fix='Use "implicit" or "starttls"; "none" is for a server on this machine.',
            )
        context = self._context

        def enter() -> imaplib.IMAP4:
            client = _Client(self.host, self.port, str(addresses[0]), self.seconds, context, self.tls)
            try:
                client.enter(user, password, context if self.tls == "starttls" else None)
            except BaseException:
                client.shutdown()
                raise
            return client

        client = _asked(enter)
        assert isinstance(client, _Client)
        return ImapSession(client)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise BadInput(
                f"ca_file: {self.ca_file} cannot be used as a file of certificate authorities.",
                fix="Let it hold PEM certificates, and mend its permissions.",
            ) from error


class ImapSession:
    """One account's session. Every method raises Rejected where the server will not, and Unreached where it fails."""

    def __init__(self, client: _Client) -> None:
        self._client = client

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server offers this account, in upper case."""
        return frozenset(self._client.capabilities)

    def namespaces(self) -> list[list[bytes]]:
        """Return the prefixes of the account's own folders, of those of others, and of shared ones (RFC 2342)."""
        said = self._told(self._client.namespace)
        if len(said) != 3:
            raise Unreached("malformed")
        return [_prefixes(one) for one in said]

    def mailboxes(self) -> list[Mailbox]:
        """Return every folder that the account is shown, by name."""
        said = self._told(lambda: self._client.list('""', '"*"'))
        if len(said) % 3:
            raise Unreached("malformed")
        found = [_mailbox(said[at : at + 3]) for at in range(0, len(said), 3)]
        return sorted(found, key=lambda one: one.name)

    def open(self, mailbox: bytes) -> Opened:
        """Open a folder to read in; nothing in it is changed by that."""
        client, name = self._client, quoted(mailbox)
        said = self._told(lambda: client.select(name, readonly=True))  # type: ignore[arg-type]
        validity, following = (client.response(code)[1] for code in ("UIDVALIDITY", "UIDNEXT"))
        return Opened(_number(validity), _number(following), _number(said))

    def search(self, *criteria: str) -> list[int]:
        """Return the UIDs that meet the criteria, in the folder that is open."""
        return sorted({_number([one]) for one in self._told(lambda: self._client.uid("SEARCH", *criteria))})

    def fetch(self, uids: str, what: str, most: int = MAX_ANSWER_BYTES) -> dict[int, dict[bytes, Value]]:
        """Return what is asked for of messages, by UID; those that are no more are left out.

        `most` bounds the answer in bytes.
        """
        said = self._told(lambda: self._client.uid("FETCH", uids, what), most)
        found: dict[int, dict[bytes, Value]] = {}
        for one in said:
            if not isinstance(one, list):
                continue
            facts = {_key(one[at]): one[at + 1] for at in range(0, len(one) - 1, 2)}
            if b"UID" in facts:
                found.setdefault(_number([facts[b"UID"]]), {}).update(facts)
        return found

    def access_list(self, mailbox: bytes) -> list[tuple[bytes, bytes]]:
        """Return identifiers and their rights (RFC 4314)."""
        said = self._about(mailbox, lambda name: self._client.getacl(name))
        if len(said) % 2 or not all(isinstance(one, bytes) for one in said):
            raise Unreached("malformed")
        flat = [one for one in said if isinstance(one, bytes)]
        return list(zip(flat[::2], flat[1::2], strict=True))

    def own_rights(self, mailbox: bytes) -> bytes:
        """Return the rights of the account itself (RFC 4314)."""
        said = self._about(mailbox, lambda name: self._client.myrights(name))
        if len(said) != 1 or not isinstance(said[0], bytes):
            raise Unreached("malformed")
        return said[0]

    def close(self) -> None:
        """End the session."""
        try:
            self._client.shutdown()
        except OSError:
            return

    def _about(self, mailbox: bytes, ask: Callable[[Any], tuple[str, Sequence[Any]]]) -> list[Value]:
        said = self._told(lambda: ask(quoted(mailbox)))
        named = said[0] if said else None
        own = mailbox.upper() if mailbox.upper() == b"INBOX" else mailbox
        if not isinstance(named, bytes) or (named.upper() if named.upper() == b"INBOX" else named) != own:
            raise Unreached("malformed")
        return said[1:]

    def _told(
        self, ask: Callable[[], tuple[str, Sequence[Any]]], most: int = MAX_ANSWER_BYTES
    ) -> list[Value]:
        self._client.allow(most)
        self._client.untagged_responses.clear()
        status, said = _asked(ask)
        if status != "OK":
            raise Rejected(code_of(said[-1] if said else b""))
        try:
            return values(said)
        except ValueError as error:
            raise Unreached("malformed") from error


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except imaplib.IMAP4.abort as error:
        raise Unreached("broken") from error
    except imaplib.IMAP4.error as error:
        raise Unreached("malformed") from error
    except (OSError, ValueError, EOFError) as error:
        raise Unreached(type(error).__name__) from error


def speakable(name: bytes) -> bool:
    """Return whether a folder of this name can be asked for."""
    return not set(name) & {0, 10, 13}


def quoted(name: bytes) -> bytes:
    """Return a name as it stands in a command; raises ValueError for one that cannot."""
    if not speakable(name):
        raise ValueError("a name with a line break")
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def code_of(said: object) -> str:
    """Return the code in brackets of an answer, empty where there is none."""
    found = _CODE.match(said) if isinstance(said, bytes) else None
    return found[1].decode("ascii") if found else ""


def values(said: Iterable[object]) -> list[Value]:
    """Return what imaplib gives as nested lists; raises ValueError where that is malformed."""
    top: list[Value] = []
    stack = [top]
    for part in said:
        if part is None:
            continue
        if isinstance(part, tuple):
            head, literal = part[0], part[1]
            _read(_LITERAL.sub(b"", head), stack)
            stack[-1].append(literal)
        elif isinstance(part, bytes):
            _read(part, stack)
        else:
            raise ValueError("no bytes")
    if len(stack) != 1:
        raise ValueError("a list that does not end")
    return top


def _read(text: bytes, stack: list[list[Value]]) -> None:
    at, end = 0, len(text.rstrip(b" "))
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError("no token")
        at = found.end()
        if found[1] == b"(":
            if len(stack) > _MOST_DEPTH:
                raise ValueError("too deep")
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif found[1] == b")":
            stack.pop()
            if not stack:
                raise ValueError("a list that never began")
        elif found[2] is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", found[2]))
        else:
            stack[-1].append(None if found[3].upper() == b"NIL" else found[3])


def _prefixes(said: Value) -> list[bytes]:
    if said is None:
        return []
    found = [one[0] for one in said if isinstance(one, list) and one] if isinstance(said, list) else []
    prefixes = [one for one in found if isinstance(one, bytes)]
    if not isinstance(said, list) or len(prefixes) != len(said):
        raise Unreached("malformed")
    return prefixes


def _mailbox(said: Sequence[Value]) -> Mailbox:
    flags, delimiter, name = said
    if not isinstance(flags, list) or not isinstance(name, bytes) or isinstance(delimiter, list):
        raise Unreached("malformed")
    return Mailbox(name, delimiter or b"", frozenset(one.lower() for one in flags if isinstance(one, bytes)))


def _key(said: Value) -> bytes:
    return said.upper() if isinstance(said, bytes) else b""


def _number(said: Sequence[object]) -> int:
    one = said[-1] if said else None
    if not isinstance(one, bytes) or not one.isdigit() or len(one) > 10:
        raise Unreached("malformed")
    return int(one)


class _Client(imaplib.IMAP4):
    """Goes to an address that was vetted, whatever its name leads to by then, and bounds what it is told."""

    def __init__(
        self, host: str, port: int, address: str, seconds: float, context: ssl.SSLContext, tls: Tls
    ) -> None:
        self._vetted = address
        self._seconds = seconds
        self._context = context
        self._tls: Tls = tls
        self._heard = bytearray()
        self.allow(MAX_ANSWER_BYTES)
        super().__init__(host, port, seconds)

    def allow(self, most: int) -> None:
        """Bound what is read until this is said again."""
        self._left, self._until = most, time.monotonic() + self._seconds

    def enter(self, user: str, password: str, starttls: ssl.SSLContext | None) -> None:
        """Sign in, by SASL PLAIN so that no name or password can be read as a command."""
        if starttls is not None:
            self.starttls(starttls)
            self.untagged_responses.clear()
            self._tls = "implicit"
        said = f"\0{user}\0{password}".encode()
        try:
            self.authenticate("PLAIN", lambda _: said)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            told = str(error.args[0]).encode() if error.args else b""
            raise Rejected(code_of(told)) from error
        status, said_of = self.capability()
        if status != "OK" or not isinstance(said_of[-1], bytes):
            raise imaplib.IMAP4.error("no capabilities")
        self.capabilities = tuple(said_of[-1].decode("ascii", "replace").upper().split())

    def _create_socket(self, timeout: float | None) -> socket.socket:
        made = socket.create_connection((self._vetted, self.port), timeout)
        if self._tls != "implicit":
            return made
        return self._context.wrap_socket(made, server_hostname=self.host)

    def read(self, size: int) -> bytes:
        if size > self._left:
            raise self.abort("an answer that is too large")
        while len(self._heard) < size:
            self._hear()
        return self._taken(size)

    def readline(self) -> bytes:
        looked = 0
        while (end := self._heard.find(b"\n", looked)) < 0:
            looked = len(self._heard)
            if looked > _MAX_LINE_BYTES:
                raise self.abort("a line that is too long")
            self._hear()
        return self._taken(end + 1)

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._heard[:size])
        del self._heard[:size]
        return taken

    def _hear(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0 or self._left <= 0:
            raise self.abort("an answer that is too slow, or too large")
        self.sock.settimeout(left)
        # Before TLS begins not a byte is read past the line that is waited for, so that none is left over for after.
        part = self.sock.recv(1 if self._tls == "starttls" else 1 << 16)
        if not part:
            raise self.abort("the connection ended")
        self._left -= len(part)
        self._heard += part
