"""From a question to an answer with evidence: the main path.

Invariants:
- nothing is given before its entry in the log is durable;
- a claim is given only if its quotes stand in the stored passages and its reader may read them at that moment;
- whatever the passages or the model say, they move nothing but the wording of claims that pass those checks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assistant import lineage as stored
from muniment.assistant import sending
from muniment.assistant.claims import SCHEMA, Reading, drafts
from muniment.assistant.gate import Failure, Gate, Verified
from muniment.assistant.release import Reader, Release, may_read, nearest
from muniment.assistant.shown import Shown
from muniment.assistant.support import VERSION as SUPPORT
from muniment.assistant.values import (
    NOTHING_FOUND,
    WITHDRAWN,
    Answer,
    Claim,
    Event,
    Finished,
    Nearest,
    Started,
    Status,
    numbered,
)
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied, MunimentError, TooMany, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.version import VERSION
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import Standing
from muniment.governance.privacy.handling import ANSWERS, Handling
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.messages import Draft, NumberedPassage, Refused, Request, Usage
from muniment.inference.prompt_file import Prompt
from muniment.inference.providers.quotes import NOTE
from muniment.knowledge.ingestion.chunk import VERSION as CHUNKING
from muniment.knowledge.passage import Passage, Retrieval
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway
    from muniment.knowledge.retrieval.retrieve import Retriever

Keep = Callable[[sa.Connection, str], None]
"""Stores what belongs to the answer of an id, in the transaction that stores the answer."""
LONGEST_QUESTION = 2_000
PROMPT = "answer"
_MOST_REFUSED = 8
"""Claims that a model is asked for again."""
_WHY = {
    "quote": "no quote of it stands, letter for letter, in the passage of that number.",
    "fact": "this stands in none of its quotes: ",
    "inference": "it is an inference, and only what the passages state is asked for.",
    "support": "its quotes do not prove it.",
}
_NOT_CLAIMS = (
    "Your reply was not the JSON object that was asked for, or some of its claims were not of that form."
)


@dataclass(slots=True)
class _Asking:
    """One question on its way."""

    id: str
    principal: Principal
    by: Actor
    question: str
    endpoint: Endpoint
    template: Prompt
    standing: Standing
    started: float
    shown: Shown
    left_out: int = 0
    """Passages that the model does not get, because of sensitive values."""
    retrieval: Retrieval | None = None
    prompt: str = ""
    claims: list[Claim] = field(default_factory=list[Claim])
    usage: Usage = field(default_factory=Usage)
    dropped: Counter[str] = field(default_factory=Counter[str])
    """Claims that did not pass, by reason, those that were asked for again left out."""
    asked_again: bool = False
    instead_of: Endpoint | None = None
    """Which was asked for, where another answered."""
    sent: frozenset[int] = frozenset()
    """Numbers of the passages that the model was sent."""
    labels: frozenset[str | None] = frozenset()
    """Their sensitivities."""
    notes: tuple[str, ...] = ()
    withheld: int = 0
    keep: Keep | None = None

    @property
    def reader(self) -> Reader:
        return Reader(self.principal, self.by, self.id, self.standing.policy)

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
        gate: Gate,
        live: Callable[[str, str | None], Prompt],
        lineage: stored.Lineage,
        clock: Clock,
        ids: Ids,
        passages: int = 8,
        when_sensitive: str = "withhold",
        sensitive: Handling = ANSWERS,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._retriever = retriever
        self._gateway = gateway
        self._gate = gate
        self._live = live
        self._release = Release(database, audit, policy)
        self._lineage = lineage
        self._clock = clock
        self._ids = ids
        self._k = passages
        self._when_sensitive = when_sensitive
        self._sensitive = sensitive

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
        keep: Keep | None = None,
    ) -> Generator[Event]:
        """Yield Started, each claim once it is verified and released, and Finished.

        What the answer rests on is limited to what the filters admit. `keep` is called where the answer is stored.
        Raises BadInput for an unusable question or unknown model, Denied by policy, Unavailable when the model
        or the log fails. Close the generator to stop early; that too is recorded.
        """
        asking = self._admit(principal, question, by, model)
        asking.keep = keep
        try:
            yield Started(asking.id, asking.endpoint.version)
            asking.retrieval = self._retriever.retrieve(
                principal, asking.question, self._k, by, "answer", filters
            )
            asking.shown = Shown(self._sensitive, asking.passages)
            released = True
            with closing(self._checked(asking)) as claims:
                for verified in claims:
                    claim = self._release.give(asking.reader, verified, asking.claims, asking.shown)
                    if claim is None:
                        asking.withheld += 1
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
            template = self._template(endpoint)
        except MunimentError as error:
            self._audit.record([Entry("answer.refused", by, {**about, "reason": error.code})])
            raise
        self._audit.record([Entry("answer.request", by, {**about, "model": endpoint.version})])
        return _Asking(
            answer_id,
            principal,
            by,
            asked,
            endpoint,
            template,
            standing,
            self._clock.seconds(),
            Shown(self._sensitive, ()),
        )

    def _checked(self, asking: _Asking) -> Generator[Verified]:
        """Yield the claims that pass the gate; ask once more for those that do not."""
        if not asking.passages:
            return
        self._choose(asking)
        if not asking.sent:
            return
        request = self._assemble(asking)
        asking.left_out = self._gateway.left_out(asking.endpoint, request)
        if asking.left_out == len(request.passages):
            return
        failed = yield from self._passing(asking, request)
        if not failed:
            return
        asking.asked_again = True
        try:
            failed = yield from self._passing(asking, replace(request, refused=failed))
        except (TooMany, Unavailable):
            # What passed before stands; what failed stays out.
            asking.dropped["not asked again"] += len(failed)

    def _passing(self, asking: _Asking, request: Request) -> Generator[Verified, None, tuple[Refused, ...]]:
        """Yield what passes of one reply; return what is to be asked for again, which is nothing the second time."""
        reading = Reading()
        failures: list[Failure] = []
        seen = {claim.text for claim in asking.claims}
        with closing(self._drafts(asking, request, reading)) as proposed:
            for draft in proposed:
                outcome = self._gate.check(draft, asking.passages)
                if isinstance(outcome, Failure):
                    failures.append(outcome)
                elif (said := asking.shown.text(outcome.text)) not in seen and asking.shown.admits(outcome):
                    seen.add(said)
                    yield outcome
        for usage in reading.usage:
            asking.usage = asking.usage.plus(usage)
        if asking.endpoint.kind != QUOTES and not asking.asked_again:
            return _to_be_asked_again(failures, reading)
        asking.dropped.update(failure.reason for failure in failures)
        asking.dropped.update({"form": reading.malformed} if reading.malformed else {})
        return ()

    def _drafts(self, asking: _Asking, request: Request, reading: Reading) -> Generator[Draft]:
        """Ask the model; where another answers in its place, go over to that."""
        with closing(self._gateway.complete(asking.standing, asking.by, asking.endpoint, request)) as call:
            try:
                yield from drafts(call, reading)
            finally:
                if call.endpoint is not asking.endpoint:
                    said = f"The model {asking.endpoint.name} did not answer; {call.endpoint.name} did."
                    asking.go_over(call.endpoint, said)

    def _choose(self, asking: _Asking) -> None:
        """Leave out what is too sensitive for the model, or go over to another."""
        with self._database.read() as connection:
            labels = sending.labels_of(connection, asking.passages)
        chosen = sending.choose(self._gateway, asking.standing, asking.endpoint, labels, self._when_sensitive)
        if chosen.endpoint is not asking.endpoint:
            asking.template = self._template(chosen.endpoint)
        form = json.dumps(SCHEMA)
        other = len(f"{asking.template.text}{asking.question}{form}".encode(errors="surrogatepass"))
        chosen = sending.fitting(chosen, asking.passages, other)
        asking.sent, asking.labels = chosen.numbers, chosen.labels
        asking.go_over(chosen.endpoint, *chosen.notes)

    def _template(self, endpoint: Endpoint) -> Prompt:
        return self._live(PROMPT, None if endpoint.kind == QUOTES else endpoint.name)

    def _assemble(self, asking: _Asking) -> Request:
        """Put the prompt beside the question and the untrusted passages."""
        passages = tuple(
            NumberedPassage(n, passage.title, passage.heading, passage.text)
            for n, passage in enumerate(asking.passages, 1)
            if n in asking.sent
        )
        made = prompts.request(asking.template, asking.question, passages, self._ids.new("fence"), SCHEMA)
        asking.prompt = made.prompt
        return replace(made, labels=asking.labels)

    def _finish(self, asking: _Asking, released: bool) -> Answer:
        """Store answer, lineage and entry in one transaction, on the rights as of that transaction."""
        with self._database.write() as connection:
            visibility = self._release.rights(connection, asking.principal)
            kept = [claim for claim in asking.claims if may_read(connection, visibility, claim)]
            asking.withheld += len(asking.claims) - len(kept)
            released = released and visibility is not None and len(kept) == len(asking.claims)
            close_by = () if kept or not released else nearest(connection, visibility, asking.passages)
            made = self._answer(asking, kept, released, close_by)
            at = timestamp(self._clock.now())
            stored.store(connection, asking.principal.ref, at, asking.question, made, kept)
            if asking.keep is not None:
                asking.keep(connection, asking.id)
            about: dict[str, Json] = {
                "answer": asking.id,
                "status": made.status,
                "claims": len(kept),
                "unverified": asking.dropped.total(),
                "withheld": asking.withheld,
                "sensitive": _sensitive(asking),
                "documents": sorted({c.document for c in made.citations}),
                "model": asking.endpoint.version,
                "prompt": asking.prompt,
            }
            kind = "answer.refused" if made.status == "refused" else "answer.finished"
            self._audit.append(connection, [Entry(kind, asking.by, about)])
        return made

    def _answer(
        self, asking: _Asking, claims: Sequence[Claim], released: bool, close_by: tuple[Nearest, ...]
    ) -> Answer:
        status: Status = ("answered" if claims else "abstained") if released else "refused"
        text = numbered(claims) if claims else NOTHING_FOUND
        notes = asking.retrieval.notes if asking.retrieval else ()
        if asking.endpoint.kind == QUOTES:
            notes = (NOTE, *notes)
        if asking.dropped and claims:
            notes = (*notes, _left_out(asking.dropped.total()))
        notes = (*notes, *asking.shown.notes(asking.left_out))
        notes = (*asking.notes, *notes)
        if not released:
            notes = (*notes, WITHDRAWN)
        return Answer(
            id=asking.id,
            status=status,
            answer=text if released else f"{numbered(claims)} {WITHDRAWN}".strip(),
            claims=tuple(claims),
            citations=tuple(dict.fromkeys(c for claim in claims for c in claim.citations)),
            lineage=self._lineage_of(asking, claims),
            usage=asking.usage,
            took_ms=round((self._clock.seconds() - asking.started) * 1000, 1),
            notes=notes,
            nearest=close_by,
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
            "prompt": asking.prompt or asking.template.version,
            "policy": asking.standing.policy,
            **({"acted_by": asking.by.service} if asking.by.service else {}),
            "code": VERSION,
            "chunking": CHUNKING,
            "index": dict(found.index) if found else {},
            "filters": dict(found.filters) if found else {},
            "passages": passages,
            "checks": {
                "released": len(claims),
                "unverified": asking.dropped.total(),
                "withheld": asking.withheld,
                "reasons": dict(sorted(asking.dropped.items())),
                "asked_again": asking.asked_again,
                "support": SUPPORT,
                **_sensitive(asking),
            },
        }

    def _record_failure(self, asking: _Asking, reason: str) -> None:
        about: dict[str, Json] = {"answer": asking.id, "reason": reason, "claims": len(asking.claims)}
        self._audit.record([Entry("answer.refused", asking.by, about)])


def _to_be_asked_again(failures: Sequence[Failure], reading: Reading) -> tuple[Refused, ...]:
    refused = [
        Refused(one.draft.text, _WHY[one.reason] + ", ".join(one.what)) for one in failures[:_MOST_REFUSED]
    ]
    return (*refused, *([Refused("", _NOT_CLAIMS)] if reading.malformed else []))


def _sensitive(asking: _Asking) -> dict[str, Json]:
    return {"masked": asking.shown.masked, "dropped": asking.shown.dropped, "left_out": asking.left_out}


def _left_out(count: int) -> str:
    said = "1 statement of the model was" if count == 1 else f"{count} statements of the model were"
    return f"{said} left out: the passages did not prove it."


def _within(cited: tuple[str, int, tuple[int, int]], passage: Passage) -> bool:
    document, version, (start, end) = cited
    same = (document, version) == (passage.document, passage.version)
    return same and passage.span[0] <= start and end <= passage.span[1]
