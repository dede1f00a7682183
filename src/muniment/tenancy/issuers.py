"""Which tenant a provider's token says it is for; unproven until that tenant has verified it.

Invariant: no token can be taken for two tenants: those that name one provider differ in the value of one claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from muniment.foundation.errors import BadInput
from muniment.settings import Settings


@dataclass(frozen=True, slots=True)
class _Reader:
    tenant: str
    claim: str
    value: str


class Issuers:
    """The providers of all tenants."""

    def __init__(self) -> None:
        self._readers: dict[str, list[_Reader]] = {}

    def add(self, tenant: str, settings: Settings) -> None:
        """Add a tenant's providers; raises BadInput, adding none, where tokens could be another tenant's too."""
        identity = settings.identity
        stated = identity.issuers.values() if identity.mode == "oidc" else ()
        for one in stated:
            for other in self._readers.get(one.issuer, ()):
                apart = (
                    one.tenant_claim and one.tenant_claim == other.claim and one.tenant_value != other.value
                )
                if not apart:
                    raise BadInput(
                        f"{_named(other.tenant)} and {_named(tenant)} both name the issuer {one.issuer}, and nothing "
                        "tells their tokens apart.",
                        fix="Set tenant_claim, the same for both, and tenant_value, one for each, in "
                        "[identity.issuers.NAME].",
                    )
        for one in stated:
            self._readers.setdefault(one.issuer, []).append(
                _Reader(tenant, one.tenant_claim, one.tenant_value)
            )

    def drop(self, tenant: str) -> None:
        """Forget a tenant's providers."""
        for url, readers in list(self._readers.items()):
            self._readers[url] = [one for one in readers if one.tenant != tenant]

    def tenant_of(self, claims: Mapping[str, object]) -> str | None:
        """Return the tenant that a token with these claims would be for, or None."""
        issuer = claims.get("iss")
        readers = self._readers.get(issuer, ()) if isinstance(issuer, str) else ()
        fitting = [one.tenant for one in readers if not one.claim or claims.get(one.claim) == one.value]
        return fitting[0] if len(fitting) == 1 else None


def _named(tenant: str) -> str:
    return f"The tenant {tenant}" if tenant else "This home itself"
