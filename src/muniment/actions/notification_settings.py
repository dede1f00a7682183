"""What an operator may set about how people hear that something waits for them."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from muniment.foundation.duration import parsed
from muniment.foundation.errors import BadInput

PORTS = {"starttls": 587, "implicit": 465, "none": 25}
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LOCAL = re.compile(r"[A-Za-z0-9._%+-]{1,64}")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SmtpSettings(_Section):
    """`[notifications.smtp]`"""

    host: str
    """Mail server that takes our messages."""
    port: int = Field(0, ge=0, le=65535)
    """0: the usual one of `tls`."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls`, `implicit`, or `none`, which allows no login."""
    user: str = ""
    """Empty: no login."""
    password: str = ""
    """A reference: `env:NAME` or `file:PATH`, read at each message; never the password itself."""
    sender: str
    """Address that messages come from."""
    private_network: bool = False
    """The host's name may lead to an address inside your own network."""

    @property
    def port_used(self) -> int:
        """Return the port, the usual one where none is set."""
        return self.port or PORTS[self.tls]

    @model_validator(mode="after")
    def _makes_sense(self) -> SmtpSettings:
        if not _MAIL.fullmatch(self.sender):
            raise ValueError("sender is no mail address")
        if bool(self.user) != bool(self.password):
            raise ValueError("user and password belong together")
        if self.user and self.tls == "none":
            raise ValueError('a login is not sent in clear: set tls = "starttls"')
        return self


class WebhookSettings(_Section):
    """`[notifications.webhook]`"""

    url: str
    """What is posted to."""
    secret: str
    """A reference: `env:NAME` or `file:PATH`, read at each message; the key of the signature."""
    private_network: bool = False
    """The host's name may lead to an address inside your own network."""

    @field_validator("url")
    @classmethod
    def _address(cls, given: str) -> str:
        return _web_address(given)


class NotificationSettings(_Section):
    """`[notifications]`"""

    address: str = ""
    """Where people reach this server, such as `https://muniment.example`: links begin with it."""
    mail_domain: str = ""
    """In this domain each user has the address of their own name."""
    mail: dict[str, str] = Field(default_factory=dict)
    """Addresses of users by name, where it is another; an empty one: none."""
    remind: str = "1h"
    """How long before it expires people hear of it once more; `0`: they do not."""
    smtp: SmtpSettings | None = None
    webhook: WebhookSettings | None = None

    @field_validator("mail_domain")
    @classmethod
    def _domain(cls, given: str) -> str:
        if given and not _MAIL.fullmatch(f"a@{given}"):
            raise ValueError("it is no domain")
        return given

    @field_validator("mail")
    @classmethod
    def _addresses(cls, given: dict[str, str]) -> dict[str, str]:
        for name, address in given.items():
            if address and not _MAIL.fullmatch(address):
                raise ValueError(f"that of {name} is no mail address")
        return given

    @field_validator("remind")
    @classmethod
    def _span(cls, given: str) -> str:
        try:
            parsed(given)
        except BadInput as error:
            raise ValueError(error.public) from error
        return given

    @model_validator(mode="after")
    def _reachable(self) -> NotificationSettings:
        if (self.smtp or self.webhook) and not self.address:
            raise ValueError("address is needed, for the links of messages")
        if self.address and urlsplit(_web_address(self.address)).path not in ("", "/"):
            raise ValueError("address has a path")
        if self.smtp and not (self.mail_domain or self.mail):
            raise ValueError("mail_domain or mail is needed, to know where to send messages")
        return self

    def mail_of(self, name: str) -> str:
        """Return where a user gets mail, empty where that is not known."""
        if name in self.mail:
            return self.mail[name]
        return f"{name}@{self.mail_domain}" if self.mail_domain and _LOCAL.fullmatch(name) else ""


def _web_address(given: str) -> str:
    found = urlsplit(given)
    if found.scheme not in ("http", "https") or not found.hostname or found.username or found.fragment:
        raise ValueError("write https://HOST")
    return given
