"""Making a tenant of its backup, where it lay or on another host."""

from __future__ import annotations

from pathlib import Path

from muniment import app
from muniment import settings as settings_file
from muniment.app import Workspace
from muniment.assurance.backup.manifest import KEYRING, SETTINGS, read
from muniment.assurance.backup.restore import Restored
from muniment.assurance.backup.verify import OnProgress
from muniment.foundation.errors import BadInput, Conflict, NotSetUp
from muniment.foundation.keyring_file import read_head
from muniment.foundation.whole_folder import refuse_taken
from muniment.governance.audit.entry import Actor, Entry
from muniment.settings import Settings
from muniment.tenancy import deleted, places
from muniment.tenancy.making import LOCK
from muniment.tenancy.own_key import require_own


def restore(
    own: Workspace,
    name: str,
    folder: Path,
    by: Actor,
    on_progress: OnProgress,
    kek: Path | None = None,
    keyring: Path | None = None,
    settings: Path | None = None,
    revoke_keys: bool = False,
    subjects: Path | None = None,
    without_subjects: bool = False,
) -> Restored:
    """Make the tenant `name` beside `own`, the host's workspace, of a backup; the files stand for the backup's own.

    Raises as `app.restore`; BadInput for a backup that is another's, NotSetUp for one of a tenant that was deleted
    or is being deleted, and Conflict where the tenant is there or its key is another's.
    """
    home = own.home
    place = places.place(home, name)
    with own.database.alone(LOCK):
        if deleted.is_under_way(home / places.FOLDER, name):
            places.existing(home, name)
        if name == own.keyring.tenant:
            raise Conflict(f"{name} is the name of this home's own tenant.", fix="Nothing was restored.")
        refuse_taken(place)
        manifest, _, _ = read(folder)
        chosen = settings_file.load_file(settings or folder / SETTINGS)
        _require_its_own(name, manifest.tenant, chosen)
        _refuse_deleted(home, name, keyring or folder / KEYRING)
        require_own(home, name, chosen)
        own.audit.record([Entry("tenant.restore", by, {"tenant": name, "backup": manifest.id})])
        made = app.restore(
            folder,
            place,
            on_progress,
            kek,
            keyring,
            settings,
            revoke_keys,
            by,
            subjects,
            without_subjects,
        )
        about = {"tenant": name, "backup": made.manifest.id, "log_size": made.manifest.checkpoint.size}
        own.audit.record([Entry("tenant.restored", by, about)])
    return made


def _require_its_own(name: str, tenant: str, settings: Settings) -> None:
    if tenant != name:
        raise BadInput(
            f"This is a backup of the tenant {tenant[:63]!r}.",
            fix="A tenant keeps its name: restore it under that.",
        )
    if settings.workspace.tenant != name or not settings.workspace.hosted:
        raise BadInput(
            f"The settings are not those of the tenant {name}.",
            fix=f'Write under [workspace] of --settings FILE: tenant = "{name}" and hosted = true.',
        )


def _refuse_deleted(home: Path, name: str, keyring: Path) -> None:
    head = read_head(keyring)
    if head.tenant != name:
        raise BadInput(f"{keyring} is of the tenant {head.tenant[:63]!r}.", fix="Give this tenant's own.")
    if deleted.holds(home / places.FOLDER, name, head.identity):
        raise NotSetUp(
            f"This is a backup of a tenant {name} that was deleted.",
            fix="It stays deleted; a new tenant of the name is made by `muniment tenants create`.",
        )
