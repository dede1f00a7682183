"""The open, governed way to put a company's knowledge and tools behind a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from muniment.foundation.version import VERSION

if TYPE_CHECKING:
    from muniment.app import Workspace

__version__ = VERSION
__all__ = ["__version__", "open"]


def open(home: Path | str | None = None) -> Workspace:
    """Open the workspace in `home` (default: MUNIMENT_HOME, else ./.muniment); raises NotSetUp without one."""
    from muniment.app import open as open_workspace

    return open_workspace(home)
