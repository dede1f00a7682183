"""A search may be limited to places in which its reader may read something, and to no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge.places import Readable

PEOPLE = ("alice", "bob", "carol")
FOLDERS = ("engineering", "sales", "all")


@pytest.fixture
def ready(workspace: Workspace, folder: Path) -> Workspace:
    (folder / "all" / "rules.md").write_text("# Rules\n\nBe kind.\n")
    workspace.ingest(folder, "docs")
    return workspace


def places(workspace: Workspace, who: str) -> Readable:
    return workspace.places.readable(Principal("user", who))


def test_only_places_with_something_to_read_are_named(ready: Workspace) -> None:
    assert places(ready, "bob") == Readable(
        ("docs",), (("docs", "all"), ("docs", "sales")), ("text/csv", "text/markdown", "text/plain")
    )
    assert places(ready, "carol") == Readable(("docs",), (("docs", "all"),), ("text/markdown", "text/plain"))


def test_a_source_of_which_nothing_may_be_read_is_not_named(ready: Workspace, tmp_path: Path) -> None:
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "deep" / "access.toml").write_text('allow = ["group:sales"]\n')
    (tmp_path / "other" / "deep" / "plan.md").write_text("# Plan\n\nSell more.\n")
    ready.ingest(tmp_path / "other", "plans")
    assert places(ready, "bob").sources == ("docs", "plans")
    assert places(ready, "carol").sources == ("docs",)


def test_a_right_that_is_taken_takes_its_places_at_once(ready: Workspace) -> None:
    assert ("docs", "sales") in places(ready, "bob").folders
    ready.directory.remove_member("sales", "bob", OPERATOR)
    assert ("docs", "sales") not in places(ready, "bob").folders
    ready.access.set("docs/sales", ["user:carol"], [], OPERATOR)
    assert ("docs", "sales") in places(ready, "carol").folders


def test_whoever_has_no_account_is_offered_nothing(ready: Workspace) -> None:
    assert places(ready, "nobody") == Readable()


@settings(max_examples=15, deadline=None)
@given(st.fixed_dictionaries({one: st.sets(st.sampled_from(PEOPLE)) for one in FOLDERS}))
def test_what_is_offered_is_what_a_search_there_could_find(
    shared: Workspace, allowed: dict[str, set[str]]
) -> None:
    for place, people in allowed.items():
        shared.access.set(f"docs/{place}", [f"user:{one}" for one in people], [], OPERATOR)
    for who in PEOPLE:
        mine = {place for place, people in allowed.items() if who in people}
        assert {name for _, name in places(shared, who).folders} == mine
        assert bool(places(shared, who).sources) == bool(mine)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("places")
    for place in FOLDERS:
        (root / "library" / place).mkdir(parents=True)
        (root / "library" / place / "note.md").write_text(f"# {place}\n\nA note of {place}.\n")
    workspace = app.create(root / "home")
    (root / "people.toml").write_text("".join(f"[users.{one}]\ngroups = []\n" for one in PEOPLE))
    workspace.directory.import_file(root / "people.toml", OPERATOR)
    workspace.ingest(root / "library", "docs")
    return workspace
