"""Who reads which item of a source by the lists that are mirrored of it, whether its content was read or not."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.app import Workspace
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import Principal
from muniment.knowledge.syncing import people, scopes
from muniment.knowledge.syncing.tables import source_item


def readers_here(workspace: Workspace, source: str, users: tuple[str, ...]) -> dict[str, set[str]]:
    """Return the users who read an item, by item."""
    with workspace.database.read() as connection:
        held = {who: grants(connection, Principal("user", who)) for who in users}
        known = people.stored(connection, source)
        query = sa.select(source_item.c.id, source_item.c.scope).where(source_item.c.source == source)
        placed = {row.id: row.scope for row in connection.execute(query)}
        stated = scopes.stated_of(connection, source, set(placed.values()))
        lists = {name: scopes.access_list(source, one, known) for name, one in stated.items()}
        return {
            name: {who for who in users if scope in lists and lists[scope].permits(held[who])}
            for name, scope in placed.items()
        }
