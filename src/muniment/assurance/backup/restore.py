"""Making a workspace of a backup.

Invariants:
- nothing is written before the whole backup was found right, and what is written is compared again;
- the home comes into being whole, opened once and its rights compared, or not at all;
- what may have been ended since the backup does not come back to life unseen, and who was erased since stays erased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

from muniment.assurance.backup import verify
from muniment.assurance.backup.manifest import KEYRING, SETTINGS, Manifest
from muniment.assurance.backup.stale import Ended, end_stale
from muniment.assurance.backup.verify import Frozen, OnProgress
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import Tampered
from muniment.foundation.keys import Keyring
from muniment.foundation.whole_folder import copied, opened, refuse_taken, whole_folder
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.privacy.erasure import Erasure

SUBJECTS = "keys/subjects.key"


class Opened(Protocol):
    """What a restore does with the workspace that it made."""

    database: Database
    audit: AuditLog

    @property
    def erasure(self) -> Erasure: ...


@dataclass(frozen=True, slots=True)
class Instead:
    """Files that take the place of a backup's own, or that it does not hold."""

    keyring: bytes | None = None
    settings: bytes | None = None
    kek: tuple[str, bytes] | None = None
    """Where in the home the key file belongs, and what it holds."""
    subjects: bytes | None = None
    """The keys of people in the log, as of now."""
    without_subjects: bool = False
    """Whether to go on where there are none."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A workspace that was made of a backup."""

    home: Path
    manifest: Manifest
    checks: tuple[str, ...]
    ended: Ended
    erased: int = 0
    """People who were erased after the backup, and are erased again."""


def restore(
    folder: Path,
    home: Path,
    keyring: Keyring,
    instead: Instead,
    frozen: Frozen,
    open_home: Callable[[Path], AbstractContextManager[Opened]],
    clock: Clock,
    by: Actor,
    revoke_keys: bool,
    on_progress: OnProgress,
) -> Restored:
    """Make `home` of a backup; raises Tampered, Conflict where something lies there, or as opening a home does.

    `keyring` was opened apart from the backup or from its keyring; the signature shows whether it is the one.
    """
    refuse_taken(home)
    checked = verify.check(folder, keyring, frozen, clock, on_progress)
    _refuse(checked.findings)
    with whole_folder(home) as made:
        _copy(folder, made, checked.manifest, instead)
        findings, checks = verify.contents(made, checked.manifest, keyring, frozen, clock)
        _refuse(findings)
        with open_home(made) as workspace:
            ended, erased = _settle(workspace, checked.manifest, clock, by, revoke_keys, instead)
    return Restored(home, checked.manifest, (*checked.checks[:2], *checks), ended, erased)


def _refuse(findings: Sequence[str]) -> None:
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise Tampered(
            f"The backup does not verify: {findings[0].rstrip('.')}{more}.",
            fix="Nothing was restored; `muniment backup verify FOLDER` lists everything; use another backup.",
        )


def _copy(folder: Path, made: Path, manifest: Manifest, instead: Instead) -> None:
    """Copy what the manifest names to where it lies in a home; what is written must have its digest."""
    places = {KEYRING: f"keys/{KEYRING}"}
    given = {KEYRING: instead.keyring, SETTINGS: instead.settings}
    for file in manifest.files:
        if given.get(file.path) is not None:
            continue
        with opened(folder, file.path) as source:
            if copied(source, made / places.get(file.path, file.path), file.path) != file:
                raise Tampered(
                    f"{file.path} changed while it was read.", fix="Nothing was restored; try again."
                )
    for path, content in given.items():
        if content is not None:
            copied(BytesIO(content), made / places.get(path, path), path)
    if instead.subjects is not None:
        copied(BytesIO(instead.subjects), made / SUBJECTS, SUBJECTS)
    if instead.kek is not None:
        path, content = instead.kek
        copied(BytesIO(content), made / path, path)


def _settle(
    workspace: Opened, manifest: Manifest, clock: Clock, by: Actor, revoke_keys: bool, instead: Instead
) -> tuple[Ended, int]:
    with workspace.database.write() as connection:
        erased = workspace.erasure.catch_up(connection, by, without_keys=instead.without_subjects)
        ended = end_stale(connection, clock, by, revoke_keys)
        about = {
            "backup": manifest.id,
            "made_at": manifest.at,
            "log_size": manifest.checkpoint.size,
            "ended": asdict(ended),
            "erased": erased,
        }
        workspace.audit.append(connection, [Entry("workspace.restored", by, about)])
    return ended, erased
