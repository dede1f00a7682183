"""A language model that judges answers, asked through the gateway as the asker of the case.

Invariants:
- it is shown nothing that the asker may not read at this moment, and nothing more sensitive than it may be sent;
  words whose documents are not known count as without a label;
- it is shown two answers without names, in both orders; where the orders disagree, neither is better;
- what is no verdict, or is said by another model than the one that was asked, is None: never a tie, never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from muniment.assistant.reply_object import reply_object
from muniment.assistant.whole_reply import whole_reply
from muniment.assurance.evaluation.judging.judged import Preference, Shown, traced, turned
from muniment.assurance.evaluation.observation import SeenClaim
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import Standing
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES
from muniment.inference.messages import NumberedPassage, Usage
from muniment.inference.prompt_file import Prompt
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

JUDGE = "judge"
SUPPORT = "support"
"""The purposes of its prompts."""
PREFERS: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["better"],
    "properties": {"better": {"enum": ["first", "second", "tie"]}},
}
SUPPORTS: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["supported"],
    "properties": {"supported": {"type": "boolean"}},
}
_LONGEST_REPLY = 2_000


@dataclass(frozen=True, slots=True)
class For:
    """As whom it judges, and who has it judge."""

    principal: Principal
    by: Actor


class Judge:
    """Judges by one endpoint of a workspace."""

    def __init__(
        self,
        *,
        database: Database,
        policy: Policy,
        gateway: Gateway,
        live: Callable[[str, str | None], Prompt],
        ids: Ids,
        model: str | None,
        on_usage: Callable[[Usage], None] = lambda usage: None,
    ) -> None:
        """`on_usage` is told what each call used."""
        self._database = database
        self._policy = policy
        self._gateway = gateway
        self._live = live
        self._ids = ids
        self._model = model
        self._on_usage = on_usage

    def prefers(self, asker: For, question: str, one: Shown, other: Shown) -> Preference | None:
        """Return which of two answers is better, the same in both orders; else a tie. None where it does not say.

        Raises Denied where the asker may not read what they rest on, or the model may not be sent it, and as
        `Gateway.complete` does.
        """
        if one.text == other.text:
            return "tie"
        paths, known = one.paths | other.paths, one.traced and other.traced
        there = self._compared(asker, question, (one.text, other.text), paths, known)
        if there is None:
            return None
        back = self._compared(asker, question, (other.text, one.text), paths, known)
        if back is None:
            return None
        return there if there == turned(back) else "tie"

    def supports(self, asker: For, claim: SeenClaim) -> bool | None:
        """Return whether the quotes of a statement prove it; None where it does not say. Raises as `prefers` does."""
        if not traced(claim):
            return False
        evidence = "\n".join(quote.quote for quote in claim.quotes)
        paths = frozenset(quote.path for quote in claim.quotes)
        wanted = prove(claim.text)
        said = self._said(asker, SUPPORT, wanted, (evidence,), SUPPORTS, paths, True).get("supported")
        return said if isinstance(said, bool) else None

    def _compared(
        self, asker: For, question: str, texts: tuple[str, ...], paths: Collection[str], known: bool
    ) -> Preference | None:
        said = self._said(asker, JUDGE, question, texts, PREFERS, paths, known).get("better")
        return said if said in ("first", "second", "tie") else None

    def _said(
        self,
        asker: For,
        purpose: str,
        question: str,
        texts: tuple[str, ...],
        schema: Mapping[str, object],
        paths: Collection[str],
        known: bool,
    ) -> Mapping[str, object]:
        standing, labels = self._rights(asker.principal, paths)
        endpoint = self._gateway.endpoint(standing, self._model)
        if endpoint.kind == QUOTES:
            raise BadInput("The endpoint quotes judges nothing.", fix="Name a language model as judge.")
        prompt = self._live(purpose, endpoint.name)
        passages = tuple(NumberedPassage(n, "", "", text) for n, text in enumerate(texts, 1))
        request = replace(
            prompts.request(prompt, question, passages, self._ids.new("fence"), schema),
            labels=labels if known else labels | {None},
        )
        if self._gateway.left_out(endpoint, request).numbers:
            raise Denied(
                f"What would be judged holds values that may not go to the model {endpoint.name!r}.",
                fix="Name another model as judge.",
            )
        reply = whole_reply(self._gateway, standing, asker.by, endpoint, request, _LONGEST_REPLY)
        self._on_usage(reply.usage)
        if reply.endpoint.version != endpoint.version:
            return {}
        return reply_object(reply.text, _LONGEST_REPLY) or {}

    def _rights(self, principal: Principal, paths: Collection[str]) -> tuple[Standing, frozenset[str | None]]:
        """Return who asks, and the labels of the documents at these paths, all of which they may read now."""
        with self._database.read() as connection:
            visibility = visible(connection, principal)
            standing = self._policy.standing(connection, principal, visibility.grants)
            found = [
                document
                for source in library.source_names(connection)
                for document in library.documents_at(connection, source, sorted(paths))
            ]
            # Which source a path is of is not told, so every document that it may be counts.
            readable = all(map(visibility.may_read, found))
            lists = library.access_lists(connection, sorted({one.access_class for one in found}))
            labels = frozenset(lists[one.access_class].sensitivity for one in found)
        allowed = standing.decide("ask", WORKSPACE).allowed
        if not allowed or not readable or {one.path for one in found} != set(paths):
            raise Denied(
                "The asker may not read all that would be judged.", fix="Leave this case out, or run it anew."
            )
        return standing, labels


def prove(claim: str) -> str:
    """Return how a judge of support is asked about a claim."""
    return f"Does the passage prove all of this claim? Claim: {claim}"
