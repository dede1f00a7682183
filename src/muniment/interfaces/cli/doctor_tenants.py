"""What doctor says of the tenants of a host; `muniment --tenant NAME doctor` says more of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from muniment.foundation.errors import MunimentError
from muniment.interfaces.examining.check import Check


def checks(home: Path) -> Iterator[Check]:
    """Open each tenant, and say which cannot be told apart; nothing where there is none."""
    from muniment.tenancy import places
    from muniment.tenancy.issuers import Issuers
    from muniment.tenancy.listing import listing

    issuers = Issuers()
    for one in listing(home):
        problem, fix = one.problem, ""
        if not problem:
            try:
                workspace = places.opened(home, one.name)
                try:
                    issuers.add(one.name, workspace.settings)
                finally:
                    workspace.close()
            except MunimentError as error:
                problem, fix = error.public, error.fix
        state = "warn" if one.state in ("unfinished", "being deleted") else "fail" if problem else "ok"
        says = f"{one.name}: {problem or f'opens, its key is kept by {one.key_provider}'}"
        yield Check("tenant", state, says, fix)
