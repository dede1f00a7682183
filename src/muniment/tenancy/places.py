"""Where tenants lie: HOME/tenants/NAME, each a home of its own; nothing but its name leads to one.

Invariants:
- a name is a name and never a path, and a tenant's folder is a folder and never a link;
- a home is only what its keyring says that it is: one that names another tenant is not taken for this one.
"""

from __future__ import annotations

from pathlib import Path

from muniment import app
from muniment import settings as settings_file
from muniment.app import Models, Workspace
from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput, MunimentError, NotSetUp
from muniment.foundation.keyring_file import read_head
from muniment.governance.identity.tenant_part import is_tenant_name
from muniment.settings import Settings
from muniment.tenancy import deleted

FOLDER = "tenants"


def place(home: Path, name: str) -> Path:
    """Return the home of a tenant, which may be absent; raises BadInput for what is no name."""
    if not is_tenant_name(name):
        raise BadInput(
            "That is no name of a tenant.",
            fix="Use 1 to 32 lower-case letters, digits and hyphens, not a hyphen first.",
        )
    return home / FOLDER / name


def is_there(home: Path, name: str) -> bool:
    """Return whether a tenant has a folder."""
    found = place(home, name)
    return found.is_dir() and not found.is_symlink()


def names(home: Path) -> list[str]:
    """Return the tenants that have a folder, in order, those that are being deleted too."""
    folder = home / FOLDER
    if not folder.is_dir():
        return []
    return sorted(
        one.name for one in folder.iterdir() if is_tenant_name(one.name) and is_there(home, one.name)
    )


def existing(home: Path, name: str) -> Path:
    """Return the home of a tenant that may be worked with; raises NotSetUp for another."""
    found = place(home, name)
    if deleted.is_under_way(home / FOLDER, name):
        raise NotSetUp(
            f"The tenant {name} is being deleted.", fix=f"Finish it: muniment tenants delete {name}"
        )
    if not is_there(home, name):
        raise NotSetUp(f"There is no tenant {name}.", fix="See `muniment tenants list`.")
    return found


def settings_of(home: Path, name: str) -> Settings:
    """Return a tenant's settings; raises BadInput for such as do not parse or are another's."""
    found = existing(home, name)
    settings = settings_file.load(found)
    if settings.workspace.tenant != name or not settings.workspace.hosted:
        raise BadInput(
            f"{found / settings_file.FILE_NAME} is not that of the tenant {name}.",
            fix=f'Write under [workspace]: tenant = "{name}" and hosted = true.',
        )
    return settings


def opened(
    home: Path,
    name: str,
    models: Models | None = None,
    clock: Clock | None = None,
    settings: Settings | None = None,
    worker: int = 0,
) -> Workspace:
    """Open a tenant; raises as `app.open`, and NotSetUp for keys that are another's or were to be destroyed.

    `settings` stand for those of its file, which must be its own all the same.
    """
    stated = settings_of(home, name)
    found = place(home, name)
    keyring = settings_file.keyring_file(found)
    head = read_head(keyring)
    if head.tenant != name:
        raise NotSetUp(f"{keyring} is of another tenant.", fix="Put back this tenant's own.")
    if deleted.holds(home / FOLDER, name, head.identity):
        raise NotSetUp(
            f"{keyring} is of a tenant {name} that was deleted.",
            fix="Remove that folder; a new tenant of the name gets new keys.",
        )
    return app.open(found, clock, settings=settings or stated, models=models, worker=worker)


def problem(home: Path, name: str) -> str:
    """Return what of a tenant can be seen to be wrong without opening it, or nothing."""
    try:
        settings_of(home, name)
        head = read_head(settings_file.keyring_file(place(home, name)))
    except MunimentError as error:
        return str(error)
    return "" if head.tenant == name else "its keyring is of another tenant"
