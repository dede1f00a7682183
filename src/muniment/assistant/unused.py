"""Passages that a model was not sent because of their sensitivity, and which other may be sent them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from muniment.assistant import sending
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import Principal

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Unused:
    """What an answer could not rest on."""

    count: int
    """Passages above what the model may be sent."""
    model: str
    others: tuple[str, ...]
    """Endpoints that the asker may use and that may be sent all of them now, by name."""


def unused(
    database: Database, policy: Policy, gateway: Gateway, principal: Principal, lineage: Mapping[str, Json]
) -> Unused | None:
    """Return what an answer's model was not sent because of its sensitivity, None where it was sent all.

    `lineage` is as its reader may read it. Raises Denied for an inactive principal.
    """
    checks, endpoint = (
        cast("Mapping[str, Json]", lineage.get(name) or {}) for name in ("checks", "endpoint")
    )
    count = checks.get("too_sensitive")
    if not isinstance(count, int) or count < 1:
        return None
    passages = cast("Sequence[Mapping[str, Json]]", lineage.get("passages") or ())
    documents = [str(one["document"]) for one in passages if "document" in one]
    model = str(endpoint.get("name", ""))
    with database.read() as connection:
        standing = policy.standing(connection, principal)
        labels = set(sending.labels_at(connection, documents))
    others = tuple(
        one.name
        for one in gateway.catalog.endpoints()
        if one.name != model and gateway.admits(standing, one, labels)
    )
    return Unused(count, model, others)
