"""Asking a model over the passages that were found, and taking from its reply what passes the gate.

Invariants:
- a passage is sent to an endpoint only as far as its sensitivity and its values may go there;
- what does not pass is asked for again, claims once and results twice, and is then left out; passages are sent again
  only while their reader may read all of them;
- nothing of a reply is passed on but what is proved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from muniment.assistant import sending, structured
from muniment.assistant.asking import Asking
from muniment.assistant.claims import SCHEMA, Reading, drafts
from muniment.assistant.gate import Failure, Gate, Verified
from muniment.assistant.release import Release
from muniment.assistant.structured import wrapped
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.database import Database
from muniment.foundation.errors import TooMany, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.telemetry.tracing import Stage
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.messages import Draft, NumberedPassage, Refused, Request, TextDelta, Usage
from muniment.inference.prompt_file import Prompt

if TYPE_CHECKING:
    from muniment.inference.gateway import Gateway

ANSWER, EXTRACT = "answer", "extract"
"""Purposes of prompts: for claims, and for a result in a schema."""
MOST_REPAIRS = 2
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


class Inquiry:
    """Asks models for one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        gateway: Gateway,
        gate: Gate,
        release: Release,
        live: Callable[[str, str | None], Prompt],
        ids: Ids,
        when_sensitive: str,
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._gate = gate
        self._release = release
        self._live = live
        self._ids = ids
        self._when_sensitive = when_sensitive

    def template(self, endpoint: Endpoint, schema: CheckedSchema | None) -> Prompt:
        """Return the prompt that an endpoint is asked with now."""
        purpose = ANSWER if schema is None else EXTRACT
        return self._live(purpose, None if endpoint.kind == QUOTES else endpoint.name)

    def proved(self, asking: Asking) -> Generator[Verified]:
        """Yield what passes, claim by claim, or the values of a whole result.

        Raises Unavailable, naming places in the schema, where no reply holds a result that keeps to it.
        """
        if not asking.passages:
            return
        self._choose(asking)
        if not asking.sent:
            return
        with Stage("assemble"):
            request = self._assemble(asking)
        asking.left_out = self._gateway.left_out(asking.endpoint, request)
        asking.sent -= asking.left_out.numbers
        if not asking.sent:
            return
        if asking.schema is None:
            yield from self._claims(asking, request)
        else:
            yield from self._values(asking, request, asking.schema)

    def _claims(self, asking: Asking, request: Request) -> Generator[Verified]:
        failed = yield from self._passing(asking, request)
        if not failed or not self._may_ask_again(asking):
            return
        try:
            failed = yield from self._passing(asking, replace(request, refused=failed))
        except (TooMany, Unavailable):
            # What passed before stands; what failed stays out.
            asking.dropped["not asked again"] += len(failed)

    def _passing(self, asking: Asking, request: Request) -> Generator[Verified, None, tuple[Refused, ...]]:
        """Yield what passes of one reply; return what is to be asked for again, which is nothing the second time."""
        reading = Reading()
        failures: list[Failure] = []
        seen = {claim.text for claim in asking.claims}
        with closing(self._drafts(asking, request, reading)) as proposed:
            for draft in proposed:
                with Stage("check"):
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

    def _drafts(self, asking: Asking, request: Request, reading: Reading) -> Generator[Draft]:
        """Ask the model; where another answers in its place, go over to that."""
        with closing(self._gateway.complete(asking.standing, asking.by, asking.endpoint, request)) as call:
            try:
                yield from drafts(call, reading)
            finally:
                asking.answered_by(call.endpoint)

    def _values(self, asking: Asking, request: Request, schema: CheckedSchema) -> Generator[Verified]:
        """Yield each value of a result, once all of it is valid and proved."""
        found = self._read(asking, request, schema)
        for _ in range(MOST_REPAIRS):
            if not found.faults:
                break
            if not self._may_ask_again(asking):
                return
            wrong = tuple(Refused("", fault) for fault in found.faults[:_MOST_REFUSED])
            found = self._read(asking, replace(request, refused=wrong), schema)
        if found.faults:
            raise Unavailable(
                f"The model {asking.endpoint.name!r} gave no result that keeps to the schema and is proved by the "
                f"passages: {'; '.join(found.faults[:3])}.",
                fix="Ask for less, raise its max_output_tokens, let the schema take null for what may be missing, or "
                "ask another model.",
            )
        if not found.found:
            return
        if not all(asking.shown.admits(field.verified) for field in found.fields):
            return
        asking.result = found.value
        yield from (field.verified for field in found.fields)

    def _read(self, asking: Asking, request: Request, schema: CheckedSchema) -> structured.Result:
        """Return what a reply holds; raises Unavailable where it was cut: asking again would only cut another."""
        text, used = self._reply(asking, request)
        with Stage("check"):
            found = structured.read(text, schema, asking.passages)
        limit = asking.endpoint.limit_reached(used.prompt_tokens, used.completion_tokens)
        if not found.whole and limit:
            raise Unavailable(
                f"The model {asking.endpoint.name!r} was still filling in the form at its limit of {limit:,} tokens.",
                fix="Raise its max_output_tokens and context_tokens, or ask with a schema of fewer fields.",
            )
        return found

    def _may_ask_again(self, asking: Asking) -> bool:
        """Whether what was sent may still be read; where not, the answer is withdrawn."""
        asking.asked_again = self._release.all_readable(asking.principal, asking.passages)
        asking.withdrawn = not asking.asked_again
        return asking.asked_again

    def _reply(self, asking: Asking, request: Request) -> tuple[str, Usage]:
        """Return the text of a whole reply, as far as one is read, and what it used."""
        parts: list[str] = []
        size, used = 0, Usage()
        with closing(self._gateway.complete(asking.standing, asking.by, asking.endpoint, request)) as call:
            try:
                for chunk in call:
                    if isinstance(chunk, Usage):
                        asking.usage = asking.usage.plus(chunk)
                        used = used.plus(chunk)
                    elif isinstance(chunk, TextDelta) and size <= structured.LONGEST_REPLY:
                        parts.append(chunk.text)
                        size += len(chunk.text)
                    if size > structured.LONGEST_REPLY:
                        break
            finally:
                asking.answered_by(call.endpoint)
        return "".join(parts), used

    def _choose(self, asking: Asking) -> None:
        """Leave out what is too sensitive for the model, or go over to another."""
        with self._database.read() as connection:
            labels = sending.labels_of(connection, asking.passages)
        chosen = sending.choose(self._gateway, asking.standing, asking.endpoint, labels, self._when_sensitive)
        if chosen.endpoint is not asking.endpoint:
            asking.template = self.template(chosen.endpoint, asking.schema)
        form = json.dumps(
            SCHEMA if asking.schema is None else [wrapped(asking.schema), asking.schema.resolved]
        )
        other = len(f"{asking.template.text}{asking.question}{form}".encode(errors="surrogatepass"))
        chosen = sending.fitting(chosen, asking.passages, other)
        asking.sent, asking.labels = chosen.numbers, chosen.labels
        asking.too_sensitive = chosen.too_sensitive
        asking.go_over(chosen.endpoint, *chosen.notes)

    def _assemble(self, asking: Asking) -> Request:
        """Put the prompt beside the question and the untrusted passages."""
        passages = tuple(
            NumberedPassage(
                n,
                passage.title,
                passage.heading,
                passage.text,
                asking.names[n - 1] if asking.names else None,
            )
            for n, passage in enumerate(asking.passages, 1)
            if n in asking.sent
        )
        schema, form = SCHEMA, ""
        if asking.schema is not None:
            schema, form = wrapped(asking.schema), json.dumps(asking.schema.resolved, ensure_ascii=False)
        made = prompts.request(
            asking.template, asking.question, passages, self._ids.new("fence"), schema, form
        )
        asking.prompt = made.prompt
        return replace(made, labels=asking.labels)


def _to_be_asked_again(failures: Sequence[Failure], reading: Reading) -> tuple[Refused, ...]:
    refused = [
        Refused(one.draft.text, _WHY[one.reason] + ", ".join(one.what)) for one in failures[:_MOST_REFUSED]
    ]
    return (*refused, *([Refused("", _NOT_CLAIMS)] if reading.malformed else []))
