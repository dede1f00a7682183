"""Opening, freezing and closing.

Invariants:
- each step commits with an entry of its own kind;
- a freeze holds from the next request on until a person ends it; closing the incident does not;
- detection opens and freezes, and never ends or closes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast, get_args

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, Conflict, NotFound
from muniment.foundation.ids import Ids
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.tables import audit_entry
from muniment.governance.frozen import Frozen, frozen, is_frozen
from muniment.governance.identity.principal import Principal
from muniment.governance.incidents.incident import Finding, Freeze, Incident, Severity
from muniment.governance.incidents.tables import incident
from muniment.governance.policy.decision import AUDIT, WORKSPACE
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason

MOST_ENTRIES = 1000
ITSELF = Actor("muniment", "python")
Known = Callable[[sa.Connection, Frozen, str], bool]
"""Says whether there is something of a kind by a name."""
Ruled = Callable[[sa.Connection, str], int]
"""Has it worked out anew who may read a source; returns how many documents that are."""


class Incidents:
    """The incidents of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        gate: Gate,
        known: Known,
        ruled: Ruled,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._known = known
        self._ruled = ruled
        self._clock = clock
        self._ids = ids

    def open(
        self,
        subject: str,
        severity: str,
        says: str,
        who: Principal | None,
        by: Actor,
        entries: Sequence[int] = (),
    ) -> Incident:
        """Open one by hand; `says` goes into the database, and a commitment to it into the log.

        Raises BadInput for a severity, subject, text or entry that is none, NotPermitted by policy.
        """
        if severity not in get_args(Severity):
            raise BadInput(
                f"There is no severity {severity!r}.", fix=f"Use one of {', '.join(get_args(Severity))}."
            )
        if not subject or len(subject) > 200 or not storable(subject):
            raise BadInput("The subject is missing or too long.", fix="Name what it is about: `user:alice`.")
        finding = Finding(
            "",
            subject,
            cast(Severity, severity),
            checked_reason(says),
            tuple(sorted({*entries})[:MOST_ENTRIES]),
        )
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "manage_incident", WORKSPACE)
            last = connection.execute(sa.select(sa.func.max(audit_entry.c.seq))).scalar()
            if not all(0 <= one <= (-1 if last is None else last) for one in finding.entries):
                raise BadInput(f"The log has entries 0 to {last}.", fix="Name one of them by its number.")
            return self._open(connection, finding, by, stated)

    def raise_for(self, finding: Finding, freezes: Sequence[tuple[str, str]] = ()) -> Incident:
        """Open an incident for what detection found, or add to the open one; freeze what policy says."""
        with self._database.write() as connection:
            row = connection.execute(
                sa.select(incident).where(
                    incident.c.state == "open",
                    incident.c.rule == finding.rule,
                    incident.c.subject == finding.subject,
                )
            ).first()
            if row is None:
                made = self._open(connection, finding, ITSELF, {})
            else:
                made = self._again(connection, row, finding)
            for kind, name in freezes:
                chosen = _kind(kind)
                if self._known(connection, chosen, name) and not is_frozen(connection, chosen, name):
                    self._freeze(connection, made.id, chosen, name, ITSELF, {"rule": finding.rule})
            return self._read(connection, made.id)

    def show(self, incident_id: str, who: Principal | None, by: Actor) -> Incident:
        """Return one; raises NotFound, NotPermitted."""
        with self._gate.recorded(by), self._database.read() as connection:
            self._gate.check(connection, who, "read_audit", AUDIT)
            return self._read(connection, incident_id)

    def listing(
        self, who: Principal | None, by: Actor, state: str = "", most: int | None = None
    ) -> Sequence[Incident]:
        """Return all, or those in a state, newest first and at most so many; raises NotPermitted."""
        query = sa.select(incident.c.id).order_by(incident.c.opened_at.desc(), incident.c.id).limit(most)
        if state:
            query = query.where(incident.c.state == state)
        with self._gate.recorded(by), self._database.read() as connection:
            self._gate.check(connection, who, "read_audit", AUDIT)
            return [self._read(connection, one) for one in connection.execute(query).scalars()]

    def frozen(self, who: Principal | None, by: Actor) -> Sequence[Freeze]:
        """Return all that is frozen now; raises NotPermitted."""
        with self._gate.recorded(by), self._database.read() as connection:
            self._gate.check(connection, who, "read_audit", AUDIT)
            return _freezes(connection, sa.true())

    def frozen_names(self, connection: sa.Connection) -> Mapping[Frozen, frozenset[str]]:
        """Return the names of what is frozen, by kind: for whoever may see the settings, of whom that was asked."""
        found: dict[Frozen, frozenset[str]] = {}
        for one in _freezes(connection, sa.true()):
            found[one.kind] = found.get(one.kind, frozenset()) | {one.name}
        return found

    def freeze(
        self, incident_id: str, kind: str, name: str, reason: str, who: Principal | None, by: Actor
    ) -> Incident:
        """Freeze an account, source, tool or model endpoint for an open incident, from the next request on.

        Raises BadInput for something that there is not, Conflict for what is frozen or an incident that is closed,
        NotFound, NotPermitted.
        """
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "manage_incident", WORKSPACE)
            found = self._read(connection, incident_id)
            if found.state != "open":
                raise Conflict(f"{found.id} is closed.", fix="Open another one.")
            chosen = _kind(kind)
            if not storable(name) or not self._known(connection, chosen, name):
                raise BadInput(f"There is no {kind} {name[:64]!r}.", fix="Spell it as it is listed.")
            if is_frozen(connection, chosen, name):
                raise Conflict(f"The {kind} {name} is frozen already.", fix="See `muniment incident frozen`.")
            about = {**stated, "reason": self._audit.commitment(why)}
            self._freeze(connection, found.id, chosen, name, by, about)
            return self._read(connection, found.id)

    def thaw(
        self, kind: str, name: str, reason: str, who: Principal | None, by: Actor, incident_id: str = ""
    ) -> Freeze:
        """End a freeze, of one incident where one is named; what applied before applies again.

        Raises BadInput for none, Conflict for one of another incident, NotPermitted.
        """
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "manage_incident", WORKSPACE)
            here = sa.and_(frozen.c.kind == _kind(kind), frozen.c.name == name)
            found = _freezes(connection, here) if storable(name) else []
            if not found:
                raise BadInput(f"No {kind} {name[:64]!r} is frozen.", fix="See `muniment incident frozen`.")
            if incident_id not in ("", found[0].incident):
                raise Conflict(f"It is frozen for {found[0].incident}.", fix="Thaw it there.")
            connection.execute(sa.delete(frozen).where(here))
            about: dict[str, Json] = {**stated, "what": f"{kind}:{name}", "incident": found[0].incident}
            if kind == "source":
                about["documents"] = self._ruled(connection, name)
            about["reason"] = self._audit.commitment(why)
            self._audit.append(connection, [Entry("incident.thawed", by, about)])
            return found[0]

    def close(self, incident_id: str, outcome: str, who: Principal | None, by: Actor) -> Incident:
        """Close one, saying what came of it; what is frozen stays so. Raises NotFound, Conflict, NotPermitted."""
        what = checked_reason(outcome)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "manage_incident", WORKSPACE)
            found = self._read(connection, incident_id)
            if found.state == "closed":
                raise Conflict(f"{found.id} is closed already.", fix="Nothing was changed.")
            values = {"state": "closed", "closed_at": timestamp(self._clock.now()), "closed_by": by.ref}
            connection.execute(
                sa.update(incident).where(incident.c.id == found.id).values(**values, outcome=what)
            )
            about = {**stated, "incident": found.id, "outcome": self._audit.commitment(what)}
            said: dict[str, Json] = {**about, "frozen": len(found.frozen)}
            self._audit.append(connection, [Entry("incident.closed", by, said)])
            return self._read(connection, found.id)

    def _open(
        self, connection: sa.Connection, finding: Finding, by: Actor, stated: dict[str, str]
    ) -> Incident:
        made, at = self._ids.new("inc"), timestamp(self._clock.now())
        connection.execute(
            sa.insert(incident).values(
                id=made,
                state="open",
                rule=finding.rule,
                subject=finding.subject,
                severity=finding.severity,
                says=finding.says,
                opened_at=at,
                opened_by=by.ref,
                last_at=at,
                count=1,
                entries=json.dumps(finding.entries[:MOST_ENTRIES]),
                closed_at="",
                closed_by="",
                outcome="",
            )
        )
        about: dict[str, Json] = {
            **stated,
            "incident": made,
            "rule": finding.rule,
            "subject": finding.subject,
            "severity": finding.severity,
            "entries": list(finding.entries[:20]),
        }
        if not finding.rule:
            about["says"] = self._audit.commitment(finding.says)
        self._audit.append(connection, [Entry("incident.opened", by, about)])
        return self._read(connection, made)

    def _again(self, connection: sa.Connection, row: sa.Row[Any], finding: Finding) -> Incident:
        known = json.loads(row.entries)
        if set(finding.entries) <= set(known):
            return self._read(connection, row.id)
        entries = [*known, *(one for one in finding.entries if one not in known)][:MOST_ENTRIES]
        connection.execute(
            sa.update(incident)
            .where(incident.c.id == row.id)
            .values(
                count=incident.c.count + 1,
                last_at=timestamp(self._clock.now()),
                says=finding.says,
                entries=json.dumps(entries),
            )
        )
        return self._read(connection, row.id)

    def _freeze(
        self,
        connection: sa.Connection,
        incident_id: str,
        kind: Frozen,
        name: str,
        by: Actor,
        stated: dict[str, str],
    ) -> None:
        at = timestamp(self._clock.now())
        values = {"kind": kind, "name": name, "incident": incident_id, "at": at, "by": by.ref}
        connection.execute(sa.insert(frozen).values(**values))
        # Spelled as one ref, a person is a pseudonym in what is stored.
        about: dict[str, Json] = {**stated, "what": f"{kind}:{name}", "incident": incident_id}
        if kind == "source":
            about["documents"] = self._ruled(connection, name)
        self._audit.append(connection, [Entry("incident.frozen", by, about)])

    def _read(self, connection: sa.Connection, incident_id: str) -> Incident:
        query = sa.select(incident).where(incident.c.id == incident_id)
        row = connection.execute(query).mappings().first() if storable(incident_id) else None
        if row is None:
            raise NotFound("There is no such incident.", fix="See `muniment incident list`.")
        held = _freezes(connection, frozen.c.incident == row["id"])
        values: dict[str, Any] = dict(row)
        values |= {"entries": tuple(json.loads(row["entries"])), "frozen": tuple(held)}
        return Incident(**values)


def _kind(kind: str) -> Frozen:
    if kind not in get_args(Frozen):
        raise BadInput(f"A {kind[:64]} cannot be frozen.", fix=f"Use one of {', '.join(get_args(Frozen))}.")
    return cast(Frozen, kind)


def _freezes(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[Freeze]:
    query = sa.select(frozen).where(where).order_by(frozen.c.at, frozen.c.kind, frozen.c.name)
    return [Freeze(row.kind, row.name, row.incident, row.at, row.by) for row in connection.execute(query)]
