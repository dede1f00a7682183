#!/usr/bin/env python3
"""Check the evidence of an incident offline: `python verify_bundle.py FOLDER_OR_ZIP [--key FILE] [--json]`.

Needs Python, the package cryptography and verify.py beside it, no server, no secret and nothing else of muniment.
FOLDER_OR_ZIP is what `muniment incident export` wrote. The key is the log's, one line, got from elsewhere than the
bundle: without it the check shows only that whoever holds the key in the bundle made it.

Checks: the manifest is signed, and every file is as it says and no other is there; a zip holds nothing besides; every
entry is proved against the one signed checkpoint; the entries that the incident rests on are all there. Exit 0 if
everything fits, 1 if something does not, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

if TYPE_CHECKING or __package__:
    from muniment.governance.audit import verify
else:
    # Nothing may be left beside the files that are checked.
    sys.dont_write_bytecode = True
    import verify

FORMAT = "muniment incident bundle v1"
MANIFEST, INCIDENT, ENTRIES, CHECKPOINT, KEY, PROOFS = (
    "manifest.txt", "incident.json", "entries.jsonl", "checkpoint.txt", "public-key.txt", "proofs/",
)  # fmt: skip
MOST_BYTES = 1 << 28
LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?)")
ZIPPED_AT = (1980, 1, 1, 0, 0, 0)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return files as a zip: the same files give the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            one = zipfile.ZipInfo(name, ZIPPED_AT)
            one.create_system, one.external_attr = 3, 0o644 << 16
            archive.writestr(one, files[name])
    return made.getvalue()


def read_bundle(place: Path) -> dict[str, bytes]:
    """Return the files of a folder or zip; raises ValueError or OSError for what is no bundle."""
    if place.is_dir():
        return _read_folder(place)
    if place.stat().st_size > MOST_BYTES:
        raise ValueError("it is too large")
    raw = place.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            listed = archive.infolist()
            if sum(one.file_size for one in listed) > MOST_BYTES:
                raise ValueError("it is too large")
            files = {one.filename: archive.read(one) for one in listed}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"it is no zip that can be read: {error}") from error
    if zipped(files) != raw:
        raise ValueError("the zip is not as it was written: something was added to it or altered")
    return files


def _read_folder(place: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{name} is no plain file")
        if path.is_file():
            files[name] = path.read_bytes()
            if sum(map(len, files.values())) > MOST_BYTES:
                raise ValueError("it is too large")
    return files


def verify_bundle(files: Mapping[str, bytes], key_text: str = "") -> list[str]:
    """Return what is wrong with a bundle; `key_text` is the log's key, got from elsewhere."""
    findings: list[str] = []
    try:
        own = files[KEY].decode()
        incident, listed = read_manifest(files[MANIFEST].decode(), key_text or own)
    except (ValueError, KeyError) as error:
        return [f"the manifest cannot be believed: {error}"]
    if key_text and own != key_text:
        findings.append(f"{KEY} is another key than the one that you brought")
    findings += [f"{name} is missing" for name in sorted(listed.keys() - files.keys())]
    findings += [f"{name} was added" for name in sorted(files.keys() - listed.keys() - {MANIFEST})]
    for name in sorted(listed.keys() & files.keys()):
        if hashlib.sha256(files[name]).hexdigest() != listed[name]:
            findings.append(f"{name} was altered")
    try:
        findings += proof_problems(files, incident, own)
    except (ValueError, KeyError, TypeError) as error:
        findings.append(f"the bundle is damaged: {error}")
    return findings


def read_manifest(text: str, key_text: str) -> tuple[str, dict[str, str]]:
    """Return the incident and the digest of each file; raises ValueError where the key did not sign it."""
    name, key_hash, key = verify.read_key(key_text)
    body, blank, signature = text.partition("\n\n")
    mark, signer, encoded = signature.removesuffix("\n").split(" ")
    raw = base64.b64decode(encoded, validate=True)
    if not blank or text != f"{body}\n\n\u2014 {name} {base64.b64encode(raw).decode()}\n":
        raise ValueError("it is not signed by this log")
    if (mark, signer, raw[:4], len(raw)) != ("\u2014", name, key_hash, 68):
        raise ValueError("it is not signed by this key")
    try:
        key.verify(raw[4:], f"{body}\n".encode())
    except InvalidSignature:
        raise ValueError("its signature does not hold") from None
    form, incident, *lines = body.split("\n")
    found = [LINE.fullmatch(line) for line in lines]
    if form != FORMAT or not all(found):
        raise ValueError("it is none that this program knows")
    return incident, {one[2]: one[1] for one in found if one}


def proof_problems(files: Mapping[str, bytes], incident: str, key_text: str) -> list[str]:
    """Return what is wrong with the entries and their proofs."""
    findings: list[str] = []
    note = files[CHECKPOINT].decode()
    lines = files[ENTRIES].split(b"\n")
    proofs = {name for name in files if name.startswith(PROOFS)}
    places: list[int] = []
    if lines.pop():
        findings.append("the last entry was cut short")
    for line in lines:
        seq = json.loads(line)["seq"]
        places.append(seq)
        proof = files[f"{PROOFS}{seq}.tlog-proof"].decode()
        proofs.discard(f"{PROOFS}{seq}.tlog-proof")
        extra = proof.split("\n")[1]
        if extra != f"extra {base64.b64encode(line).decode()}" or f"\nindex {seq}\n" not in proof:
            findings.append(f"the proof of entry {seq} is about another entry")
        if proof.partition("\n\n")[0] + "\n\n" + note != proof:
            findings.append(f"the proof of entry {seq} ends in another checkpoint")
        findings += verify.verify_proof(proof, key_text, None)
    stated = json.loads(files[INCIDENT])
    missing = set(stated["entries"]) - set(places)
    if stated["id"] != incident:
        findings.append("the incident is not the one of the manifest")
    if missing:
        findings.append(f"entries {', '.join(map(str, sorted(missing)))} are missing")
    if proofs:
        findings.append(f"{min(proofs)} proves no entry of the bundle")
    if places != sorted(set(places)):
        findings.append("the entries are not in order")
    return findings


def main() -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description="Check the evidence of an incident offline.")
    parser.add_argument("bundle", type=Path, help="the folder or zip")
    parser.add_argument("--key", type=Path, help="the public key of the log, got from elsewhere")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    try:
        key = verify.read_text(options.key) if options.key else ""
    except (OSError, ValueError) as error:
        parser.error(str(error))
    files: dict[str, bytes] = {}
    try:
        files = read_bundle(options.bundle)
        findings = verify_bundle(files, key)
    except (OSError, ValueError) as error:
        findings = [str(error)]
    entries = files.get(ENTRIES, b"").count(b"\n")
    if options.json:
        print(json.dumps({"ok": not findings, "entries": entries, "findings": findings}))
    elif findings:
        print("\n".join(findings[: verify.MOST_FINDINGS]))
    else:
        print(f"{entries} entries, all proved: nothing was altered.")
        print(f"Signed by {files[KEY].decode().rstrip()}")
        if not key:
            print(
                "Compare this key with the one that the log's owner gave you by another way, or give --key."
            )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
