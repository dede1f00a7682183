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
from muniment.governance.audit.merkle import HASH_BYTES

ED25519 = b"\x01"
"""What a key that signs notes is marked with."""


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
    signature = key_hash(name, ED25519, key.public_key()) + key.sign(body.encode())
    return Checkpoint(name, size, root, f"{body}\n\u2014 {name} {_encode(signature)}\n")


def parse(text: str, cosigned: bool = False) -> Checkpoint:
    """Read a signed note without checking who signed it; raises BadInput unless it is spelled exactly so.

    With `cosigned`, the lines of others may follow the log's own signature.
    """
    head, _, below = text.partition("\n\n")
    lines, signatures = head.split("\n"), below.split("\n")
    try:
        name, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        signed = [_signature(line) for line in signatures[:-1]]
    except (ValueError, IndexError) as error:
        raise _no_checkpoint() from error
    again = f"{name}\n{size}\n{_encode(root)}\n\n" + "".join(
        f"\u2014 {signer} {_encode(raw)}\n" for signer, raw in signed
    )
    if again != text or len(root) != HASH_BYTES or size < 0:
        raise _no_checkpoint()
    if not signed or signed[0][0] != name or len(signed[0][1]) != 68 or (len(signed) > 1 and not cosigned):
        raise _no_checkpoint()
    return Checkpoint(name, size, root, text)


def _signature(line: str) -> tuple[str, bytes]:
    mark, signer, encoded = line.split(" ")
    if mark != "\u2014":
        raise ValueError(line)
    return signer, base64.b64decode(encoded, validate=True)


def _no_checkpoint() -> BadInput:
    return BadInput("The text is not a checkpoint.", fix="Give the note as it was written.")


def signatures_of(text: str) -> list[tuple[str, bytes]]:
    """Return who signed a note that `parse` took, each with key hash and signature."""
    return [_signature(line) for line in text.partition("\n\n")[2].split("\n")[:-1]]


def body_of(text: str) -> bytes:
    """Return what the signatures of a note are over."""
    return text.partition("\n\n")[0].encode() + b"\n"


def signed_by(checkpoint: Checkpoint, key: Ed25519PublicKey) -> bool:
    """Tell whether `key` signed the checkpoint's text as the log that it names."""
    signature = signatures_of(checkpoint.text)[0][1]
    if signature[:4] != key_hash(checkpoint.origin, ED25519, key):
        return False
    try:
        key.verify(signature[4:], body_of(checkpoint.text))
    except InvalidSignature:
        return False
    return True


def verifier_key(name: str, key: Ed25519PublicKey) -> str:
    """Return the public key as one line, `NAME+HASH+KEY`, as C2SP signed-note spells it."""
    return f"{name}+{key_hash(name, ED25519, key).hex()}+{_encode(ED25519 + key.public_bytes_raw())}"


def key_hash(name: str, kind: bytes, key: Ed25519PublicKey) -> bytes:
    """Return the four bytes by which a signature names a key of some kind."""
    return hashlib.sha256(name.encode() + b"\n" + kind + key.public_bytes_raw()).digest()[:4]


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
