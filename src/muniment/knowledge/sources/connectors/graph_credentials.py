"""How an application proves to Entra ID that it is itself by a key whose certificate is known there."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Mapping

from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput
from muniment.foundation.secret import Secret
from muniment.foundation.thumbprint import of

_LIVES_SECONDS = 300
_KEY = re.compile("-----BEGIN (?:RSA )?PRIVATE KEY-----.*?-----END (?:RSA )?PRIVATE KEY-----", re.DOTALL)
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def by_certificate(
    client: str, pem: Callable[[], Secret | None], url: str, scope: str, clock: Clock
) -> Callable[[], Mapping[str, str]]:
    """Return the form by which a client asks for a token of its own at `url`, signed anew for each.

    `pem` holds the certificate and its key. Asking raises BadInput where it does not.
    """

    def form() -> Mapping[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_assertion_type": _ASSERTION,
            "client_assertion": _signed(client, pem(), url, int(clock.now().timestamp())),
            "scope": scope,
        }

    return form


def _signed(client: str, pem: Secret | None, url: str, now: int) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    text = pem.reveal() if pem is not None else ""
    claims = {
        "aud": url,
        "iss": client,
        "sub": client,
        "jti": secrets.token_urlsafe(16),
        "nbf": now,
        "exp": now + _LIVES_SECONDS,
    }
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        thumbprint = bytes.fromhex(of(certificate.public_bytes(Encoding.DER)))
        header = {
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": base64.urlsafe_b64encode(thumbprint).decode().rstrip("="),
        }
        key = _KEY.findall(text)[0]
        return jwt.encode(header, claims, RSAKey.import_key(key), algorithms=["PS256"])
    except (ValueError, TypeError, IndexError, JoseError) as error:
        raise BadInput(
            "certificate holds no certificate with its RSA key.", fix="Put both into one file, in PEM."
        ) from error
