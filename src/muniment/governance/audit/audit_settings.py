"""What an operator may set of the log: who holds checkpoints of it, and who gets copies."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from muniment.foundation.errors import BadInput
from muniment.foundation.setting_name import Name
from muniment.governance.audit.cosignature import COSIGNATURE, ED25519, read_key
from muniment.governance.audit.sinks.sink_settings import SinkSettings

_NEEDED = {"folder": ("folder",), "s3": ("bucket", "region"), "muniment": ("address", "key", "public_key")}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WitnessSettings(_Section):
    """`[audit.witnesses.NAME]`"""

    kind: Literal["folder", "s3", "muniment"]
    """A folder elsewhere, a bucket with object lock, or another muniment."""
    folder: str = ""
    """Of a folder: where it lies, relative to the home or absolute; on another machine's disk."""
    bucket: str = Field("", pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$")
    """Of a bucket: its name; it must have been made with object lock."""
    region: str = Field("", pattern=r"^[a-z0-9-]*$")
    """Such as `eu-west-1`."""
    endpoint_url: str = ""
    """Of an interface endpoint, or of another service that speaks S3; empty: the public one of the region."""
    prefix: str = Field("checkpoints/", pattern=r"^([A-Za-z0-9._-]+/)*$")
    """What the names of its objects begin with."""
    retention_days: int = Field(365, ge=1, le=36_500)
    """How long nobody can delete an object."""
    address: str = ""
    """Of a muniment: such as `https://witness.example`."""
    key: str = ""
    """A reference, `env:NAME` or `file:PATH`, to an API key of that muniment with the scope `witness`."""
    public_key: str = ""
    """What it signs with, as `muniment audit witness key` shows it there; of a folder, what `add` shows."""
    private_network: bool = False
    """The host's name may lead to an address inside your own network."""

    @field_validator("public_key")
    @classmethod
    def _of_a_witness(cls, given: str) -> str:
        return _checked(given, COSIGNATURE) if given else given

    @model_validator(mode="after")
    def _whole(self) -> WitnessSettings:
        missing = next((name for name in _NEEDED[self.kind] if not getattr(self, name)), None)
        if missing is not None:
            raise ValueError(f"{missing} is needed for the kind {self.kind}")
        return self


class AuditSettings(_Section):
    """`[audit]`"""

    witness_minutes: int = Field(10, ge=1, le=10_000)
    """How long a checkpoint may wait for a witness before that is an alarm."""
    logs: tuple[str, ...] = ()
    """Public keys of other logs that this workspace is a witness of, as `muniment keys public` shows them there."""
    witnesses: dict[Name, WitnessSettings] = Field(default_factory=dict)
    sinks: dict[Name, SinkSettings] = Field(default_factory=dict)
    """Places that get a copy of each entry."""

    @field_validator("logs")
    @classmethod
    def _of_logs(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        names = [read_key(_checked(one, ED25519)).name for one in given]
        if len(set(names)) != len(names):
            raise ValueError("two of them are keys of one log")
        return given


def _checked(line: str, kind: bytes) -> str:
    try:
        found = read_key(line)
    except BadInput as error:
        raise ValueError(error.public) from error
    if found.kind != kind:
        raise ValueError(
            "that is the key of a log" if kind == COSIGNATURE else "that is the key of a witness"
        )
    return line
