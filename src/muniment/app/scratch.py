"""A workspace for one run, made like another and thrown away: what is judged there moves nothing that people use.

Invariants:
- it takes code, settings, prompts, policy and models of the workspace that it is made like, and neither its
  documents, people, access lists, log nor database;
- of all outside it, only the model endpoints of that workspace are reached: no tool, provider, mail server or sink;
- it is encrypted under a key of its own, in a folder of this account's own, and gone afterwards. Nothing in it need
  outlive the machine, so it does not wait for the disk.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from muniment import settings as settings_file
from muniment.actions.runners.call import Runner, ToolCall, ToolFailed
from muniment.app.adapters import DATABASE_FILE
from muniment.app.homes import create
from muniment.app.workspace import Workspace
from muniment.assurance.evaluation.scratch import SOURCE, Corpus
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.keys import Keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.embedders import Embedders
from muniment.inference.prompt_file import PURPOSES, Prompt
from muniment.inference.prompts import shipped
from muniment.knowledge.index_model import live
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.inference.reranking import Reranker
    from muniment.knowledge.ingestion.report import OnProgress

_TENANT = "scratch"
_KEPT = ("weights", "retrieval", "answers", "ingestion", "sensitive", "models", "embedding")
"""Sections that decide how questions are answered."""
_PURPOSES = ("identity", "keys", "database", "tools", "notifications", "telemetry", "audit", "sources")
"""What of the network a scratch workspace reaches nothing for."""
_WHY: Final = "As in the workspace that is judged."


class ScratchWorkspace(Workspace):
    """A workspace that is thrown away; its tools are carried out by nothing until `running` is set."""

    like: Workspace

    @classmethod
    def made_like(cls, workspace: Workspace, home: Path, settings: Settings, clock: Clock | None) -> Self:
        """Make one in `home` that shares the models in memory."""
        made = cast("Self", create(home, clock, settings=settings, models=workspace._models, kind=cls))
        made.like = workspace
        return made

    def _kept_in(self, home: Path, settings: Settings, keyring: Keyring) -> Database:
        return SqlCipherDatabase(home / DATABASE_FILE, keyring.data_key("database"), durable=False)

    @cached_property
    def embedders(self) -> Embedders:
        """The embedding models in memory, the one that the other workspace searches by first."""
        known = self.like.embedders
        with self.like.database.read() as connection:
            used = live(connection)
        digest = used.model.digest if used else ""
        offers = sorted(known.offers, key=lambda one: one.model.digest != digest)
        return Embedders(offers, self._models.embedders)

    @cached_property
    def cross_encoder(self) -> Reranker | None:
        """The cross-encoder in memory."""
        return self.like.cross_encoder

    @cached_property
    def running(self) -> Runner:
        """What carries out calls: nothing."""
        return _Nothing()


class _Nothing:
    def run(self, call: ToolCall) -> object:
        """Refuse every call."""
        raise ToolFailed("refused", "A scratch workspace reaches no system.", certain=True)


Made = TypeVar("Made", bound=ScratchWorkspace)


@contextmanager
def scratch_workspace(
    workspace: Workspace,
    corpus: Corpus,
    prompts: Sequence[Prompt] = (),
    on_progress: OnProgress | None = None,
    clock: Clock | None = None,
    kind: type[Made] = ScratchWorkspace,
) -> Generator[Made]:
    """Make a workspace like `workspace` with a corpus, and remove it at the end of the block.

    Each of `prompts` takes the place of the live one of its purpose. Raises BadInput for a broken corpus.
    """
    home = Path(tempfile.mkdtemp(prefix="muniment-scratch-"))
    try:
        settings = scratch_settings(workspace.settings, workspace.home, corpus.mail_domains)
        made = kind.made_like(workspace, home, settings, clock)
        try:
            _take_over(made, workspace, prompts)
            made.directory.import_file(corpus.directory, OPERATOR)
            made.ingest(corpus.documents, SOURCE, on_progress)
            yield made
        finally:
            made.close()
    finally:
        remove_home(home)


def scratch_settings(
    settings: Settings, home: Path, mail_domains: Sequence[str] = (), own_people: bool = False
) -> Settings:
    """Return the settings of a workspace like that in `home`, which reaches nothing but its model endpoints.

    With `own_people`, each model may be used by the groups that it is meant for; else by everyone.
    """
    stated: dict[str, Any] = settings.model_dump(mode="json")
    kept = {name: stated[name] for name in _KEPT}
    for model in kept["models"].values():
        if not own_people:
            # The people of a suite are in groups of their own.
            model["allowed_groups"] = ["everyone"]
        model["api_key"] = _reference(model["api_key"], home)
        if model["sha256"]:
            model["model"] = _absolute(model["model"], home)
    for embedding in kept["embedding"].values():
        embedding["folder"] = _absolute(embedding["folder"], home)
    # Nobody is there to let a document through, and a suite tries what stands behind that door.
    kept["ingestion"]["quality"]["quarantine"] = []
    network = stated["network"]
    allow = {"models": network["allow"]["models"], **{purpose: () for purpose in _PURPOSES}}
    kept["network"] = {name: network[name] for name in ("private", "proxy", "proxy_resolves")}
    kept["network"] |= {"ca_file": _absolute(network["ca_file"], home), "allow": allow}
    kept["workspace"] = {"tenant": _TENANT}
    kept["tools"] = {"mail_domains": list(mail_domains)}
    return settings_file.parse(kept, "settings of the scratch workspace")


def _take_over(made: Workspace, workspace: Workspace, prompts: Sequence[Prompt]) -> None:
    given = {prompt.purpose: prompt for prompt in prompts}
    first = {prompt.purpose: prompt.digest for prompt in shipped().values()}
    folder = made.home / "prompts"
    folder.mkdir(mode=0o700)
    for purpose in PURPOSES:
        prompt = given.get(purpose) or workspace.prompts.live(purpose)
        if prompt.digest != first[purpose]:
            (folder / f"{purpose}.md").write_text(prompt.content, "utf-8")
            for _ in ("candidate", "live"):
                made.prompts.promote(prompt.digest, _WHY, OPERATOR)
    policy = workspace.policies.show()
    if policy.version != made.policies.show().version:
        made.policies.activate(policy.policies, _WHY, OPERATOR, policy.cases)


def _absolute(path: str, home: Path) -> str:
    return str(home.resolve() / Path(path).expanduser()) if path else ""


def _reference(reference: str, home: Path) -> str:
    kind, _, name = reference.partition(":")
    return f"file:{_absolute(name, home)}" if kind == "file" and name else reference


def remove_home(home: Path) -> None:
    """Remove a home, its keys first: what a failure leaves of the rest can be read by nobody."""
    shutil.rmtree(home / "keys", ignore_errors=True)
    shutil.rmtree(home)
