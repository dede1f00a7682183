"""Tokens by which a service acts for a person who is there: one token for another, naming both (RFC 8693).

Invariants:
- such a token opens what the person may do, within scopes that were asked for and that the service's API key has;
- it lives for five minutes at most, and no longer than the token or the key that it was made from;
- at each request person and service are active, and the key is neither revoked nor expired nor without its scopes;
- it is exchanged for no other, and no other service takes it: issuer, audience, type and key are its own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.errors import BadInput, Denied, Unauthenticated
from muniment.foundation.ids import Ids
from muniment.foundation.keys import Keyring
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.repeats import Repeats
from muniment.governance.identity.api_keys import ApiKey, ApiKeys
from muniment.governance.identity.claimed import GroupRule
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Actor, Principal, VerifiesTokens
from muniment.governance.identity.scopes import BY_KEY_ALONE, SCOPES
from muniment.governance.identity.signed import MAX_CHARACTERS, json_object, parts_of

ALGORITHM = "HS256"
TYPE = "muniment-act+jwt"
SECONDS = 300
"""The longest life."""
SCOPE = "act"
"""Of API keys that may exchange tokens."""
DELEGABLE = frozenset(SCOPES) - BY_KEY_ALONE
LEEWAY_SECONDS = 5

_HEADER = {"alg": ALGORITHM, "typ": TYPE}
_CLAIMS = frozenset(
    {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "since", "scope", "act", "key", "idp", "rule", "groups"}
)


class WrongScope(BadInput):
    """Scopes that nobody has, or that this key does not have."""


class WrongSubject(BadInput):
    """The token of a person that is given does not hold, or is not one."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A new token."""

    token: str = field(repr=False)
    seconds: int
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Acting:
    """A person, and the service that acts for it now."""

    principal: Principal
    key: ApiKey
    scopes: frozenset[str]
    """What the token and, at this moment, the key are good for."""

    @property
    def actor(self) -> Actor:
        """Return who the log says it was."""
        return Actor(self.principal.ref, "http", self.key.id, self.key.principal.ref)


def is_delegated(token: str) -> bool:
    """Return whether a bearer token says that it is one of these; proves nothing."""
    try:
        return json_object(parts_of(token)[0]).get("typ") == TYPE
    except ValueError:
        return False


class Delegation:
    """Exchanges and verifies the tokens of one workspace."""

    def __init__(
        self,
        keyring: Keyring,
        directory: Directory,
        bearer: VerifiesTokens,
        api_keys: ApiKeys,
        trusted: Mapping[str, GroupRule],
        audit: AuditLog,
        repeats: Repeats,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """`trusted` are the issuers whose tokens are exchanged, and which groups they give."""
        self._key = hmac.digest(keyring.data_key("tokens"), TYPE.encode(), hashlib.sha256)
        self._issuer = f"muniment:{keyring.tenant}:act"
        self._directory = directory
        self._bearer = bearer
        self._api_keys = api_keys
        self._trusted = trusted
        self._audit = audit
        self._repeats = repeats
        self._clock = clock
        self._ids = ids

    @property
    def audience(self) -> str:
        """Return the one audience of these tokens."""
        return self._issuer

    def exchange(self, subject_token: str, scopes: Collection[str], key: ApiKey) -> Exchanged:
        """Return a token for the service of a key that works now, in the name of whose token is given.

        Raises WrongScope, WrongSubject, and Unavailable where the subject's provider cannot be asked.
        """
        actor = Actor(key.principal.ref, "http", key.id)
        wanted = frozenset(scopes) or key.scopes & DELEGABLE
        if not wanted or not wanted <= key.scopes & DELEGABLE:
            self._refused(actor, "scope")
            raise WrongScope("These scopes are not all this key's to hand on.")
        try:
            subject = self._bearer.subject(subject_token)
        except Unauthenticated as error:
            self._refused(actor, "subject")
            raise WrongSubject("The subject token does not hold.") from error
        person, now = subject.principal, int(self._clock.now().timestamp())
        since = self._directory.active_since(person)
        rule = self._trusted.get(subject.issuer)
        if person.kind != "user" or since is None or rule is None:
            self._refused(actor, "subject")
            raise WrongSubject("The subject token is not a person's.")
        ends = min(
            now + SECONDS, int(subject.expires), int(datetime.fromisoformat(key.expires_at).timestamp())
        )
        if ends <= now:
            self._refused(actor, "subject")
            raise WrongSubject("The subject token does not hold.")
        token_id = self._ids.new("tok")
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": person.ref,
            "act": {"sub": key.principal.ref},
            "iat": now,
            "nbf": now,
            "exp": ends,
            "jti": token_id,
            "since": since,
            "scope": " ".join(sorted(wanted)),
            "key": key.id,
            "idp": subject.issuer,
            "rule": rule.digest,
            "groups": None if person.claimed is None else sorted(person.claimed),
        }
        token = self._signed(claims)
        if len(token) > MAX_CHARACTERS:
            self._refused(actor, "groups")
            raise WrongSubject("The subject is in too many groups that its token states.")
        about = {
            "for": person.ref,
            "key": key.id,
            "token": token_id,
            "scopes": sorted(wanted),
            "expires": timestamp(datetime.fromtimestamp(ends, self._clock.now().tzinfo)),
        }
        self._audit.record([Entry("token.exchanged", actor, about)])
        return Exchanged(token, ends - now, wanted)

    def verify(self, token: str, certificate: bytes | None = None) -> Acting:
        """Return who acts for whom; raises Unauthenticated for anything but a token that holds now.

        `certificate` is that of the connection: what a bound key made holds only where the key does.
        """
        try:
            acting = self._acting(self._claims(token))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Unauthenticated("The token does not hold.", detail=str(error)) from error
        self._api_keys.require_certificate(acting.key, certificate)
        return acting

    def permit(self, acting: Acting, needed: Sequence[str]) -> None:
        """Refuse what the token's scopes do not name, and what names no scope; raises Denied."""
        missing = next((scope for scope in needed if scope not in acting.scopes), None)
        if needed and missing is None:
            return
        about = {"key": acting.key.id, "reason": "scope", "scope": missing}
        self._audit.record([Entry("token.refused", acting.actor, about)])
        said = (
            f"This token does not have the scope '{missing}'."
            if missing
            else "This token does not open this."
        )
        raise Denied(said, fix="Exchange one that has it, by a key that has it.")

    def _acting(self, claims: Mapping[str, object]) -> Acting:
        kind, _, name = str(claims["sub"]).partition(":")
        key = self._api_keys.working(str(claims["key"]))
        if kind != "user" or not name or key is None or claims["act"] != {"sub": key.principal.ref}:
            raise ValueError("no person, or a key that does not work")
        if SCOPE not in key.scopes:
            raise ValueError("a key that may not exchange tokens")
        rule = self._trusted.get(str(claims["idp"]))
        if rule is None or rule.digest != claims["rule"]:
            raise ValueError("an issuer that the settings do not name, or other rules of its groups")
        groups = claims["groups"]
        claimed = None if groups is None else frozenset(cast("list[str]", groups))
        person = Principal("user", name, claimed)
        if self._directory.active_since(person) != claims["since"]:
            raise ValueError("account removed, inactive or made again")
        return Acting(person, key, frozenset(str(claims["scope"]).split()) & key.scopes & DELEGABLE)

    def _claims(self, token: str) -> Mapping[str, object]:
        from joserfc import jws
        from joserfc.errors import JoseError
        from joserfc.jwk import OctKey

        if not token or len(token) > MAX_CHARACTERS:
            raise ValueError("empty or too long")
        raw = parts_of(token)
        if json_object(raw[0]) != _HEADER:
            raise ValueError("unexpected header")
        try:
            jws.deserialize_compact(token, OctKey.import_key(self._key), algorithms=[ALGORITHM])
        except JoseError as error:
            raise ValueError(f"the signature does not hold: {type(error).__name__}") from error
        claims = json_object(raw[1])
        if claims.keys() != _CLAIMS or claims["iss"] != self._issuer or claims["aud"] != self._issuer:
            raise ValueError("claims missing or unknown, or of another issuer or audience")
        issued, start, end = (claims[name] for name in ("iat", "nbf", "exp"))
        if not (type(issued) is int and type(start) is int and type(end) is int):
            raise ValueError("a time is not a whole number")
        now = self._clock.now().timestamp()
        if not (max(issued, start) <= now + LEEWAY_SECONDS and now < end and 0 < end - issued <= SECONDS):
            raise ValueError("expired, not yet valid, or lives too long")
        return claims

    def _signed(self, claims: Mapping[str, object]) -> str:
        from joserfc import jwt
        from joserfc.jwk import OctKey

        return jwt.encode(_HEADER, dict(claims), OctKey.import_key(self._key), algorithms=[ALGORITHM])

    def _refused(self, actor: Actor, reason: str) -> None:
        self._repeats.record(Entry("token.refused", actor, {"key": actor.key, "reason": reason}))
