"""The scale benchmark draws, judges and compares what it says."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import alone, charts, comparison, growth, home, peers, under_ingest
from benchmarks.bars import bar
from benchmarks.peers.port import Corpus, Engine, Groups, Vector
from benchmarks.searches import K, Searches, numbered
from benchmarks.workload import FOLDER, GROUPS, Truth, Workload
from muniment.app import Workspace
from muniment.foundation.errors import BadInput
from muniment.knowledge import library


def quiet(_: str) -> None:
    pass


@pytest.fixture(autouse=True)
def each_question_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_ROUNDS", 1)


@pytest.fixture(scope="module")
def company() -> Workload:
    return Workload(2_000, (0.43, 0.09))


@pytest.fixture(scope="module")
def vectors(company: Workload, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return company.store(tmp_path_factory.mktemp("vectors") / "vectors.npy")


@pytest.fixture(scope="module")
def truths(company: Workload, vectors: np.ndarray) -> list[Truth]:
    return company.truth(vectors, K)


@pytest.fixture(scope="module")
def place(company: Workload, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scale") / "home"
    folder.mkdir()
    (folder / "settings.toml").write_text("[retrieval]\nvectors = false\n")
    home.company(folder, company, quiet).close()
    return folder


@pytest.fixture(scope="module")
def workspace(company: Workload, place: Path) -> Iterator[Workspace]:
    with closing(home.company(place, company, quiet)) as workspace:
        yield workspace


@pytest.fixture(scope="module")
def searches(workspace: Workspace) -> Iterator[Searches]:
    with workspace.database.read() as connection:
        yield Searches(workspace, connection)


@pytest.fixture(scope="module")
def measured(company: Workload, searches: Searches, workspace: Workspace) -> alone.Alone:
    return alone.measured(company, searches, home.folders(workspace), quiet)


@pytest.fixture
def corpus(company: Workload, vectors: np.ndarray, tmp_path: Path) -> Corpus:
    return Corpus(vectors, company.access, company.texts, FOLDER, GROUPS, tmp_path)


def test_the_truth_is_what_sorting_every_readable_row_gives(
    company: Workload, vectors: np.ndarray, truths: Sequence[Truth]
) -> None:
    for question, truth in zip(company.questions, truths, strict=True):
        readable = np.repeat(company.readable(company.readers[question.reader]), FOLDER)
        scores = np.where(readable, vectors.astype(float) @ question.vector.astype(float), -np.inf)
        best = np.argsort(-scores)[:K].tolist()
        assert set(best) <= truth.rows and truth.count == K
        assert truth.recall(best) == 1
        assert truth.recall(best[:5]) == 0.5
        assert truth.recall([int(row) for row in np.flatnonzero(~readable)[:K]]) == 0


def test_our_searches_are_measured_and_found_exact(
    company: Workload, measured: alone.Alone, truths: Sequence[Truth]
) -> None:
    judged = {str(one["what"]): one for one in alone.judged(company, measured, truths)}
    assert len(judged) == 8
    assert all(one["ok"] for one in judged.values())
    assert judged["43 % readable, adversarial: recall at 10"]["value"] == 1
    limits = [one for one in measured.bars if "vectors p50 (" in str(one["what"])]
    assert [one["target"] for one in limits] == [
        pytest.approx(1.5 * measured.limits[aim] + 0.5, abs=0.001) for aim in (0.43, 0.09)
    ]


def test_a_lost_row_is_a_missed_bar(
    company: Workload, measured: alone.Alone, truths: Sequence[Truth]
) -> None:
    lossy = replace(measured, found={**measured.found, 0: measured.found[0][:-1]})
    missed = [one["what"] for one in alone.judged(company, lossy, truths) if not one["ok"]]
    assert missed == [
        "43 % readable, correlated: recall at 10",
        "43 % readable, correlated: short results",
    ]


def test_what_is_absent_too_large_or_broken_is_said(
    company: Workload,
    corpus: Corpus,
    searches: Searches,
    truths: Sequence[Truth],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def broken(_: Corpus) -> Iterator[list[Engine]]:
        raise OSError("no room")
        yield []

    made = {
        "absent": SimpleNamespace(TITLE="A", KIND="vectors", NEEDS=("no_such_engine",), MOST=9_000),
        "small": SimpleNamespace(TITLE="B", KIND="vectors", NEEDS=(), MOST=1_000, WHY_MOST="slow"),
        "broken": SimpleNamespace(TITLE="C", KIND="vectors", NEEDS=(), MOST=9_000, built=broken),
    }
    monkeypatch.setattr(peers, "known", made.__getitem__)
    found = comparison.compared(list(made), company, corpus, searches, truths, quiet)
    assert found.left_out == {
        "A": "absent: no_such_engine not installed",
        "B": "left out above 1,000 rows: slow",
        "C": "failed: OSError: no room",
    }
    assert [(one["what"], one["ok"]) for one in found.bars] == [("C: measured to the end", False)]


def test_a_peer_counts_where_its_recall_is_enough_and_is_refused_where_it_leaks(
    company: Workload,
    corpus: Corpus,
    searches: Searches,
    workspace: Workspace,
    truths: Sequence[Truth],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folders = home.folders(workspace)
    names = {reader.groups: home.name(reader) for reader in company.readers}

    def exact(groups: Groups, vector: Vector) -> list[int]:
        return numbered(searches.vector(names[groups], vector), folders)

    def poor(groups: Groups, vector: Vector) -> list[int]:
        return exact(groups, vector)[:5]

    def leaking(groups: Groups, vector: Vector) -> list[int]:
        reader = next(one for one in company.readers if one.groups == groups)
        return [int(np.flatnonzero(~company.readable(reader))[0]) * FOLDER]

    def peer(*engines: Engine) -> SimpleNamespace:
        @contextmanager
        def built(_: Corpus) -> Iterator[list[Engine]]:
            yield list(engines)

        return SimpleNamespace(TITLE="P", KIND="vectors", NEEDS=(), MOST=9_000, built=built)

    made = {
        "fair": peer(Engine("exact", "one", exact), Engine("poor", "one", poor)),
        "leaking": peer(Engine("leaking", "one", leaking)),
    }
    monkeypatch.setattr(peers, "known", made.__getitem__)
    found = comparison.compared(["fair"], company, corpus, searches, truths, quiet)
    assert [one["what"] for one in found.bars] == [
        f"{share} readable: exact takes our time so many times, lower half" for share in ("43 %", "9 %")
    ]
    seen = {(row["engine"], row["recall"], row["short"]) for row in found.rows}
    assert seen == {("exact", 1, 0), ("poor", 0.5, 24)}
    with pytest.raises(comparison.Leaks, match="leaking is set up wrongly"):
        comparison.compared(["leaking"], company, corpus, searches, truths, quiet)


def test_fts5_answers_within_the_rights_of_the_reader(
    company: Workload, corpus: Corpus, searches: Searches, truths: Sequence[Truth]
) -> None:
    found = comparison.compared(["sqlite_fts5"], company, corpus, searches, truths, quiet)
    assert [row["asked"] for row in found.rows] == [48, 48]
    assert [one["target"] for one in found.bars] == [40, 40]
    assert not found.left_out and not list(corpus.scratch.iterdir())


def test_a_change_of_access_is_taken_back_when_a_kept_library_is_opened(
    company: Workload, place: Path, truths: Sequence[Truth]
) -> None:
    from muniment.governance.identity.principal import OPERATOR

    with closing(home.company(place, company, quiet)) as workspace:
        workspace.access.set(f"{home.SOURCE}/f00000", ["group:g999"], [], OPERATOR)
    with (
        closing(home.company(place, company, quiet)) as workspace,
        workspace.database.read() as connection,
    ):
        again = Searches(workspace, connection)
        question, truth = company.questions[0], truths[0]
        hits = again.vector(home.name(company.readers[question.reader]), question.vector)
        assert truth.recall(numbered(hits, home.folders(workspace))) == 1


def test_the_real_command_ingests_meanwhile_and_leaves_nothing_behind(
    company: Workload, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_ingest, "_DOCUMENTS_WITHOUT_VECTORS", 80)
    monkeypatch.setattr(under_ingest, "_SECONDS", 0.0)
    with closing(home.company(place, company, quiet)) as workspace:
        first = under_ingest.content(workspace)
        with under_ingest.ingesting(workspace, place, company, tmp_path) as goes_on:
            assert under_ingest.content(workspace) > first
            while goes_on():
                workspace.search("w30", home.name(company.readers[0]))
            with workspace.database.read() as connection:
                assert library.documents(connection, under_ingest.SOURCE)
        with workspace.database.read() as connection:
            assert not library.documents(connection, under_ingest.SOURCE)
            assert len(library.documents(connection, home.SOURCE)) == company.folders


def test_a_kept_library_of_another_size_is_refused(place: Path) -> None:
    with pytest.raises(BadInput, match="holds 40 documents where this size has 60"):
        home.company(place, Workload(3_000, (0.43,)), quiet)


@pytest.mark.parametrize(
    ("before", "after", "rows", "ok"),
    [(10.0, 20.4, 1, True), (10.0, 20.6, 1, False), (10.0, 200.4, 10, True), (10.0, 201.0, 10, False)],
)
def test_a_time_that_outgrows_what_is_read_is_a_cliff(
    before: float, after: float, rows: int, ok: bool
) -> None:
    def point(at: int, ms: float, read: int) -> growth.Point:
        return {
            "what": "chunks",
            "at": at,
            "readable": "43 %",
            "rows": read,
            "vectors_ms": ms,
            "words_ms": 1.0,
        }

    bars = growth.judged([point(10, before, 100), point(100, after, 100 * rows)])
    assert [one["ok"] for one in bars] == [ok, True]


def test_points_are_compared_with_those_of_their_kind_alone() -> None:
    def point(what: str, readable: str, at: int, ms: float) -> growth.Point:
        return {"what": what, "readable": readable, "at": at, "rows": 1, "vectors_ms": ms, "words_ms": 1.0}

    points = [
        point("chunks", "43 %", 10, 1.0),
        point("chunks", "1 %", 10, 99.0),
        point("chunks", "43 %", 20, 1.0),
        point("chunks", "1 %", 20, 999.0),
        point("groups held", "1 %", 30, 9999.0),
    ]
    judged = {str(one["what"]): one["ok"] for one in growth.judged(points)}
    assert judged == {
        "10 to 20 chunks, 43 %: vectors, growth over rows": True,
        "10 to 20 chunks, 43 %: words, growth over rows": True,
        "10 to 20 chunks, 1 %: vectors, growth over rows": False,
        "10 to 20 chunks, 1 %: words, growth over rows": True,
    }


def test_a_bar_says_whether_it_is_reached() -> None:
    assert bar("most", 2.0, 2.0, "ms")["ok"] and not bar("most", 2.0, 2.1, "ms")["ok"]
    assert bar("least", 2.0, 2.0, "x", least=True)["ok"] and not bar("least", 2.0, 1.9, "x", least=True)["ok"]
    assert bar("reported", None, 9.0, "ms")["ok"]


def test_charts_say_which_extra_they_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "altair" else found(name))
    with pytest.raises(BadInput, match=r"--svg needs altair.*pip install 'muniment\[charts\]'"):
        charts.checked(str(tmp_path / "scale.svg"))
