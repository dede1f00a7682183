"""Readers by path, as an operator states them for a source that carries no permissions of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from muniment.foundation.errors import BadInput
from muniment.knowledge.sources.connector import UNREADABLE, Stated
from muniment.knowledge.sources.stated_readers import PathReaders, StatedReaders

_NAMES = st.lists(st.sampled_from(["a", "b", "ab", "é"]), min_size=0, max_size=4).map("/".join)


def _stated(**allowed: str) -> StatedReaders:
    return StatedReaders([PathReaders(path=path, allow=(f"user:{who}",)) for path, who in allowed.items()])


def test_the_nearest_path_alone_says_who_reads() -> None:
    found = StatedReaders(
        [
            PathReaders(allow=("group:everyone",)),
            PathReaders(path="hr", allow=("group:hr",), deny=("user:bob",), sensitivity="secret"),
        ]
    )
    hr = Stated((frozenset({"group:hr"}),), frozenset({"user:bob"}), "secret")
    assert [found.of(path) for path in ("hr", "hr/a/b.md")] == [hr, hr]
    assert found.of("hrx/a.md") == found.of("a.md") == Stated((frozenset({"group:everyone"}),))


def test_what_lies_below_no_stated_path_is_nobodys() -> None:
    found = _stated(hr="alice")
    assert found.of("other/a.md") == found.of("") == UNREADABLE
    assert StatedReaders([]).of("a.md") == UNREADABLE


def test_an_empty_list_is_nobodys_though_the_folder_above_is_open() -> None:
    found = StatedReaders([PathReaders(allow=("group:everyone",)), PathReaders(path="shut", allow=())])
    assert found.of("shut/a.md").clauses == ()


def test_another_spelling_of_the_same_letters_does_not_fall_to_the_folder_above() -> None:
    found = StatedReaders(
        [PathReaders(allow=("group:everyone",)), PathReaders(path="caf\u00e9", allow=("user:alice",))]
    )
    assert found.of("cafe\u0301/a.md").clauses == (frozenset({"user:alice"}),)


@pytest.mark.parametrize(
    "path", ["open/../hr/a.md", "open/../../hr/a.md", "/hr/a.md", "./hr/a.md", "hr/../a.md"]
)
def test_a_path_that_leads_around_other_readers_is_nobodys(path: str) -> None:
    stated = [PathReaders(path=one, allow=(f"user:{one or 'all'}",)) for one in ("", "open", "hr")]
    assert StatedReaders(stated).of(path) == UNREADABLE


def test_an_odd_path_below_one_list_has_its_readers() -> None:
    found = _stated(hr="alice")
    assert found.of("hr//a.md") == found.of("hr/./a.md") == found.of("hr/x/../a.md") == found.of("hr/")


@pytest.mark.parametrize("path", ["/hr", "hr/", "a//b", "a/../b", ".", ".."])
def test_a_path_that_could_mean_another_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="single slashes"):
        PathReaders(path=path, allow=())


def test_two_lists_for_one_path_are_refused() -> None:
    with pytest.raises(BadInput, match="stated twice"):
        StatedReaders([PathReaders(path="caf\u00e9", allow=()), PathReaders(path="cafe\u0301", allow=())])


@pytest.mark.parametrize("entry", ["alice", "everyone", "account:1", "user:", "user:a/b"])
def test_an_entry_that_is_none_of_ours_is_refused(entry: str) -> None:
    with pytest.raises(ValidationError, match="names no user, group or service"):
        PathReaders(allow=(entry,))
    with pytest.raises(ValidationError, match="names no user, group or service"):
        PathReaders(allow=(), deny=(entry,))


@given(st.lists(_NAMES, unique=True, max_size=5), _NAMES)
def test_every_path_has_the_scope_of_its_longest_stated_prefix(stated: list[str], path: str) -> None:
    found = StatedReaders([PathReaders(path=one, allow=(f"user:u{at}",)) for at, one in enumerate(stated)])
    above = [one for one in stated if not one or path == one or path.startswith(one + "/")]
    expected = UNREADABLE
    if above:
        expected = Stated((frozenset({f"user:u{stated.index(max(above, key=len))}"}),))
    assert found.of(path) == expected
    assert found.scopes()[found.scope(path)] == expected
