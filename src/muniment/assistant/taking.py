"""Values taken from a text by a model that has no tools, in a closed schema: the agent gets these and not the text.

The values stay text of others in their label; what a schema lets through is too short and too plain to carry orders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from muniment.actions.reading import Reading
from muniment.actions.schema_places import closed_places
from muniment.assistant.reply_object import reply_object
from muniment.assistant.seen import whole
from muniment.assistant.whole_reply import whole_reply
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.ids import Ids
from muniment.governance.identity.principal import Actor, Principal
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import NumberedPassage, Usage
from muniment.inference.prompt_file import Prompt

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

TAKE = "take"
"""The purpose of its prompt."""
LONGEST_VALUE = 64
"""Characters of a text that may be taken, unless its schema names a format."""
MOST_ITEMS = 50
_FORMATS = frozenset({"date", "time", "date-time", "email", "uuid"})
_LONGEST_REPLY = 20_000


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom values are taken, by which model, and how sensitive what it is sent is."""

    principal: Principal
    by: Actor
    endpoint: Endpoint
    labels: frozenset[str | None]


class Taking:
    """Takes values in one workspace."""

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

    def take(
        self, asker: Asker, found: Reading, question: str, schema: Mapping[str, object]
    ) -> tuple[object, Usage]:
        """Return values of a result that keep to the schema, and what they cost.

        Raises BadInput for a schema that lets free text through, and where there are no such values.
        """
        checked = CheckedSchema(dict(schema))
        loose = next(_loose(checked.resolved), None)
        if loose is not None:
            raise BadInput(
                f"The schema {loose}.", fix="Use numbers, dates, true or false, enum, or short texts."
            )
        prompt = self._live(TAKE, asker.endpoint.name)
        passage = NumberedPassage(1, "result", "", whole(found).text)
        form = json.dumps(checked.resolved, ensure_ascii=False)
        request = prompts.request(
            prompt, question, (passage,), self._ids.new("fence"), checked.resolved, form
        )
        with self._database.read() as connection:
            standing = self._policy.standing(connection, asker.principal)
        made = replace(request, labels=asker.labels)
        reply = whole_reply(self._gateway, standing, asker.by, asker.endpoint, made, _LONGEST_REPLY)
        values = reply_object(reply.text, _LONGEST_REPLY)
        if values is None or checked.faults(values):
            raise BadInput("No values were taken that keep to the schema.", fix="Ask for less, or look.")
        return values, reply.usage


def _loose(schema: Mapping[str, object]) -> Iterator[str]:
    """Yield why a schema would let free text through."""
    yield from (f"{why} at {place or 'its root'}" for place, why in closed_places(schema))
    yield from _long(schema, 0)


def _long(schema: Mapping[str, object], depth: int) -> Iterator[str]:
    if depth > 8:
        yield "is nested too deep"
        return
    if "enum" in schema or "const" in schema:
        return
    kind = schema.get("type")
    kinds = cast("Sequence[object]", kind) if isinstance(kind, list) else [kind]
    if "string" in kinds and schema.get("format") not in _FORMATS:
        most = schema.get("maxLength")
        if not isinstance(most, int) or most > LONGEST_VALUE:
            yield f"has a text without maxLength up to {LONGEST_VALUE}"
    if "array" in kinds:
        most = schema.get("maxItems")
        if not isinstance(most, int) or most > MOST_ITEMS:
            yield f"has a list without maxItems up to {MOST_ITEMS}"
    inner = list(cast("Mapping[str, object]", schema.get("properties") or {}).values())
    inner += [schema["items"]] if "items" in schema else []
    for name in ("anyOf", "oneOf", "allOf"):
        inner += list(cast("Sequence[object]", schema.get(name) or ()))
    for one in inner:
        if isinstance(one, Mapping):
            yield from _long(cast("Mapping[str, object]", one), depth + 1)
