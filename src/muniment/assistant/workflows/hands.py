"""What a workflow may do, for the person whose run it is: each step is decided for them as of that moment.

Invariants:
- a run works for one account, and ends once that account is inactive or is another one;
- every result keeps its labels across restarts; what is proposed carries the label of all that its values came from;
- a step that is run again proposes nothing twice: an action's key is its run and step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from muniment.actions.bound import Agent, Evidence, label_json, label_of
from muniment.actions.context import PROGRAMS, Context
from muniment.actions.labels import Integrity, Label, join
from muniment.actions.proposals import Call
from muniment.actions.reading import Reading, reading
from muniment.actions.selectors import resolve
from muniment.assistant.found import SEARCH, as_reading
from muniment.assistant.seen import whole
from muniment.assistant.taking import Asker
from muniment.assistant.workflows.rooms import Rooms
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.workflows.definition import Json, Steps
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Actor, Principal

LOOK_AGAIN = timedelta(hours=1)
"""How long a run waits for word of an action before it looks by itself."""
OVER = ("done", "failed", "unknown", "rejected", "withdrawn", "expired", "refused")
TOPIC = "action"
"""On which a run is told that an action of its own has changed."""
NOT_SAID = ("requester", "since", "own_words", "model")
"""What a run is given besides what its requester says."""
ATTEMPTS = 4
"""Of a step that only reads."""

Uses = Mapping[str, Reading]


class Hands:
    """The hands of one run."""

    def __init__(self, rooms: Rooms, steps: Steps, given: Mapping[str, Json]) -> None:
        self._rooms = rooms
        self.steps = steps
        kind, _, name = str(given.get("requester", "")).partition(":")
        self.principal = Principal("service" if kind == "service" else "user", name)
        self._since = given.get("since")
        self._said = Label() if given.get("own_words") is True else PROGRAMS.label
        self.model = str(given.get("model") or "")
        self.by = Actor(self.principal.ref, "python")
        self._evidence: list[Evidence] = []

    def given(self, values: Mapping[str, Json]) -> Reading:
        """Return what the requester gave as a result that can be used in proposals."""
        stated = {name: value for name, value in values.items() if name not in NOT_SAID}
        return _Said("given", "", self.principal.ref, stated, {}, self._said)

    def read(self, step: str, tool: str, arguments: object, uses: Uses | None = None) -> Reading:
        """Return what a reading tool gives; `arguments` may take values from earlier results by expressions."""
        asked = resolve(arguments, uses or {})
        label = join([self._said, asked.label])

        def work() -> Json:
            self._check()
            found = self._rooms.reads.read(
                self.principal,
                self.by,
                tool,
                cast("Mapping[str, object]", asked.value),
                label,
                Agent(run=self.steps.run),
            )
            return {"manifest": found.manifest, "value": found.value, "asked": label_json(label)}

        return self._read_back(tool, self.steps.do(step, work, attempts=ATTEMPTS))

    def search(self, step: str, query: str, k: int = 4) -> Reading:
        """Return passages that the requester may read now."""

        def work() -> Json:
            self._check()
            found = self._rooms.retriever.retrieve(self.principal, query, k, self.by, "answer")
            with self._rooms.database.read() as connection:
                read, _ = as_reading(connection, self.principal.ref, found.passages, Label())
            named = [[one.document, str(one.version), one.chunk] for one in found.passages]
            return {"value": read.value, "label": label_json(read.label), "evidence": named}

        made = self.steps.do(step, work, attempts=ATTEMPTS)
        self._evidence += [Evidence(*one) for one in made["evidence"]]
        return Reading(SEARCH, "", self.principal.ref, made["value"], {}, label_of(made["label"]))

    def take(self, step: str, found: Reading, question: str, schema: Mapping[str, object]) -> Reading:
        """Return values that a model without tools takes from a result, in a closed schema."""

        def work() -> Json:
            self._check()
            values, _ = self._rooms.taking.take(self._asker(), found, question, schema)
            return {"value": values}

        made = self.steps.do(step, work, attempts=2)
        return Reading(step, "", self.principal.ref, made["value"], {}, found.label)

    def draft(self, step: str, wanted: str, sources: Uses) -> Reading:
        """Return a text that a model drafts from results; it is no more than a proposal."""

        def work() -> Json:
            self._check()
            texts = {name: whole(one).text for name, one in sources.items()}
            return {"text": self._rooms.drafting.draft(self._asker(), wanted, texts)}

        made = self.steps.do(step, work, attempts=2)
        label = join([Label(Integrity.UNTRUSTED), *(one.label for one in sources.values())])
        return Reading(step, "", self.principal.ref, made, {}, label)

    def reckon(self, step: str, function: Callable[..., Mapping[str, Json]], *found: Reading) -> Reading:
        """Return what a function makes of the values of results, with their label; it reads no clock."""
        made = self.steps.do(step, function, *(one.value for one in found))
        return Reading(step, "", self.principal.ref, made, {}, join(one.label for one in found))

    def propose(self, step: str, tool: str, arguments: object, uses: Uses | None = None) -> str:
        """Propose a call and return its action's id; it is decided by what its values came from."""
        given = resolve(arguments, uses or {})

        def work() -> Json:
            self._check()
            call = Call(
                tool,
                cast("Mapping[str, object]", given.value),
                agent=Agent(model=self.model, run=self.steps.run),
                evidence=tuple(self._evidence),
            )
            found = self._rooms.actions.propose_once(
                self.principal, self.by, f"{self.steps.run}:{step}", call, Context(given.label)
            )
            return {"action": found.id}

        return str(self.steps.do(step, work, attempts=2)["action"])

    def outcome(self, step: str, action: str) -> Mapping[str, Json]:
        """Return what came of an action, waited for as long as it may be decided: its state, result and reason."""
        looked = 0
        while True:
            looked += 1
            found = self.steps.do(f"{step}-look-{looked}", self._look, action, attempts=ATTEMPTS)
            if found["state"] in OVER:
                return cast("Mapping[str, Json]", found)
            self.steps.wait(TOPIC, LOOK_AGAIN.total_seconds())

    def done(self, step: str, action: str) -> Reading:
        """Return the result of an action once it is done; raises Denied where it ends otherwise."""
        found = self.outcome(step, action)
        if found["state"] != "done":
            raise Denied(f"{action} is {found['state']}.", fix=str(found["reason"]))
        return self._read_back(str(found["tool"]), found)

    def _look(self, action: str) -> Json:
        found = self._rooms.actions.carried_out(action, self.principal, self.by)
        label = found.bound.values or found.bound.context
        return {
            "state": found.state,
            "reason": found.reason,
            "tool": found.bound.tool,
            "manifest": found.bound.manifest,
            "value": found.result,
            "asked": label_json(label),
            "undo": found.undo,
        }

    def _read_back(self, tool: str, made: Mapping[str, Any]) -> Reading:
        with self._rooms.database.read() as connection:
            manifest = self._rooms.tools.of_digest(connection, made["manifest"])
        if manifest is None:
            raise Denied(f"The tool {tool} is not known any more.", fix="Start the workflow again.")
        return reading(manifest, self.principal.ref, made["value"], label_of(made["asked"]))

    def _check(self) -> None:
        with self._rooms.database.read() as connection:
            if account_since(connection, self.principal) != self._since:
                raise Denied("The account that this works for has changed.", fix="Start it again.")

    def _asker(self) -> Asker:
        with self._rooms.database.read() as connection:
            standing = self._rooms.policy.standing(connection, self.principal)
        endpoint = self._rooms.gateway.endpoint(standing, self.model or None)
        return Asker(self.principal, self.by, endpoint, frozenset({None}))


class _Said(Reading):
    """What the requester gave: all of it their words, or all of it the word of anybody."""

    def of(self, value: object, place: str) -> Label:
        return self.asked

    def rows(self, place: str) -> Label:
        return self.asked


def needed(given: Mapping[str, Json], *names: str) -> Sequence[str]:
    """Return texts that a workflow was given; raises BadInput naming one that is missing."""
    for name in names:
        if not isinstance(given.get(name), str) or not str(given[name]).strip():
            raise BadInput(
                f"The workflow needs {name}.", fix=f'Give it, such as --given {{"{name}": "..."}}.'
            )
    return [str(given[name]) for name in names]
