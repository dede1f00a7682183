"""The composition root: builds every room from the settings of one home folder. No behaviour of its own.

Heavy parts (models, indexes) are built when first used, so that small commands start quickly.
"""

from __future__ import annotations

from muniment.app.adapters import DATABASE_FILE, key_provider, rows_elsewhere
from muniment.app.homes import create, exists, open
from muniment.app.opened import PYTHON, Injected, Models
from muniment.app.restoring import backup_keys, check_backup, restore
from muniment.app.workspace import Workspace

__all__ = [
    "DATABASE_FILE",
    "PYTHON",
    "Injected",
    "Models",
    "Workspace",
    "backup_keys",
    "check_backup",
    "create",
    "exists",
    "key_provider",
    "open",
    "restore",
    "rows_elsewhere",
]
