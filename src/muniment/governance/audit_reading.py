"""Reading the log, for whoever policy lets read it; each reading is itself an entry before anything is given."""

from __future__ import annotations

import re
from collections.abc import Sequence

from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit import query
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.entry import Entry, Json, StoredEntry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.proofs import Proofs
from muniment.governance.audit.query import Filter, Page
from muniment.governance.audit.search import Found, Search, Wanted, Whole
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import AUDIT
from muniment.governance.policy.gate import Gate

_NAMED = re.compile(
    r"operator|muniment|done|refused|failed|\d{4}-\d\d-\d\dT[\d:.]+Z|(?:user|service|group):.+|subject:[0-9a-f]{32}"
    r"|(?:[A-Z][A-Za-z]*:)?[a-z][a-z0-9]{1,15}_[a-z2-7]{20}"
)
"""What an entry may repeat: times, ids, and accounts, which the log spells by pseudonyms."""


class AuditReading:
    """The log of one workspace as auditors read it.

    In each method `who` is the principal that policy is asked about, None for whoever can open the keys. Raises
    NotPermitted, on record, where policy does not let them.
    """

    def __init__(self, database: Database, audit: AuditLog, gate: Gate, proofs: Proofs) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._proofs = proofs

    def entries(
        self, wanted: Filter, after: int | None, limit: int, who: Principal | None, by: Actor
    ) -> Page:
        """Return a page of entries, oldest first; raises BadInput for a page that is too long."""
        if not 1 <= limit <= query.MOST:
            raise BadInput(f"A page has 1 to {query.MOST} entries.", fix="Ask for the next one after it.")
        stated = self._permitted(who, by)
        with self._database.read() as connection:
            found = query.find(self._audit, connection, wanted, after, limit)
        self._record(by, {**stated, "of": "entries", **wanted.stated(), "found": len(found.entries)})
        return found

    def search(
        self, wanted: Wanted, before: int | None, limit: int, who: Principal | None, by: Actor
    ) -> Found:
        """Return a page of entries, newest first, and how many came out how over time; raises BadInput."""
        if not 1 <= limit <= query.MOST:
            raise BadInput(f"A page has 1 to {query.MOST} entries.", fix="Ask for the next one after it.")
        stated = self._permitted(who, by)
        with self._database.read() as connection:
            found = Search(self._audit).page(connection, wanted, before, limit)
        asked = {name: self._repeated(str(value), found.kinds) for name, value in wanted.stated().items()}
        self._record(by, {**stated, "of": "search", **asked, "found": len(found.entries)})
        return found

    def entry(self, seq: int, who: Principal | None, by: Actor) -> Whole:
        """Return one entry, whole, with its place in the tree; raises NotFound."""
        self._record(by, {**self._permitted(who, by), "of": "entry", "entry": seq})
        with self._database.read() as connection:
            return Search(self._audit).one(connection, seq)

    def log_name(self, ref: str, who: Principal | None, by: Actor) -> str:
        """Return how the log spells an account: people by pseudonyms, which may stand where names may not."""
        self._record(by, {**self._permitted(who, by), "of": "name"})
        with self._database.read() as connection:
            return self._audit.log_names(connection, ref)[-1]

    def tail(self, count: int, kind: str | None, who: Principal | None, by: Actor) -> list[StoredEntry]:
        """Return the last entries, of one kind if it is given, oldest first."""
        stated = self._permitted(who, by)
        found = self._audit.tail(count, kind or None)
        self._record(by, {**stated, "of": "tail", "kind": kind or "", "found": len(found)})
        return found

    def checkpoint(self, who: Principal | None, by: Actor) -> Checkpoint:
        """Return a signed checkpoint of the log as it stands."""
        self._record(by, {**self._permitted(who, by), "of": "checkpoint"})
        return self._audit.checkpoint()

    def inclusion(self, seq: int, who: Principal | None, by: Actor, upto: Checkpoint | None = None) -> str:
        """Return the proof that an entry is in the log; raises as `Proofs.inclusion`."""
        self._record(by, {**self._permitted(who, by), "of": "proof", "entry": seq})
        return self._proofs.inclusion(seq, upto)

    def consistency(
        self, old_size: int, who: Principal | None, by: Actor, upto: Checkpoint | None = None
    ) -> str:
        """Return the proof that the log grew out of that of a size; raises as `Proofs.consistency`."""
        self._record(by, {**self._permitted(who, by), "of": "consistency", "size": old_size})
        return self._proofs.consistency(old_size, upto)

    def _repeated(self, asked: str, kinds: Sequence[str]) -> str:
        """Return what an entry may say of something that was asked for: a digest of what people may have made up."""
        is_kind = any(one == asked or f"{one.partition('.')[0]}.*" == asked for one in kinds)
        return asked if is_kind or _NAMED.fullmatch(asked) else self._audit.commitment(asked)

    def _permitted(self, who: Principal | None, by: Actor) -> dict[str, str]:
        with self._gate.recorded(by), self._database.read() as connection:
            return self._gate.check(connection, who, "read_audit", AUDIT)

    def _record(self, by: Actor, about: dict[str, Json]) -> None:
        self._audit.record([Entry("audit.read", by, about)])
