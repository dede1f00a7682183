"""How a service account of Google proves itself and whom it acts for, by the JWT bearer grant of RFC 7523."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.http_api import Malformed, as_object, stated_in

SCOPES = (
    "https://www.googleapis.com/auth/drive.readonly",
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
    "https://www.googleapis.com/auth/admin.directory.group.readonly",
)
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIVES_SECONDS = 600


def by_service_account(
    key: Callable[[], Secret | None], subject: str, url: str, clock: Clock
) -> Callable[[], Mapping[str, str]]:
    """Return the form by which a service account asks at `url` for a token to act for `subject`.

    `key` holds the JSON key. Its own `token_uri` is not followed. Asking raises BadInput where the key is none.
    """
    return lambda: {
        "grant_type": _GRANT,
        "assertion": _signed(key(), subject, url, int(clock.now().timestamp())),
    }


def _signed(key: Secret | None, subject: str, url: str, now: int) -> str:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    try:
        said = as_object(json.loads(key.reveal() if key is not None else ""), "The key")
        claims = {
            "iss": stated_in(said, "client_email"),
            "sub": subject,
            "scope": " ".join(SCOPES),
            "aud": url,
            "iat": now,
            "exp": now + _LIVES_SECONDS,
        }
        private = RSAKey.import_key(stated_in(said, "private_key"))
        return jwt.encode({"alg": "RS256", "typ": "JWT"}, claims, private, algorithms=["RS256"])
    except (ValueError, TypeError, RecursionError, Malformed, JoseError) as error:
        raise BadInput(
            "service_account holds no key of a service account.", fix="Put the JSON key there as downloaded."
        ) from error
