"""How a notice leaves: as a mail to one person, or as a signed request. It holds a link and a time, and no content.

Invariant: whatever is sent again carries the id that it had before, so that whoever receives it can tell.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol

from muniment.foundation.canonical import canonical
from muniment.foundation.egress import Egress, Unreached
from muniment.foundation.errors import MunimentError
from muniment.foundation.mail_server import MailServer, Rejected
from muniment.foundation.secret import Secret

TIMEOUT = 10.0
_SUBJECT = "Something waits for you"
_SAYS = {
    "waiting": "Something waits for your decision.",
    "escalated": "Something waits for your decision, since nobody else has decided.",
    "expiring": "Something that waits for your decision expires soon. Nobody in time means no.",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody is told."""

    id: str
    moment: str
    link: str
    expires_at: str
    to: str = ""
    """A mail address; empty for a webhook."""


class Unsent(Exception):
    """It was not taken: the text says by what kind of failure, and no more."""


class Sends(Protocol):
    """A way out for notices."""

    def send(self, notice: Notice, at: datetime) -> None:
        """Send a notice; raises Unsent."""
        ...


@dataclass(frozen=True, slots=True)
class ByMail:
    """Sends mails."""

    server: MailServer
    sender: str

    def send(self, notice: Notice, at: datetime) -> None:
        """Send a notice; raises Unsent."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = notice.to
        message["Subject"] = _SUBJECT
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{notice.id}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{_SAYS[notice.moment]}\n\n{notice.link}\n\nIt expires at {notice.expires_at}.\n"
        )
        try:
            self.server.send(message, TIMEOUT)
        except (Unreached, Rejected) as error:
            raise Unsent(f"{type(error).__name__.lower()} {error}") from error
        except MunimentError as error:
            raise Unsent(error.code) from error


@dataclass(frozen=True, slots=True)
class ByWebhook:
    """Posts JSON, with `Muniment-Signature: v1=` and the HMAC-SHA256 of the timestamp, a dot and the body."""

    url: str
    secret: Callable[[], Secret | None]
    egress: Egress

    def send(self, notice: Notice, at: datetime) -> None:
        """Send a notice; raises Unsent."""
        body = canonical(
            {"id": notice.id, "event": notice.moment, "link": notice.link, "expires_at": notice.expires_at}
        )
        when = str(int(at.timestamp()))
        try:
            secret = self.secret()
            if secret is None or not secret.reveal():
                raise Unsent("no secret")
            headers = {
                "content-type": "application/json",
                "idempotency-key": notice.id,
                "muniment-timestamp": when,
                "muniment-signature": f"v1={signature(secret, when, body)}",
            }
            reply = self.egress.exchange("POST", self.url, headers, body, TIMEOUT)
        except Unreached as error:
            raise Unsent(f"unreached {error}") from error
        except MunimentError as error:
            raise Unsent(error.code) from error
        if not 200 <= reply.status < 300:
            raise Unsent(f"rejected {reply.status}")


def signature(secret: Secret, when: str, body: bytes) -> str:
    """Return what proves that a body was sent at a time by whoever holds the secret."""
    return hmac.new(secret.reveal().encode(), when.encode() + b"." + body, hashlib.sha256).hexdigest()
