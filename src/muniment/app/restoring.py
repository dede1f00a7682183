"""A backup opened, checked and made a home again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.app.adapters import frozen_database, key_provider
from muniment.app.homes import open as open_home
from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput, NotSetUp
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.key_provider import KeyProvider, KeyRefused
from muniment.foundation.keyring_file import open_keyring, read_head
from muniment.foundation.keys import Keyring
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR

if TYPE_CHECKING:
    from muniment.assurance.backup.restore import Restored
    from muniment.assurance.backup.verify import Checked
    from muniment.assurance.backup.verify import OnProgress as OnChecked


def backup_keys(
    folder: Path,
    home: Path,
    kek: Path | None = None,
    keyring: Path | None = None,
    settings: Path | None = None,
) -> Keyring:
    """Open the keys of a backup: by the key file `kek`, else by the keeper that settings name.

    These are `settings`, else those of `home`, else, for a key file alone, the backup's own: nothing is sent to a
    key service that only an unproven backup names. `keyring` stands for the backup's. Raises as `open` does.
    """
    file = keyring or folder / "keyring.json"
    wrapped = read_head(file).wrapped
    ours = settings or home / settings_file.FILE_NAME
    if kek is not None:
        provider: KeyProvider = KekFile(kek, Ids())
    elif ours.exists() or wrapped.provider == "local":
        chosen = settings_file.load_file(ours if ours.exists() else folder / settings_file.FILE_NAME)
        provider = key_provider(chosen, home, wrapped=wrapped)
    else:
        raise NotSetUp(
            f"The keys of this backup are kept by {wrapped.provider}, and no settings of yours say where that is.",
            fix="Give yours with --settings FILE, or those of the backup once you have read them.",
        )
    try:
        return open_keyring(provider, file, Ids())
    except KeyRefused as error:
        raise KeyRefused(
            f"{file} was wrapped by version {wrapped.version or '(not stated)'} of the key {wrapped.key}, "
            f"which {provider.place} does not open.",
            fix="After a rotation give the newest keyring.json with --keyring FILE; a destroyed key opens nothing.",
            detail=str(error),
        ) from error


def check_backup(folder: Path, keyring: Keyring | None, on_progress: OnChecked) -> Checked:
    """Check a backup; without its keys, its digests alone."""
    from muniment.assurance.backup.verify import check

    return check(folder, keyring, frozen_database, Clock(), on_progress)


def restore(
    folder: Path,
    home: Path,
    on_progress: OnChecked,
    kek: Path | None = None,
    keyring: Path | None = None,
    settings: Path | None = None,
    revoke_keys: bool = False,
    by: Actor = OPERATOR,
    subjects: Path | None = None,
    without_subjects: bool = False,
) -> Restored:
    """Make `home` of a backup, opened once; the files given stand for the backup's (see `backup_keys`).

    `subjects` holds the keys of people in the log as of now; by default, what lies beside `kek`.
    """
    from muniment.assurance.backup.manifest import read
    from muniment.assurance.backup.restore import Instead
    from muniment.assurance.backup.restore import restore as restored

    read(folder)
    chosen = settings_file.load_file(settings or folder / settings_file.FILE_NAME)
    if chosen.database.url:
        raise BadInput(
            "database.url is set, and a backup is restored to a folder.", fix="Take it out of the settings."
        )
    place = settings_file.kek_file(chosen, home)
    relative = not Path(chosen.keys.kek_file).is_absolute()
    lies_within = relative and place.resolve().is_relative_to(home.resolve())
    ready = kek is not None if lies_within else place.exists()
    if chosen.keys.provider == "local" and not ready:
        raise NotSetUp(
            f"The key file belongs at {place}, and nothing puts it there.",
            fix="Give it with --kek FILE."
            if lies_within
            else "Put it there, or change keys.kek_file by --settings.",
        )
    keys = backup_keys(folder, home, kek, keyring, settings)
    within = kek is not None and chosen.keys.provider == "local" and lies_within
    instead = Instead(
        keyring.read_bytes() if keyring else None,
        settings.read_bytes() if settings else None,
        (chosen.keys.kek_file, kek.read_bytes()) if kek is not None and within else None,
        _subject_keys(subjects, kek or place),
        without_subjects,
    )
    return restored(
        folder,
        home,
        keys,
        instead,
        frozen_database,
        lambda made: closing(open_home(made)),
        Clock(),
        by,
        revoke_keys,
        on_progress,
    )


def _subject_keys(given: Path | None, kek: Path) -> bytes | None:
    beside = kek.with_name(settings_file.subject_key_file(kek).name)
    if given is None and not beside.exists():
        return None
    return (given or beside).read_bytes()
