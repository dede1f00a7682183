"""Where copies of the log go, as an operator sets it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    """Stop all work while this copy is behind for longer than `alarm_seconds`."""
    alarm_seconds: float = Field(300, ge=10, le=86_400)
    """Its oldest missing entry may be this old before there is an alarm."""
    start: Literal["beginning", "now"] = "beginning"
    """Which entry it gets first: that of the log, or the next one."""


class _Objects(_Place):
    wait_seconds: float = Field(60, ge=0, le=3600)
    """How long entries are held back, so that they make fewer objects."""

    @model_validator(mode="after")
    def _in_time(self) -> _Objects:
        if self.wait_seconds >= self.alarm_seconds:
            raise ValueError("wait_seconds must be less than alarm_seconds")
        return self


class FolderSettings(_Objects):
    """`[audit.sinks.NAME]` with `kind = "folder"`"""

    kind: Literal["folder"]
    path: str
    """Relative to the home or absolute; better on another disk or machine."""


class S3Settings(_Objects):
    """`[audit.sinks.NAME]` with `kind = "s3"`"""

    kind: Literal["s3"]
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    region: str = Field(pattern=r"^[a-z0-9-]+$")
    prefix: str = Field("", pattern=r"^[A-Za-z0-9!_.*'()/-]*$")
    """Stands before the names of objects."""
    lock: Literal["none", "governance", "compliance"] = "none"
    """Mode of the object lock, which the bucket must be made for."""
    lock_days: int = Field(365, ge=1, le=36_500)
    endpoint_url: str = ""
    """Of another service, or an interface endpoint; empty: the public one of the region."""

    @property
    def address(self) -> str:
        """Return where the bucket is."""
        base = self.endpoint_url or f"https://s3.{self.region}.amazonaws.com"
        return f"{base.rstrip('/')}/{self.bucket}"


class CloudWatchSettings(_Place):
    """`[audit.sinks.NAME]` with `kind = "cloudwatch"`"""

    kind: Literal["cloudwatch"]
    region: str = Field(pattern=r"^[a-z0-9-]+$")
    group: str = Field(pattern=r"^[A-Za-z0-9_/.#-]{1,512}$")
    """A log group that is there."""
    stream: str = Field("muniment", pattern=r"^[^:*]{1,512}$")
    """Made where it is missing."""
    endpoint_url: str = ""
    """Of an interface endpoint; empty: the public one of the region."""

    @property
    def address(self) -> str:
        """Return where the service is."""
        return f"{(self.endpoint_url or f'https://logs.{self.region}.amazonaws.com').rstrip('/')}/"


class SyslogSettings(_Place):
    """`[audit.sinks.NAME]` with `kind = "syslog"`"""

    kind: Literal["syslog"]
    host: str
    port: int = Field(6514, ge=1, le=65535)
    tls: bool = True
    private_network: bool = False
    """The host's name may lead to an address inside your own network."""


class OcsfSettings(_Place):
    """`[audit.sinks.NAME]` with `kind = "ocsf"`"""

    kind: Literal["ocsf"]
    url: str
    """What is posted to."""
    token: str = ""
    """A reference: `env:NAME` or `file:PATH`, read at each request; never the token itself."""
    private_network: bool = False
    """The host's name may lead to an address inside your own network."""

    @field_validator("url")
    @classmethod
    def _address(cls, given: str) -> str:
        found = urlsplit(given)
        if found.scheme not in ("http", "https") or not found.hostname or found.username or found.fragment:
            raise ValueError("write https://HOST")
        return given


SinkSettings = Annotated[
    FolderSettings | S3Settings | CloudWatchSettings | SyslogSettings | OcsfSettings,
    Field(discriminator="kind"),
]
