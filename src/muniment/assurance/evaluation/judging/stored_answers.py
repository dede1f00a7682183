"""The answers of a run, read again as the people whose cases they were, as far as these may read them now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa

from muniment.assistant.lineage import Explanation
from muniment.assistant.values import Citation
from muniment.assurance.evaluation.judging.judge import For
from muniment.assurance.evaluation.observation import Observation, SeenClaim, SeenQuote
from muniment.assurance.evaluation.results import CaseResult
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.knowledge import library


class Explains(Protocol):
    """Gives a stored answer to its owner, as far as it may be read now."""

    def __call__(self, principal: Principal, answer_id: str, by: Actor | None = None) -> Explanation:
        """Return it; raises NotFound, Denied."""
        ...


class StoredAnswers:
    """The answers of one workspace's runs; each reading is in the log, as its owner's."""

    def __init__(
        self, database: Database, explain: Explains, principal: Callable[[str], Principal], by: Actor
    ) -> None:
        """`by` is who reads them, beside the asker in every entry."""
        self._database = database
        self._explain = explain
        self._principal = principal
        self._by = by

    def asker(self, result: CaseResult) -> For | None:
        """Return as whom an answer is read and judged; None for who is nobody any more."""
        try:
            return For(self._principal(result.asker), self._by)
        except (BadInput, Denied, NotFound):
            return None

    def seen(self, result: CaseResult) -> Observation | None:
        """Return what the asker was given; None where they may no longer read all of it, or it is gone."""
        if result.status in ("refused", "failed"):
            return Observation(result.status)
        asker = self.asker(result)
        if asker is None or not result.answer_id:
            return None
        try:
            found = self._explain(asker.principal, result.answer_id, asker.by)
        except (Denied, NotFound):
            return None
        if found.withheld:
            return None
        with self._database.read() as connection:
            claims = tuple(
                SeenClaim(one.text, tuple(_quote(connection, each) for each in one.citations), one.inferred)
                for one in found.claims
            )
        cited = tuple(dict.fromkeys(quote.path for claim in claims for quote in claim.quotes))
        return Observation(result.status, found.answer, claims, cited=cited, answer_id=found.id)


def _quote(connection: sa.Connection, cited: Citation) -> SeenQuote:
    row = library.get_document(connection, cited.document)
    words = library.version_slice(connection, cited.document, cited.version, *cited.span)
    path = cited.document if row is None else row.path
    return SeenQuote(path, cited.version, cited.quote, words == cited.quote)
