"""A copy of the baseline's home in which one thing is changed, and what a change is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from muniment import app
from muniment.foundation.shipped import shipped
from muniment.governance.identity.principal import OPERATOR
from muniment.inference import prompts
from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.versions import Constants, Learned
from muniment.settings import parse

WHY = "It is measured whether the gate sees changes."
SOURCE = "acme"
READER, CARELESS = "reader", "careless"
"""Endpoints."""
Settings = dict[str, dict[str, Any]]


@dataclass
class Home:
    """A copy of the baseline's home, before and after it is opened."""

    folder: Path
    documents: Path
    """The company's documents; a change may edit this copy."""
    settings: Settings
    stack: ExitStack
    _embedding: Callable[[Any], Any] | None = None
    workspace: app.Workspace = field(init=False)
    source = SOURCE

    def open(self) -> None:
        """Open it with the settings as they are."""
        self.workspace = app.open(self.folder, settings=parse(self.settings))
        if self._embedding is not None:
            made = self._embedding(self.workspace.embedder)
            self.workspace.close()
            self.workspace = app.open(self.folder, settings=parse(self.settings), embedder=lambda: made)

    def reembed(self, name: str) -> None:
        """Go over to the vectors of another embedding model, after it is opened."""
        embedders = self.workspace.embedders
        self.workspace.reembed.run(embedders.require(embedders.named(name)), OPERATOR)

    def embed(self, change: Callable[[Any], Any]) -> None:
        """Let questions be embedded by what `change` makes of the embedder, before it is opened."""
        self._embedding = change

    def set(self, section: str, **values: object) -> None:
        """Change settings, before it is opened."""
        self.settings[section] = {**self.settings.get(section, {}), **values}

    def model(self, **values: object) -> None:
        """Change settings of the endpoint that answers, before it is opened."""
        self.settings["models"] = {
            **self.settings["models"],
            READER: {**self.settings["models"][READER], **values},
        }

    def instead(self, name: str) -> None:
        """Let the endpoint that answers be what another one is, before it is opened."""
        self.model(**self.settings["models"][name])

    def prompt(self, change: Callable[[str], str]) -> None:
        """Bring another answering prompt live, after it is opened."""
        folder = self.folder / "prompts"
        folder.mkdir(exist_ok=True)
        (folder / "answer.md").write_text(change(prompts.load("answer").content), "utf-8")
        for _ in range(2):
            self.workspace.prompts.promote("answer", WHY, OPERATOR)

    def rank(self, fusion: FusionSettings, lexical: LexicalSettings | None = None) -> None:
        """Use other ranking settings, after it is opened."""
        constants = Constants(fusion) if lexical is None else Constants(fusion, lexical)
        base = self.workspace.rankings.in_use()
        self.workspace.rankings.apply(Learned(constants, "seeded", "sha256:0", {}), base, OPERATOR)

    def policy(self, change: Callable[[str], str]) -> None:
        """Put another policy in force, after it is opened."""
        text = self.workspace.policies.show().policies
        self.workspace.policies.activate(change(text), WHY, OPERATOR)

    def directory_text(self) -> str:
        """Return the company's directory."""
        return shipped("examples/acme/directory.toml").read_text("utf-8")

    def empty(self) -> Path:
        """Return a folder without documents."""
        folder = self.folder.parent / "empty"
        folder.mkdir(exist_ok=True)
        return folder

    def ingest(self) -> None:
        """Read the documents again, after it is opened."""
        self.workspace.ingest(self.documents, SOURCE)

    def patch(self, place: object, name: str, value: object) -> None:
        """Break the code itself, until the home is closed."""
        self.stack.callback(setattr, place, name, getattr(place, name))
        setattr(place, name, value)


@dataclass(frozen=True)
class Change:
    """Something that is changed."""

    name: str
    blames: frozenset[str]
    """Components of which the gate must name one; empty where the change is harmless."""
    before: Callable[[Home], None] = lambda home: None
    after: Callable[[Home], None] = lambda home: None

    @property
    def harmless(self) -> bool:
        """Return whether the gate should let it pass."""
        return not self.blames
