"""Going over to another embedding model, with both index engines: nothing is seen of it before, or mixed after."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tests.conftest import DIRECTORY
from tests.postgres import BOTH
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.shelf import model_in_use, put, remove, seen, set_access

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Conflict
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.embedding import Vectors
from muniment.knowledge import index_model
from muniment.knowledge.access import AccessList
from muniment.knowledge.ingestion import reembed as reembed_module
from muniment.knowledge.retrieval.question import WORDS_ONLY
from muniment.knowledge.retrieval.retrieve import PARTLY_WORDS

OLD, NEW, OTHER = (HashedEmbedder(kind=kind) for kind in ("", "-new", "-other"))
PAPERS = {
    "pumps": ["the pump lifts water", "a valve shuts the pump"],
    "leave": ["paid leave is thirty days", "leave is asked for in spring"],
    "rain": ["rain fell on the harbour", "the ferry waits for rain"],
    "secret": ["the pump is hidden in the walnut room"],
}
QUERIES = ("pump water", "paid leave in spring", "ferry", "walnut valve harbour")
pytestmark = BOTH
Make = Callable[..., Workspace]
Wholly = Callable[..., list[object]]


@pytest.fixture
def ready(make_workspace: Make, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace indexed with the old model, to which others are known too."""
    monkeypatch.setattr(reembed_module, "BATCH_CHUNKS", 2)
    workspace = make_workspace(embedder=lambda: [OLD, NEW, OTHER], clock=FixedClock())
    fill(workspace)
    return workspace


def fill(workspace: Workspace) -> None:
    for path, pieces in PAPERS.items():
        put(workspace, {path: pieces})
    set_access(workspace, "secret", AccessList(frozenset({"user:alice"})))


def everything(workspace: Workspace) -> list[object]:
    """Return all that callers see but the time it took."""
    return [
        (found.passages, found.revisions, found.index, found.notes)
        for who in ("alice", "bob")
        for query in QUERIES
        for found in [workspace.search(query, who, explain=True)]
    ]


def results(workspace: Workspace) -> list[object]:
    return [seen(workspace, who, query) for who in ("alice", "bob") for query in QUERIES]


def more(workspace: Workspace) -> None:
    put(workspace, {"pumps": ["a pump of another kind"], "more": ["water under the bridge"]})
    remove(workspace, "rain")
    set_access(workspace, "leave", AccessList(frozenset({"user:bob"})))


Change = Callable[[Workspace], None]


@pytest.fixture(scope="module")
def wholly(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[object]]:
    """Return what is found in an index made with one model, after `change`: the same with both engines."""
    known: dict[tuple[str, Change | None], list[object]] = {}

    def find(embedder: HashedEmbedder | None, change: Change | None = None) -> list[object]:
        key = "words" if embedder is None else embedder.kind, change
        if key not in known:
            home = tmp_path_factory.mktemp("fresh") / "home"
            workspace = app.create(home, embedder=lambda: embedder, clock=FixedClock())
            (home / "directory.toml").write_text(DIRECTORY)
            workspace.directory.import_file(home / "directory.toml", OPERATOR)
            fill(workspace)
            if change is not None:
                change(workspace)
            known[key] = results(workspace)
            workspace.close()
        return known[key]

    return find


def test_searches_use_the_old_model_until_the_switch_and_the_new_one_from_then_on(
    ready: Workspace, wholly: Wholly
) -> None:
    before = everything(ready)
    elsewhere = app.open(ready.home, embedder=lambda: [OLD, NEW], clock=FixedClock())
    assert everything(elsewhere) == before
    build = ready.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    for name in ready.reembed.missing(build).missing:
        ready.reembed.step(build, NEW, [name], OPERATOR)
        assert everything(ready) == before
    begun_now = app.open(ready.home, embedder=lambda: [OLD, NEW], clock=FixedClock())
    assert everything(elsewhere) == everything(begun_now) == before
    begun_now.close()
    assert model_in_use(ready) == OLD.model.digest
    done = ready.reembed.finish(build, NEW, OPERATOR)
    assert done.switched and done.documents == 4 and model_in_use(ready) == NEW.model.digest
    for workspace in (ready, elsewhere):
        assert results(workspace) == wholly(NEW)
        found = workspace.search("pump", "alice")
        assert found.index["embedding"] == f"{NEW.model.name}@{NEW.model.digest}" and found.notes == ()
    elsewhere.close()


def test_what_comes_after_the_switch_is_embedded_with_the_model_in_use(
    ready: Workspace, wholly: Wholly
) -> None:
    ready.reembed.run(NEW, OPERATOR)
    more(ready)
    ready.index.finish(OPERATOR)
    assert results(ready) == wholly(NEW, more)
    ready.index.examine()


def test_what_changes_during_a_build_is_caught_up(ready: Workspace, wholly: Wholly) -> None:
    build = ready.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    ready.reembed.step(build, NEW, ready.reembed.missing(build).missing, OPERATOR)
    more(ready)
    ready.index.finish(OPERATOR)
    assert results(ready) == wholly(OLD, more)
    assert len(ready.reembed.missing(build).missing) == 2
    assert ready.reembed.finish(build, NEW, OPERATOR).made == 2
    assert results(ready) == wholly(NEW, more)


def test_a_document_that_changes_while_it_is_embedded_is_not_taken_as_it_was(ready: Workspace) -> None:
    build = ready.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    (pumps,) = [one.document for one in ready.search("lifts water", "alice", 1).passages]

    class Slow(HashedEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> Vectors:
            put(ready, {"pumps": ["another pump"]})
            return super().embed_documents(texts)

    assert ready.reembed.step(build, Slow(kind="-new"), [pumps], OPERATOR) == 0
    assert pumps in ready.reembed.missing(build).missing


def test_a_build_that_was_cut_short_goes_on_where_it_was(
    ready: Workspace, wholly: Wholly, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = ready.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    first, second, *_ = ready.reembed.missing(build).missing
    ready.reembed.step(build, NEW, [first], OPERATOR)
    with monkeypatch.context() as patch:
        patch.setattr(ready.audit, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ready.reembed.step(build, NEW, [second], OPERATOR)
    again = app.open(ready.home, embedder=lambda: [OLD, NEW, OTHER], clock=FixedClock())
    again.index.finish(OPERATOR)
    assert [(one.state, one.done, one.total) for one in again.reembed.models()] == [
        ("in use", 0, 0),
        ("building", 1, 4),
        ("available", 0, 0),
    ]
    assert again.reembed.plan(NEW.model).made == 3
    assert again.reembed.run(NEW, OPERATOR).made == 3
    assert results(again) == wholly(NEW)
    assert again.reembed.run(NEW, OPERATOR).switched is False
    kinds = [entry.kind for entry in again.audit.query(kind="index.model_switched", limit=10)]
    assert len(kinds) == 1
    again.close()


def test_a_failed_switch_changes_nothing(ready: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(ready)
    build = ready.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    ready.reembed.step(build, NEW, ready.reembed.missing(build).missing, OPERATOR)
    with monkeypatch.context() as patch:
        patch.setattr(ready.audit, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ready.reembed.finish(build, NEW, OPERATOR)
    assert everything(ready) == before and model_in_use(ready) == OLD.model.digest


def test_a_switch_is_recorded_with_both_digests_and_the_counts(ready: Workspace) -> None:
    ready.reembed.run(NEW, OPERATOR)
    (entry,) = ready.audit.query(kind="index.model_switched", limit=10)
    assert entry.about == {
        "model": NEW.model.digest,
        "before": OLD.model.digest,
        "documents": 4,
        "words_alone": 0,
    }
    assert ready.audit.verify().findings == ()


def test_one_model_is_built_at_a_time_and_can_be_dropped(ready: Workspace, wholly: Wholly) -> None:
    before = everything(ready)
    build = ready.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    ready.reembed.step(build, NEW, ready.reembed.missing(build).missing[:2], OPERATOR)
    with pytest.raises(Conflict, match=r"--restart"):
        ready.reembed.run(OTHER, OPERATOR)
    with pytest.raises(Conflict, match=r"--drop"):
        ready.reembed.plan(OTHER.model)
    assert ready.reembed.drop(OPERATOR) == NEW.model
    assert ready.reembed.drop(OPERATOR) is None
    assert everything(ready) == before
    again = ready.reembed.begin(NEW.model, OPERATOR)
    assert again is not None and again.generation != build.generation
    assert len(ready.reembed.missing(again).missing) == 4
    assert ready.reembed.run(OTHER, OPERATOR, restart=True).made == 4
    assert results(ready) == wholly(OTHER)


def test_two_runs_do_not_build_at_once(ready: Workspace) -> None:
    with ready.database.alone("reembed"), pytest.raises(Conflict, match="Another reembed"):
        ready.reembed.run(NEW, OPERATOR)


def test_a_build_waits_for_an_ingest_and_an_ingest_for_a_batch(ready: Workspace) -> None:
    from muniment.knowledge.ingestion.turn import turn

    waits: list[float] = []
    held = ready.database.alone("ingest")
    held.__enter__()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            held.__exit__(None, None, None)

    with turn(ready.database, sleep=sleep):
        assert len(waits) == 3
        with pytest.raises(Conflict), turn(ready.database, 0.0, sleep):
            raise AssertionError


def test_documents_whose_vectors_are_not_finite_are_found_by_words_and_named(ready: Workspace) -> None:
    class Ill(HashedEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> Vectors:
            found = super().embed_documents(texts)
            found[["ferry" in text for text in texts]] = np.nan
            return found

    done = ready.reembed.run(Ill(kind="-new"), OPERATOR)
    assert done.bare == ("s/rain",) and done.switched
    found = ready.search("ferry", "bob")
    assert "rain" in {one.path for one in found.passages} and PARTLY_WORDS in found.notes
    (entry,) = ready.audit.query(kind="index.model_switched", limit=10)
    assert entry.about["words_alone"] == 1


def test_an_older_snapshot_keeps_the_old_model_after_the_switch(ready: Workspace) -> None:
    from muniment.knowledge.retrieval.engine import Asked
    from muniment.knowledge.retrieval.rank import RankingSettings
    from muniment.knowledge.retrieval.visibility import visible
    from muniment.knowledge.retrieval.wording import parse

    def rank(connection: object) -> object:
        live = index_model.live(connection)  # type: ignore[arg-type]
        assert live is not None
        embedder = {one.model.digest: one for one in (OLD, NEW)}[live.model.digest]
        asked = Asked(
            parse("pump water"), embedder.embed_query("pump water"), live.model.digest, 9, RankingSettings()
        )
        visibility = visible(connection, ready.principal("alice"))  # type: ignore[arg-type]
        return ready.engine.rank(connection, visibility, asked)  # type: ignore[arg-type]

    with ready.database.read() as older:
        before = rank(older)
        ready.reembed.run(NEW, OPERATOR)
        assert rank(older) == before
    with ready.database.read() as newer:
        assert rank(newer) != before


def test_a_question_is_embedded_once_also_where_the_record_knows_the_model_by_another_name(
    ready: Workspace,
) -> None:
    class Counting(HashedEmbedder):
        asked = 0

        def embed_query(self, text: str) -> Vectors:
            self.asked += 1
            return super().embed_query(text)

    with ready.database.write() as connection:
        connection.exec_driver_sql("UPDATE index_model SET name = 'unknown', dimensions = 0")
    counting = Counting()
    workspace = app.open(ready.home, embedder=lambda: counting, clock=FixedClock())
    for number in range(1, 4):
        assert workspace.search("pump", "bob").index["embedding"].startswith(OLD.model.name)
        assert counting.asked == number
    workspace.close()


def test_what_the_old_model_made_is_removed_after_the_switch(ready: Workspace) -> None:
    ready.reembed.run(NEW, OPERATOR)
    ready.index.finish(OPERATOR)
    if ready.settings.database.url:
        with ready.database.read() as connection:
            models = connection.exec_driver_sql("SELECT DISTINCT model FROM index_document").scalars()
            assert list(models) == [NEW.model.digest]
            orphans = (
                "SELECT count(*) FROM index_chunk WHERE number NOT IN (SELECT number FROM index_document)"
            )
            assert connection.exec_driver_sql(orphans).scalar() == 0
    else:
        from muniment.knowledge import library

        with ready.database.read() as connection:
            rows = library.every_segment(connection)
        assert {row.model for row in rows} == {NEW.model.digest}
        assert sorted(row.name for row in rows) == ready.segments.names()


def test_an_index_whose_model_is_not_present_is_searched_by_words_and_says_how_to_mend_it(
    ready: Workspace, wholly: Wholly
) -> None:
    gone = app.open(ready.home, embedder=lambda: [NEW], clock=FixedClock())
    found = gone.search("pump water", "alice")
    assert results(gone) == wholly(None)
    assert found.index["legs"] == "lexical" and "embedding" not in found.index
    (note,) = found.notes
    assert OLD.model.name in note and f"muniment index reembed {NEW.model.name}" in note
    bare = app.open(ready.home, embedder=lambda: None, clock=FixedClock())
    assert bare.search("pump", "alice").notes == (WORDS_ONLY,) and results(bare) == wholly(None)
    bare.close()
    put(gone, {"more": ["a pump without vectors"]})
    gone.index.finish(OPERATOR)
    assert model_in_use(gone) == OLD.model.digest
    gone.reembed.run(NEW, OPERATOR)
    assert gone.search("pump water", "alice").notes == ()
    gone.close()


def test_a_workspace_without_vectors_goes_over_to_its_first_model(
    make_workspace: Make, wholly: Wholly
) -> None:
    workspace = make_workspace(clock=FixedClock())
    fill(workspace)
    assert model_in_use(workspace) == ""
    later = app.open(workspace.home, embedder=lambda: [OLD, NEW], clock=FixedClock())
    assert later.reembed.run(NEW, OPERATOR).before is None
    assert results(later) == wholly(NEW)
    later.close()


def test_the_weights_that_come_later_index_what_has_no_vectors(make_workspace: Make, wholly: Wholly) -> None:
    workspace = make_workspace(clock=FixedClock())
    fill(workspace)
    later = app.open(workspace.home, embedder=lambda: [OLD, NEW], clock=FixedClock())
    later.index.finish(OPERATOR)
    assert model_in_use(later) == OLD.model.digest
    assert results(later) == wholly(OLD)
    later.close()
