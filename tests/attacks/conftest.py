"""What several attacks need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from muniment import app
from muniment.app import Workspace


@pytest.fixture
def pair(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> tuple[Workspace, Workspace]:
    """Return two workspace objects on one home, as two processes have them: one changes, one reads."""
    first = make_workspace()
    first.ingest(folder, "docs")
    return first, app.open(tmp_path / "home", embedder=lambda: None)
