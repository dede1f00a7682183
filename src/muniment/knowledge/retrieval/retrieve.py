"""From a principal and a query to the passages that this principal may read, recorded before returned.

Invariants:
- rights, content, index and the embedding model in use are read in one snapshot of the database, and the question is
  compared by that model or by words alone;
- only rows of readable documents are scored, counted or compared;
- the log holds one entry per passage before the caller holds the passage; the query enters as a commitment.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.revisions import Revisions, current
from muniment.foundation.telemetry.tracing import Stage
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE, Decision
from muniment.inference.embedders import Embedders
from muniment.knowledge.measured import PASSAGES
from muniment.knowledge.passage import Passage, Retrieval
from muniment.knowledge.retrieval import absence, fuse, wording
from muniment.knowledge.retrieval.absence import Absence
from muniment.knowledge.retrieval.earlier import as_of
from muniment.knowledge.retrieval.engine import Asked, Engine
from muniment.knowledge.retrieval.failing import told, working
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.passages import Shape
from muniment.knowledge.retrieval.passages import passages as put_together
from muniment.knowledge.retrieval.question import Questions, QuestionVector
from muniment.knowledge.retrieval.rank import Hit, Ranking, RankingSettings
from muniment.knowledge.retrieval.retrieval_settings import MAX_PASSAGES, RetrievalSettings
from muniment.knowledge.retrieval.segment import embedding_text
from muniment.knowledge.retrieval.versions import InUse, Version
from muniment.knowledge.retrieval.visibility import AccessLists, Visibility, visible
from muniment.knowledge.retrieval.wording import Query

if TYPE_CHECKING:
    from muniment.governance.audit.log import AuditLog
    from muniment.governance.policy.decide import Policy
    from muniment.inference.reranking import Reranker

Purpose = Literal["search", "answer"]

MAX_QUERY_CHARACTERS = 8_000
PARTLY_WORDS = "Some passages were ranked by words alone: they were indexed without embedding weights."
INCOMPLETE = "Part of the index is being repaired: some documents cannot be found now."
NO_OPINION = "The reranker gave no usable scores: the first order stands."
_PHRASE_CHECKS = 500
_SPARE = 2
"""Rows asked of the engine for each passage, since neighbours and copies become one."""


class Retriever:
    """Searches one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        engine: Engine,
        audit: AuditLog,
        policy: Policy,
        clock: Clock,
        embedders: Embedders | None = None,
        reranker: Reranker | None = None,
        settings: RetrievalSettings | None = None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._clock = clock
        self._questions = Questions(embedders or Embedders())
        self._reranker = reranker
        self._settings = settings or RetrievalSettings()
        self._engine = engine
        self._turn = threading.BoundedSemaphore(engine.at_once)
        self._versions = InUse()
        self._lists = AccessLists()
        self._moment = ""
        self._pinned: Mapping[str, int] = {}

    def at(self, moment: str, pinned: Mapping[str, int]) -> Retriever:
        """Return what searches documents as they were at a time, as far as they are indexed, by the rights of now.

        Those that `pinned` names are taken at these versions.
        """
        made = copy(self)
        made._moment, made._pinned = moment, pinned
        return made

    def prepare(self) -> None:
        """Load what searches need, so that the first of them does not wait for it."""
        with self._database.read() as connection:
            now = current(connection)
            if self._asks_vectors:
                self._questions.model(connection, now)
            self._engine.prepare(connection, now)

    def retrieve(
        self,
        principal: Principal,
        query: str,
        k: int,
        by: Actor,
        purpose: Purpose = "search",
        filters: Filters = EVERYTHING,
        explain: bool = False,
    ) -> Retrieval:
        """Return the best `k` passages that `principal` may read and the filters admit; with `explain`, why.

        Raises BadInput for an empty or overlong query or a `k` outside 1..100, Denied for an unknown or
        inactive principal, Unavailable when the log cannot be written, PartFailed when a model fails.
        """
        asked = _checked(query, k, purpose)
        with told(self._audit, by, self._about(principal, query, purpose)):
            return self._retrieved(principal, query, asked, k, by, purpose, filters, explain)

    def _retrieved(
        self,
        principal: Principal,
        query: str,
        asked: Query,
        k: int,
        by: Actor,
        purpose: Purpose,
        filters: Filters,
        explain: bool,
    ) -> Retrieval:
        started = self._clock.seconds()
        text = asked.text or query
        ahead = self._ahead(text)
        pool = max(k, self._settings.rerank.depth) if self._reranks() else k
        decision: Decision | None = None
        try:
            with Stage("retrieve") as stage, self._turn, self._database.read() as connection:
                visibility = visible(connection, principal, self._lists)
                decision = self._decided(connection, visibility, purpose)
                _require(decision)
                version = self._versions.at(connection, visibility.revisions)
                ranked_by = version.over(self._settings.ranking)
                question = self._question(connection, visibility, text, ahead)
                build = self._questions.build(connection, visibility.revisions)
                earlier = as_of(connection, self._moment, self._pinned) if self._moment else None
                for_engine = self._for_engine(asked, question, pool, ranked_by, filters)
                for_engine = replace(for_engine, earlier=earlier)
                ranking = self._engine.rank(connection, visibility, for_engine)
                shape = self._shape(pool)
                passages = put_together(connection, visibility, ranking.hits, asked, shape, earlier)
                if explain:
                    passages = self._explained(connection, visibility, for_engine, passages)
                stage.note(PASSAGES, len(passages))
        except Denied:
            self._audit.record([self._refusal(principal, query, by, purpose, decision)])
            raise
        passages, said = self._reordered(asked, passages)
        took = (self._clock.seconds() - started) * 1000
        notes = (*self._notes(ranking, question), *said)
        found = Retrieval(
            passages=tuple(passages[:k]),
            principal=principal.ref,
            revisions=visibility.revisions,
            policy=decision.policy,
            index=self._describe(ranking, question, ranked_by, version, build),
            notes=notes,
            took_ms=round(took, 3),
            filters=filters.stated(),
            moment=self._moment,
            not_kept=ranking.not_kept,
        )
        self._audit.record(self._entries(found, decision, query, k, by, purpose))
        return found

    def why_not(
        self,
        principal: Principal,
        query: str,
        target: str,
        by: Actor,
        k: int = 10,
        filters: Filters = EVERYTHING,
    ) -> Absence:
        """Return what keeps a document, an id or SOURCE/PATH, out of a principal's search.

        Only for whoever runs the workspace. Raises BadInput as `retrieve` does and for an unknown document, Denied
        for a principal who may not search.
        """
        asked = _checked(query, k, "search")
        with told(self._audit, by, self._about(principal, query, "absence")):
            return self._why_not(principal, query, asked, target, by, k, filters)

    def _why_not(
        self,
        principal: Principal,
        query: str,
        asked: Query,
        target: str,
        by: Actor,
        k: int,
        filters: Filters,
    ) -> Absence:
        text = asked.text or query
        ahead = self._ahead(text)
        with self._database.read() as connection:
            subject = absence.locate(connection, target)
            row = subject.row
            visibility = visible(connection, principal, self._lists)
            _require(self._decided(connection, visibility, "search"))
            reasons = list(absence.barriers(subject, visibility, asked, filters))
            shown: int | None = None
            if not reasons:
                ranked_by = self._versions.at(connection, visibility.revisions).over(self._settings.ranking)
                question = self._question(connection, visibility, text, ahead)
                deep = replace(self._for_engine(asked, question, k, ranked_by, filters), limit=absence.DEPTH)
                hits = self._engine.rank(connection, visibility, deep).hits
                passages = put_together(connection, visibility, hits, asked, self._shape(k))
                shown, rank = absence.ranked(row, hits, passages, k)
                reasons.append(rank)
        about = {"principal": principal.ref, "document": row.id, "query": self._audit.commitment(query)}
        self._audit.record([Entry("search.absence_explained", by, about)])
        return Absence(row.id, row.source, row.path, shown, tuple(reasons), visibility.revisions)

    def _explained(
        self, connection: sa.Connection, visibility: Visibility, asked: Asked, passages: Sequence[Passage]
    ) -> list[Passage]:
        places = [passage.chunk.rsplit(":", 2) for passage in passages]
        hits = [Hit(document, int(version), int(ordinal), 0.0) for document, version, ordinal in places]
        whys = self._engine.explain(connection, visibility, asked, hits)
        return [replace(passage, why=why) for passage, why in zip(passages, whys, strict=True)]

    def _ahead(self, text: str) -> QuestionVector | None:
        return self._questions.ahead(text) if self._asks_vectors else None

    def _question(
        self, connection: sa.Connection, visibility: Visibility, text: str, ahead: QuestionVector | None
    ) -> QuestionVector:
        if not self._asks_vectors:
            return QuestionVector(None, None)
        return self._questions.at(connection, visibility.revisions, text, ahead)

    @property
    def _asks_vectors(self) -> bool:
        return self._settings.ranking.legs != "lexical"

    def _decided(self, connection: sa.Connection, visibility: Visibility, purpose: Purpose) -> Decision:
        action = "search" if purpose == "search" else "ask"
        with Stage("decide"):
            standing = self._policy.standing(connection, visibility.principal, visibility.grants)
            return standing.decide(action, WORKSPACE)

    def _reranks(self) -> bool:
        return self._reranker is not None and self._settings.rerank.seconds > 0

    def _for_engine(
        self, asked: Query, question: QuestionVector, pool: int, ranked_by: RankingSettings, filters: Filters
    ) -> Asked:
        capped = asked.phrases or self._settings.per_document < pool
        limit = max(pool * _SPARE, _PHRASE_CHECKS if capped else 0)
        return Asked(asked, question.vector, question.digest, limit, ranked_by, filters)

    def _shape(self, most: int) -> Shape:
        return Shape(most, self._settings.per_document, self._settings.join, self._settings.fold)

    def _reordered(self, asked: Query, passages: list[Passage]) -> tuple[list[Passage], tuple[str, ...]]:
        """Return the passages in the order of both opinions; those that time did not reach stay below."""
        settings = self._settings.rerank
        if self._reranker is None or not self._reranks() or len(passages) < 2:
            return passages, ()
        head = passages[: settings.depth]
        deadline = self._clock.seconds() + settings.seconds
        opinions: list[float] = []
        step = self._reranker.side_by_side
        while len(opinions) < len(head) and self._clock.seconds() < deadline:
            part = head[len(opinions) : len(opinions) + step]
            texts = [embedding_text(p.title, p.heading, p.text) for p in part]
            with Stage("rerank"), working("reranker"):
                opinions += [float(score) for score in self._reranker.score(asked.text, texts)]
        if not np.isfinite(opinions).all():
            return passages, (NO_OPINION,)
        head = head[: len(opinions)]
        first = fuse.stretched(np.array([p.score for p in head]))
        second = fuse.stretched(np.array(opinions))
        both = np.round((1 - settings.weight) * first + settings.weight * second, 7)
        order = np.argsort(-both, kind="stable")
        reordered = [replace(head[at], score=float(both[at])) for at in order]
        rest = [replace(p, score=0.0) for p in passages[len(head) :]]
        cut = len(opinions) < min(settings.depth, len(passages))
        said = (f"The reranker's time ended after {len(opinions)} passages.",) if cut else ()
        return reordered + rest, said

    def _notes(self, ranking: Ranking, question: QuestionVector) -> tuple[str, ...]:
        lost = (INCOMPLETE,) if ranking.incomplete else ()
        if question.note:
            return (*lost, question.note)
        return (*lost, PARTLY_WORDS) if ranking.partly_lexical else lost

    def _describe(
        self,
        ranking: Ranking,
        question: QuestionVector,
        settings: RankingSettings,
        version: Version,
        build: int,
    ) -> dict[str, str]:
        described = {"words": wording.VERSION, "legs": settings.legs if ranking.dense else "lexical"}
        if settings.legs != "dense":
            described["lexical"] = settings.lexical.name
        if ranking.dense and question.model:
            described["embedding"] = f"{question.model.name}@{question.model.digest}"
            described["fusion"] = settings.fusion.name
            described["build"] = str(build)
        if self._reranker is not None and self._reranks():
            described["reranker"] = self._reranker.name
            described["rerank"] = self._settings.rerank.name
        described["settings"] = version.name
        return described

    def _entries(
        self, found: Retrieval, decided: Decision, query: str, k: int, by: Actor, purpose: Purpose
    ) -> Sequence[Entry]:
        stated = json.dumps(found.filters, sort_keys=True) if found.filters else ""
        decision: dict[str, Json] = {
            "principal": found.principal,
            "effect": "allow",
            "policy": found.policy,
            "revisions": _revisions(found.revisions),
        }
        request: dict[str, Json] = {
            **decision,
            **decided.stated(),
            "purpose": purpose,
            "query": self._audit.commitment(query),
            "k": k,
            "filters": self._audit.commitment(stated) if stated else None,
            "passages": len(found.passages),
            "index": dict(found.index),
            "complete": INCOMPLETE not in found.notes,
            **({"as_of": found.moment} if found.moment else {}),
        }
        entries = [Entry("search.request", by, request)]
        for at, passage in enumerate(found.passages, 1):
            for chunk in passage.chunks():
                document, version, _ = chunk.rsplit(":", 2)
                about = {
                    **decision,
                    "purpose": purpose,
                    "document": document,
                    "version": int(version),
                    "chunk": chunk,
                    "rank": at,
                }
                entries.append(Entry("retrieval.chunk", by, about))
        return entries

    def _refusal(
        self, principal: Principal, query: str, by: Actor, purpose: Purpose, decided: Decision | None
    ) -> Entry:
        stated = decided.stated() if decided is not None else {}
        return Entry(
            "search.refused", by, {**stated, **self._about(principal, query, purpose), "effect": "deny"}
        )

    def _about(self, principal: Principal, query: str, purpose: str) -> dict[str, Json]:
        return {"principal": principal.ref, "purpose": purpose, "query": self._audit.commitment(query)}


def _require(decision: Decision) -> None:
    if not decision.allowed:
        raise Denied("You may not search here.", detail="; ".join(decision.reasons))


def _checked(query: str, k: int, purpose: Purpose) -> Query:
    if not 1 <= k <= MAX_PASSAGES:
        raise BadInput(f"k is {k}.", fix=f"Ask for 1 to {MAX_PASSAGES} passages.")
    check_text(query, "The query")
    if not query.strip():
        raise BadInput("The query is empty.", fix="Say what to look for.")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise BadInput(f"The query has {len(query)} characters.", fix=f"Use at most {MAX_QUERY_CHARACTERS}.")
    return wording.parse(query) if purpose == "search" else wording.question(query)


def _revisions(revisions: Revisions) -> dict[str, Json]:
    return {
        "directory": revisions.directory,
        "access": revisions.access,
        "content": revisions.content,
    }
