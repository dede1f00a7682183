"""An earlier answer's search done again: documents as they were then, as far as they are kept, rights as of now.

Invariants:
- nothing is shown of a passage whose document the reader may not read now, and the same words for one that is gone;
- what is answered again takes the main path: it is checked, released on the rights of now, recorded and stored;
- the replay is in the log before it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from muniment.assistant.differences import Difference, compared
from muniment.assistant.given import Given
from muniment.assistant.inquiry import ANSWER, EXTRACT
from muniment.assistant.lineage import Explanation
from muniment.assistant.recorded import RecordedSettings, endpoint_recorded
from muniment.assistant.replayed import AnsweredAgain, Place, Replayed, Then, counted_again
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.version import VERSION, source_digest
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.prompt_file import Prompt
from muniment.knowledge import library
from muniment.knowledge.passage import Passage, Retrieval
from muniment.knowledge.retrieval.filters import of

if TYPE_CHECKING:
    from muniment.assistant.answer import Assistant
    from muniment.assistant.lineage import Lineage
    from muniment.inference.gateway import Gateway
    from muniment.knowledge.retrieval.retrieve import Retriever

Live = Callable[[str, str | None], Prompt]
Answering = Callable[[Live, Given, Then], "Assistant"]
"""Makes an assistant of these prompts over passages that were found."""
_GONE = "not set up any more"


class Replaying:
    """Replays the answers of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        lineage: Lineage,
        retriever: Retriever,
        gateway: Gateway,
        live: Live,
        prompts: Callable[[], Sequence[Prompt]],
        answering: Answering,
        settings: RecordedSettings,
        passages: int,
    ) -> None:
        """`live` gives the prompt of now, `prompts` all that are kept; `passages` is how many are searched for."""
        self._database = database
        self._audit = audit
        self._lineage = lineage
        self._retriever = retriever
        self._gateway = gateway
        self._live = live
        self._prompts = prompts
        self._answering = answering
        self._settings = settings
        self._passages = passages

    def replay(
        self,
        principal: Principal,
        answer_id: str,
        by: Actor,
        ask: bool = False,
        admit: Callable[[str], None] = lambda _: None,
    ) -> Replayed:
        """Search again for one of `principal`'s answers; what quotes answers again, and with `ask` a model too.

        `admit` is told the endpoint before it is asked, and may raise. Raises NotFound for an absent answer and for
        another's, Denied by policy, and as asking does.
        """
        then = self._lineage.explain(principal, answer_id, by)
        lineage = then.lineage
        moment = str(lineage.get("searched_at") or then.at)
        most = int(str(lineage.get("most_passages") or self._passages))
        limits = of(cast("Mapping[str, object]", lineage.get("filters") or {}))
        searching = self._retriever.at(moment, _versions(then))
        found = searching.retrieve(principal, then.question, most, by, "answer", limits)
        notes: list[str] = []
        again = self._again(then, found, principal, by, ask, admit, notes)
        with self._database.read() as connection:
            rows = library.get_documents(connection, sorted(_versions(then)))
            made = library.versions_made(
                connection, {*_versions(then).items(), *((row.id, row.version) for row in rows.values())}
            )
        wheres = {row.id: f"{row.source}/{row.path}" for row in rows.values()}
        changed = [
            Difference("document", wheres[name], f"version {at}", f"version {rows[name].version}")
            for name, at in sorted(_versions(then).items(), key=lambda one: wheres.get(one[0], ""))
            if name in rows and made.get((name, at)) != made.get((name, rows[name].version))
        ]
        components, not_recorded = self._components(lineage, found)
        told = Replayed(
            answer=then.id,
            moment=moment,
            places=tuple(_places(lineage, found, wheres)),
            differences=(*changed, *components),
            not_recorded=tuple(not_recorded),
            not_kept=len(found.not_kept),
            again=again,
            notes=(*notes, *found.notes),
        )
        about: dict[str, Json] = {
            "answer": then.id,
            "principal": principal.ref,
            "as_of": moment,
            "passages": told.counts,
            "again": again.id if again else None,
        }
        self._audit.record([Entry("answer.replayed", by, about)])
        return told

    def _again(
        self,
        then: Explanation,
        found: Retrieval,
        principal: Principal,
        by: Actor,
        ask: bool,
        admit: Callable[[str], None],
        notes: list[str],
    ) -> AnsweredAgain | None:
        lineage = then.lineage
        endpoint = self._endpoint(lineage)
        if endpoint is None or not (ask or endpoint.kind == QUOTES):
            return None
        if "schema" in lineage:
            notes.append("It was asked with a schema, which is not kept, and is not asked again.")
            return None
        admit(endpoint.name)
        wanted = str(lineage.get("prompt"))
        kept = [one for one in self._prompts() if one.version == wanted and one.purpose == ANSWER]
        if not kept:
            notes.append(f"The prompt {wanted} is not kept any more: the live one was used.")

        def as_then(purpose: str, model: str | None) -> Prompt:
            return kept[0] if purpose == ANSWER else self._live(purpose, model)

        live = as_then if kept else self._live
        recorded = lineage.get("endpoint")
        parameters = recorded.get("parameters") if isinstance(recorded, Mapping) else None
        asked = Then(then.id, parameters if isinstance(parameters, Mapping) else {})
        assistant = self._answering(live, Given(found), asked)
        made = assistant.ask(principal, then.question, by, endpoint.name)
        claims = [[one.text for one in of] for of in (then.claims, made.claims)]
        return counted_again(made.id, made.status, made.answer, *claims)

    def _components(
        self, lineage: Mapping[str, Json], found: Retrieval
    ) -> tuple[list[Difference], list[str]]:
        """Return what would take part now and did not then."""
        now: dict[str, Json] = {
            **lineage,
            "policy": found.policy,
            "code": VERSION,
            "source": source_digest(),
            "index": dict(found.index),
            "passages": [],
        }
        endpoint = self._endpoint(lineage)
        lost: list[Difference] = []
        if endpoint is None:
            lost.append(Difference("model", "", str(lineage.get("model")), _GONE))
        else:
            purpose = EXTRACT if "schema" in lineage else ANSWER
            now |= {
                "model": endpoint.version,
                "endpoint": endpoint_recorded(endpoint),
                "parts": self._gateway.parts(endpoint),
                "settings": self._settings.about(endpoint),
                "prompt": self._prompt_now(purpose, endpoint, str(lineage.get("prompt"))),
            }
        told = compared(lineage, now)
        return [*told.differences, *lost], told.not_recorded

    def _prompt_now(self, purpose: str, endpoint: Endpoint, then: str) -> str:
        try:
            return self._live(purpose, None if endpoint.kind == QUOTES else endpoint.name).version
        except BadInput:
            # The live prompt is not written for this endpoint.
            return then

    def _endpoint(self, lineage: Mapping[str, Json]) -> Endpoint | None:
        try:
            return self._gateway.catalog.get(str(lineage.get("model")).partition(":")[0])
        except BadInput:
            return None


def _recorded(lineage: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return cast("list[Mapping[str, Json]]", lineage.get("passages") or [])


def _versions(then: Explanation) -> dict[str, int]:
    """Return the versions of documents that may be read now."""
    mine = [one for one in _recorded(then.lineage) if not one.get("withheld")]
    return {str(one["document"]): int(str(one["version"])) for one in mine}


def _places(lineage: Mapping[str, Json], found: Retrieval, wheres: Mapping[str, str]) -> list[Place]:
    """Return what became of each passage of then, and what is new."""
    left = dict(enumerate(found.passages, 1))
    places: list[Place] = []
    for one in _recorded(lineage):
        before = int(str(one["n"]))
        if one.get("withheld"):
            places.append(Place("withheld", before))
            continue
        document, version = str(one["document"]), int(str(one["version"]))
        after = next((n for n, passage in left.items() if _is(passage, one)), None)
        where = wheres.get(document, "")
        if not where:
            places.append(Place("withheld", before))
        elif after is None:
            lost = "not kept" if document in found.not_kept else "gone"
            places.append(Place(lost, before, None, document, where, version))
        else:
            del left[after]
            state = "same" if after == before else "moved"
            places.append(Place(state, before, after, document, where, version))
    new = [
        Place("new", None, n, one.document, f"{one.source}/{one.path}", one.version)
        for n, one in left.items()
    ]
    return [*places, *new]


def _is(passage: Passage, recorded: Mapping[str, Json]) -> bool:
    if (passage.document, passage.version) != (recorded["document"], recorded["version"]):
        return False
    return passage.chunk == recorded.get("chunk") or list(passage.span) == recorded.get("span")
