"""Who is asking. Names compare byte for byte: no case folding, no Unicode normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from muniment.governance.audit.actor import OPERATOR, Actor

__all__ = ["EVERYONE", "OPERATOR", "Actor", "Principal", "Subject", "VerifiesTokens"]

EVERYONE = "group:everyone"
"""The group that every authenticated principal is in."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated user or service."""

    kind: Literal["user", "service"]
    name: str
    claimed: frozenset[str] | None = frozenset()
    """Groups that its token or session gives, see `claimed`; None: it states some that cannot be known."""

    @property
    def ref(self) -> str:
        """Return `user:NAME` or `service:NAME`, as access lists spell it."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose a bearer token is, until when, and by whose word."""

    principal: Principal
    expires: float
    """Seconds since 1970."""
    issuer: str
    """`LOCAL`, or an issuer of the settings."""
    signed_in: float
    """When they proved who they are, as far as the token tells: `auth_time`, else when it was issued."""


class VerifiesTokens(Protocol):
    """What tells whose a bearer token is."""

    def subject(self, token: str) -> Subject:
        """Return what a token says; raises Unauthenticated for any that does not hold now."""
        ...

    def verify(self, token: str) -> Principal:
        """Return whose token this is; raises Unauthenticated for any that does not hold now."""
        ...
