"""Signed statements of the log's size and root, as C2SP tlog-checkpoint signed notes (Ed25519).

A checkpoint kept outside the workspace proves later that nothing it covers was altered, removed or added.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from muniment.foundation.errors import BadInput

_ED25519 = b"\x01"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log at one size."""

    origin: str
    """`muniment/TENANT`, also the name of the key."""
    size: int
    root: bytes
    text: str
    """The signed note, exactly."""


def origin(tenant: str) -> str:
    """Return the log's name; characters that a signed note cannot carry are percent-encoded."""
    return f"muniment/{quote(tenant, safe='-._~')}"


def sign(name: str, size: int, root: bytes, key: Ed25519PrivateKey) -> Checkpoint:
    """Return the signed checkpoint of a tree."""
    body = f"{name}\n{size}\n{_encode(root)}\n"
    signature = _key_hash(name, key.public_key()) + key.sign(body.encode())
    return Checkpoint(name, size, root, f"{body}\n\u2014 {name} {_encode(signature)}\n")


def parse(text: str) -> Checkpoint:
    """Read a signed note without checking who signed it; raises BadInput unless it is spelled exactly so."""
    lines = text.split("\n")
    try:
        name, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        mark, signer, encoded = lines[4].split(" ")
        signature = base64.b64decode(encoded, validate=True)
    except (ValueError, IndexError) as error:
        raise BadInput("The text is not a checkpoint.", fix="Give the note as it was written.") from error
    again = f"{name}\n{size}\n{_encode(root)}\n\n\u2014 {signer} {_encode(signature)}\n"
    if again != text or (mark, signer, len(root), len(signature)) != ("\u2014", name, 32, 68) or size < 0:
        raise BadInput("The text is not a checkpoint.", fix="Give the note as it was written.")
    return Checkpoint(name, size, root, text)


def signed_by(checkpoint: Checkpoint, key: Ed25519PublicKey) -> bool:
    """Tell whether `key` signed the checkpoint's text."""
    body, _, signature_line = checkpoint.text.partition("\n\n")
    signature = base64.b64decode(signature_line.split(" ")[2])
    if signature[:4] != _key_hash(checkpoint.origin, key):
        return False
    try:
        key.verify(signature[4:], f"{body}\n".encode())
    except InvalidSignature:
        return False
    return True


def verifier_key(name: str, key: Ed25519PublicKey) -> str:
    """Return the public key as one line, `NAME+HASH+KEY`, as C2SP signed-note spells it."""
    return f"{name}+{_key_hash(name, key).hex()}+{_encode(_ED25519 + key.public_bytes_raw())}"


def _key_hash(name: str, key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.public_bytes_raw()).digest()[:4]


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
