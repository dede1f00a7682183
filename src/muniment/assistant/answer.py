"""From a question to an answer with evidence: the main path.

Invariants:
- nothing is given before its entry in the log is durable;
- a claim is given only if its quotes stand in the stored passages and its reader may read them at that moment;
- whatever the passages or the model say, they move nothing but the wording of claims that pass those checks.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant import lineage as stored
from muniment.assistant import sending
from muniment.assistant.citations import Verified, verify
from muniment.assistant.claims import drafts
from muniment.assistant.values import (
    NOTHING_FOUND,
    WITHDRAWN,
    Answer,
    Citation,
    Claim,
    Event,
    Finished,
    Started,
    Status,
    numbered,
)
from muniment.foundation import revisions
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied, MunimentError, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.version import VERSION
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import Standing
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.messages import Draft, NumberedPassage, Request, Usage
from muniment.inference.providers.quotes import NOTE
from muniment.knowledge import library
from muniment.knowledge.ingestion.chunk import VERSION as CHUNKING
from muniment.knowledge.passage import Passage, Retrieval
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.visibility import Visibility, visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway
    from muniment.knowledge.retrieval.retrieve import Retriever

LONGEST_QUESTION = 2_000
PROMPT = "answer"


@dataclass(slots=True)
class _Asking:
    """One question on its way."""

    id: str
    principal: Principal
    by: Actor
    question: str
    endpoint: Endpoint
    standing: Standing
    started: float
    retrieval: Retrieval | None = None
    prompt: str = ""
    claims: list[Claim] = field(default_factory=list[Claim])
    usage: list[Usage] = field(default_factory=list[Usage])
    instead_of: Endpoint | None = None
    """Which was asked for, where another answered."""
    sent: frozenset[int] = frozenset()
    """Numbers of the passages that the model was sent."""
    labels: frozenset[str | None] = frozenset()
    """Their sensitivities."""
    notes: tuple[str, ...] = ()
    unverified: int = 0
    withheld: int = 0

    @property
    def passages(self) -> tuple[Passage, ...]:
        return self.retrieval.passages if self.retrieval else ()

    def go_over(self, endpoint: Endpoint, *notes: str) -> None:
        """Let an endpoint answer, which may be another than before."""
        if endpoint is not self.endpoint:
            self.instead_of = self.instead_of or self.endpoint
            self.endpoint = endpoint
        self.notes += notes


class Assistant:
    """Answers questions over one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        retriever: Retriever,
        gateway: Gateway,
        lineage: stored.Lineage,
        clock: Clock,
        ids: Ids,
        passages: int = 8,
        when_sensitive: str = "withhold",
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._retriever = retriever
        self._gateway = gateway
        self._lineage = lineage
        self._clock = clock
        self._ids = ids
        self._k = passages
        self._when_sensitive = when_sensitive

    def ask(
        self,
        principal: Principal,
        question: str,
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
    ) -> Answer:
        """Return the whole answer; raises as `stream` does."""
        last: Event | None = None
        for event in self.stream(principal, question, by, model, filters):
            last = event
        if not isinstance(last, Finished):
            raise Unavailable("The answer did not come to its end.")
        return last.answer

    def explain(self, principal: Principal, answer_id: str, by: Actor | None = None) -> stored.Explanation:
        """Return how an earlier answer came about; raises as `Lineage.explain` does."""
        return self._lineage.explain(principal, answer_id, by)

    def stream(
        self,
        principal: Principal,
        question: str,
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
    ) -> Generator[Event]:
        """Yield Started, each claim once it is verified and released, and Finished.

        What the answer rests on is limited to what the filters admit.
        Raises BadInput for an unusable question or unknown model, Denied by policy, Unavailable when the model
        or the log fails. Close the generator to stop early; that too is recorded.
        """
        asking = self._admit(principal, question, by, model)
        try:
            yield Started(asking.id, asking.endpoint.version)
            asking.retrieval = self._retriever.retrieve(
                principal, asking.question, self._k, by, "answer", filters
            )
            released = True
            with closing(self._drafts(asking)) as proposed:
                for draft in proposed:
                    verified = self._check(asking, draft)
                    if verified is None:
                        continue
                    claim = self._release(asking, verified)
                    if claim is None:
                        released = False
                        break
                    asking.claims.append(claim)
                    yield claim
            finished = Finished(self._finish(asking, released))
        except GeneratorExit:
            self._record_failure(asking, "stopped")
            raise
        except MunimentError as error:
            self._record_failure(asking, error.code)
            raise
        except Exception as error:
            self._record_failure(asking, type(error).__name__)
            raise Unavailable("The answer failed inside muniment; nothing more of it is given.") from error
        yield finished

    def _admit(self, principal: Principal, question: str, by: Actor, model: str | None) -> _Asking:
        """Decide whether this caller may ask this model, and put the question on record."""
        asked = " ".join(question.split())
        answer_id = self._ids.new("ans")
        about: dict[str, Json] = {
            "answer": answer_id,
            "principal": principal.ref,
            "question": self._audit.commitment(asked),
        }
        try:
            check_text(asked, "The question")
            if not asked:
                raise BadInput("The question is empty.", fix="Say what you want to know.")
            if len(asked) > LONGEST_QUESTION:
                raise BadInput(
                    f"The question has {len(asked)} characters.", fix=f"Use at most {LONGEST_QUESTION}."
                )
            with self._database.read() as connection:
                grants = visible(connection, principal).grants
                standing = self._policy.standing(connection, principal, grants)
            decision = standing.decide("ask", WORKSPACE)
            about |= decision.stated()
            if not decision.allowed:
                raise Denied("You may not ask questions here.", detail="; ".join(decision.reasons))
            endpoint = self._gateway.endpoint(standing, model)
        except MunimentError as error:
            self._audit.record([Entry("answer.refused", by, {**about, "reason": error.code})])
            raise
        self._audit.record([Entry("answer.request", by, {**about, "model": endpoint.version})])
        return _Asking(answer_id, principal, by, asked, endpoint, standing, self._clock.seconds())

    def _drafts(self, asking: _Asking) -> Generator[Draft]:
        """Ask the model, unless there is nothing to ask it about."""
        if not asking.passages:
            return
        self._choose(asking)
        if not asking.sent:
            return
        request = self._assemble(asking)
        with closing(self._gateway.complete(asking.standing, asking.by, asking.endpoint, request)) as call:
            try:
                yield from drafts(call, asking.usage)
            finally:
                if call.endpoint is not asking.endpoint:
                    said = f"The model {asking.endpoint.name} did not answer; {call.endpoint.name} did."
                    asking.go_over(call.endpoint, said)

    def _choose(self, asking: _Asking) -> None:
        """Leave out what is too sensitive for the model, or go over to another."""
        with self._database.read() as connection:
            labels = sending.labels_of(connection, asking.passages)
        chosen = sending.choose(self._gateway, asking.standing, asking.endpoint, labels, self._when_sensitive)
        other = len(f"{prompts.load(PROMPT).text}{asking.question}".encode(errors="surrogatepass"))
        chosen = sending.fitting(chosen, asking.passages, other)
        asking.sent, asking.labels = chosen.numbers, chosen.labels
        asking.go_over(chosen.endpoint, *chosen.notes)

    def _assemble(self, asking: _Asking) -> Request:
        """Put the prompt beside the question and the untrusted passages."""
        passages = tuple(
            NumberedPassage(n, passage.title, passage.heading, passage.text)
            for n, passage in enumerate(asking.passages, 1)
            if n in asking.sent
        )
        made = prompts.request(prompts.load(PROMPT), asking.question, passages, self._ids.new("fence"))
        asking.prompt = made.prompt
        return replace(made, labels=asking.labels)

    def _check(self, asking: _Asking, draft: Draft) -> Verified | None:
        """Return the claim if its quotes stand in the passages and it says something new."""
        verified = verify(draft, asking.passages)
        if verified is None:
            asking.unverified += 1
            return None
        return None if any(claim.text == verified.text for claim in asking.claims) else verified

    def _release(self, asking: _Asking, verified: Verified) -> Claim | None:
        """Read the caller's rights now and put the claim on record; None when it may not be given."""
        with self._database.read() as connection:
            visibility = self._visible_or_none(connection, asking.principal)
            readable = visibility is not None and _stands(connection, visibility, verified)
        if visibility is None or not readable:
            asking.withheld += 1
            return None
        claim = _claim(verified, asking.claims)
        about: dict[str, Json] = {
            "answer": asking.id,
            "claim": len(asking.claims) + 1,
            "text": self._audit.commitment(claim.text),
            "policy": asking.standing.policy,
            "revisions": _revisions(visibility.revisions),
            "citations": [
                {"document": c.document, "version": c.version, "span": list(c.span)} for c in claim.citations
            ],
        }
        self._audit.record([Entry("answer.claim", asking.by, about)])
        return claim if self._still_stands(asking, visibility, verified) else None

    def _still_stands(self, asking: _Asking, before: Visibility, verified: Verified) -> bool:
        """Rights may have moved while the entry was written."""
        with self._database.read() as connection:
            if revisions.current(connection) == before.revisions:
                return True
            now = self._visible_or_none(connection, asking.principal)
            if now is not None and _stands(connection, now, verified):
                return True
        asking.withheld += 1
        return False

    def _visible_or_none(self, connection: sa.Connection, principal: Principal) -> Visibility | None:
        """What the principal may read now; None where policy no longer lets it ask at all."""
        try:
            found = visible(connection, principal)
            standing = self._policy.standing(connection, principal, found.grants)
        except Denied:
            return None
        return found if standing.decide("ask", WORKSPACE).allowed else None

    def _finish(self, asking: _Asking, released: bool) -> Answer:
        """Store answer, lineage and entry in one transaction, on the rights as of that transaction."""
        with self._database.write() as connection:
            visibility = self._visible_or_none(connection, asking.principal)
            kept = [claim for claim in asking.claims if _may_read(connection, visibility, claim)]
            asking.withheld += len(asking.claims) - len(kept)
            released = released and visibility is not None and len(kept) == len(asking.claims)
            made = self._answer(asking, kept, released)
            at = timestamp(self._clock.now())
            stored.store(connection, asking.principal.ref, at, asking.question, made, kept)
            about: dict[str, Json] = {
                "answer": asking.id,
                "status": made.status,
                "claims": len(kept),
                "unverified": asking.unverified,
                "withheld": asking.withheld,
                "documents": sorted({c.document for c in made.citations}),
                "model": asking.endpoint.version,
                "prompt": asking.prompt,
            }
            kind = "answer.refused" if made.status == "refused" else "answer.finished"
            self._audit.append(connection, [Entry(kind, asking.by, about)])
        return made

    def _answer(self, asking: _Asking, claims: Sequence[Claim], released: bool) -> Answer:
        status: Status = ("answered" if claims else "abstained") if released else "refused"
        text = numbered(claims) if claims else NOTHING_FOUND
        notes = asking.retrieval.notes if asking.retrieval else ()
        if asking.endpoint.kind == QUOTES:
            notes = (NOTE, *notes)
        notes = (*asking.notes, *notes)
        if not released:
            notes = (*notes, WITHDRAWN)
        return Answer(
            id=asking.id,
            status=status,
            answer=text if released else f"{numbered(claims)} {WITHDRAWN}".strip(),
            citations=tuple(dict.fromkeys(c for claim in claims for c in claim.citations)),
            lineage=self._lineage_of(asking, claims),
            usage=asking.usage[-1] if asking.usage else Usage(),
            took_ms=round((self._clock.seconds() - asking.started) * 1000, 1),
            notes=notes,
        )

    def _lineage_of(self, asking: _Asking, claims: Sequence[Claim]) -> dict[str, Json]:
        cited = {(c.document, c.version, c.span) for claim in claims for c in claim.citations}
        passages: list[Json] = [
            {
                "n": n,
                "document": passage.document,
                "version": passage.version,
                "chunk": passage.chunk,
                "span": list(passage.span),
                "score": round(passage.score, 6),
                "cited": any(_within(one, passage) for one in cited),
                "sent": n in asking.sent,
            }
            for n, passage in enumerate(asking.passages, 1)
        ]
        found = asking.retrieval
        return {
            "model": asking.endpoint.version,
            **({"instead_of": asking.instead_of.version} if asking.instead_of else {}),
            "parts": self._gateway.parts(asking.endpoint),
            "prompt": asking.prompt or prompts.load(PROMPT).version,
            "policy": asking.standing.policy,
            **({"acted_by": asking.by.service} if asking.by.service else {}),
            "code": VERSION,
            "chunking": CHUNKING,
            "index": dict(found.index) if found else {},
            "filters": dict(found.filters) if found else {},
            "passages": passages,
            "checks": {
                "released": len(claims),
                "unverified": asking.unverified,
                "withheld": asking.withheld,
            },
        }

    def _record_failure(self, asking: _Asking, reason: str) -> None:
        about: dict[str, Json] = {"answer": asking.id, "reason": reason, "claims": len(asking.claims)}
        self._audit.record([Entry("answer.refused", asking.by, about)])


def _stands(connection: sa.Connection, visibility: Visibility, verified: Verified) -> bool:
    """Whether each quote stands in its document's current version, and its reader may read that."""
    for evidence in verified.evidence:
        passage = evidence.passage
        document = library.get_document(connection, passage.document)
        if document is None or document.version != passage.version or not visibility.may_read(document):
            return False
        text = library.version_slice(connection, passage.document, passage.version, *evidence.span)
        if text != evidence.quote:
            return False
    return True


def _may_read(connection: sa.Connection, visibility: Visibility | None, claim: Claim) -> bool:
    if visibility is None:
        return False
    documents = [library.get_document(connection, citation.document) for citation in claim.citations]
    return all(document is not None and visibility.may_read(document) for document in documents)


def _claim(verified: Verified, earlier: Sequence[Claim]) -> Claim:
    """Number the citations in order of first appearance; the same place keeps its number."""
    known = {(c.document, c.version, c.span): c.n for claim in earlier for c in claim.citations}
    citations: list[Citation] = []
    for evidence in verified.evidence:
        passage = evidence.passage
        place = (passage.document, passage.version, evidence.span)
        n = known.setdefault(place, len(known) + 1)
        citations.append(
            Citation(
                n,
                passage.document,
                passage.title,
                passage.version,
                passage.page_at(evidence.span[0]),
                evidence.span,
                evidence.quote,
            )
        )
    return Claim(verified.text, tuple(citations))


def _within(cited: tuple[str, int, tuple[int, int]], passage: Passage) -> bool:
    document, version, (start, end) = cited
    same = (document, version) == (passage.document, passage.version)
    return same and passage.span[0] <= start and end <= passage.span[1]


def _revisions(state: revisions.Revisions) -> dict[str, Json]:
    return {"directory": state.directory, "access": state.access, "content": state.content}
