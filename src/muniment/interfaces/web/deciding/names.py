"""What people call accounts and groups, for pages that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muniment.governance.identity.principal import Principal

if TYPE_CHECKING:
    from muniment.app import Workspace


def names_of(workspace: Workspace, *refs: str) -> dict[str, str]:
    """Return what people call these; a group by its own name."""
    found: dict[str, str] = {}
    for ref in dict.fromkeys(refs):
        kind, _, name = ref.partition(":")
        if kind in ("user", "service") and name:
            found[ref] = workspace.directory.title(Principal(kind, name))
        elif kind == "group" and name:
            found[ref] = name
    return found
