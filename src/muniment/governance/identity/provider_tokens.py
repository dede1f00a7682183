"""What a provider's tokens prove: pure rules over a token, the issuer's rules, its keys and the time.

Invariants:
- the signature, issuer, audience and times of every token are checked, whatever it is for;
- an ID token is no access token and an access token is no ID token;
- the claim that names somebody is taken byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from muniment.governance.identity.issuer import Issuer
from muniment.governance.identity.key_set import KeySet, UnknownKey
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.signed import Signed, check_signature, seconds

_ACCESS_TYPES = {
    "at+jwt": frozenset({"at+jwt", "application/at+jwt"}),
    "JWT": frozenset({"at+jwt", "application/at+jwt", "JWT", ""}),
}
_ID_TYPES = frozenset({"JWT", ""})
_ID_ONLY = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
"""Claims that only ID tokens have."""
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ID token of one sign-in must repeat."""

    client_id: str
    nonce: str
    access_token: str


def access_token_principal(signed: Signed, issuer: Issuer, keys: KeySet, now: float) -> Principal:
    """Return whom an access token names; raises ValueError, as UnknownKey where only the key is missing."""
    claims = signed.claims
    if signed.type not in _ACCESS_TYPES[issuer.required_typ]:
        raise ValueError("not the type of an access token")
    if claims.keys() & _ID_ONLY:
        raise ValueError("an ID token")
    if "cnf" in claims:
        raise ValueError("bound to a key, which nobody has shown")
    if issuer.audience not in _audiences(claims):
        raise ValueError("for another audience")
    _check(signed, issuer, keys, now)
    subject = _text(claims, "sub")
    if subject in (claims.get("client_id"), claims.get("azp")):
        service = issuer.services.get(subject)
        if service is None:
            raise ValueError("a client that is no service here")
        return Principal("service", service)
    return _user(claims, issuer)


def id_token_principal(
    signed: Signed, issuer: Issuer, keys: KeySet, now: float, expected: Expected
) -> Principal:
    """Return whom an ID token names; raises as `access_token_principal`."""
    claims = signed.claims
    if signed.type not in _ID_TYPES:
        raise ValueError("not the type of an ID token")
    audiences = _audiences(claims)
    if expected.client_id not in audiences:
        raise ValueError("for another client")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != expected.client_id:
        raise ValueError("issued to another client")
    if not hmac.compare_digest(_text(claims, "nonce").encode(errors="replace"), expected.nonce.encode()):
        raise ValueError("of another sign-in")
    _check(signed, issuer, keys, now)
    if "at_hash" in claims and claims["at_hash"] != _half_hash(expected.access_token, signed.algorithm):
        raise ValueError("beside another access token")
    return _user(claims, issuer)


def _check(signed: Signed, issuer: Issuer, keys: KeySet, now: float) -> None:
    claims, leeway = signed.claims, issuer.leeway_seconds
    if claims.get("iss") != issuer.url:
        raise ValueError("of another issuer")
    if issuer.tenant_claim and claims.get(issuer.tenant_claim) != issuer.tenant_value:
        raise ValueError("of another tenant")
    expires, issued = seconds(claims.get("exp"), "exp"), seconds(claims.get("iat"), "iat")
    starts = seconds(claims["nbf"], "nbf") if "nbf" in claims else issued
    if now >= expires + leeway:
        raise ValueError("expired")
    if max(issued, starts) > now + leeway:
        raise ValueError("not yet valid")
    if signed.algorithm not in issuer.algorithms:
        raise ValueError("an algorithm that is not allowed")
    key = keys.find(signed.kid, signed.algorithm)
    if key is None:
        raise UnknownKey("a key that is not published")
    check_signature(signed, key.key, key.algorithms)


def _user(claims: Mapping[str, object], issuer: Issuer) -> Principal:
    _text(claims, "sub")
    if issuer.user_claim == "email" and claims.get("email_verified") is not True:
        raise ValueError("an address that the provider has not verified")
    return Principal("user", _text(claims, issuer.user_claim))


def _audiences(claims: Mapping[str, object]) -> list[str]:
    stated = claims.get("aud")
    many = cast("list[object]", stated) if isinstance(stated, list) else [stated]
    if not many or not all(isinstance(one, str) for one in many):
        raise ValueError("no audience")
    return cast("list[str]", many)


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {name}" if name in ("sub", "nonce") else "no claim that names the user")
    return value


def _half_hash(access_token: str, algorithm: str) -> str:
    whole = _HASHES[algorithm[2:]](access_token.encode()).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
