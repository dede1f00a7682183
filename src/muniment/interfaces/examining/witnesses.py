"""What is said of the log's witnesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muniment.interfaces.examining.check import Check

if TYPE_CHECKING:
    from muniment.app import Workspace

_CONTRADICT = frozenset({"log-forked", "log-rolled-back"})


def witnesses(workspace: Workspace) -> Check:
    """Say how far each witness is, as this workspace knows it; asks none of them."""
    found = workspace.witnesses.listing()
    if not found:
        return Check(
            "witnesses",
            "ok",
            "none: only a checkpoint that you keep elsewhere shows that the log was rewritten",
        )
    lied = [one.name for one in found if one.problem in _CONTRADICT]
    if lied:
        says = f"{', '.join(lied)} saw another log than this one"
        return Check("witnesses", "fail", says, "Run `muniment audit witness check`; call your auditor.")
    behind = [
        f"{one.name} ({one.waiting} entries, {one.problem or 'waiting'})" for one in found if one.behind
    ]
    if behind:
        return Check("witnesses", "warn", f"behind: {', '.join(behind)}", "Run `muniment audit witness run`.")
    new = [one.name for one in found if not one.size]
    if new:
        says = f"{', '.join(new)} has seen nothing yet"
        return Check("witnesses", "warn", says, f"Run `muniment audit witness add {new[0]}`.")
    return Check("witnesses", "ok", ", ".join(f"{one.name} saw {one.size} entries" for one in found))
