"""Sealing a bundle for somebody outside: HPKE (RFC 9180) to an X25519 key, base mode.

The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; a sealed file is the encapsulated key and the
ciphertext, one after the other. Keys are PEM, as OpenSSL makes and reads them.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from muniment.foundation.errors import BadInput, Tampered

INFO = b"muniment incident bundle v1"
"""What a sealed file is of; whoever opens it states the same."""
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def key_pair(secret: bytes) -> tuple[bytes, bytes]:
    """Return the private and the public key of 32 secret bytes, as PEM."""
    private = X25519PrivateKey.from_private_bytes(secret)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), public


def public_key(pem: bytes) -> X25519PublicKey:
    """Return the key of a PEM text; raises BadInput for any other, a private one above all."""
    try:
        found = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key("public") from error
    if not isinstance(found, X25519PublicKey):
        raise _no_key("public")
    return found


def named(key: X25519PublicKey) -> str:
    """Return the digest by which the log names whom a bundle was sealed to."""
    return "sha256:" + hashlib.sha256(key.public_bytes_raw()).hexdigest()


def sealed(bundle: bytes, key: X25519PublicKey) -> bytes:
    """Return a bundle that only the holder of the private key opens; other bytes each time."""
    return _SUITE.encrypt(bundle, key, info=INFO)


def opened(content: bytes, pem: bytes) -> bytes:
    """Return what was sealed; raises BadInput for a text that is no key, Tampered for another's or altered bytes."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key("private") from error
    if not isinstance(key, X25519PrivateKey):
        raise _no_key("private")
    try:
        return _SUITE.decrypt(content, key, info=INFO)
    except (InvalidTag, ValueError) as error:
        raise Tampered(
            "The bundle does not open with this key.", fix="It was sealed to another key, or was altered."
        ) from error


def _no_key(kind: str) -> BadInput:
    return BadInput(
        f"The key is no X25519 {kind} key in PEM.", fix="Make a pair with `muniment incident key NEWFILE`."
    )
