"""A copy of the log at a syslog receiver: RFC 5424 messages, counted (RFC 6587), over TLS (RFC 5425) or TCP.

Syslog acknowledges nothing. What comes nearest is waited for: that the receiver, told that no more comes, ends the
connection in order.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation.egress import Egress, Unreached
from muniment.foundation.errors import MunimentError
from muniment.governance.audit.sinks.sink import Batch, Copied, Untaken

TIMEOUT = 15.0
_BATCH = Batch(2_000, 1 << 20)
_AUDIT = 13
_INFORMATIONAL = 6
_NOT_PRINTABLE = re.compile(r"[^!-~]")


@dataclass(frozen=True, slots=True)
class SyslogSink:
    """Sends each entry as one message, whose text is the entry's JSON."""

    host: str
    port: int
    tls: bool
    name: str
    """Stands for the host name: the tenant's."""
    egress: Egress
    """Lets this host and port through, as `https`."""
    ca_file: Path | None = None

    @property
    def batch(self) -> Batch:
        """How much one connection carries."""
        return _BATCH

    def take(self, entries: Sequence[Copied]) -> None:
        """Send messages and see the connection end; raises Untaken."""
        try:
            addresses = self.egress.addresses(("https", self.host, self.port), TIMEOUT)
            with socket.create_connection((str(addresses[0]), self.port), TIMEOUT) as plain:
                if not self.tls:
                    _send(plain, [message(self.name, one) for one in entries])
                    return
                context = ssl.create_default_context(cafile=self.ca_file)
                with context.wrap_socket(plain, server_hostname=self.host) as sealed:
                    sealed.sendall(_counted([message(self.name, one) for one in entries]))
                    # Says that no more comes, and waits for the receiver to say so too; some only hang up.
                    with suppress(ssl.SSLEOFError):
                        sealed.unwrap()
        except Unreached as error:
            raise Untaken(f"unreached {error}") from error
        except MunimentError as error:
            raise Untaken(error.code) from error
        except (OSError, ValueError) as error:
            raise Untaken(f"unreached {type(error).__name__}") from error


def message(name: str, entry: Copied) -> bytes:
    """Return an entry as a message of RFC 5424; its MSGID is the kind, its text UTF-8 JSON."""
    about = f"<{_AUDIT * 8 + _INFORMATIONAL}>1 {entry.at} {_word(name, 255)} muniment - {_word(entry.kind, 32)} - "
    return about.encode() + b"\xef\xbb\xbf" + entry.body


def _word(text: str, longest: int) -> str:
    return _NOT_PRINTABLE.sub("_", text)[:longest] or "-"


def _counted(messages: Sequence[bytes]) -> bytes:
    return b"".join(b"%d %b" % (len(one), one) for one in messages)


def _send(connection: socket.socket, messages: Sequence[bytes]) -> None:
    connection.sendall(_counted(messages))
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass
