"""Whether groups nest as they may, whoever stated them."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.errors import BadInput
from muniment.governance.identity.directory_tables import directory_membership
from muniment.governance.identity.groups import MAX_DEPTH, deepest_chain


def check_nesting(connection: sa.Connection) -> None:
    """Refuse groups that reach themselves or are nested too deep; raises BadInput."""
    row = directory_membership.c
    above: dict[str, set[str]] = {}
    nested = sa.select(row.member, row.group_name).where(row.member >= "group:", row.member < "group;")
    for member, group in connection.execute(nested):
        above.setdefault(member.removeprefix("group:"), set()).add(group)
    chain, circular = deepest_chain(above)
    if circular:
        shown = " -> ".join(chain[:6]) + (" -> ..." if len(chain) > 6 else "")
        raise BadInput(f"Groups would reach themselves: {shown}.", fix="Break the circle.")
    if len(chain) > MAX_DEPTH:
        raise BadInput(
            f"Groups would be nested {len(chain)} deep; the limit is {MAX_DEPTH}.", fix="Flatten the chain."
        )
