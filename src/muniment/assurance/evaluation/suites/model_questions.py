"""Questions that a language model writes for facts, asked through the gateway as whoever may read them.

What the model writes is a draft as any other: of a length, without the fact itself, and read by a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from muniment.assistant.inert import inert
from muniment.assistant.reply_object import reply_object
from muniment.assistant.whole_reply import whole_reply
from muniment.assurance.evaluation.suites.facts_in import Stated, answers_itself
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import Standing
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.messages import NumberedPassage
from muniment.inference.prompt_file import Prompt

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

QUESTION = "question"
"""The purpose of its prompt."""
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["question"],
    "properties": {"question": {"type": "string"}},
}
_WANTED = "Which question asks for the fact in passage 2?"
_LONGEST = 300
_LONGEST_REPLY = 2_000


class ModelQuestions:
    """Asks one endpoint for the questions of one asker."""

    def __init__(
        self,
        *,
        database: Database,
        policy: Policy,
        gateway: Gateway,
        live: Callable[[str, str | None], Prompt],
        ids: Ids,
        model: str,
    ) -> None:
        self._database = database
        self._policy = policy
        self._gateway = gateway
        self._live = live
        self._ids = ids
        self._model = model

    def check(self, asker: Principal) -> None:
        """Raise Denied where the asker may not use the endpoint, BadInput where it writes no questions."""
        self._endpoint(self._standing(asker))

    def question(self, asker: Principal, by: Actor, found: Stated, label: str | None) -> str | None:
        """Return a question for a fact out of a document with this label; None where none came that will do.

        Raises as `Gateway.complete`.
        """
        standing = self._standing(asker)
        endpoint = self._endpoint(standing)
        prompt = self._live(QUESTION, endpoint.name)
        passages = (
            NumberedPassage(1, found.about, "", found.sentence),
            NumberedPassage(2, "The fact", "", found.fact),
        )
        made = prompts.request(prompt, _WANTED, passages, self._ids.new("fence"), SCHEMA)
        request = replace(made, labels=frozenset({label}))
        reply = whole_reply(self._gateway, standing, by, endpoint, request, _LONGEST_REPLY)
        said = (reply_object(reply.text, _LONGEST_REPLY) or {}).get("question")
        if not isinstance(said, str):
            return None
        text = inert(" ".join(prompts.INVISIBLE.sub("", said).split()))
        return text if 0 < len(text) <= _LONGEST and not answers_itself(text, found.fact) else None

    def _standing(self, asker: Principal) -> Standing:
        with self._database.read() as connection:
            standing = self._policy.standing(connection, asker)
        if not standing.decide("ask", WORKSPACE).allowed:
            raise Denied(f"{asker.ref} may not ask questions here.")
        return standing

    def _endpoint(self, standing: Standing) -> Endpoint:
        endpoint = self._gateway.endpoint(standing, self._model)
        # Names are known by labels of passages, and a sentence by itself has none.
        if endpoint.kind == QUOTES or self._gateway.needs_names(endpoint):
            raise BadInput(
                f"The endpoint {endpoint.name} writes no questions.",
                fix="Name a language model that may be sent names, or leave --model away.",
            )
        return endpoint
