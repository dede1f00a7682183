"""What the log records. Entries hold identifiers, digests, counts and versions, never content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muniment.governance.audit.actor import Actor

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    kind: str
    """Dotted name, such as `retrieval.chunk`."""
    actor: Actor
    about: Mapping[str, Json]
    sealed: tuple[str, ...] = ()
    """Fields of `about` that are personal: stored under the key of the person whom the entry is about, and gone with
    it. Commitments in entries of a person are so without being named."""
    of: str = ""
    """Whose key that is, such as `user:alice`; the actor's where nobody is named."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as the log holds it."""

    seq: int
    """Position in the tree, from 0."""
    at: str
    """RFC 3339, UTC."""
    kind: str
    actor: str
    """`subject:HEX` for somebody who was erased."""
    via: str
    """The door: `cli`, `http`, `web`, `python`, or `http:` and an API key, see `Actor.door`."""
    about: Mapping[str, Json]
    leaf_hash: str
    """Hex SHA-256 of the RFC 6962 leaf."""
