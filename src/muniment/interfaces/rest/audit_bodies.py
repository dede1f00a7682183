"""The JSON of the log over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from muniment.governance.audit.witness import LONGEST_PATH
from muniment.interfaces.rest.bodies import JsonObject, Taken


class EntryBody(BaseModel):
    """An entry of the log."""

    seq: int
    at: str
    kind: str
    actor: str
    via: str
    about: JsonObject
    leaf_hash: str


class EntriesResponse(BaseModel):
    """A page of entries, which may be short and have a next one."""

    entries: list[EntryBody]
    after: int | None
    """Where the next page begins; None where nothing is left."""


class CheckpointResponse(BaseModel):
    """The log at one size, signed."""

    origin: str
    size: int
    root: str
    checkpoint: str
    """The signed note, exactly."""
    public_key: str


class ProofResponse(BaseModel):
    """A proof, as the offline verifier reads it."""

    proof: str


class CosignRequest(Taken):
    """A checkpoint of another log."""

    checkpoint: Annotated[str, Field(min_length=1, max_length=20_000)]
    old_size: Annotated[int, Field(ge=0, le=2**53)]
    """The size that was last co-signed."""
    path: Annotated[
        list[Annotated[str, Field(min_length=44, max_length=44)]], Field(max_length=LONGEST_PATH)
    ] = Field(default_factory=list)
    """The consistency path from that size (RFC 6962), each hash in base64."""


class CosignatureResponse(BaseModel):
    """The line that co-signs the checkpoint."""

    cosignature: str


class WitnessedResponse(BaseModel):
    """What was last co-signed of a log."""

    checkpoint: str | None
