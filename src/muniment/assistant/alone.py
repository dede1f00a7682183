"""A question to a language model by itself: no document is searched, and nothing that it says has evidence.

Invariants:
- who asks must be allowed to ask and to use the model, and the call is recorded, as any other;
- nothing of the library is sent: only what the asker says;
- what comes back is the model's word. It is for trials of how much a model can do alone, never for an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.assistant.inert import inert
from muniment.assistant.reply_object import reply_object
from muniment.assistant.whole_reply import Reply, whole_reply
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.ids import Ids
from muniment.foundation.wellformed import check_text
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import Standing
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.messages import Usage
from muniment.inference.prompt_file import Prompt
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

REPLY, FILL = "reply", "fill"
"""The purposes of its prompts."""
LONGEST = 20_000
"""Characters of a reply."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said by itself."""

    text: str
    """Inert; nothing of it is verified."""
    result: Json
    """The object in it; None where it holds none."""
    keeps_form: bool
    """Whether that keeps to the schema that was asked for; also where none was."""
    prompt: str
    model: str
    usage: Usage


class Alone:
    """Asks in one workspace."""

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

    def reply(
        self, principal: Principal, question: str, earlier: Sequence[str], by: Actor, model: str | None
    ) -> Said:
        """Return what a model says in words; raises BadInput, Denied or Unavailable as an answer does."""
        standing, endpoint = self._admitted(principal, model)
        prompt = self._live(REPLY, endpoint.name)
        request = prompts.alone(prompt, asked(question, earlier), self._ids.new("fence"))
        reply = whole_reply(self._gateway, standing, by, endpoint, request, LONGEST)
        return _said(reply, prompt, reply_object(reply.text, LONGEST), keeps_form=True)

    def fill(
        self,
        principal: Principal,
        question: str,
        earlier: Sequence[str],
        schema: Mapping[str, object],
        by: Actor,
        model: str | None,
    ) -> Said:
        """Return what a model says when it is held to a schema; raises as `reply` does.

        An unusable schema is BadInput too.
        """
        checked = CheckedSchema(dict(schema))
        standing, endpoint = self._admitted(principal, model)
        prompt = self._live(FILL, endpoint.name)
        form = json.dumps(checked.resolved, ensure_ascii=False)
        request = prompts.alone(
            prompt, asked(question, earlier), self._ids.new("fence"), checked.resolved, form
        )
        reply = whole_reply(self._gateway, standing, by, endpoint, request, LONGEST)
        found = reply_object(reply.text, LONGEST)
        return _said(reply, prompt, found, keeps_form=found is not None and not checked.faults(found))

    def _admitted(self, principal: Principal, model: str | None) -> tuple[Standing, Endpoint]:
        with self._database.read() as connection:
            standing = self._policy.standing(connection, principal, visible(connection, principal).grants)
        decision = standing.decide("ask", WORKSPACE)
        if not decision.allowed:
            raise Denied("You may not ask questions here.", detail="; ".join(decision.reasons))
        endpoint = self._gateway.endpoint(standing, model)
        if endpoint.kind == QUOTES:
            raise BadInput(
                "The model `quotes` says nothing without passages.", fix="Name a language model with --model."
            )
        return standing, endpoint


def asked(question: str, earlier: Sequence[str]) -> str:
    """Return a question with those that its asker put before, as a model is shown them."""
    check_text(question, "The question")
    if not earlier:
        return question
    before = "\n".join(f"- {' '.join(one.split())}" for one in earlier)
    return f"Asked before:\n{before}\n\nNow: {question}"


def _said(reply: Reply, prompt: Prompt, found: Json, keeps_form: bool) -> Said:
    return Said(inert(reply.text), found, keeps_form, prompt.version, reply.endpoint.version, reply.usage)
