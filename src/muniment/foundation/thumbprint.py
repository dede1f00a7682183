"""The SHA-256 thumbprint of a certificate, by which a credential is bound to it (RFC 8705, section 3.1)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from muniment.foundation.errors import BadInput

_WRITTEN = re.compile(r"[0-9A-Fa-f]{64}|(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}")
_LONGEST = 1 << 20


def of(certificate: bytes) -> str:
    """Return the thumbprint of a certificate in DER, as 64 lower-case hex digits."""
    return hashlib.sha256(certificate).hexdigest()


def stated(text: str) -> str:
    """Return the thumbprint that is written out, with colons or without, or that of the one certificate in a file.

    Raises BadInput for what is neither, and for a file of several.
    """
    if _WRITTEN.fullmatch(text):
        return text.replace(":", "").lower()
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    path = Path(text)
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST)
        found = x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise BadInput(
            f"{text} is no SHA-256 and no file ({error.strerror}).",
            fix="Give 64 hex digits, or a file with the certificate in PEM.",
        ) from error
    except ValueError as error:
        raise BadInput(
            f"{text} holds no certificate in PEM.", fix="Name the client's certificate."
        ) from error
    if len(found) != 1:
        raise BadInput(
            f"{text} holds {len(found)} certificates.", fix="Name a file with the client's own and no other."
        )
    return of(found[0].public_bytes(Encoding.DER))
