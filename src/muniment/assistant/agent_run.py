"""A task that a model does by tools: where it stands, what was done, and what came of it. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from muniment.actions.bound import Agent, Evidence
from muniment.actions.context import Context
from muniment.actions.manifest import Manifest
from muniment.actions.reading import Reading
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
