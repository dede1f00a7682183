"""From a question to an answer with evidence: the main path.

Invariants:
- nothing is given before its entry in the log is durable;
- a claim is given only if its quotes stand in the stored passages and its reader may read them at that moment;
- whatever the passages or the model say, they move nothing but the wording of claims that pass those checks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from muniment.assistant import lineage as stored
from muniment.assistant import measured
from muniment.assistant.asking import Asking, Keep
from muniment.assistant.inquiry import Inquiry
from muniment.assistant.recorded import NONE, RecordedSettings
from muniment.assistant.release import Release, may_read, nearest
from muniment.assistant.shown import Shown
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
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied, MunimentError, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.telemetry.tracing import Stage
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.privacy.handling import ANSWERS, Handling
from muniment.governance.privacy.names import Names
from muniment.inference.catalog import QUOTES
from muniment.inference.providers.quotes import NOTE
from muniment.knowledge import library, name_labels
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.assistant.given import Given
    from muniment.assistant.replayed import Then
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway
    from muniment.knowledge.retrieval.retrieve import Retriever

LONGEST_QUESTION = 2_000


class Assistant:
    """Answers questions over one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        retriever: Retriever | Given,
        gateway: Gateway,
        inquiry: Inquiry,
        release: Release,
        lineage: stored.Lineage,
        clock: Clock,
        ids: Ids,
        passages: int = 8,
        sensitive: Handling = ANSWERS,
        not_names: Collection[str] = (),
        settings: RecordedSettings = NONE,
        then: Then | None = None,
    ) -> None:
        """With `then`, each answer repeats an earlier one, as that was asked for."""
        self._database = database
        self._audit = audit
        self._policy = policy
        self._retriever = retriever
        self._gateway = gateway
        self._inquiry = inquiry
        self._release = release
        self._lineage = lineage
        self._clock = clock
        self._ids = ids
        self._k = passages
        self._sensitive = sensitive
        self._not_names = frozenset(not_names)
        self._settings = settings
        self._then = then

    def ask(
        self,
        principal: Principal,
        question: str,
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
        schema: object = None,
    ) -> Answer:
        """Return the whole answer; raises as `stream` does."""
        last: Event | None = None
        for event in self.stream(principal, question, by, model, filters, schema):
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
        schema: object = None,
        keep: Keep | None = None,
        rewritten_by: Mapping[str, Json] | None = None,
    ) -> Generator[Event]:
        """Yield Started, each claim once it is verified and released, and Finished.

        What the answer rests on is limited to what the filters admit. With a JSON Schema, the answer is a result that
        keeps to it, and its claims are the result's values, given once all of them are proved.
        `keep` is called where the answer is stored; `rewritten_by` says what made the question of a follow-up.
        Raises BadInput for an unusable question, schema or model, Denied by policy, Unavailable when the model
        or the log fails. Close the generator to stop early; that too is recorded.
        """
        asking = self._admit(principal, question, by, model, schema)
        asking.keep = keep
        asking.settings, asking.most = self._settings, self._k
        asking.replays = self._then.answer if self._then else ""
        asking.rewritten_by = rewritten_by or {}
        try:
            yield Started(asking.id, asking.endpoint.version)
            asking.searched_at = timestamp(self._clock.now())
            asking.retrieval = self._retriever.retrieve(
                principal, asking.question, self._k, by, "answer", filters
            )
            asking.names = self._names(asking)
            asking.shown = Shown(self._sensitive, asking.passages, asking.names)
            released = True
            with closing(self._inquiry.proved(asking)) as claims:
                for verified in claims:
                    with Stage("release"):
                        claim = self._release.give(asking.reader, verified, asking.claims, asking.shown)
                    if claim is None:
                        asking.withheld += 1
                        released = False
                        break
                    asking.claims.append(claim)
                    yield claim
            finished = Finished(self._finish(asking, released and not asking.withdrawn))
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

    def _admit(
        self, principal: Principal, question: str, by: Actor, model: str | None, schema: object
    ) -> Asking:
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
            form = None if schema is None else CheckedSchema(schema)
            with Stage("decide"), self._database.read() as connection:
                grants = visible(connection, principal).grants
                standing = self._policy.standing(connection, principal, grants)
            decision = standing.decide("ask", WORKSPACE)
            about |= decision.stated()
            if not decision.allowed:
                raise Denied("You may not ask questions here.", detail="; ".join(decision.reasons))
            endpoint = self._gateway.endpoint(standing, model)
            if self._then is not None:
                endpoint = self._then.endpoint(endpoint)
            if form is not None and endpoint.kind == QUOTES:
                raise BadInput(
                    f"The model {endpoint.name!r} quotes, and fills in no form.", fix="Ask a language model."
                )
            template = self._inquiry.template(endpoint, form)
        except MunimentError as error:
            self._audit.record([Entry("answer.refused", by, {**about, "reason": error.code})])
            raise
        self._audit.record([Entry("answer.request", by, {**about, "model": endpoint.version})])
        return Asking(
            answer_id,
            principal,
            by,
            asked,
            endpoint,
            template,
            standing,
            self._clock.seconds(),
            Shown(self._sensitive, ()),
            form,
        )

    def _names(self, asking: Asking) -> Sequence[Names | None]:
        """Return what is labelled in the passages, where the answer or a model that may be asked needs it."""
        if not (self._sensitive.handles_names or self._gateway.needs_names(asking.endpoint)):
            return ()
        with self._database.read() as connection:
            return name_labels.names_of(connection, asking.passages, self._not_names)

    def _finish(self, asking: Asking, released: bool) -> Answer:
        """Store answer, lineage and entry in one transaction, on the rights as of that transaction."""
        with self._database.write() as connection:
            visibility = self._release.rights(connection, asking.principal)
            kept = [claim for claim in asking.claims if may_read(connection, visibility, claim)]
            asking.withheld += len(asking.claims) - len(kept)
            released = released and visibility is not None and len(kept) == len(asking.claims)
            close_by = () if kept or not released else nearest(connection, visibility, asking.passages)
            places = {(passage.document, passage.version) for passage in asking.passages}
            asking.versions = library.versions_made(connection, places)
            made = self._answer(asking, kept, released, close_by)
            at = timestamp(self._clock.now())
            revisions = asking.retrieval.revisions if asking.retrieval else None
            stored.store(connection, asking.principal.ref, at, asking.question, made, kept, revisions)
            if asking.keep is not None:
                asking.keep(connection, asking.id)
            about: dict[str, Json] = {
                "answer": asking.id,
                "status": made.status,
                "claims": len(kept),
                "unverified": asking.dropped.total(),
                "withheld": asking.withheld,
                "sensitive": asking.sensitive(),
                "documents": sorted({c.document for c in made.citations}),
                "model": asking.endpoint.version,
                "prompt": asking.prompt,
            }
            kind = "answer.refused" if made.status == "refused" else "answer.finished"
            self._audit.append(connection, [Entry(kind, asking.by, about)])
        measured.answered(made.status, len(kept), asking.withheld, asking.dropped)
        return made

    def _answer(
        self, asking: Asking, claims: Sequence[Claim], released: bool, close_by: tuple[Nearest, ...]
    ) -> Answer:
        status: Status = ("answered" if claims else "abstained") if released else "refused"
        result = self._result(asking) if claims and released else None
        text = numbered(claims) if claims else NOTHING_FOUND
        if result is not None:
            text = json.dumps(result, ensure_ascii=False)
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
            result=result,
            citations=tuple(dict.fromkeys(c for claim in claims for c in claim.citations)),
            lineage=asking.lineage(claims, self._gateway.parts(asking.endpoint)),
            usage=asking.usage,
            took_ms=round((self._clock.seconds() - asking.started) * 1000, 1),
            notes=notes,
            nearest=asking.shown.nearest(close_by),
        )

    def _result(self, asking: Asking) -> Json:
        """Return the result as it is shown; raises Denied where it would not keep to its schema any more."""
        if asking.schema is None:
            return None
        shown = _strings(asking.result, asking.shown.text)
        if faults := asking.schema.faults(shown):
            raise Denied(
                f"The result holds sensitive values that are masked, and then breaks its schema: {faults[0]}.",
                fix="Open the source, or let the schema take masked text.",
            )
        return shown

    def _record_failure(self, asking: Asking, reason: str) -> None:
        about: dict[str, Json] = {"answer": asking.id, "reason": reason, "claims": len(asking.claims)}
        measured.ended(reason)
        self._audit.record([Entry("answer.refused", asking.by, about)])


def _strings(value: Json, way: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return way(value)
    if isinstance(value, Mapping):
        return {key: _strings(one, way) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [_strings(one, way) for one in value]
    return value


def _left_out(count: int) -> str:
    said = "1 statement of the model was" if count == 1 else f"{count} statements of the model were"
    return f"{said} left out: the passages did not prove it."
