"""A task that a model does by tools: where it stands, what was done, and what came of it; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from muniment.actions.bound import Agent, Evidence
from muniment.actions.context import Context
from muniment.actions.labels import Integrity
from muniment.actions.manifest import Manifest
from muniment.actions.reading import Reading
from muniment.assistant.moves import Move
from muniment.assistant.seen import Seen
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import NumberedPassage, Usage
from muniment.inference.prompt_file import Prompt

State = Literal["answered", "stopped"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One move and what came of it."""

    move: str
    about: str
    """The tool, step or result that it was about; empty where it was about none."""
    outcome: str
    """In our own words."""
    action: str = ""
    """Id of the action that it proposed."""
    integrity: str = "user"
    """Of the context after it."""

    def as_json(self) -> dict[str, str]:
        """Return it as the interfaces show it."""
        return {
            "move": self.move,
            "about": self.about,
            "outcome": self.outcome,
            "action": self.action,
            "integrity": self.integrity,
        }


@dataclass(slots=True)
class Run:
    """One task on its way."""

    id: str
    principal: Principal
    by: Actor
    task: str
    endpoint: Endpoint
    prompt: Prompt
    tools: Mapping[str, Manifest]
    context: Context = field(default_factory=Context)
    results: dict[str, Reading] = field(default_factory=dict[str, Reading])
    numbered: int = 0
    """Results that were given a number for a name."""
    shown: list[NumberedPassage] = field(default_factory=list[NumberedPassage])
    labels: set[str | None] = field(default_factory=set[str | None])
    """Sensitivities of what was shown."""
    turns: list[Turn] = field(default_factory=list[Turn])
    evidence: list[Evidence] = field(default_factory=list[Evidence])
    usage: Usage = field(default_factory=Usage)
    faults: int = 0
    """Replies in a row that were no move."""
    text: str = ""
    state: State | None = None
    """None: it goes on."""

    @property
    def agent(self) -> Agent:
        """Return what proposes for its principal."""
        return Agent(self.endpoint.version, self.prompt.version, self.id)

    def result(self, name: str) -> Reading:
        """Return a result by its name; raises BadInput for another name."""
        found = self.results.get(name)
        if found is None:
            raise BadInput("There is no such result.", fix=f"Use one of {', '.join(self.results) or 'none'}.")
        return found

    def keep(self, found: Reading, sensitivity: str | None = "") -> str:
        """Keep a result and return the name that it is given."""
        self.numbered += 1
        while (name := f"r{self.numbered}") in self.results:
            self.numbered += 1
        self.results[name] = found
        if sensitivity:
            self.labels.add(sensitivity)
        return name

    def show(self, name: str, source: str, seen: Seen) -> None:
        """Have the model see something from the next turn on."""
        self.context = self.context.saw(seen.label)
        n = len(self.shown) + 1
        self.shown.append(NumberedPassage(n, f"result {name} {source}".rstrip(), "", seen.text))

    def note(self, move: Move, outcome: str, action: str = "") -> None:
        """Add a turn: a move and what came of it."""
        about = move.tool or move.step or move.result
        integrity = Integrity(self.context.label.integrity).spelled
        self.turns.append(Turn(move.kind, about[:64], outcome, action, integrity))

    def end(self, why: str) -> None:
        """Stop it."""
        self.state = "stopped"
        self.text = self.text or why


@dataclass(frozen=True, slots=True)
class AgentRun:
    """What came of a task."""

    id: str
    state: State
    text: str
    """The model's word, inert; nothing of it is verified."""
    turns: tuple[Turn, ...]
    model: str
    usage: Usage

    def as_json(self) -> dict[str, object]:
        """Return it as the interfaces show it."""
        return {
            "id": self.id,
            "state": self.state,
            "text": self.text,
            "turns": [turn.as_json() for turn in self.turns],
            "actions": [turn.action for turn in self.turns if turn.action],
            "model": self.model,
            "usage": {
                "prompt_tokens": self.usage.prompt_tokens,
                "completion_tokens": self.usage.completion_tokens,
                "cost": self.usage.cost,
            },
        }
