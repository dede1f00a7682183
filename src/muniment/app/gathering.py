"""What reads the versions of all that a workspace answers from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.assurance.release.gathering import Gathering, Parts
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.app.workspace import Workspace
    from muniment.assurance.evaluation.case import Suite


def gathering_of(workspace: Workspace, suites: Callable[[], Sequence[Suite]] = tuple) -> Gathering:
    """Return what reads them; `suites` are those that judge it."""
    return Gathering(
        Parts(
            home=workspace.home,
            database=workspace.database,
            audit=workspace.audit,
            policy=workspace.policy,
            prompts=workspace.prompts,
            catalog=workspace.catalog,
            embedders=workspace.embedders,
            tools=workspace.tools,
            weight_folders=settings_file.weight_folders(workspace.settings),
            effective=settings_file.described(workspace.settings),
            shipped=settings_file.described(Settings()),
            suites=suites,
        )
    )
