"""A working OpenID Connect provider on the loopback: discovery, keys that can be rotated, authorize and token.

It signs people in without asking them anything (`user` says as whom) and can misbehave as `fault` says. Its clock is
the one that it is given, so that tests and provider agree on the time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from muniment.foundation.clock import Clock

AUDIENCE = "https://muniment.example/api"
CLIENT = "muniment-web"
SECRET = "s3cret-of-the-web-client"


@cache
def rsa_key(number: int = 0) -> RSAKey:
    return RSAKey.generate_key(2048)


@cache
def ec_key(number: int = 0) -> ECKey:
    return ECKey.generate_key("P-256")


def public(key: RSAKey | ECKey, kid: str, alg: str, **changed: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": alg, **changed}


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Issuer:
    """A running provider."""

    clock: Clock
    url: str = ""
    user: str = "alice"
    fault: str = ""
    """"", down, html, slow, other-issuer, or what `_token` and `authorize` name."""
    kid: str = "key-1"
    key: Any = field(default_factory=rsa_key)
    algorithm: str = "RS256"
    keys: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    """Changes of the description."""
    id_claims: dict[str, Any] = field(default_factory=dict)
    """Changes of the claims of ID tokens; `...` leaves one out."""
    asked: list[str] = field(default_factory=list)
    """Paths, in order."""
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = [public(self.key, self.kid, self.algorithm)]

    def rotate(self, kid: str, number: int) -> None:
        """Sign with another key from now on, and publish only that."""
        self.kid, self.key = kid, rsa_key(number)
        self.keys = [public(self.key, kid, self.algorithm)]

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of a good access token for alice."""
        now = int(self.clock.now().timestamp())
        made: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice",
            "client_id": "cli",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": secrets.token_hex(8),
        } | changed
        return {name: value for name, value in made.items() if value is not ...}

    def sign(self, claims: Any, key: Any = None, **header: Any) -> str:
        """Return a token; claims may be bytes, and a header member `...` is left out."""
        head = {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt"} | header
        head = {name: value for name, value in head.items() if value is not ...}
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        return self.sign_raw(json.dumps(head).encode(), payload, key)

    def sign_raw(self, header: bytes, payload: bytes, key: Any = None, algorithm: str = "") -> str:
        """Sign these very bytes, whatever the header says."""
        signer = jws.JWSRegistry.algorithms[algorithm or self.algorithm]
        signed = f"{segment(header)}.{segment(payload)}"
        return f"{signed}.{segment(signer.sign(signed.encode(), key or self.key))}"

    def token(self, **changed: Any) -> str:
        """Return a good access token but for these claims."""
        return self.sign(self.claims(**changed))

    def settings(self, **changed: Any) -> dict[str, Any]:
        """Return what an operator writes to take this provider's word."""
        made = {
            "issuer": self.url,
            "audience": AUDIENCE,
            "client_id": CLIENT,
            "client_secret": "file:client-secret",
            "redirect_url": "http://localhost",
        } | changed
        return {name: value for name, value in made.items() if value is not ...}

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.url if self.fault != "other-issuer" else self.url + "/",
            "authorization_endpoint": self.url + "/authorize",
            "token_endpoint": self.url + "/token",
            "jwks_uri": self.url + "/jwks",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        } | self.about

    def authorize(self, asked: dict[str, str]) -> str:
        """Return where the browser is sent back to."""
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT and "openid" in asked["scope"].split()
        back = {"state": asked["state"], "iss": self.url}
        if self.fault == "consent-denied":
            back |= {"error": "access_denied", "error_description": "<b>no</b>"}
        else:
            back["code"] = secrets.token_urlsafe(24)
            self.codes[back["code"]] = asked
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return the answer of the token endpoint."""
        asked = self.codes.pop(form.get("code", ""), None)
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode() if authorization else ":"
        name, _, secret = pair.partition(":")
        if (unquote(name), unquote(secret)) not in ((CLIENT, SECRET), ("", "")):
            return 401, {"error": "invalid_client"}
        challenge = segment(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        access = self.token(sub=self.user)
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "aud": CLIENT,
            "client_id": ...,
            "nbf": ...,
            "sub": self.user,
            "nonce": asked["nonce"],
            "at_hash": segment(half),
        }
        if "max_age" in asked:
            claims["auth_time"] = int(self.clock.now().timestamp())
        identity = self.sign(self.claims(**claims | self.id_claims), typ="JWT")
        return 200, {"access_token": access, "id_token": identity, "token_type": "Bearer", "expires_in": 600}


@contextmanager
def serving(clock: Clock | None = None, **options: Any) -> Iterator[Issuer]:
    issuer = Issuer(clock or Clock(), **options)

    class Handler(_Handler):
        pass

    Handler.issuer = issuer
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.issuer.asked.append(path)
        if self.issuer.fault == "down":
            return self._whole(503, b"{}")
        if self.issuer.fault == "html":
            return self._whole(200, b"<html>Welcome</html>")
        if path == "/.well-known/openid-configuration":
            return self._json(200, self.issuer.description())
        if path == "/jwks":
            return self._json(200, {"keys": self.issuer.keys})
        if path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            return self._whole(302, b"", {"location": self.issuer.authorize(asked)})
        return self._whole(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.issuer.asked.append(self.path)
        self.issuer.forms.append(form)
        self.issuer.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.issuer.fault == "down":
            return self._whole(503, b"{}")
        self._json(*self.issuer.exchange(form, self.headers.get("authorization", "")))

    def _json(self, status: int, value: Any) -> None:
        self._whole(status, json.dumps(value).encode())

    def _whole(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            for name, value in (headers or {"content-type": "application/json"}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.issuer.fault == "slow":
                self._drip(body)
            else:
                self.wfile.write(body)

    def _drip(self, body: bytes) -> None:
        """Send so slowly that no pause is long and the whole takes for ever."""
        for at in range(len(body)):
            time.sleep(0.05)
            self.wfile.write(body[at : at + 1])
            if self.issuer.fault != "slow":
                return
