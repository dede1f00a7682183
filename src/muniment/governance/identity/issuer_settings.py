"""What an operator may set of an OpenID Connect provider, and which combinations make no sense."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from muniment.governance.identity.directory_file import RESERVED_GROUP, name_problem
from muniment.governance.identity.issuer import Algorithm, UserMatch, address_problem


class IssuerSettings(BaseModel):
    """`[identity.issuers.NAME]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    """The provider's address, exactly as its tokens state it in `iss`."""
    audience: str = Field(min_length=1, max_length=500)
    """What its access tokens for us state in `aud`."""
    algorithms: tuple[Algorithm, ...] = Field(("RS256", "ES256"), min_length=1)
    """Signatures that are taken."""
    user_claim: str = Field("sub", min_length=1, max_length=200)
    """The claim that holds a user's name in the directory, byte for byte."""
    user_match: UserMatch = "name"
    """`external_id`: the claim holds the `externalId` that the provider gave a user over SCIM."""
    required_typ: Literal["at+jwt", "JWT"] = "at+jwt"
    """`JWT` for providers that do not mark access tokens as such."""
    leeway_seconds: int = Field(30, ge=0, le=120)
    """How far the provider's clock may be off."""
    jwks_origin: str = ""
    """Where its keys lie, if not at the issuer's own origin."""
    token_origin: str = ""
    """Where it exchanges codes, if not at the issuer's own origin."""
    private_network: bool = False
    """Its names may resolve to addresses inside your own network; `localhost` and literal addresses may always."""
    tenant_claim: str = Field("", max_length=200)
    """Where the provider serves several tenants: the claim that tells their tokens apart, such as `tid`."""
    tenant_value: str = Field("", max_length=500)
    """What that claim must hold, byte for byte; tokens without it are refused."""
    services: dict[str, str] = Field(default_factory=dict)
    """The service of the directory that each of its clients is, by client id."""
    group_claim: str = Field("", max_length=200)
    """The claim of a person's tokens that states groups; empty: groups come from the directory alone."""
    groups: dict[str, str] = Field(default_factory=dict, max_length=10_000)
    """The group that each value of that claim gives, byte for byte; other values give none."""
    group_scope: str = Field("", max_length=100, pattern=r"^[!#-\[\]-~]*$")
    """The scope that the provider wants asked for before it states groups at sign-in, such as `groups`."""
    client_id: str = Field("", max_length=500)
    """Our client id there; empty: people do not sign in through it, it only signs tokens."""
    client_secret: str = ""
    """A reference: `env:NAME` or `file:PATH`; empty for a public client."""
    redirect_url: str = ""
    """The origin that browsers reach us at, such as `https://muniment.example`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> IssuerSettings:
        problems = (
            self._address_problem(),
            self._client_problem(),
            self._tenant_problem(),
            self._groups_problem(),
        )
        for problem in problems:
            if problem:
                raise ValueError(problem)
        for name in self.services.values():
            if problem := name_problem(name):
                raise ValueError(f"services: a name {problem}")
        return self

    def _groups_problem(self) -> str:
        if bool(self.group_claim) != bool(self.groups):
            return "group_claim and groups belong together"
        if self.group_scope and (not self.group_claim or self.group_scope == "offline_access"):
            return "group_scope is without a group_claim, or asks for more than groups"
        if self.groups and self.user_match == "external_id":
            return "groups: users with an external_id come over SCIM, and so do their groups"
        for name in self.groups.values():
            if problem := name_problem(name):
                return f"groups: a name {problem}"
        return "groups: the group 'everyone' is built in" if RESERVED_GROUP in self.groups.values() else ""

    def _address_problem(self) -> str:
        problem = address_problem(self.issuer) or ("holds a query" if "?" in self.issuer else "")
        if problem:
            return f"issuer {problem}"
        bare = {
            "jwks_origin": self.jwks_origin,
            "token_origin": self.token_origin,
            "redirect_url": self.redirect_url,
        }
        problems = {name: address_problem(value, bare=True) for name, value in bare.items() if value}
        return next((f"{name} {problem}" for name, problem in problems.items() if problem), "")

    def _tenant_problem(self) -> str:
        half = bool(self.tenant_claim) != bool(self.tenant_value)
        return "tenant_claim and tenant_value belong together" if half else ""

    def _client_problem(self) -> str:
        if bool(self.client_id) != bool(self.redirect_url):
            return "client_id and redirect_url belong together"
        if self.client_secret and not self.client_id:
            return "client_secret is without a client_id"
        if self.required_typ == "JWT" and self.client_id == self.audience:
            return "audience is the client_id, so that an ID token would pass as an access token"
        return ""
