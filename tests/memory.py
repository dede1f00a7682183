"""Where temporary folders of tests lie: in memory where there is plenty, for discs make workspaces wait."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PLACE = Path("/dev/shm")
_ENOUGH = 3 << 30
"""Bytes: several times what a whole run holds at once."""


def place() -> Path:
    """Return a folder in memory, or the usual one where the machine has none, a small one, or little to spare."""
    usual = Path(tempfile.gettempdir())
    if not os.access(_PLACE, os.W_OK):
        return usual
    spare = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _PLACE if min(shutil.disk_usage(_PLACE).free, spare) >= _ENOUGH else usual
