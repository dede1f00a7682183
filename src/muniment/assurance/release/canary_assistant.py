"""The assistant that each question goes to while a canary runs: its own for those that it has, the usual one else.

Invariant: both answer with the same rights, passages and checks; nothing but the wording of prompts differs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING

from muniment.assurance.release import records
from muniment.assurance.release.canary import PURPOSES, is_chosen
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.inference.prompt_registry import Live, for_model
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters

if TYPE_CHECKING:
    from muniment.assistant.answering import Answering
    from muniment.assistant.asking import Keep
    from muniment.assistant.lineage import Explanation
    from muniment.assistant.values import Answer, Event
    from muniment.inference.prompt_file import Prompt


class CanaryAssistant:
    """Answers over one workspace, as `Assistant` does."""

    def __init__(
        self, database: Database, audit: AuditLog, live: Live, made: Callable[[Live], Answering]
    ) -> None:
        """`live` gives the prompts in use; `made` makes an assistant that takes its prompts from another place."""
        self._database = database
        self._audit = audit
        self._live = live
        self._made = made
        self._usual = made(live)
        self._last: tuple[str, Answering] | None = None

    def ask(
        self,
        principal: Principal,
        question: str,
        by: Actor,
        model: str | None = None,
        filters: Filters = EVERYTHING,
        schema: object = None,
    ) -> Answer:
        """Return the whole answer."""
        return self._for(principal).ask(principal, question, by, model, filters, schema)

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
        """Yield the events of an answer."""
        chosen = self._for(principal)
        return chosen.stream(principal, question, by, model, filters, schema, keep, rewritten_by)

    def explain(self, principal: Principal, answer_id: str, by: Actor | None = None) -> Explanation:
        """Return how an earlier answer came about."""
        return self._usual.explain(principal, answer_id, by)

    def _for(self, principal: Principal) -> Answering:
        with self._database.read() as connection:
            canary = records.canary_of(connection)
            if canary is None or not is_chosen(self._audit, canary, principal.ref):
                return self._usual
            last = self._last
            if last is not None and last[0] == canary.release:
                return last[1]
            prompts = records.of_id(connection, canary.release).prompts

        def theirs(purpose: str, model: str | None) -> Prompt:
            if purpose not in PURPOSES:
                return self._live(purpose, model)
            return for_model(prompts[purpose], model)

        made = self._made(theirs)
        self._last = canary.release, made
        return made
