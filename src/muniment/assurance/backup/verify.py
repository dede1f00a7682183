"""Whether a backup is what was written: file by file, and with its keys down to the last piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from muniment.assurance.backup import manifest as statement
from muniment.assurance.backup.manifest import DATABASE, MANIFEST, SEGMENTS, SIGNATURE, Manifest
from muniment.assurance.backup.rights import rights
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import MunimentError
from muniment.foundation.keys import Keyring
from muniment.foundation.segments import Segments
from muniment.foundation.whole_folder import paths_in, recorded
from muniment.governance.audit.log import AuditLog
from muniment.knowledge.retrieval.segment import KIND

Frozen = Callable[[Path, Keyring], Database]
"""Opens a database file that nobody writes, leaving no trace beside it."""
OnProgress = Callable[[int, int], None]
MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a backup found."""

    manifest: Manifest
    authentic: bool
    """Whether the keys were there, so that the signature and everything inside was checked as well."""
    checks: tuple[str, ...]
    """What was found right."""
    findings: tuple[str, ...]
    """What was not, at most `MOST_FINDINGS`."""


def check(
    folder: Path, keyring: Keyring | None, frozen: Frozen, clock: Clock, on_progress: OnProgress
) -> Checked:
    """Compare a backup with its manifest, and with its keys everything inside.

    Without keys only digests are compared, which shows damage but no forgery. Raises BadInput where there is no
    backup, Tampered where its manifest is none.
    """
    found, content, signature = statement.read(folder)
    if keyring is not None and not _vouched(found, content, signature, keyring):
        return Checked(found, False, (), (f"{MANIFEST} was altered: its signature does not hold",))
    findings = compare_files(folder, found, on_progress)
    checks = [] if findings else [f"{len(found.files)} files have the digests that {MANIFEST} states"]
    if keyring is None or findings:
        return Checked(found, False, tuple(checks), tuple(findings[:MOST_FINDINGS]))
    checks.insert(0, f"{MANIFEST} is signed by the log key of {found.tenant}")
    findings, more = contents(folder, found, keyring, frozen, clock)
    return Checked(found, True, (*checks, *more), tuple(findings[:MOST_FINDINGS]))


def compare_files(folder: Path, manifest: Manifest, on_progress: OnProgress) -> list[str]:
    """Return which files differ from a manifest, are missing, or are too many."""
    stated = {file.path: file for file in manifest.files}
    there = set(paths_in(folder)) - {MANIFEST, SIGNATURE}
    findings = [f"{path} is missing" for path in sorted(stated.keys() - there)]
    findings += [f"{path} is not in {MANIFEST}" for path in sorted(there - stated.keys())]
    for number, path in enumerate(sorted(stated.keys() & there), 1):
        on_progress(number, len(stated))
        try:
            if recorded(folder, path) != stated[path]:
                findings.append(f"{path} was altered")
        except MunimentError as error:
            findings.append(error.public)
    return findings


def contents(
    folder: Path, manifest: Manifest, keyring: Keyring, frozen: Frozen, clock: Clock
) -> tuple[list[str], list[str]]:
    """Read database, log, rights and segments of a backup or of a home made of one; return findings and checks."""
    database = frozen(folder / DATABASE, keyring)
    try:
        return _inside(folder, manifest, keyring, database, clock)
    except MunimentError as error:
        return [str(error)], []
    finally:
        database.close()


def segment_rows(connection: sa.Connection) -> dict[str, str]:
    """Return the digest of each index segment that a database of any schema names."""
    table = sa.table("segment", sa.column("name"), sa.column("digest"))
    query = sa.select(table.c.name, table.c.digest).order_by(table.c.name)
    return {row.name: row.digest for row in connection.execute(query)}


def read_segments(folder: Path, keyring: Keyring, named: dict[str, str]) -> None:
    """Open every piece of every segment once; raises Tampered."""
    segments = Segments(folder / SEGMENTS, keyring)
    for name, digest in named.items():
        file = segments.open(name, KIND, digest)
        try:
            file.check()
        finally:
            file.close()


def _vouched(manifest: Manifest, content: bytes, signature: bytes, keyring: Keyring) -> bool:
    key = keyring.signing_key().public_key()
    return manifest.tenant == keyring.tenant and statement.is_signed(content, signature, key)


def _inside(
    folder: Path, manifest: Manifest, keyring: Keyring, database: Database, clock: Clock
) -> tuple[list[str], list[str]]:
    database.examine()
    checks = ["the database is whole and encrypted"]
    log = AuditLog(database, keyring, clock).verify(manifest.checkpoint)
    findings = [*log.findings]
    if not findings:
        checks.append(
            f"the log is whole: {log.entries} entries, up to the checkpoint of size {manifest.checkpoint.size}"
        )
    with database.read() as connection:
        now, named = rights(connection), segment_rows(connection)
    differ = sorted(
        table for table in {*now, *manifest.rights} if now.get(table) != manifest.rights.get(table)
    )
    findings += [f"who may do what differs: table {table}" for table in differ]
    if not differ:
        checks.append(
            f"access lists, memberships, roles, policy and keys are as they were ({len(now)} tables)"
        )
    read_segments(folder, keyring, named)
    checks.append(f"{len(named)} index segments open to the last piece")
    return findings, checks
