"""A follow-up that a language model writes to stand alone, held to the words that were asked.

Invariants:
- the model is shown nothing but questions that the asker put themselves;
- what it writes is used only where it says all that was asked, and nothing that nobody asked; else the fixed rules of
  `follow_up` decide;
- its failure costs no answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from muniment.assistant.follow_up import LONGEST_READ, standalone
from muniment.assistant.function_words import FUNCTION_WORDS
from muniment.assistant.reply_object import reply_object
from muniment.assistant.whole_reply import whole_reply
from muniment.foundation.database import Database
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import Ids
from muniment.foundation.stems import stem
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES
from muniment.inference.prompt_file import Prompt
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

REWRITE = "rewrite"
"""The purpose of its prompt."""
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["question"],
    "properties": {"question": {"type": "string"}},
}
_MOST_EARLIER = 6
_LONGEST = 600
"""Characters of what is taken for a question."""
_LONGEST_REPLY = 2_000
_NEGATIONS = frozenset({"no", "not", "never", "without", "nor", "neither"})
_FREE = (
    FUNCTION_WORDS | frozenset(re.findall(r"\w+", "after before during long many much often since"))
) - _NEGATIONS
"""Words that join others and say little: a model may add them, and leave them out."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A question that stands alone."""

    text: str
    made_by: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """The prompt and the model that wrote it; nothing where rules did."""


class Rewriting:
    """Asks the model that will answer."""

    def __init__(
        self,
        *,
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

    def rewritten(
        self, principal: Principal, question: str, earlier: Sequence[str], by: Actor, model: str | None
    ) -> Rewritten:
        """Return a question that stands alone, by the endpoint `model`, or where that writes none, by rules."""
        known = [one for one in earlier if len(one) <= LONGEST_READ][-_MOST_EARLIER:]
        if known and len(question) <= LONGEST_READ:
            try:
                made = self._by_model(principal, question, known, by, model)
            except MunimentError:
                # The rules need no model, and a call that was refused or failed is in the log.
                made = None
            if made is not None:
                return made
        return Rewritten(standalone(question, earlier))

    def _by_model(
        self, principal: Principal, question: str, earlier: Sequence[str], by: Actor, model: str | None
    ) -> Rewritten | None:
        with self._database.read() as connection:
            standing = self._policy.standing(connection, principal, visible(connection, principal).grants)
        if not standing.decide("ask", WORKSPACE).allowed:
            return None
        endpoint = self._gateway.endpoint(standing, model)
        # Names are known by labels of passages, and a question before its search has none beside it.
        if endpoint.kind == QUOTES or self._gateway.needs_names(endpoint):
            return None
        prompt = self._live(REWRITE, endpoint.name)
        request = prompts.rewriting(prompt, question, earlier, self._ids.new("fence"), SCHEMA)
        reply = whole_reply(self._gateway, standing, by, endpoint, request, _LONGEST_REPLY)
        text = written(reply.text, question, earlier)
        if text is None:
            return None
        return Rewritten(text, {"prompt": request.prompt, "model": reply.endpoint.version})


def written(reply: str, question: str, earlier: Sequence[str]) -> str | None:
    """Return the question of a reply; None where there is none that says what was asked, and only that."""
    made = reply_object(reply, _LONGEST_REPLY)
    said = None if made is None else made.get("question")
    if not isinstance(said, str):
        return None
    text = " ".join(prompts.INVISIBLE.sub("", said).split())
    if not text or len(text) > _LONGEST:
        return None
    asked, known, used = _content(question), _content(" ".join([question, *earlier])), _content(text)
    # What adds no word has not been made to stand alone; the rules may know better.
    return text if asked < used <= known else None


def _content(text: str) -> frozenset[str]:
    """Return the stems of the words that say something."""
    return frozenset(stem(word) for word in re.findall(r"\w+", text.casefold()) if word not in _FREE)
