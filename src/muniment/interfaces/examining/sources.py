"""What is said of connected sources: which are withheld, which cannot be read, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muniment.interfaces.examining.check import Check

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.knowledge.syncing.sources import Standing

_SEE = "Mend what is said there; a server tries again by itself. See `muniment sources list`."


def sources(workspace: Workspace, counted: bool = True) -> Check:
    """Say how each connected source stands; `counted` says how many items could not be read, too."""
    found, leaving = workspace.sources.listing(), workspace.sources.leaving()
    withheld = [_withheld(one) for one in found if _is_withheld(one)]
    weak = [said for one in found if not _is_withheld(one) for said in _weak(one, counted)]
    weak += [f"{name} is being removed" for name in leaving]
    if withheld:
        return Check("sources", "fail", "; ".join([*withheld, *weak]), _SEE)
    if weak:
        return Check("sources", "warn", "; ".join(weak), _SEE)
    names = ", ".join(one.connected.name for one in found)
    return Check("sources", "ok", f"read as they should be: {names}" if found else "none is connected")


def _is_withheld(one: Standing) -> bool:
    return one.connected.state == "active" and one.lease is not None and not one.served


def _withheld(one: Standing) -> str:
    why = one.connected.access.problem
    old = f"what is known of who may read it is {one.age:.0f} s old" if one.age is not None else "not known"
    return f"{one.connected.name} is withheld: {old}" + (f" ({why})" if why else "")


def _weak(one: Standing, counted: bool) -> list[str]:
    """Return what is not as it should be, though nothing is withheld for it."""
    connected, name = one.connected, one.connected.name
    if connected.state == "leaving":
        return []
    if connected.state == "paused":
        return [f"{name} is paused" + ("" if one.served else " and withheld")]
    said: list[str] = []
    if connected.access.problem:
        said.append(f"access of {name} could not be read ({connected.access.problem})")
    elif one.lease is None:
        said.append(f"access of {name} was not read to the end with its settings yet")
    if connected.content.problem:
        said.append(f"content of {name} could not be read ({connected.content.problem})")
    if counted and (dead := one.items.get("dead", 0)):
        said.append(f"{dead} items of {name} were given up")
    return said
