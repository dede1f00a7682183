"""All that is stored of a person, as files for that person.

Invariants:
- nothing is in it that the person could not be shown: what rests on documents is left to the room that asks whether
  they may be read now, credentials are left out, and other people are not named;
- the log says that it was made before it is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import NotFound
from muniment.foundation.whole_folder import copied, refuse_taken, whole_folder
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.subjects import PERSON
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate
from muniment.governance.privacy.decisions import DECISIONS, Decision
from muniment.governance.privacy.erasure import ref_of
from muniment.governance.privacy.holds import may_govern

INDEX, ENTRIES, ANSWERS = "index.json", "log.json", "answers.json"
ANOTHER = "another person"
_LEFT_OUT: Mapping[str, frozenset[str]] = {
    "session": frozenset({"digest", "csrf"}),
    "signin_link": frozenset({"digest"}),
    "api_key": frozenset({"digest"}),
    "conversation_turn": frozenset({"standalone"}),
    "review_item": frozenset({"stratum"}),
    "review_label": frozenset({"note"}),
    "action": frozenset({"bound", "same", "claim", "result"}),
    "action_decision": frozenset({"seal"}),
}
"""Columns that are credentials, or may repeat what rests on documents."""
_NOT_TOLD = frozenset({"answer", "access_class", "legal_hold"})
_OF_ACTIONS = (
    Decision("action", "what they asked for", renamed=("requester",)),
    Decision("action_decision", "what they decided", renamed=("person", "on_behalf_of")),
)
Answers = Callable[[sa.Connection, Principal], Sequence[Mapping[str, object]]]
"""Gives the answers of a person, each as they may read it now."""


@dataclass(frozen=True, slots=True)
class Access:
    """What was written."""

    folder: Path
    files: Mapping[str, int]
    """How many records each holds."""


class SubjectAccess:
    """Tells people of one workspace what is stored of them."""

    def __init__(
        self, database: Database, audit: AuditLog, gate: Gate, clock: Clock, answers: Answers
    ) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._clock = clock
        self._answers = answers

    def write(self, name: str, place: Path, who: Principal | None, by: Actor) -> Access:
        """Write the files to a new folder, whole or not at all.

        Raises Conflict where something lies there, NotFound where nothing is known of the person.
        """
        ref = ref_of(name)
        refuse_taken(place)
        with self._gate.recorded(by), self._database.read() as connection:
            stated = may_govern(self._gate, connection, who)
            found = self._gathered(connection, ref)
        entries = [_told(one, ref) for one in self._audit.speaking_of(ref)]
        if not (found or entries):
            raise NotFound(f"Nothing is known of {ref}.", fix="See `muniment directory list`.")
        found[ENTRIES] = entries
        counts = {name: len(records) for name, records in sorted(found.items())}
        with whole_folder(place) as folder:
            digests = {name: _written(folder, name, records) for name, records in sorted(found.items())}
            files = {name: {"records": counts[name], "sha256": digests[name]} for name in counts}
            index = {"subject": ref, "at": timestamp(self._clock.now()), "files": files}
            _written(folder, INDEX, index)
            about = {**stated, "subject": ref, "files": cast(Json, counts)}
            self._audit.record([Entry("privacy.exported", by, about)])
        return Access(place, counts)

    def _gathered(self, connection: sa.Connection, ref: str) -> dict[str, Sequence[object]]:
        found: dict[str, list[object]] = {}
        for one in (*DECISIONS, *_OF_ACTIONS):
            if one.table in _NOT_TOLD or not (chosen := _theirs(one, ref)):
                continue
            query = sa.select(sa.literal_column("*")).select_from(sa.table(one.table)).where(sa.or_(*chosen))
            rows = connection.execute(query).mappings()
            left_out = _LEFT_OUT.get(one.table, frozenset())
            records = [{key: value for key, value in row.items() if key not in left_out} for row in rows]
            told = [_masked(record, ref) for record in records]
            if told:
                known = found.setdefault(f"{one.table}.json", [])
                known += [record for record in told if record not in known]
        answers = self._answers(connection, Principal("user", ref.removeprefix(PERSON)))
        return {**found, **({ANSWERS: list(answers)} if answers else {})}


def _theirs(one: Decision, ref: str) -> list[sa.ColumnElement[bool]]:
    chosen = [sa.column(name) == ref for name in dict.fromkeys((*one.removed, *one.renamed))]
    if one.removed_by_name:
        named = [sa.column(one.removed_by_name) == ref.removeprefix(PERSON)]
        named += [sa.column("kind") == "user"] * one.has_kind
        chosen.append(sa.and_(*named))
    if one.removed_through is not None:
        column, table, owner = one.removed_through
        theirs = sa.select(sa.column("id")).select_from(sa.table(table)).where(sa.column(owner) == ref)
        chosen.append(sa.column(column).in_(theirs))
    return chosen


def _told(entry: object, ref: str) -> object:
    names = ("seq", "at", "kind", "actor", "via", "about", "leaf_hash")
    return _masked({name: getattr(entry, name) for name in names}, ref)


def _masked(value: object, ref: str) -> object:
    """Return a value in which other people have no names."""
    if isinstance(value, str):
        return ANOTHER if value.startswith(PERSON) and value != ref else value
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {str(_masked(key, ref)): _masked(one, ref) for key, one in items}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_masked(one, ref) for one in cast("Sequence[object]", value)]
    return value


def _written(folder: Path, name: str, records: object) -> str:
    content = json.dumps(records, ensure_ascii=False, indent=1).encode() + b"\n"
    copied(BytesIO(content), folder / name, name)
    return hashlib.sha256(content).hexdigest()
