"""Which corpus an evaluation was run on: one digest of all that answers can be made of, and of who may read it.

Invariants:
- equal documents, versions, access lists and people give equal digests, in whatever database and order they lie;
- any change to them that could change an answer changes the digest.

What else answers depend on, such as policy, settings and models, is the lineage of the subject.
"""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa

from muniment.governance.identity.directory_tables import ACCOUNTS, directory_group, directory_membership
from muniment.knowledge.tables import access_class, document

_DOCUMENTS = (
    sa.select(
        document.c.source,
        document.c.path,
        document.c.version,
        document.c.content_hash,
        # A document whose list is missing is nobody's, and still there.
        sa.func.coalesce(access_class.c.digest, ""),
    )
    .select_from(document.outerjoin(access_class, access_class.c.id == document.c.access_class))
    .where(document.c.state == "live")
)
_ACCOUNTS = sa.union_all(
    *(
        sa.select(sa.literal(kind), table.c.name, table.c.active, table.c.clearance)
        for kind, table in ACCOUNTS.items()
    )
)
_GROUPS = sa.select(directory_group.c.name)
_MEMBERS = sa.select(directory_membership.c.member, directory_membership.c.group_name)


def corpus_digest(connection: sa.Connection) -> str:
    """Return the digest of the documents, their current versions, their access lists and the directory."""
    sha = hashlib.sha256()
    for query in (_DOCUMENTS, _ACCOUNTS, _GROUPS, _MEMBERS):
        # Not ordered by the database: each orders texts in its own way.
        rows = sorted(map(tuple, connection.execute(query)))
        sha.update(json.dumps(rows).encode("ascii") + b"\n")
    return "sha256:" + sha.hexdigest()
