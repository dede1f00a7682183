"""AZ1: however ingests, changes of access and the steps of going over to another embedding model follow each other,
and wherever they are cut short, a search gives what an index wholly of the model in use gives."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attacks.worlds import memory_folder
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.shelf import EVERYONE, model_in_use, put, remove, seen, set_access

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Conflict
from muniment.foundation.ids import SeededIds
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import index_model
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval.embedded import EmbeddedEngine

DIRECTORY = '[users.alice]\ngroups = ["red"]\n[users.bob]\n[groups.red]\n'
MODELS = [HashedEmbedder(24, kind) for kind in ("-a", "-b", "-c")]
BY_DIGEST = {one.model.digest: one for one in MODELS}
PATHS = tuple("pqrst")
WORDS = ("pump", "valve", "leave", "spring", "rain", "harbour", "ferry")
LISTS = (EVERYONE, AccessList(frozenset({"group:red"})), AccessList(frozenset({"user:bob"})))
QUERIES = ("pump valve leave", "rain harbour ferry")

pieces = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3
)
operations = st.one_of(
    st.tuples(st.just("put"), st.dictionaries(st.sampled_from(PATHS), pieces, min_size=1, max_size=3)),
    st.tuples(st.just("remove"), st.sampled_from(PATHS)),
    st.tuples(st.just("access"), st.sampled_from(PATHS), st.sampled_from((*LISTS, None))),
    st.tuples(st.just("finish")),
    st.tuples(st.just("begin"), st.sampled_from(MODELS)),
    st.tuples(st.just("step"), st.integers(1, 3)),
    st.tuples(st.just("torn"), st.integers(1, 3)),
    st.tuples(st.just("kill")),
    st.tuples(st.just("switch")),
    st.tuples(st.just("drop")),
)


class Watched(EmbeddedEngine):
    """The real engine, which looks at every comparison before it is made."""

    def rank(self, connection: Any, visibility: Any, asked: Any) -> Any:
        live = index_model.live(connection)
        if asked.vector is not None:
            expected = MODELS[0].model.digest if live is None else live.model.digest
            assert asked.model == expected, "the question is not of the model in use"
            assert (asked.vector == BY_DIGEST[expected].embed_query(asked.query.text)).all()
        view = self._index.refresh(connection, visibility.revisions)
        assert {part.segment.model for part in view.parts} <= {"", live.model.digest if live else ""}
        return super().rank(connection, visibility, asked)


class Run:
    """A workspace that goes over between models, and one for each model that never does."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.home = folder / "home"
        self.shadows: dict[str, Workspace] = {}
        for name in ("home", *BY_DIGEST):
            shutil.copytree(template, folder / name.replace(":", "-"))
        for digest, embedder in BY_DIGEST.items():
            self.shadows[digest] = open_at(folder / digest.replace(":", "-"), embedder)
        self.numbers = itertools.count(7)
        self.workspace = self.opened()

    def opened(self) -> Workspace:
        made = open_at(self.home, MODELS, next(self.numbers))
        made.__dict__["engine"] = Watched(made.segments)
        return made

    def everywhere(self, do: Callable[[Workspace], object]) -> None:
        for one in (self.workspace, *self.shadows.values()):
            do(one)

    def apply(self, operation: tuple[Any, ...]) -> None:
        match operation:
            case ("put", papers):
                self.everywhere(lambda one: put(one, papers))
            case ("remove", path):
                self.everywhere(lambda one: remove(one, path))
            case ("access", path, access):
                self.everywhere(lambda one: set_access(one, path, access))
            case ("finish",):
                self.everywhere(lambda one: one.index.finish(OPERATOR))
            case ("begin", embedder):
                try:
                    self.workspace.reembed.begin(embedder.model, OPERATOR)
                except Conflict:
                    assert self.building() not in (None, embedder.model.digest)
            case ("kill",):
                self.workspace.close()
                self.workspace = self.opened()
            case ("drop",):
                self.workspace.reembed.drop(OPERATOR)
            case _:
                self.build(operation)

    def building(self) -> str | None:
        with self.workspace.database.read() as connection:
            build = index_model.building(connection)
        return build.model.digest if build else None

    def build(self, operation: tuple[Any, ...]) -> None:
        digest = self.building()
        if digest is None:
            return
        reembed, embedder = self.workspace.reembed, BY_DIGEST[digest]
        build = reembed.begin(embedder.model, OPERATOR)
        if build is None:
            return
        if operation[0] == "switch":
            done = reembed.finish(build, embedder, OPERATOR)
            assert done.switched and model_in_use(self.workspace) == digest
            return
        names = reembed.missing(build).missing[: operation[1]]
        if operation[0] == "step":
            reembed.step(build, embedder, names, OPERATOR)
        elif names:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(self.workspace.audit, "append", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    reembed.step(build, embedder, names, OPERATOR)

    def check(self) -> None:
        digest = model_in_use(self.workspace) or MODELS[0].model.digest
        for who, query in itertools.product(("alice", "bob"), QUERIES):
            assert seen(self.workspace, who, query) == seen(self.shadows[digest], who, query)

    def close(self) -> None:
        self.everywhere(lambda one: one.close())


def open_at(home: Path, embedder: HashedEmbedder | Sequence[HashedEmbedder], seed: int = 3) -> Workspace:
    return app.open(home, clock=FixedClock(), ids=SeededIds(seed), embedder=lambda: embedder)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        made = app.create(folder / "home", clock=FixedClock(), ids=SeededIds(1), embedder=lambda: None)
        (folder / "directory.toml").write_text(DIRECTORY)
        made.directory.import_file(folder / "directory.toml", OPERATOR)
        made.close()
        yield folder / "home"


def go(template: Path, done: Sequence[tuple[Any, ...]]) -> None:
    with memory_folder() as folder:
        run = Run(template, folder)
        try:
            for operation in done:
                run.apply(operation)
                run.check()
            run.apply(("switch",))
            run.check()
            assert run.workspace.audit.verify().findings == ()
        finally:
            run.close()


@given(st.lists(operations, min_size=4, max_size=14))
@settings(max_examples=5, deadline=None)
def test_every_search_is_wholly_of_the_model_in_use(template: Path, done: list[tuple[Any, ...]]) -> None:
    begun = ("put", {"p": ["pump valve", "rain"], "q": ["ferry harbour"]}), ("begin", MODELS[1])
    go(template, [*begun, *done])


@pytest.mark.prove
@given(st.lists(operations, min_size=4, max_size=40))
@settings(max_examples=400, deadline=None)
def test_every_search_of_many_is_wholly_of_the_model_in_use(
    template: Path, done: list[tuple[Any, ...]]
) -> None:
    go(template, done)
