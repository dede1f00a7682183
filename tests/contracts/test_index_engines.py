"""What every index engine promises, on the one in this process and the one in Postgres, and that both agree."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attacks.worlds import memory_folder
from tests.postgres import Server
from tests.simulators.embedder import HashedEmbedder

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock, timestamp
from muniment.foundation.errors import BadInput, NotSetUp, Tampered
from muniment.foundation.ids import SeededIds
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.inference.embedding import Embedder
from muniment.knowledge import changes, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.library import ChunkText, NewDocument, NewVersion
from muniment.knowledge.passage import Why
from muniment.knowledge.retrieval import compiled, wording
from muniment.knowledge.retrieval.codes import Floats
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters, of
from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.rank import Ranking, RankingSettings
from muniment.knowledge.retrieval.segment import IndexRow
from muniment.knowledge.retrieval.visibility import visible

MODEL = "sha256:model-one"
OTHER_MODEL = "sha256:model-two"
GROUPS = ("red", "green", "blue")
DIRECTORY = "\n".join(
    [
        *(f"[groups.{name}]" for name in GROUPS),
        '[users.alice]\ngroups = ["red"]',
        '[users.bob]\ngroups = ["green", "blue"]',
        "[users.carol]\ngroups = []",
    ]
)
WORDS = ("leave", "paid", "pump", "pumps", "valve", "week", "rain", "INV-2024-0017", "café", "年休假", "the")
ALICE, BOB, CAROL = (Principal("user", name) for name in ("alice", "bob", "carol"))
EVERYONE = AccessList(frozenset({"group:everyone"}))


@dataclass(frozen=True)
class Paper:
    """A document to be indexed."""

    path: str
    pieces: Sequence[str]
    access: AccessList = EVERYONE
    title: str = ""
    heading: str = ""
    vectors: Floats | None = None


@dataclass
class Library:
    """A workspace whose documents are written without files, and its engine asked directly."""

    workspace: Workspace
    model: str = MODEL
    sources: int = field(default=0)

    def put(
        self, papers: Sequence[Paper], model: str = MODEL, source: str = "s", fail: bool = False
    ) -> list[str]:
        """Store and index documents in one transaction; their vectors, all or none, are from `model`."""
        workspace = self.workspace
        at = timestamp(workspace.clock.now())
        key = workspace.keyring.data_key("identifiers")
        with workspace.database.write() as connection:
            changes.put_source(connection, source, "folder", "/nowhere", at)
            new = [NewDocument(one.path, _version(one, at), one.access) for one in papers]
            stored = changes.put_versions(connection, key, source, new, at)
            rows = [
                IndexRow(row.id, row.version, at, row.access_class, one.title, one.heading, text)
                for row, one in zip(stored, papers, strict=True)
                for at, text in enumerate(one.pieces)
            ]
            given = [one.vectors for one in papers if one.vectors is not None]
            vectors = np.concatenate(given).astype(np.float32) if given else None
            workspace.index.add(connection, rows, vectors, model if given else "")
            workspace.audit.append(connection, [Entry("ingest.document", OPERATOR, {"chunks": len(rows)})])
            if fail:
                raise ZeroDivisionError
        return [row.id for row in stored]

    def change(self, path: str, do: Callable[[sa.Connection, library.DocumentRow], object]) -> None:
        with self.workspace.database.write() as connection:
            row = library.document_at(connection, "s", path)
            assert row is not None
            do(connection, row)

    def rank(
        self,
        principal: Principal,
        query: str,
        vector: Floats | None = None,
        limit: int = 10,
        chosen: RankingSettings | None = None,
        model: str = MODEL,
        filters: Filters = EVERYTHING,
    ) -> Ranking:
        with self.workspace.database.read() as connection:
            return self.rank_in(connection, principal, query, vector, limit, chosen, model, filters)

    def rank_in(
        self,
        connection: sa.Connection,
        principal: Principal,
        query: str,
        vector: Floats | None = None,
        limit: int = 10,
        chosen: RankingSettings | None = None,
        model: str = MODEL,
        filters: Filters = EVERYTHING,
    ) -> Ranking:
        asked = Asked(wording.parse(query), vector, model, limit, chosen or RankingSettings(), filters)
        return self.workspace.engine.rank(connection, visible(connection, principal), asked)

    def explained(
        self, principal: Principal, query: str, vector: Floats | None, chosen: RankingSettings, model: str
    ) -> list[Why]:
        """Return why the first ten hits stand where they do."""
        asked = Asked(wording.parse(query), vector, model, 10, chosen)
        with self.workspace.database.read() as connection:
            sees = visible(connection, principal)
            hits = self.workspace.engine.rank(connection, sees, asked).hits
            return list(self.workspace.engine.explain(connection, sees, asked, hits))

    def found(self, principal: Principal, query: str, **options: Any) -> set[str]:
        """Return the paths of what is found."""
        hits = self.rank(principal, query, **options).hits
        with self.workspace.database.read() as connection:
            paths = {row.id: row.path for row in library.documents(connection)}
        return {paths[hit.document] for hit in hits}


def _version(paper: Paper, at: str) -> NewVersion:
    pieces: list[ChunkText] = []
    start = 0
    for ordinal, text in enumerate(paper.pieces):
        pieces.append(ChunkText(ordinal, start, start + len(text), None, paper.heading, text))
        start += len(text) + 1
    return NewVersion(paper.title, "text/plain", "hash", at, (), (), "\n".join(paper.pieces), pieces)


def open_library(home: Path, embedder: Callable[[], Embedder | None] = lambda: None) -> Library:
    return Library(app.open(home, clock=FixedClock(), ids=SeededIds(5), embedder=embedder))


def make_library(home: Path, url: str | None = None) -> Library:
    if url is not None:
        home.mkdir(parents=True)
        (home / "database-url").write_text(url)
        (home / "settings.toml").write_text('[database]\nurl = "file:database-url"\n')
    made = app.create(home, clock=FixedClock(), ids=SeededIds(3), embedder=lambda: None)
    file = home / "directory.toml"
    file.write_text(DIRECTORY)
    made.directory.import_file(file, OPERATOR)
    return Library(made)


@pytest.fixture(params=["embedded", "compiled", "postgres"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Library]:
    """Return an empty library with each engine, the embedded one with and without compiled loops."""
    url = None
    if request.param == "compiled":
        monkeypatch.setattr(compiled, "_made", request.getfixturevalue("machine_code"))
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        url = server.database()
    made = make_library(tmp_path / "home", url)
    yield made
    made.workspace.close()
    if url is not None:
        server.drop(url)


def unit(*rows: Sequence[float]) -> Floats:
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_only_what_may_be_read_is_found_and_deny_wins(engine: Library) -> None:
    engine.put(
        [
            Paper("all", ["pump"]),
            Paper("red", ["pump"], AccessList(frozenset({"group:red"}))),
            Paper("not-bob", ["pump"], AccessList(frozenset({"group:everyone"}), frozenset({"group:blue"}))),
            Paper("nobody", ["pump"], AccessList()),
            Paper("carol", ["pump"], AccessList(frozenset({"user:carol"}))),
        ]
    )
    assert engine.found(ALICE, "pump") == {"all", "red", "not-bob"}
    assert engine.found(BOB, "pump") == {"all"}
    assert engine.found(CAROL, "pump") == {"all", "not-bob", "carol"}


def test_scores_do_not_move_with_what_is_hidden(engine: Library) -> None:
    near = unit([1, 0, 0], [0.9, 0.1, 0])
    engine.put([Paper("a", ["pump valve", "rain"], vectors=near)])
    before = engine.rank(BOB, "pump", unit([1, 0.2, 0])[0])
    hidden = AccessList(frozenset({"group:red"}))
    engine.put([Paper(f"h{n}", ["pump pump"] * 3, hidden, vectors=unit(*[[1, 0, 0]] * 3)) for n in range(20)])
    assert engine.rank(BOB, "pump", unit([1, 0.2, 0])[0]) == before
    assert len(engine.rank(ALICE, "pump", unit([1, 0.2, 0])[0], limit=100).hits) == 62


def test_a_change_of_access_is_felt_by_the_next_search(engine: Library) -> None:
    engine.put([Paper("folder/a", ["pump"]), Paper("folder/b", ["pump"]), Paper("c", ["pump"])])
    only_alice = AccessList(frozenset({"user:alice"}))
    with engine.workspace.database.write() as connection:
        changes.set_override(connection, "s", "folder", only_alice, "now")
    assert engine.found(BOB, "pump") == {"c"}
    assert engine.found(ALICE, "pump") == {"folder/a", "folder/b", "c"}
    with engine.workspace.database.write() as connection:
        changes.set_override(connection, "s", "folder", None, "now")
    assert engine.found(BOB, "pump") == {"folder/a", "folder/b", "c"}


def test_a_new_version_takes_the_place_of_the_old_one(engine: Library) -> None:
    engine.put([Paper("a", ["pump", "valve"]), Paper("b", ["rain"])])
    engine.put([Paper("a", ["crown"])])
    assert engine.found(ALICE, "pump") == set() and engine.found(ALICE, "crown") == {"a"}
    assert engine.rank(ALICE, "crown").hits[0].version == 2
    assert engine.found(ALICE, "rain") == {"b"}


def test_a_removed_document_is_gone_at_once(engine: Library) -> None:
    engine.put([Paper("a", ["pump"]), Paper("b", ["pump"])])
    engine.change("a", lambda connection, row: changes.remove_document(connection, row.id, "now"))
    assert engine.found(ALICE, "pump") == {"b"}
    engine.workspace.index.finish(OPERATOR)
    assert engine.found(ALICE, "pump") == {"b"}


def test_an_older_snapshot_keeps_the_older_content_and_rights(engine: Library) -> None:
    engine.put([Paper("a", ["pump"])])
    with engine.workspace.database.read() as older:
        before = engine.rank_in(older, BOB, "pump")
        engine.put([Paper("a", ["valve"]), Paper("b", ["pump"])])
        with engine.workspace.database.write() as connection:
            changes.set_override(connection, "s", "", AccessList(frozenset({"user:alice"})), "now")
        assert engine.rank_in(older, BOB, "pump") == before
    assert engine.rank(BOB, "pump").hits == ()


def test_what_is_undone_was_never_indexed(engine: Library) -> None:
    engine.put([Paper("a", ["pump"])])
    with pytest.raises(ZeroDivisionError):
        engine.put([Paper("a", ["valve"]), Paper("b", ["pump"])], fail=True)
    assert engine.found(ALICE, "pump valve") == {"a"}
    assert engine.rank(ALICE, "pump").hits[0].version == 1


def test_phrases_and_excluded_words_narrow_what_is_ranked(engine: Library) -> None:
    engine.put(
        [
            Paper("a", ["paid leave"], vectors=unit([1, 0])),
            Paper("b", ["paid rain"], vectors=unit([1, 0.1])),
            Paper("c", ["leave rain"], title="paid", vectors=unit([1, 0.2])),
        ]
    )
    assert engine.found(ALICE, '"paid leave"', vector=unit([1, 0])[0]) == {"a", "c"}
    assert engine.found(ALICE, "paid -rain", vector=unit([1, 0])[0]) == {"a"}
    assert engine.found(ALICE, "-rain", vector=unit([1, 0])[0]) == {"a"}


def test_rows_of_another_model_take_no_part_by_vector(engine: Library) -> None:
    engine.put([Paper("mine", ["rain"], vectors=unit([0, 1]))])
    engine.put([Paper("theirs", ["pump"], vectors=unit([1, 0, 0]))], model=OTHER_MODEL)
    engine.put([Paper("bare", ["valve"])])
    found = engine.rank(ALICE, "pump", unit([1, 0.5])[0])
    assert found.dense and found.partly_lexical
    assert engine.found(ALICE, "pump", vector=unit([1, 0.5])[0]) == {"mine", "theirs", "bare"}
    words = engine.rank(ALICE, "pump", unit([1, 0.5])[0], model="sha256:nobody's")
    assert not words.dense and len(words.hits) == 1
    assert not engine.rank(ALICE, "pump").dense


def test_a_vector_that_is_not_finite_is_refused_and_nothing_is_kept(engine: Library) -> None:
    with pytest.raises(BadInput, match="not finite"):
        engine.put([Paper("a", ["pump"], vectors=np.array([[np.nan, 1]], np.float32))])
    assert engine.found(ALICE, "pump") == set()
    engine.put([Paper("b", ["pump"], vectors=unit([1, 0]))])
    with pytest.raises(BadInput, match="not finite"):
        engine.rank(ALICE, "pump", np.array([np.inf, 0], np.float32))


def test_one_who_may_read_nothing_gets_nothing(engine: Library) -> None:
    engine.put([Paper("a", ["pump"], AccessList(frozenset({"group:red"})), vectors=unit([1, 0]))])
    for vector in (None, unit([1, 0])[0]):
        assert engine.rank(CAROL, "pump", vector) == Ranking((), False, False)
        assert engine.rank(CAROL, '"pump" -rain', vector) == Ranking((), False, False)


@pytest.mark.parametrize("limit", [1, 3, 1_000_000])
def test_equal_scores_stand_by_document_and_chunk(engine: Library, limit: int) -> None:
    ids = sorted(engine.put([Paper(f"p{n}", ["pump", "pump"]) for n in range(6)]))
    hits = [(hit.document, hit.ordinal) for hit in engine.rank(ALICE, "pump", limit=limit).hits]
    assert hits == [(name, at) for name in ids for at in (0, 1)][:limit]


def test_an_index_is_left_to_its_model_where_another_is_present(engine: Library, tmp_path: Path) -> None:
    near = unit([1, 0])
    engine.put([Paper("a", ["pump"], vectors=near), Paper("b", ["rain"], vectors=unit([0, 1]))])
    engine.put([Paper("bare", ["valve"])])
    before = engine.rank(ALICE, "pump", near[0])
    embedder = HashedEmbedder()
    later = open_library(tmp_path / "home", lambda: embedder)
    later.workspace.index.finish(OPERATOR)
    assert later.rank(ALICE, "pump", near[0]) == before
    assert not later.rank(ALICE, "pump", embedder.embed_query("pump"), model=embedder.model.digest).dense
    later.workspace.close()


def test_what_has_no_vectors_gets_those_of_the_model_in_use(engine: Library, tmp_path: Path) -> None:
    embedder = HashedEmbedder()
    vectors = embedder.embed_documents(["pump", "rain"])
    engine.put(
        [Paper("a", ["pump"], vectors=vectors[:1]), Paper("b", ["rain"], vectors=vectors[1:])],
        model=embedder.model.digest,
    )
    engine.put([Paper("bare", ["valve"])])
    later = open_library(tmp_path / "home", lambda: embedder)
    later.workspace.index.finish(OPERATOR)
    question = embedder.embed_query("pump")
    found = later.rank(ALICE, "pump", question, model=embedder.model.digest)
    assert found.dense and not found.partly_lexical and len(found.hits) == 3
    assert later.found(ALICE, "pump", vector=question, limit=1, model=embedder.model.digest) == {"a"}
    later.workspace.index.examine()
    later.workspace.close()


def test_an_index_of_other_word_rules_is_refused_by_name(
    engine: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.put([Paper("a", ["pump"])])
    monkeypatch.setattr(wording, "VERSION", "words-0")
    with pytest.raises(NotSetUp, match="other word rules"):
        engine.rank(ALICE, "pump")
    engine.workspace.index.finish(OPERATOR)
    assert engine.found(ALICE, "pump") == {"a"}


def test_a_damaged_index_says_so_and_is_made_again(engine: Library, tmp_path: Path) -> None:
    engine.put(
        [
            Paper("a", ["pump", "valve"], vectors=unit([1, 0], [0, 1])),
            Paper("b", ["rain"], vectors=unit([1, 1])),
        ]
    )
    damage(engine)
    again = open_library(tmp_path / "home")
    with pytest.raises(Tampered):
        again.workspace.index.examine()
    with contextlib.suppress(Tampered):
        assert again.rank(ALICE, "pump", unit([1, 0])[0]).incomplete
    again.workspace.index.finish(OPERATOR)
    again.workspace.index.examine()
    assert again.found(ALICE, "pump") == {"a"}
    again.workspace.close()


def damage(library: Library) -> None:
    """Take something away from the index."""
    for file in (library.workspace.home / "segments").glob("*.segment"):
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 1
        file.write_bytes(content)
        return
    with library.workspace.database.write() as connection:
        connection.execute(sa.text("DELETE FROM index_chunk WHERE place = 1"))


class Pair:
    """Both engines over the same documents; each example has readers of its own, and the rest is hidden from them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.embedded = make_library(folder / "embedded")
        self.stored = make_library(folder / "stored", url)
        self.both = (self.embedded, self.stored)
        self.examples = 0

    def close(self) -> None:
        for one in self.both:
            one.workspace.close()


@pytest.fixture(scope="module")
def pair(postgres: Server) -> Iterator[Pair]:
    url = postgres.database()
    with memory_folder() as folder:
        made = Pair(folder, url)
        assert made.embedded.workspace.keyring.data_key(
            "identifiers"
        ) == made.stored.workspace.keyring.data_key("identifiers")
        yield made
        made.close()
    postgres.drop(url)


def draw_papers(
    rng: np.random.Generator, size: int, dimensions: int, source: str, twins: bool
) -> list[list[Paper]]:
    """Return documents in one to three batches, each batch with vectors or without."""
    batches: list[list[Paper]] = []
    bare = rng.random(3) < 0.25
    few = unit(*rng.standard_normal((3, dimensions)))
    for at in range(size):
        batch = int(rng.integers(0, 3))
        while len(batches) <= batch:
            batches.append([])
        pieces = [" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(rng.integers(1, 6))]
        drawn = unit(*rng.standard_normal((len(pieces), dimensions)))
        vectors = few[rng.integers(0, 3, len(pieces))] if twins else drawn
        batches[batch].append(
            Paper(
                f"{source}/{at}",
                pieces,
                draw_access(rng, source),
                " ".join(rng.choice(WORDS, rng.integers(0, 3))),
                " ".join(rng.choice(WORDS, rng.integers(0, 2))),
                None if bare[batch] else vectors,
            )
        )
    return [batch for batch in batches if batch]


def draw_access(rng: np.random.Generator, source: str) -> AccessList:
    entries = [f"user:{source}u", f"user:{source}v", "group:red", "group:blue"]
    allow = rng.choice(entries, rng.integers(0, 3), replace=False)
    deny = rng.choice(entries, int(rng.random() < 0.3), replace=False)
    label = LABELS[rng.integers(0, len(LABELS))]
    return AccessList(frozenset(map(str, allow)), frozenset(map(str, deny)), label)


LABELS = (None, "public", "internal", "restricted", "of another order")


QUERIES = (
    "paid leave pump",
    '"paid leave" rain',
    "pump -rain",
    "INV-2024-0017 café",
    "the",
    "年休假 week",
    "zebra",
    "-pump",
)


@given(
    seed=st.integers(0, 2**31),
    size=st.integers(1, 25),
    limit=st.sampled_from([1, 2, 10, 500]),
    legs=st.sampled_from(["hybrid", "dense", "lexical"]),
    weights=st.sampled_from(
        [(0.9, 0.4, 2.0, 1.0, 1.0), (1.2, 0.75, 1.0, 0.0, 3.0), (0.0, 0.0, 5.0, 1.0, 0.5)]
    ),
    dense=st.sampled_from([0.75, 0.5, 1.0, 0.0]),
    twins=st.booleans(),
    query=st.sampled_from(QUERIES),
    asks=st.sampled_from(["vector", "no vector", "other model"]),
    limits=st.sampled_from(
        [
            {},
            {"folder": ["s/1", "2"]},
            {"type": "text"},
            {"type": "pdf"},
            {"sensitivity": ["public", "internal"]},
        ]
    ),
)
@settings(max_examples=40, deadline=None)
def test_both_engines_give_the_same_ranking(
    pair: Pair, seed: int, size: int, limit: int, **drawn: Any
) -> None:
    rng = np.random.default_rng(seed)
    pair.examples += 1
    source = f"e{pair.examples}"
    directory = (
        DIRECTORY + f'\n[users.{source}u]\ngroups = ["red"]\n[users.{source}v]\nclearance = "internal"\n'
    )
    batches = draw_papers(rng, size, 24, source, drawn["twins"])
    for one in pair.both:
        file = one.workspace.home / "directory.toml"
        file.write_text(directory)
        one.workspace.directory.import_file(file, OPERATOR)
        for batch in batches:
            one.put(batch, source=source)
        one.workspace.index.settle(OPERATOR)
    vector = None if drawn["asks"] == "no vector" else unit(rng.standard_normal(24))[0]
    model = OTHER_MODEL if drawn["asks"] == "other model" else MODEL
    chosen = RankingSettings(
        drawn["legs"], LexicalSettings(*drawn["weights"]), FusionSettings(drawn["dense"])
    )
    for name in (f"{source}u", f"{source}v", "carol"):
        first, second = (
            one.rank(
                Principal("user", name), drawn["query"], vector, limit, chosen, model, of(drawn["limits"])
            )
            for one in pair.both
        )
        assert second == first
        whys = [
            one.explained(Principal("user", name), drawn["query"], vector, chosen, model) for one in pair.both
        ]
        assert whys[0] == whys[1]
        readable = {
            f"{source}/{paper.path.rpartition('/')[2]}"
            for batch in batches
            for paper in batch
            if paper.access.permits(
                frozenset({f"user:{name}", "group:everyone"} | ({"group:red"} if name[-1] == "u" else set()))
            )
            and (name[-1] != "v" or paper.access.sensitivity in ("public", "internal"))
        }
        paths = paths_of(pair.stored, [hit.document for hit in second.hits])
        assert {path for path in paths if path.startswith(source + "/")} <= readable


def paths_of(library_: Library, documents: Sequence[str]) -> set[str]:
    with library_.workspace.database.read() as connection:
        found = [library.get_document(connection, one) for one in documents]
    return {row.path for row in found if row is not None}
