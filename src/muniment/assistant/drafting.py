"""A short text that a model drafts from sources; like any other word of a model, a person decides about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from muniment.assistant.inert import inert
from muniment.assistant.reply_object import reply_object
from muniment.assistant.taking import Asker
from muniment.assistant.whole_reply import whole_reply
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.ids import Ids
from muniment.inference import prompts
from muniment.inference.messages import NumberedPassage
from muniment.inference.prompt_file import Prompt

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

DRAFT = "draft"
"""The purpose of its prompt."""
LONGEST = 4_000
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text"],
    "properties": {"text": {"type": "string"}},
}


class Drafting:
    """Drafts texts in one workspace."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        gateway: Gateway,
        live: Callable[[str, str | None], Prompt],
        ids: Ids,
    ) -> None:
        self._database = database
        self._policy = policy
        self._gateway = gateway
        self._live = live
        self._ids = ids

    def draft(self, asker: Asker, wanted: str, sources: Mapping[str, str]) -> str:
        """Return a text of the kind that is wanted, from sources by name; raises BadInput where none came."""
        passages = tuple(
            NumberedPassage(n, name, "", text) for n, (name, text) in enumerate(sources.items(), 1)
        )
        prompt = self._live(DRAFT, asker.endpoint.name)
        request = prompts.request(prompt, wanted, passages, self._ids.new("fence"), SCHEMA)
        with self._database.read() as connection:
            standing = self._policy.standing(connection, asker.principal)
        made = replace(request, labels=asker.labels)
        reply = whole_reply(self._gateway, standing, asker.by, asker.endpoint, made, 2 * LONGEST)
        found = reply_object(reply.text, 2 * LONGEST)
        text = None if found is None else found.get("text")
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            raise BadInput("The model drafted nothing that can be used.", fix="Try another model.")
        return inert(text)
