"""Where the suites lie that commands name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from muniment.assurance.evaluation.suites.places import Places


def places() -> Places:
    """Return where suites lie for this run."""
    from muniment.assurance.evaluation.suites.places import Places
    from muniment.foundation.shipped import shipped

    return Places(TERMINAL.home_folder(), shipped("evals"))
