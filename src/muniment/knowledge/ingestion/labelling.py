"""Labelling names in what is not labelled yet.

Invariants:
- each batch is committed with its entry in the log: what is stopped goes on from there;
- a chunk that cannot be labelled stays without a label and is counted; the others are labelled;
- a label is stored only for the version of a document that is current when it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict, MunimentError, Unavailable
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.privacy.names import Names
from muniment.knowledge import changes, name_labels
from muniment.knowledge.ingestion import labeller
from muniment.knowledge.ingestion.labeller import Labeller
from muniment.knowledge.name_labels import LABELLER, NameLabel, Unlabelled

BATCH = 32
"""Chunks that are labelled and committed together."""
OnLabelled = Callable[[int, int], None]
"""Called with how many chunks are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What labelling did."""

    labelled: int
    left: int
    """Chunks that have no label still."""
    note: str = ""
    """Why some are left, and what to do about it."""

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {"labelled": self.labelled, "left": self.left, "note": self.note}


class Labelling:
    """Labels the chunks of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        make: Callable[[], Labeller],
        settle: Callable[[Actor], object] = lambda by: None,
    ) -> None:
        """`settle` judges what waited for labels; it is called at the end of each run."""
        self._settle = settle
        self._database = database
        self._audit = audit
        self._make = make

    def require(self) -> None:
        """Raise NotSetUp where what labels is not installed."""
        labeller.require()

    def lacking(self) -> int:
        """Return how many chunks have no current label."""
        with self._database.read() as connection:
            return name_labels.lacking(connection)

    def run(
        self, by: Actor, on_labelled: OnLabelled = lambda done, total: None, again: bool = False
    ) -> Labelled:
        """Label what has no current label; with `again`, all anew.

        Raises NotSetUp where what labels is missing or cannot be isolated, Conflict where another process labels.
        """
        self.require()
        with self._database.alone("label"):
            if again:
                with self._database.write() as connection:
                    name_labels.forget_all(connection)
                    self._audit.append(connection, [Entry("label.forgotten", by, {})])
            labelled = self._run(by, on_labelled)
            self._settle(by)
            return labelled

    def after_ingest(self, by: Actor, on_labelled: OnLabelled) -> Labelled:
        """Label as `run` does; what fails is told, and undoes nothing."""
        try:
            return self.run(by, on_labelled)
        except Conflict:
            return Labelled(0, self.lacking(), "Another process is labelling names; it labels these too.")
        except MunimentError as error:
            return Labelled(0, self.lacking(), str(error))

    def _run(self, by: Actor, on_labelled: OnLabelled) -> Labelled:
        total = self.lacking()
        if not total:
            return Labelled(0, 0)
        done = failed = 0
        reason = ""
        last: Unlabelled | None = None
        child = self._make()
        try:
            while True:
                on_labelled(done + failed, total)
                with self._database.read() as connection:
                    batch = name_labels.next_lacking(connection, last, BATCH)
                if not batch:
                    break
                last = batch[-1]
                try:
                    labels = self._labels(child, batch)
                except Unavailable as error:
                    labels, reason = self._one_by_one(child, batch), str(error)
                    if not labels:
                        break
                failed += len(batch) - len(labels)
                done += self._store(labels, by)
        finally:
            child.close()
        left = self.lacking() if reason else 0
        return Labelled(done, left, reason if left else "")

    def _one_by_one(self, child: Labeller, batch: Sequence[Unlabelled]) -> list[NameLabel]:
        """Label each chunk of a batch that failed; nothing where not even the first few can be."""
        made: list[NameLabel] = []
        for at, one in enumerate(batch):
            try:
                made += self._labels(child, [one])
            except Unavailable:
                if at >= 2 and not made:
                    return []
        return made

    def _labels(self, child: Labeller, batch: Sequence[Unlabelled]) -> list[NameLabel]:
        texts = list(dict.fromkeys(text for one in batch for text in (one.title, one.heading, one.text)))
        found = dict(zip(texts, child.label(texts), strict=True))
        return [one.labelled(Names(found[one.title], found[one.heading], found[one.text])) for one in batch]

    def _store(self, labels: Sequence[NameLabel], by: Actor) -> int:
        with self._database.write() as connection:
            stored = changes.put_labels(connection, labels)
            documents = len({one.document for one in labels})
            about = {"chunks": stored, "documents": documents, "labeller": LABELLER}
            self._audit.append(connection, [Entry("label.stored", by, about)])
        return stored
