"""Making a case of a stored answer, so that what went wrong once is asked again before each release.

Invariants:
- a question is personal: whoever makes the case asked it themselves, or may review the answer now;
- an absent answer and one that is not for whoever asks are the same error;
- that it was made is in the log before it is written, and a file is written whole or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant.lineage import Explanation, as_readable, not_found, owned_by
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suite_file import as_line
from muniment.assurance.monitoring.labels import Item, items_about
from muniment.assurance.monitoring.reviewable import Reviewer
from muniment.assurance.monitoring.verdicts import NO_ANSWER
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, Conflict
from muniment.foundation.private_file import put_private
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.knowledge import library

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TO_DO = "Fill in the facts that a right answer holds."
_WORK = "cases"


class Findings:
    """Makes cases of the answers of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, suites: Path) -> None:
        """`suites` is the folder in which each suite has one of its own."""
        self._database = database
        self._audit = audit
        self._policy = policy
        self._suites = suites

    def make(
        self, answer_id: str, suite: str, who: Principal, by: Actor, relevant: Collection[str] = ()
    ) -> tuple[Case, Path]:
        """Add a case to a suite; `relevant` are paths of documents that answer it, in place of those cited.

        Raises NotFound for an absent answer and for one that is not for `who`, BadInput for a suite's name that is
        none, a file that cannot be read, or where no document is known to answer it; Conflict where the suite has it.
        """
        if not _NAME.fullmatch(suite):
            raise BadInput(f"'{suite}' is no name of a suite.", fix="Use small letters, digits, - and _.")
        about: dict[str, Json] = {"answer": answer_id[:64], "suite": suite, "principal": who.ref}
        found, paths, silent = self._seen(answer_id, who)
        effect = {"effect": "allow" if found else "deny"}
        self._audit.record([Entry("case.made" if found else "case.refused", by, {**about, **effect})])
        if found is None:
            raise not_found()
        gains = {} if silent else dict.fromkeys(relevant or paths, 1)
        if not gains and not silent:
            raise BadInput(
                "No document is known to answer it.",
                fix="Name one with --relevant PATH, or have it reviewed as a question without an answer.",
            )
        case = Case(
            id=found.id,
            asker=found.principal.removeprefix("user:"),
            question=found.question,
            gains=gains,
            abstain=silent,
            tags=("finding",),
            source=found.id,
        )
        place = self._suites / suite / "cases.jsonl"
        with self._database.alone(_WORK):
            _add(place, case, "" if silent else _TO_DO)
        return case, place

    def _seen(self, answer_id: str, who: Principal) -> tuple[Explanation | None, Sequence[str], bool]:
        """Return an answer as `who` may read it, the paths that it cites, and whether none was right."""
        if not storable(answer_id):
            return None, (), False
        with self._database.read() as connection:
            items = items_about(connection, answer_id)
            reviewer = Reviewer(connection, self._policy, who)
            own = owned_by(connection, self._policy, who, answer_id)[1]
            if not own and not reviewer.may_review(answer_id):
                return None, (), False
            found = as_readable(connection, [answer_id], reviewer.readable).get(answer_id)
            paths = () if found is None else _paths(connection, found)
        return found, paths, _none_was_right(items)


def _paths(connection: sa.Connection, found: Explanation) -> Sequence[str]:
    ids = list(dict.fromkeys(one.document for one in found.citations))
    documents = library.get_documents(connection, ids)
    return [documents[one].path for one in ids if one in documents]


def _none_was_right(items: Sequence[Item]) -> bool:
    said = [verdict for one in items for verdict in one.verdicts]
    return bool(said) and all(one in NO_ANSWER for one in said)


def _add(place: Path, case: Case, note: str) -> None:
    try:
        before = place.read_bytes().decode() if place.exists() else ""
        lines = [line for line in before.split("\n") if line.strip()]
        known = {json.loads(line)["id"] for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{place} cannot be read as cases.", fix="Mend that file.") from error
    if case.id in known:
        raise Conflict(f"{place} has this case already.", fix="Change it there.")
    put_private(place, "".join(f"{line}\n" for line in [*lines, as_line(case, note)]).encode())
