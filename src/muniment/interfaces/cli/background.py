"""Long work that lets the searches of other processes go first."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from muniment.app import Workspace


def step_back(workspace: Workspace) -> None:
    """Lower the priority of this process by `ingestion.nice`, if it runs this one command and ends with it."""
    if TERMINAL.owns_process and hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(workspace.settings.ingestion.nice)
