"""The caller of an operation, once token and permissions allow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auth import Claims, digest, refused
from clock import Clock
from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPBearer
from permissions import Permissions, Person
from problems import bad_input, documented, forbidden
from store import Store

BEARER = HTTPBearer(
    scheme_name="call-token",
    bearerFormat="JWT",
    auto_error=False,
    description="An EdDSA JWT for this one call: iss, aud, sub, scope, iat, exp, jti, htm, htu, bsh.",
)


@dataclass(frozen=True, slots=True)
class Systems:
    """What every operation works with."""

    store: Store
    permissions: Permissions
    clock: Clock


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, once token and permissions allow the operation."""

    person: Person
    claims: Claims
    systems: Systems

    def holds(self, capability: str) -> bool:
        return capability in self.person.holds


def allowed(scope: str) -> Callable[..., Caller]:
    """Return the dependency that lets in only tokens with this scope, of people who hold the capability."""

    def check(request: Request, _shown: Any = Security(BEARER, scopes=[scope])) -> Caller:
        claims: Claims = request.state.claims
        systems: Systems = request.app.state.systems
        if claims.scope != scope:
            raise refused("scope", f"This operation needs the scope {scope}.")
        with systems.store.reading() as connection:
            person = systems.permissions.person(claims.user, connection, systems.clock.stamp())
        if person is None:
            raise refused("sub", "The claim sub names nobody of the company.")
        if scope not in person.holds:
            raise forbidden(f"It needs the capability {scope}.")
        if request.scope["route"].body_field is None and claims.body_digest != digest(b""):
            raise bad_input("body: this operation takes none")
        return Caller(person, claims, systems)

    return check


def reading(router: APIRouter, path: str, operation_id: str) -> Any:
    """Return the decorator of an operation that only reads."""
    refusals = documented(400, 401, 403, 404, 413, 422, 503)
    return router.get(path, operation_id=operation_id, responses=refusals)


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'
