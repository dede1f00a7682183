"""What a backup says of itself: its files by digest, the log's checkpoint, and who may do what, signed.

Invariant: the signature is made with the tenant's log key, which lies in no backup in clear, over words that no
checkpoint begins with; so whoever holds the files alone can make no other manifest that verifies.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from muniment.foundation.canonical import exact
from muniment.foundation.errors import BadInput, NotSetUp, Tampered
from muniment.foundation.whole_folder import FileRecord, opened
from muniment.governance.audit.checkpoint import Checkpoint, parse

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
DATABASE, KEYRING, SETTINGS, SEGMENTS = "muniment.db", "keyring.json", "settings.toml", "segments"
_CONTEXT = b"muniment-backup-manifest:1\n"
_LONGEST = 1 << 26


@dataclass(frozen=True, slots=True)
class Manifest:
    """The statement of one backup."""

    id: str
    tenant: str
    at: str
    version: str
    """Of the muniment that made it."""
    schema: str
    checkpoint: Checkpoint
    """The log as the copied database holds it."""
    rights: Mapping[str, str]
    """Digest of each table that says who may do what."""
    left_out: tuple[str, ...]
    """What lies in the home and not in the backup."""
    files: tuple[FileRecord, ...]

    def written(self) -> bytes:
        """Return the canonical JSON."""
        return exact(
            {
                "format": FORMAT,
                "id": self.id,
                "tenant": self.tenant,
                "at": self.at,
                "version": self.version,
                "schema": self.schema,
                "checkpoint": self.checkpoint.text,
                "rights": dict(self.rights),
                "left_out": list(self.left_out),
                "files": [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in self.files],
            }
        )


def signed(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the signature of a manifest, as a line."""
    return base64.b64encode(key.sign(_CONTEXT + manifest)) + b"\n"


def is_signed(manifest: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Return whether `key` signed exactly this manifest."""
    try:
        raw = base64.b64decode(signature, validate=False)
        if base64.b64encode(raw) + b"\n" != signature:
            return False
        key.verify(raw, _CONTEXT + manifest)
    except (InvalidSignature, ValueError):
        return False
    return True


def read(folder: Path) -> tuple[Manifest, bytes, bytes]:
    """Return the manifest of a backup, its bytes and its signature, believed by nobody yet.

    Raises BadInput where there is no backup, Tampered where the manifest is none.
    """
    if not (folder / MANIFEST).is_file():
        raise BadInput(f"{folder} holds no backup.", fix="Name a folder that `muniment backup` wrote.")
    with opened(folder, MANIFEST) as file, opened(folder, SIGNATURE) as other:
        content, signature = file.read(_LONGEST), other.read(1000)
    try:
        document: object = json.loads(content)
    except ValueError as error:
        raise _no_manifest() from error
    if isinstance(document, dict) and cast("dict[str, Any]", document).get("format") not in (FORMAT, None):
        raise NotSetUp(
            "The backup has a format that this version does not know.",
            fix="Use the newer muniment that wrote it.",
        )
    try:
        made = _parsed(cast("dict[str, Any]", document))
    except (ValueError, KeyError, TypeError, AttributeError, BadInput) as error:
        raise _no_manifest() from error
    if made.written() != content:
        raise _no_manifest()
    return made, content, signature


def _parsed(document: Mapping[str, Any]) -> Manifest:
    files = tuple(FileRecord(str(f["path"]), int(f["bytes"]), str(f["sha256"])) for f in document["files"])
    rights = {str(table): str(digest) for table, digest in document["rights"].items()}
    left_out = tuple(str(path) for path in document["left_out"])
    return Manifest(
        id=str(document["id"]),
        tenant=str(document["tenant"]),
        at=str(document["at"]),
        version=str(document["version"]),
        schema=str(document["schema"]),
        checkpoint=parse(document["checkpoint"]),
        rights=rights,
        left_out=left_out,
        files=files,
    )


def _no_manifest() -> Tampered:
    return Tampered(f"{MANIFEST} was altered: it is no manifest of a backup.", fix="Use another backup.")
