"""The door to a mail server: one message at a time, to an address that the egress rules let through.

Invariants:
- the server proves its name by a certificate before anything is said to it, unless TLS is switched off;
- a login is never sent in clear.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from muniment.foundation.egress import Egress, Unreached
from muniment.foundation.errors import BadInput
from muniment.foundation.secret import Secret

Tls = Literal["starttls", "implicit", "none"]


class Rejected(Exception):
    """The server did not take the message: the text is the number of its reply, and no more."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes messages for others."""

    host: str
    port: int
    tls: Tls
    egress: Egress
    """Lets this host and port through, as `https`."""
    helo: str
    """What we call ourselves."""
    user: str = ""
    password: Callable[[], Secret | None] = lambda: None
    ca_file: Path | None = None

    def send(self, message: EmailMessage, timeout_seconds: float) -> None:
        """Hand over a message; raises Refused, BadInput for authorities that cannot be used, Unreached, Rejected."""
        addresses = self.egress.addresses(("https", self.host, self.port), timeout_seconds)
        context = self._context()
        try:
            with _Client(
                self.host, str(addresses[0]), self.helo, timeout_seconds, context, self.tls
            ) as client:
                client.connect(self.host, self.port)
                if self.tls == "starttls":
                    client.starttls(context=context)
                password = self.password() if self.user else None
                if password is not None:
                    client.login(self.user, password.reveal())
                client.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise Rejected(str(next(iter(error.recipients.values()))[0])) from error
        except smtplib.SMTPResponseException as error:
            raise Rejected(str(error.smtp_code)) from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise Unreached(type(error).__name__) from error

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise BadInput(
                f"{self.ca_file} cannot be used as a file of certificate authorities.",
                fix="Let it hold PEM certificates, and mend its permissions.",
            ) from error


class _Client(smtplib.SMTP):
    """Goes to an address that was vetted, whatever its name leads to by then."""

    def __init__(
        self, host: str, address: str, helo: str, timeout: float, context: ssl.SSLContext, tls: Tls
    ) -> None:
        self._vetted = address
        self._context = context
        self._tls: Tls = tls
        super().__init__(local_hostname=helo, timeout=timeout)
        self._host = host

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = socket.create_connection((self._vetted, port), timeout)
        if self._tls != "implicit":
            return made
        return self._context.wrap_socket(made, server_hostname=host)
