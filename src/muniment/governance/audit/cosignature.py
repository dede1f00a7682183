"""What a witness says of a checkpoint, as C2SP tlog-cosignature (cosignature/v1, Ed25519).

A cosignature says: at that time, this was the largest tree of this log that I saw, and each that I saw before is the
beginning of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from muniment.foundation.errors import BadInput
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.checkpoint import ED25519, Checkpoint

COSIGNATURE = b"\x04"
"""What the key of a witness is marked with."""
_LATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key by the name that it signs under."""

    name: str
    kind: bytes
    """`ED25519` of a log, `COSIGNATURE` of a witness."""
    key: Ed25519PublicKey

    @property
    def line(self) -> str:
        """The key as one line, `NAME+HASH+KEY`, as C2SP signed-note spells it."""
        encoded = base64.b64encode(self.kind + self.key.public_bytes_raw()).decode()
        return f"{self.name}+{notes.key_hash(self.name, self.kind, self.key).hex()}+{encoded}"


def read_key(line: str) -> VerifierKey:
    """Read `NAME+HASH+KEY`; raises BadInput for any other text."""
    try:
        name, stated, encoded = line.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        hashed = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
        if not name or " " in name or len(raw) != 33 or hashed.hex() != stated:
            raise ValueError(line)
        kind = raw[:1]
        if kind not in (ED25519, COSIGNATURE):
            raise ValueError(line)
        return VerifierKey(name, kind, Ed25519PublicKey.from_public_bytes(raw[1:]))
    except (ValueError, binascii.Error) as error:
        raise BadInput(
            "That is no public key of a log or a witness.", fix="Give the line NAME+HASH+KEY as it was shown."
        ) from error


def cosign(checkpoint: Checkpoint, name: str, key: Ed25519PrivateKey, at: datetime) -> str:
    """Return the line that a witness of this name adds to a checkpoint."""
    seconds = int(at.timestamp())
    signed = key.sign(_statement(checkpoint.text, seconds))
    raw = notes.key_hash(name, COSIGNATURE, key.public_key()) + seconds.to_bytes(8, "big") + signed
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def cosigned_at(text: str, witness: VerifierKey) -> datetime | None:
    """Return when a witness co-signed a checkpoint, None where no line of the text holds for its key."""
    wanted = witness.name, notes.key_hash(witness.name, witness.kind, witness.key)
    for name, raw in notes.signatures_of(text):
        if (name, raw[:4]) != wanted or len(raw) != 76:
            continue
        seconds = int.from_bytes(raw[4:12], "big")
        try:
            witness.key.verify(raw[12:], _statement(text, seconds))
            return datetime.fromtimestamp(seconds, UTC) if seconds <= _LATEST else None
        except (InvalidSignature, OverflowError, ValueError, OSError):
            continue
    return None


def _statement(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n".encode() + notes.body_of(text)
