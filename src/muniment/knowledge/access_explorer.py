"""Who may read what, asked from either end and explained; for whoever looks after access and need not read anything.

Invariants:
- who reads is what `retrieval.visibility` says, and what policy says of reading documents at all;
- a document is named only to whom may read it; of any other there is its id, where that was asked for, and counts;
- each question is on record before it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.database import Database, moment, storable
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.frozen import is_frozen
from muniment.governance.identity.everybody import Account, Everybody
from muniment.governance.identity.outside import leases
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import DIRECTORY, WORKSPACE, Decision
from muniment.governance.policy.gate import Gate
from muniment.knowledge import library
from muniment.knowledge.access import AccessList, nearest
from muniment.knowledge.eyes import Eyes
from muniment.knowledge.judgement import Judgement, judged
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing.ways import Ways, is_outside
from muniment.knowledge.tables import document

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

NAMED = 50
"""Documents of one page of an answer."""
SHOWN = 200
"""Accounts of one answer."""
_LIVE = document.c.state == "live"
_MOST_CLASSES = 10_000


@dataclass(frozen=True, slots=True)
class Explained:
    """What a list says of an account, and how the account comes to each entry of it."""

    account: Account
    judgement: Judgement
    ways: Mapping[str, tuple[str, ...]]
    """By entry: the account, the groups between, the entry."""
    policy: Decision | None = None
    """What policy says of their reading documents at all; None where nobody asked it."""

    @property
    def reads(self) -> bool:
        """Return whether the account may read, by the list and by policy."""
        return self.judgement.reads and (self.policy is None or self.policy.allowed)


@dataclass(frozen=True, slots=True)
class Named:
    """A document that both the person asked about and the one who asks may read."""

    document: DocumentRow
    why: Explained


@dataclass(frozen=True, slots=True)
class PersonReads:
    """What an account may read."""

    account: Account
    policy: Decision | None
    """What policy says of their reading documents at all; None: they cannot be judged, and read nothing."""
    sources: Mapping[str, int]
    """Documents that they may read, by source; every source is there."""
    named: tuple[Named, ...]
    page: int
    more: bool
    unnamed: int
    """Documents that they may read and whoever asks may not."""

    @property
    def documents(self) -> int:
        """Return how many documents they may read."""
        return sum(self.sources.values())


@dataclass(frozen=True, slots=True)
class DocumentReaders:
    """Who may read a document."""

    id: str
    source: str
    named: DocumentRow | None
    """The document, where whoever asks may read it."""
    access: AccessList | None
    """The list that rules; None where it cannot be read."""
    rule: str
    """`frozen`, `hand` or `source`."""
    readers: tuple[Explained, ...]
    """Up to SHOWN accounts that may read it."""
    kept_out: tuple[Explained, ...]
    """Up to SHOWN accounts whom the list allows and that may not read for another reason."""
    number: int
    """Accounts that may read it by its list, all of them."""
    withheld: bool
    """Whether nobody reads its source, since what is known of access there is too old."""
    words: Mapping[str, str]
    """Entries of the list that are of a source, in words."""


class AccessExplorer:
    """Questions about the access of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate

    def of_person(self, name: str, page: int, who: Principal, by: Actor) -> PersonReads:
        """Return what an account may read; raises BadInput for none, NotPermitted where policy refuses `who`."""
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_directory", DIRECTORY)
            everybody = Everybody(connection)
            account = everybody.accounts.get(ref_of(name))
            if account is None:
                raise BadInput(f"The directory holds no {name}.", fix="Write alice, or service:NAME.")
            may = self._reading(connection, account)
            held = _by_class(connection)
            lists = _lists(connection, sorted({number for _, number in held}))
            verdicts = {number: judged(access, account) for number, access in lists.items()}
            reads = frozenset(number for number, one in verdicts.items() if one.reads)
            if may is None or not may.allowed:
                reads = frozenset()
            sources = dict.fromkeys(library.source_names(connection), 0)
            for (source, number), count in held.items():
                sources[source] = sources.get(source, 0) + (count if number in reads else 0)
        self._audit.record([Entry("access.explored", by, {**stated, "of": account.principal.ref})])
        with self._database.read() as connection:
            both = Eyes(connection, self._policy, who).of(reads)
            rows, more = _documents(connection, both, page)
            outside = Ways(connection)
            named = tuple(
                Named(row, explained(everybody, account, verdicts[row.access_class], outside=outside))
                for row in rows
                if row.access_class in verdicts
            )
        seen = sum(count for (_, number), count in held.items() if number in both)
        return PersonReads(account, may, sources, named, page, more, sum(sources.values()) - seen)

    def of_document(self, document_id: str, who: Principal, by: Actor) -> DocumentReaders:
        """Return who may read a document; raises BadInput for no id of one, NotPermitted where policy refuses."""
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_directory", DIRECTORY)
            row = library.get_document(connection, document_id) if storable(document_id) else None
            if row is None:
                raise BadInput(
                    "There is no document with this id.",
                    fix="Write an id as answers and the log state it: doc_…",
                )
            everybody, outside = Everybody(connection), Ways(connection)
            access = library.access_lists(connection, [row.access_class]).get(row.access_class)
            rule = _rule(connection, row)
            every = [(account, judged(access, account)) for account in everybody.accounts.values()]
            by_list = [(account, said) for account, said in every if said.reads]
            out = [(account, said) for account, said in every if said.allowed and not said.reads]
            if access is not None:
                out += [(a, s) for a, s in every if a.state != "active" and a.principal.ref in access.allow]
            shown = [
                explained(everybody, account, said, self._reading(connection, account), outside)
                for account, said in by_list[:SHOWN]
            ]
            kept = [explained(everybody, account, said, outside=outside) for account, said in out[:SHOWN]]
            withheld = _is_withheld(connection, row.source)
            named_there = sorted(access.allow | access.deny) if access is not None else []
            words = {entry: outside.said(entry) for entry in named_there if is_outside(entry)}
        self._audit.record([Entry("access.explored", by, {**stated, "document": row.id})])
        with self._database.read() as connection:
            named = row if Eyes(connection, self._policy, who).of([row.access_class]) else None
        refused = [one for one in shown if not one.reads]
        return DocumentReaders(
            id=row.id,
            source=row.source,
            named=named,
            access=access,
            rule=rule,
            readers=tuple(one for one in shown if one.reads),
            kept_out=(*refused, *kept),
            number=len(by_list),
            withheld=withheld,
            words=words,
        )

    def _reading(self, connection: sa.Connection, account: Account) -> Decision | None:
        if account.state != "active":
            return None
        try:
            standing = self._policy.standing(connection, account.principal, account.grants)
        except Denied:
            return None
        return standing.decide("read_document", WORKSPACE)


def ref_of(name: str) -> str:
    """Return the ref that `alice`, `user:alice` or `service:bot` names."""
    return name if name.startswith(("user:", "service:")) else f"user:{name}"


def explained(
    everybody: Everybody,
    account: Account,
    said: Judgement,
    policy: Decision | None = None,
    outside: Ways | None = None,
) -> Explained:
    """Return what a list says of an account, with how it comes to each entry; to those of sources by `outside`."""
    ref = account.principal.ref
    ways = {
        entry: outside.way(ref, entry, account.grants)
        if outside is not None and is_outside(entry)
        else everybody.way(ref, entry)
        for entry in (*said.allowed, *said.denied)
    }
    return Explained(account, said, ways, policy)


def _rule(connection: sa.Connection, row: DocumentRow) -> str:
    if is_frozen(connection, "source", row.source):
        return "frozen"
    return "source" if nearest(row.path, library.overrides(connection, row.source)) is None else "hand"


def _is_withheld(connection: sa.Connection, source: str) -> bool:
    if connections.connected(connection, source) is None:
        return False
    lease = leases(connection).get(source)
    return lease is None or not lease.runs(moment(connection).timestamp())


def _by_class(connection: sa.Connection) -> dict[tuple[str, int], int]:
    """Return how many live documents each source has in each access class."""
    query = (
        sa.select(document.c.source, document.c.access_class, sa.func.count())
        .where(_LIVE)
        .group_by(document.c.source, document.c.access_class)
    )
    return {(source, number): int(count) for source, number, count in connection.execute(query)}


def _lists(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, AccessList | None]:
    found: dict[int, AccessList | None] = dict.fromkeys(numbers)
    for start in range(0, len(numbers), 500):
        found |= library.access_lists(connection, numbers[start : start + 500])
    return found


def _documents(
    connection: sa.Connection, classes: frozenset[int], page: int
) -> tuple[list[DocumentRow], bool]:
    """Return a page of the live documents in these classes, and whether there is another."""
    few = sorted(classes)[:_MOST_CLASSES]
    query = (
        sa.select(document.c.id)
        .where(_LIVE, document.c.access_class.in_(few))
        .order_by(document.c.source, document.c.path)
        .limit(NAMED + 1)
        .offset(NAMED * page)
    )
    ids = list(connection.execute(query).scalars())
    rows = library.get_documents(connection, ids[:NAMED])
    return [rows[one] for one in ids[:NAMED] if one in rows], len(ids) > NAMED
