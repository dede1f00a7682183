"""Cases drafted from the corpus, as whoever would ask them: they count for nothing until a person accepts them.

Invariants:
- a draft holds nothing but what its asker may read now; each document is read as the asker, on record;
- where whoever drafts does not hold the keys, it also holds nothing that they may not read themselves;
- equal documents, cases and seed give equal drafts.

There are no drafts that must be left unanswered: their questions would be worded from documents that their asker may
not read, and would then be put, and kept, in that asker's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission, begin
from muniment.assurance.evaluation.suite_file import as_line, cases_of, stated_reason
from muniment.assurance.evaluation.suites.case_file import append, next_id, read_text
from muniment.assurance.evaluation.suites.facts_in import Stated, facts_in
from muniment.assurance.evaluation.suites.imported import OnProgress
from muniment.assurance.evaluation.suites.places import Place
from muniment.assurance.evaluation.suites.sees import sees
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate
from muniment.knowledge import library
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.reading import Reading

if TYPE_CHECKING:
    from muniment.assurance.evaluation.suites.model_questions import ModelQuestions
    from muniment.governance.policy.decide import Policy

SOURCE = "draft"
MOST = 1000
"""Drafts at once: a person reads each."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What was drafted."""

    cases: tuple[Case, ...]
    by_template: int
    """Of these, whose question no model wrote."""
    without: int
    """Documents that were read and state nothing that can be asked about."""


class Drafting:
    """Drafts cases for suites of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        policy: Policy,
        gate: Gate,
        audit: AuditLog,
        directory: Directory,
        reading: Reading,
    ) -> None:
        self._database = database
        self._policy = policy
        self._gate = gate
        self._audit = audit
        self._directory = directory
        self._reading = reading

    def draft(
        self,
        place: Place,
        askers: Sequence[str],
        count: int,
        commission: Commission,
        *,
        seed: int = 0,
        model: ModelQuestions | None = None,
        on_progress: OnProgress = lambda done, total: None,
    ) -> Drafted:
        """Draft up to `count` cases for these askers and keep them with the suite's drafts.

        Documents that a case or a draft of theirs has already are passed over. Raises BadInput for an unknown
        asker, a count out of range or no reason, NotPermitted where policy does not let the suite be run.
        """
        if not 1 <= count <= MOST:
            raise BadInput(f"--count is {count}.", fix=f"Give 1 to {MOST}.")
        who = [self._directory.principal(name) for name in dict.fromkeys(askers)]
        if model is not None:
            for one in who:
                model.check(one)
        known = [
            case for file in (place.cases, place.drafts) for case in cases_of(read_text(file), str(file))
        ]
        suite = Suite(place.name, tuple(known), reason=stated_reason(place.path))
        asked = [one.ref for one in who]
        begin(commission, "drafting", suite, self._database, self._gate, self._audit, asked)
        made = _Made([case.id for case in known])
        each = [count // len(who) + (at < count % len(who)) for at in range(len(who))]
        for asker, wanted in zip(who, each, strict=True):
            had = {path for case in known if _same(case.asker, asker) for path in case.gains}
            target = len(made.cases) + wanted
            for row, label in self._chosen(asker, commission.who, had, seed):
                if len(made.cases) >= target:
                    break
                self._of(asker, row, label, commission, seed, model, made)
                on_progress(len(made.cases), count)
        append(place.writable().drafts, made.lines)
        return Drafted(tuple(made.cases), made.by_template, made.without)

    def _chosen(
        self, asker: Principal, who: Principal | None, had: set[str], seed: int
    ) -> Iterator[tuple[DocumentRow, str | None]]:
        """Yield documents that may be drafted from, with their labels: one of each folder in turn, by lot."""
        with sees(self._database, self._policy, asker, who) as seen:
            rows = [row for row in seen.readable.values() if row.id in seen.shown and row.path not in had]
            lists = library.access_classes(seen.connection)
        folders: dict[tuple[str, str], list[DocumentRow]] = {}
        for row in sorted(rows, key=lambda row: _lot(seed, row.source, row.path)):
            folders.setdefault((row.source, row.path.rpartition("/")[0]), []).append(row)
        for turn in zip_longest(*folders.values()):
            for row in turn:
                if row is not None and row.access_class in lists:
                    yield row, lists[row.access_class].sensitivity

    def _of(
        self,
        asker: Principal,
        row: DocumentRow,
        label: str | None,
        commission: Commission,
        seed: int,
        model: ModelQuestions | None,
        made: _Made,
    ) -> None:
        try:
            read = self._reading.read(asker, row.id, None, commission.by)
        except NotFound:
            # Taken away since it was chosen.
            return
        found = facts_in(read.version.title, read.version.text)
        if not found:
            made.without += 1
            return
        one = min(found, key=lambda fact: _lot(seed, row.path, fact.question))
        written = None if model is None else model.question(asker, commission.by, one, label)
        made.add(asker, row, one, written)


class _Made:
    """Drafts as they come."""

    def __init__(self, taken: Sequence[str]) -> None:
        self._ids = set(taken)
        self.cases: list[Case] = []
        self.lines: list[str] = []
        self.by_template = 0
        self.without = 0

    def add(self, asker: Principal, row: DocumentRow, found: Stated, written: str | None) -> None:
        name = next_id(self._ids)
        self._ids.add(name)
        case = Case(
            name,
            asker.name if asker.kind == "user" else asker.ref,
            written or found.question,
            gains={row.path: 1},
            facts=((found.fact,),),
            source=SOURCE,
        )
        self.by_template += written is None
        self.cases.append(case)
        self.lines.append(
            json.dumps({**json.loads(as_line(case)), "note": found.sentence}, ensure_ascii=False)
        )


def _same(name: str, asker: Principal) -> bool:
    return name in (asker.ref, asker.name if asker.kind == "user" else "")


def _lot(seed: int, *parts: str) -> str:
    return hashlib.sha256("\0".join([str(seed), *parts]).encode()).hexdigest()
