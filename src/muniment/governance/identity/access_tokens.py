"""Bearer tokens that the organisation's own providers signed, for accounts that the directory holds.

Invariants:
- a token opens nothing that its issuer's rules, its issuer's published keys and the directory of this moment do not;
- all that is refused is refused in the same words;
- nobody comes into being by showing a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from muniment.foundation.clock import Clock
from muniment.foundation.errors import Unauthenticated
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal, Subject
from muniment.governance.identity.provider_tokens import access_token_principal
from muniment.governance.identity.published import Published
from muniment.governance.identity.signed import Signed, read, seconds


class AccessTokens:
    """Verifies the tokens of the providers that the settings name."""

    def __init__(self, issuers: Iterable[Published], directory: Directory, clock: Clock) -> None:
        self._issuers = {published.issuer.url: published for published in issuers}
        self._directory = directory
        self._clock = clock

    def verify(self, token: str) -> Principal:
        """Return whose token this is; raises Unauthenticated, and Unavailable where no key can be had."""
        return self.subject(token).principal

    def subject(self, token: str) -> Subject:
        """Return what a token says; raises as `verify`."""
        try:
            signed = read(token)
            principal = self._principal(signed)
            signed_in = _signed_in(signed.claims, self._clock.now().timestamp())
        except ValueError as error:
            raise _refused(str(error)) from error
        if self._directory.active_since(principal) is None:
            raise _refused("no active account")
        claims = signed.claims
        return Subject(principal, seconds(claims.get("exp"), "exp"), str(claims.get("iss")), signed_in)

    def _principal(self, signed: Signed) -> Principal:
        issuer = signed.claims.get("iss")
        published = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if published is None:
            raise ValueError("of an issuer that the settings do not name")
        now = self._clock.now().timestamp()
        named = published.judged(lambda keys: access_token_principal(signed, published.issuer, keys, now))
        if named.kind == "service":
            return named
        if published.issuer.user_match == "name":
            return replace(named, claimed=published.issuer.group_rule.given(signed.claims))
        found = self._directory.provisioned_user(named.name)
        if found is None:
            raise ValueError("no user with this external id")
        return found


def _signed_in(claims: Mapping[str, object], now: float) -> float:
    """Return when somebody signed in: that a token was renewed since is no proof that they are there."""
    issued = min(now, seconds(claims.get("iat"), "iat"))
    return min(issued, seconds(claims["auth_time"], "auth_time")) if "auth_time" in claims else issued


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated("The token does not hold.", detail=detail)
