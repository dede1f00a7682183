"""The files of a bundle of evidence: what each is called, the manifest over them, and how to check them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.governance.audit import verify, verify_bundle
from muniment.governance.audit.checkpoint import ED25519, key_hash
from muniment.governance.audit.verify_bundle import FORMAT, MANIFEST

README, NAMES, LINEAGE = "README.txt", "names.json", "lineage/"
VERIFIERS = (verify.__file__, verify_bundle.__file__)
TEXT = """Evidence of one incident, as `muniment incident export` wrote it.

incident.json     what the incident is, and what was frozen for it
entries.jsonl     the entries of the log that it rests on and its own, one a line, exactly as they were hashed
proofs/           for each entry, by its number, that it is in the log of the checkpoint (C2SP tlog-proof)
checkpoint.txt    the signed size and root of the log (C2SP tlog-checkpoint)
public-key.txt    the key of the log
lineage/          how each answer that the entries name came about: versions and digests, no question and no answer
names.json        who the pseudonyms are; only where the owner chose to tell
manifest.txt      SHA-256 of every other file, signed with the log's key
verify.py, verify_bundle.py    the programs that check all this

To check, with Python 3.11 or newer, without a network and without a secret:

    pip install cryptography
    python verify_bundle.py FOLDER_OR_ZIP --key KEY.txt

1. Take verify.py and verify_bundle.py from a copy of muniment that you trust rather than from here.
2. KEY.txt is the log's key, one line, which its owner gave you by another way. Without --key you learn only that
   whoever holds the key in here made this.
3. The checkpoint can be compared with what a witness of the log holds: a log that was rewritten later has another.

`subject:` and 32 digits stand for a person. Texts that people wrote, such as what somebody said of the incident, are
left out unless names.json is there. Entries hold identifiers, digests, counts and times, and no content.
"""


def as_json(value: object) -> bytes:
    """Return a file of a bundle; the same value gives the same bytes."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def finished(incident: str, files: Mapping[str, bytes], origin: str, key: Ed25519PrivateKey) -> bytes:
    """Return the zip of these files with the programs that check them and a manifest that the log's key signed.

    The same files give the same bytes.
    """
    whole = {README: TEXT.encode(), **{Path(one).name: Path(one).read_bytes() for one in VERIFIERS}, **files}
    lines = [f"{hashlib.sha256(whole[name]).hexdigest()}  {name}" for name in sorted(whole)]
    # No checkpoint begins with this line, so that none can be made of the signature.
    body = "\n".join([FORMAT, incident, *lines]) + "\n"
    signature = key_hash(origin, ED25519, key.public_key()) + key.sign(body.encode())
    manifest = f"{body}\n\u2014 {origin} {base64.b64encode(signature).decode()}\n"
    return verify_bundle.zipped({**whole, MANIFEST: manifest.encode()})
