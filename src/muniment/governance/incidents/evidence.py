"""The evidence of an incident for people outside: what the log holds of it, proved, and nothing that was written.

Invariants:
- the log says that it was given away before it is there;
- people are pseudonyms in it unless whoever exports it says otherwise; no question, answer, text or title is in it;
- every entry is as it was hashed, with its proof against the one signed checkpoint in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict
from muniment.foundation.keys import Keyring
from muniment.foundation.private_file import write_private
from muniment.foundation.version import VERSION
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.proofs import Proofs
from muniment.governance.audit.pseudonyms import log_name, pseudonyms_in
from muniment.governance.audit.query import MOST, Filter, find
from muniment.governance.audit.subjects import PERSON, Subjects
from muniment.governance.audit.verify_bundle import CHECKPOINT, ENTRIES, INCIDENT, KEY, PROOFS
from muniment.governance.identity.principal import Principal
from muniment.governance.incidents import sealing
from muniment.governance.incidents.bundle import LINEAGE, NAMES, as_json, finished
from muniment.governance.incidents.incident import Incident
from muniment.governance.incidents.incidents import Incidents
from muniment.governance.policy.decision import AUDIT
from muniment.governance.policy.gate import Gate

OWN = ("incident.opened", "incident.frozen", "incident.thawed", "incident.closed")
"""The kinds of an incident's own entries that go along."""
NOBODY = "subject:unknown"
"""Stands for a person of whom the log never spoke, where its keys are missing."""
Lineages = Callable[[sa.Connection, str], Mapping[str, Json] | None]
"""Gives how an answer came about, without question and answer; None where it is not stored."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    file: Path
    incident: str
    entries: int
    answers: int
    """How many have their lineage in it."""
    checkpoint: Checkpoint
    sealed_to: str
    """Digest of the key, empty where it is not sealed."""


class Evidence:
    """Evidence of the incidents of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        keyring: Keyring,
        subjects: Subjects,
        proofs: Proofs,
        gate: Gate,
        incidents: Incidents,
        lineages: Lineages,
    ) -> None:
        self._database = database
        self._audit = audit
        self._keyring = keyring
        self._subjects = subjects
        self._proofs = proofs
        self._gate = gate
        self._incidents = incidents
        self._lineages = lineages

    def export(
        self,
        incident_id: str,
        place: Path,
        who: Principal | None,
        by: Actor,
        to: bytes | None = None,
        names: bool = False,
    ) -> Exported:
        """Write the bundle to a new file, sealed to the PEM public key `to` where one is given.

        `names` says who the pseudonyms are, and gives what people wrote of the incident. Raises NotFound, BadInput
        for a key that is none, Conflict where the file exists, NotPermitted.
        """
        if os.path.lexists(place):
            raise Conflict(f"{place} already exists.", fix="Nothing was overwritten.")
        key = None if to is None else sealing.public_key(to)
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "export_audit", AUDIT)
        found = self._incidents.show(incident_id, who, by)
        places = sorted({*found.entries, *self._own(found)})
        sealed_to = "" if key is None else sealing.named(key)
        about: dict[str, Json] = {**stated, "incident": found.id, "entries": len(places), "names": names}
        self._audit.record([Entry("incident.exported", by, {**about, "sealed_to": sealed_to})])
        upto = self._audit.checkpoint()
        files = self._files(found, places, upto, names)
        content = finished(found.id, files, upto.origin, self._keyring.signing_key())
        write_private(place, content if key is None else sealing.sealed(content, key))
        answers = sum(name.startswith(LINEAGE) for name in files)
        return Exported(place, found.id, len(places), answers, upto, sealed_to)

    def _own(self, found: Incident) -> list[int]:
        """Return the places of an incident's own entries."""
        wanted = Filter("incident.*", since=found.opened_at, about={"incident": found.id})
        places: list[int] = []
        after: int | None = None
        with self._database.read() as connection:
            while True:
                page = find(self._audit, connection, wanted, after, MOST)
                places += [one.seq for one in page.entries if one.kind in OWN]
                if (after := page.after) is None:
                    return places

    def _files(
        self, found: Incident, places: Sequence[int], upto: Checkpoint, names: bool
    ) -> dict[str, bytes]:
        proved = self._proofs.inclusions(places, upto)
        files = {
            ENTRIES: b"".join(body + b"\n" for body, _ in proved),
            CHECKPOINT: upto.text.encode(),
            KEY: f"{self._audit.public_key()}\n".encode(),
        }
        files |= {
            f"{PROOFS}{seq}.tlog-proof": proof.encode()
            for seq, (_, proof) in zip(places, proved, strict=True)
        }
        bodies = [cast("dict[str, Any]", json.loads(body)) for body, _ in proved]
        with self._database.read() as connection:
            for answer in sorted({str(one["about"].get("answer", "")) for one in bodies} - {""}):
                lineage = self._lineages(connection, answer)
                if lineage is not None:
                    principal = self._masked(connection, str(lineage["principal"]))
                    files[f"{LINEAGE}{lineage['id']}.json"] = as_json({**lineage, "principal": principal})
            files[INCIDENT] = as_json(self._told(connection, found, bodies, upto, names))
            if names:
                known = self._subjects.names(
                    connection, {one for content in files.values() for one in pseudonyms_in(content)}
                )
                files[NAMES] = as_json({log_name(one): ref for one, ref in known.items()})
        return files

    def _told(
        self,
        connection: sa.Connection,
        found: Incident,
        bodies: Sequence[Mapping[str, Any]],
        upto: Checkpoint,
        names: bool,
    ) -> Mapping[str, object]:
        subject = self._masked(connection, found.subject)
        says = found.says.replace(found.subject, subject) if found.rule else ""
        own = [one for one in bodies if one["kind"] in OWN and one["about"].get("incident") == found.id]
        return {
            "id": found.id,
            "state": found.state,
            "rule": found.rule,
            "subject": subject,
            "severity": found.severity,
            "says": found.says if names else says if PERSON not in says else "",
            "opened_at": found.opened_at,
            "opened_by": self._masked(connection, found.opened_by),
            "last_at": found.last_at,
            "count": found.count,
            "closed_at": found.closed_at,
            "closed_by": self._masked(connection, found.closed_by),
            "outcome": found.outcome if names else "",
            "entries": list(found.entries),
            "own_entries": [one["seq"] for one in own],
            "frozen": _freezes(own),
            "checkpoint": {"origin": upto.origin, "size": upto.size, "root": upto.root.hex()},
            "muniment": VERSION,
        }

    def _masked(self, connection: sa.Connection, ref: str) -> str:
        """Return who somebody is as the log names them."""
        if not ref.startswith(PERSON):
            return ref
        person = self._subjects.find(connection, ref)
        return NOBODY if person is None else log_name(person.pseudonym)


def _freezes(own: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Return what was frozen for an incident and when that ended, from its own entries."""
    made: list[dict[str, object]] = []
    for one in own:
        what = one["about"].get("what")
        if one["kind"] == "incident.frozen":
            made.append({"what": what, "at": one["at"], "by": one["actor"], "thawed_at": "", "thawed_by": ""})
        elif one["kind"] == "incident.thawed":
            for freeze in made:
                if freeze["what"] == what and not freeze["thawed_at"]:
                    freeze |= {"thawed_at": one["at"], "thawed_by": one["actor"]}
    return made
