"""Who may read one document and why, one reason after the other, from the source that it comes from to policy.

For whoever runs the installation. Invariants: who reads is what `judgement` and policy say, and the steps only tell
of it; each question is on record before it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.frozen import is_frozen
from muniment.governance.identity import outside
from muniment.governance.identity.everybody import Account, Everybody
from muniment.governance.policy.decision import WORKSPACE, Decision
from muniment.knowledge import document_labels, library
from muniment.knowledge.access import AccessList, nearest
from muniment.knowledge.access_explorer import explained, ref_of
from muniment.knowledge.document_labels import NOTHING
from muniment.knowledge.judgement import Judgement, judged
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.quarantine import case_of
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing import people
from muniment.knowledge.syncing.tables import source_item
from muniment.knowledge.syncing.ways import Ways

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy


@dataclass(frozen=True, slots=True)
class Reader:
    """An account that may read, and every way to it."""

    who: str
    title: str
    ways: Mapping[str, tuple[str, ...]]
    """By the entry that lets it in, in words."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Everybody who may read a document."""

    document: DocumentRow
    rule: str
    """`frozen`, `hand` or `source`."""
    scope: str
    """What carries the list at the source; empty where the source is read by hand."""
    readers: tuple[Reader, ...]

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "document": self.document.id,
            "source": self.document.source,
            "path": self.document.path,
            "rule": self.rule,
            "scope": self.scope,
            "readers": [asdict(one) for one in self.readers],
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One reason."""

    what: str
    """`lease`, `account`, `frozen`, `quarantine`, `item`, `scope`, `list`, `denial`, `label`, `policy`."""
    ok: bool
    """Whether it lets the user read; one that does not is enough."""
    says: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Whether a user may read a document, and why."""

    document: DocumentRow
    who: str
    reads: bool
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "document": self.document.id,
            "source": self.document.source,
            "path": self.document.path,
            "user": self.who,
            "reads": self.reads,
            "steps": [asdict(one) for one in self.steps],
        }


class SourceReaders:
    """Questions about who may read a document of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._clock = clock

    def of_document(self, document: str, by: Actor) -> Readers:
        """Return everybody who may read a document, by its id; raises BadInput for no id of one."""
        with self._database.read() as connection:
            row, access = _document(connection, document)
            everybody, ways = Everybody(connection), Ways(connection)
            readers: list[Reader] = []
            for account in everybody.accounts.values():
                said = judged(access, account)
                decided = self._policy_of(connection, account) if said.reads else None
                if decided is not None and decided.allowed:
                    readers.append(_reader(everybody, ways, account, said))
            found = Readers(row, _rule(connection, row), _item(connection, row)[0], tuple(readers))
        self._audit.record([Entry("access.explored", by, {"document": row.id})])
        return found

    def explain(self, document: str, user: str, by: Actor) -> Chain:
        """Return whether a user may read a document and why; raises BadInput for an unknown one of either."""
        with self._database.read() as connection:
            row, access = _document(connection, document)
            everybody, ways = Everybody(connection), Ways(connection)
            account = everybody.accounts.get(ref_of(user))
            if account is None:
                raise BadInput(f"The directory holds no {user}.", fix="Write alice, or service:NAME.")
            said = judged(access, account)
            decided = self._policy_of(connection, account)
            steps = [
                *self._of_source(connection, row, account),
                *_of_list(everybody, ways, row, access, account, said),
                *_of_label(connection, row, access, account, said),
                _of_policy(account, decided),
            ]
            reads = said.reads and decided is not None and decided.allowed
        about = {"document": row.id, "of": account.principal.ref}
        self._audit.record([Entry("access.explored", by, about)])
        return Chain(row, account.principal.ref, reads, tuple(steps))

    def _of_source(self, connection: sa.Connection, row: DocumentRow, account: Account) -> list[Step]:
        steps: list[Step] = []
        if is_frozen(connection, "source", row.source):
            steps.append(
                Step("frozen", False, f"The source {row.source} is frozen by an incident: nobody reads it.")
            )
        case = case_of(connection, row.id, row.content_hash)
        if case is not None and case.state != "released":
            steps.append(
                Step("quarantine", False, "Its content is held back until somebody decides: nobody reads it.")
            )
        known = connections.connected(connection, row.source)
        if known is None:
            steps.append(Step("lease", True, f"{row.source} is read by hand: no lease bounds its lists."))
            return steps
        steps.append(self._of_lease(connection, row.source))
        there = people.stored(connection, row.source)
        mine = sorted(name for name, ref in there.principals.items() if ref == account.principal.ref)
        for name in mine:
            one = there.accounts[name]
            what = "a guest" if one.guest else "no guest"
            state = f"active, {what}" if one.active else "switched off there"
            steps.append(
                Step("account", one.active, f"Is the account {one.name or name} ({name}) there: {state}.")
            )
        if not mine:
            said = f"Is no account of {row.source}, as `match` and `accounts` of its settings have it."
            steps.append(Step("account", False, said))
        scope, state, reason = _item(connection, row)
        if state == "dead":
            said = f"The item was given up and what was read before is withheld: {reason}"
            steps.append(Step("item", False, said))
        if scope:
            steps.append(Step("scope", True, f"The list is that of the scope {scope}."))
        else:
            steps.append(Step("scope", False, "The source states of no scope that the item is in it."))
        return steps

    def _of_lease(self, connection: sa.Connection, source: str) -> Step:
        lease, now = outside.leases(connection).get(source), self._clock.now().timestamp()
        if lease is None:
            return Step("lease", False, f"Access of {source} was never read to its end.")
        age = f"Access of {source} is known as of {max(0.0, now - lease.as_of):,.0f} s ago"
        if lease.runs(now):
            return Step("lease", True, f"{age}; the lease runs {lease.until - now:,.0f} s more.")
        return Step("lease", False, f"{age}; the lease has run out, so nobody reads it.")

    def _policy_of(self, connection: sa.Connection, account: Account) -> Decision | None:
        if account.state != "active":
            return None
        try:
            standing = self._policy.standing(connection, account.principal, account.grants)
        except Denied:
            return None
        return standing.decide("read_document", WORKSPACE)


def _document(connection: sa.Connection, target: str) -> tuple[DocumentRow, AccessList | None]:
    row = library.get_document(connection, target)
    if row is None:
        raise BadInput(
            f"There is no document {target}.", fix="Write its id (doc_…) or SOURCE/PATH of one document."
        )
    return row, library.access_lists(connection, [row.access_class]).get(row.access_class)


def _rule(connection: sa.Connection, row: DocumentRow) -> str:
    if is_frozen(connection, "source", row.source):
        return "frozen"
    return "source" if nearest(row.path, library.overrides(connection, row.source)) is None else "hand"


def _item(connection: sa.Connection, row: DocumentRow) -> tuple[str, str, str]:
    """Return scope, state and reason of the item that a document comes from."""
    query = sa.select(source_item.c.scope, source_item.c.state, source_item.c.reason).where(
        source_item.c.source == row.source, source_item.c.document == row.id
    )
    found = connection.execute(query).first()
    return ("", "", "") if found is None else (found.scope, found.state, found.reason)


def _reader(everybody: Everybody, ways: Ways, account: Account, said: Judgement) -> Reader:
    how = explained(everybody, account, said, outside=ways)
    named = {ways.said(entry): how.ways[entry] for entry in said.allowed}
    return Reader(account.principal.ref, account.title, named)


def _of_list(
    everybody: Everybody,
    ways: Ways,
    row: DocumentRow,
    access: AccessList | None,
    account: Account,
    said: Judgement,
) -> list[Step]:
    if said.state != "active":
        return [Step("account", False, f"The account here is {said.state}, so that it holds nothing.")]
    if access is None:
        return [Step("list", False, "The list of the document cannot be read.")]
    how = explained(everybody, account, said, outside=ways)
    steps = [
        Step("list", True, f"Allowed: {' > '.join(how.ways[one]) or ways.said(one)}.") for one in said.allowed
    ]
    if not steps:
        named = "; ".join(sorted(ways.said(one) for one in access.allow)) or "nobody"
        steps.append(
            Step("list", False, f"The list of {row.path} lets in {named}: the user holds none of it.")
        )
    return steps + [
        Step("denial", False, f"Denied: {' > '.join(how.ways[one]) or ways.said(one)}.")
        for one in said.denied
    ]


def _of_label(
    connection: sa.Connection,
    row: DocumentRow,
    access: AccessList | None,
    account: Account,
    said: Judgement,
) -> list[Step]:
    if access is None or access.sensitivity is None:
        return []
    raised = document_labels.labels_of(connection, [row.id]).get(row.id, NOTHING).reasons
    why = f" ({'; '.join(one.said() for one in raised)})" if raised else ""
    within = "within" if said.cleared else "above"
    clearance = account.clearance or "any"
    says = f"The label {access.sensitivity}{why} lies {within} the clearance, {clearance}."
    return [Step("label", said.cleared, says)]


def _of_policy(account: Account, decided: Decision | None) -> Step:
    if decided is None:
        return Step("policy", False, f"{account.principal.ref} cannot be judged by policy, so reads nothing.")
    rules = ", ".join(decided.reasons) or "no rule"
    what = "lets" if decided.allowed else "does not let"
    return Step("policy", decided.allowed, f"Policy {what} them read documents ({rules}).")
