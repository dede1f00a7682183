"""Signing people in by the authorization code flow with PKCE (RFC 6749, RFC 7636, OpenID Connect Core).

Invariants:
- a code is exchanged only for the attempt that it answers, with the provider that the attempt was begun with;
- the ID token repeats the attempt's nonce; whom it names must be an active account of the directory at this moment;
- an attempt that asked for more than a provider's memory opens a session only by an ID token which states that the
  person proved who they are after it began;
- every attempt that ends without a session is in the log, with a reason that holds nothing of the provider's reply.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode

from muniment.foundation.clock import Clock
from muniment.foundation.egress import Refused, Unreached
from muniment.foundation.errors import MunimentError, NotFound, Unauthenticated, Unavailable
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.attempts import Attempt, Attempts, Ended
from muniment.governance.identity.auth_time import auth_time, require_since
from muniment.governance.identity.discovery import Discovery
from muniment.governance.identity.issuer import BrowserClient, Issuer
from muniment.governance.identity.principal import Actor, Principal
from muniment.governance.identity.provider_tokens import Expected, id_token_principal
from muniment.governance.identity.published import Published
from muniment.governance.identity.sessions import Session, Sessions
from muniment.governance.identity.signed import Signed, json_object, read

EXCHANGE_SECONDS = 10.0
LONGEST_CODE = 8192
LONGEST_ID_TOKEN = 1 << 19
"""Characters, enough for some thousand groups; it comes from the provider itself, not in a header."""
_NOBODY = Actor("anonymous", "web")
_SCOPES = {"sub": "openid", "email": "openid email"}
"""By the claim that names the user; other claims belong to the profile."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider sent the browser back with; empty where it said nothing."""

    state: str
    code: str = field(repr=False)
    issuer: str
    error: str


class Stranger(Unauthenticated):
    """The provider vouches for somebody whom the directory does not hold."""

    of = ""
    """Their name, under whose key the log seals that they were here."""


class NotFresh(Unauthenticated):
    """The provider does not say that the person proved who they are when asked to."""


class CodeFlow:
    """Signs people in through the providers that have a client for browsers."""

    def __init__(
        self,
        issuers: Iterable[Published],
        attempts: Attempts,
        sessions: Sessions,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._issuers = {one.issuer.name: one for one in issuers if one.issuer.client is not None}
        self._attempts = attempts
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    @property
    def names(self) -> list[str]:
        """Return the providers that people can choose from."""
        return list(self._issuers)

    def begin(self, name: str, anew: bool = False) -> tuple[str, Attempt]:
        """Return where to send the browser, and what it must keep; raises NotFound for no such provider.

        `anew` asks the provider to have the person prove who they are, though it may know, and `finish` then takes
        nothing else.
        """
        published = self._issuers.get(name)
        client = published.issuer.client if published is not None else None
        if published is None or client is None:
            raise NotFound("There is no such identity provider.")
        door = published.documents().discovery.authorization_endpoint
        attempt = self._attempts.begin(name, anew)
        scope = _SCOPES.get(published.issuer.user_claim, "openid profile")
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": f"{scope} {published.issuer.group_scope}".rstrip(),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if anew else {}),
        }
        return f"{door}{'&' if '?' in door else '?'}{urlencode(asked)}", attempt

    def finish(self, answer: Answer, browser: str) -> Session:
        """Open the session of whom the provider names.

        Raises Unauthenticated for an answer that opens none, as Stranger where only the account is missing and as
        NotFresh where only a recent sign-in is, and Unavailable where the provider cannot be asked. Either way the
        attempt is used up.
        """
        attempt = Attempt(answer.state, browser)
        ended = self._attempts.end(attempt)
        if ended is None:
            raise _refused("no such attempt")
        try:
            published = self._issuers.get(ended.issuer)
            client = published.issuer.client if published is not None else None
            if ended.problem or published is None or client is None:
                raise _refused(ended.problem or "an issuer that is no longer named")
            signed, principal = self._vouched(published, client, attempt, answer)
            proved = self._proved(published.issuer, signed, attempt, ended)
            return self._open(principal, published, proved)
        except MunimentError as error:
            self._record(ended.issuer, error)
            raise

    def _vouched(
        self, published: Published, client: BrowserClient, attempt: Attempt, answer: Answer
    ) -> tuple[Signed, Principal]:
        issuer, discovery = published.issuer, published.documents().discovery
        if answer.issuer != issuer.url and (answer.issuer or discovery.names_itself):
            raise _refused("the answer of another issuer")
        if answer.error or not answer.code or len(answer.code) > LONGEST_CODE:
            raise _refused("the provider gave no code")
        reply = self._exchanged(published, client, discovery, attempt, answer.code)
        now = self._clock.now().timestamp()
        try:
            identity, access = reply.get("id_token"), reply.get("access_token", "")
            if not isinstance(identity, str) or not isinstance(access, str):
                raise ValueError("no ID token")
            signed = read(identity, LONGEST_ID_TOKEN)
            expected = Expected(client.client_id, attempt.nonce, access)
            named = published.judged(lambda keys: id_token_principal(signed, issuer, keys, now, expected))
            return signed, replace(named, claimed=issuer.group_rule.given(signed.claims))
        except ValueError as error:
            raise _refused(f"ID token: {error}") from error

    def _proved(self, issuer: Issuer, signed: Signed, attempt: Attempt, ended: Ended) -> int | None:
        """Return when the person proved who they are, or None where that is not known and need not be."""
        now, leeway = self._clock.now().timestamp(), issuer.leeway_seconds
        try:
            stated = auth_time(signed.claims, now, leeway)
            if attempt.anew:
                require_since(stated, ended.began.timestamp(), leeway)
        except ValueError as error:
            if not attempt.anew:
                return None
            raise NotFresh(
                "The identity provider does not say that you proved who you are just now.",
                fix="It must honour prompt=login and max_age=0, and state auth_time in the ID token.",
                detail=f"ID token: {error}",
            ) from error
        return stated

    def _exchanged(
        self, published: Published, client: BrowserClient, discovery: Discovery, attempt: Attempt, code: str
    ) -> Mapping[str, object]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        if client.secret is None:
            form["client_id"] = client.client_id
        elif discovery.secret_in_form:
            form |= {"client_id": client.client_id, "client_secret": client.secret.reveal()}
        else:
            pair = f"{quote(client.client_id, safe='')}:{quote(client.secret.reveal(), safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        try:
            reply = published.egress.exchange(
                "POST", discovery.token_endpoint, headers, urlencode(form).encode(), EXCHANGE_SECONDS
            )
        except (Unreached, Refused) as error:
            raise Unavailable(
                "You could not be signed in: the identity provider does not answer.",
                fix="Try again in a moment.",
                detail="token endpoint unreachable",
            ) from error
        if reply.status != 200:
            raise _refused(f"the code was not taken, status {reply.status}")
        try:
            return json_object(reply.body)
        except ValueError as error:
            raise _refused("the reply to the code is no JSON object") from error

    def _open(self, principal: Principal, published: Published, proved: int | None) -> Session:
        try:
            issuer = published.issuer
            return self._sessions.open(principal, issuer.url, issuer.name, issuer.user_match, proved)
        except Unauthenticated as error:
            known = self._audit.commitment(principal.ref)
            stranger = Stranger(
                "You have no account here.",
                fix="Ask whoever runs Muniment for one.",
                detail=f"no active account {known}",
            )
            stranger.of = principal.ref
            raise stranger from error

    def _record(self, issuer: str, error: MunimentError) -> None:
        reason = error.detail if isinstance(error, Unauthenticated) else error.code
        about = {"issuer": issuer, "reason": reason}
        of = error.of if isinstance(error, Stranger) else ""
        self._audit.record([Entry("signin.refused", _NOBODY, about, ("reason",) if of else (), of)])


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated("You could not be signed in.", fix="Begin again.", detail=detail)
