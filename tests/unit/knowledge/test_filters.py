"""Filters narrow what may be read before anything is scored, and say what is wrong with themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.app import Workspace
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.library import Change
from muniment.knowledge.retrieval.attributes import Attributes
from muniment.knowledge.retrieval.filters import Filters, of

MESSAGE = b"From: Ada Byron <ada@example.com>\nSubject: Lanterns\n\nThe lantern of the harbour.\n"


@pytest.fixture
def library(workspace: Workspace, tmp_path: Path) -> Workspace:
    root = tmp_path / "library"
    for place, label in (
        ("open", "public"),
        ("open/deep", "internal"),
        ("opened", "public"),
        ("shut", "public"),
    ):
        (root / place).mkdir(parents=True)
        allow = "user:carol" if place == "shut" else "group:everyone"
        (root / place / "access.toml").write_text(f'allow = ["{allow}"]\nsensitivity = "{label}"\n')
        (root / place / "lantern.txt").write_text(f"The lantern of {place}.\n")
    (root / "open/note.md").write_text('---\ntitle: Note\nauthor: "Zoë Ålund"\n---\n\nA lantern.\n')
    (root / "open/letter.eml").write_bytes(MESSAGE)
    workspace.ingest(root, "docs")
    workspace.ingest(root / "opened", "other")
    return workspace


def found(library: Workspace, /, user: str = "alice", **filters: object) -> list[str]:
    passages = library.search("lantern", user, k=50, filters=filters).passages
    return sorted(f"{passage.source}/{passage.path}" for passage in passages)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"source": "other"}, ["other/lantern.txt"]),
        ({"folder": "open/deep/"}, ["docs/open/deep/lantern.txt"]),
        ({"folder": "docs/opened"}, ["docs/opened/lantern.txt"]),
        ({"folder": ["open/deep", "opened"]}, ["docs/open/deep/lantern.txt", "docs/opened/lantern.txt"]),
        ({"folder": "ope"}, []),
        ({"type": "email"}, ["docs/open/letter.eml"]),
        ({"type": ["md", ".EML"]}, ["docs/open/letter.eml", "docs/open/note.md"]),
        ({"author": "byron"}, ["docs/open/letter.eml"]),
        ({"author": "zoe alund"}, ["docs/open/note.md"]),
        ({"author": "zoe byron"}, []),
        ({"sensitivity": "internal"}, ["docs/open/deep/lantern.txt"]),
        ({"after": "2999-01-01"}, []),
        ({"before": "1999-12-31T23:59:59+02:00"}, []),
        ({"after": "2000-01-01", "before": "2999-01-01", "type": "md"}, ["docs/open/note.md"]),
    ],
)
def test_each_filter_admits_what_it_says(
    library: Workspace, filters: dict[str, object], expected: list[str]
) -> None:
    assert found(library, **filters) == expected


def test_a_filter_never_reaches_past_what_may_be_read(library: Workspace) -> None:
    assert found(library, "carol", folder="shut") == ["docs/shut/lantern.txt"]
    assert found(library, "alice", folder="shut") == []


def test_statistics_are_those_of_the_admitted_rows(library: Workspace) -> None:
    """A word that every admitted row holds says less than one that few of them hold."""
    everywhere = library.search("lantern", "alice").passages[0].score
    alone = library.search("lantern", "alice", filters={"type": "eml"}).passages[0].score
    assert alone != everywhere


def test_a_moved_or_rewritten_document_is_found_under_its_new_attributes(
    library: Workspace, tmp_path: Path
) -> None:
    assert found(library, folder="open", type="md") == ["docs/open/note.md"]
    root = tmp_path / "library"
    (root / "open/note.md").rename(root / "opened/note.md")
    library.ingest(root, "docs")
    assert found(library, folder="open", type="md") == []
    assert found(library, folder="opened", type="md") == ["docs/opened/note.md"]
    (root / "opened/note.md").write_text("---\nauthor: Somebody Else\n---\n\nA lantern.\n")
    library.ingest(root, "docs")
    assert found(library, author="else") == ["docs/opened/note.md"]
    assert found(library, author="zoe") == []


def test_a_new_label_is_felt_by_the_next_search(library: Workspace) -> None:
    library.access.set("docs/open/deep", ["group:everyone"], [], OPERATOR, "restricted")
    assert found(library, sensitivity="internal") == []
    assert found(library, sensitivity="restricted") == ["docs/open/deep/lantern.txt"]


def test_an_answer_rests_on_what_the_filters_admit(library: Workspace) -> None:
    answer = library.ask("What is there of a lantern?", "alice", filters={"type": "md"}).as_json()
    lineage = answer["lineage"]
    assert isinstance(lineage, dict)
    assert lineage["filters"] == {"type": ["text/markdown"]}
    documents = {passage["document"] for passage in lineage["passages"]}  # type: ignore[index, call-overload, union-attr]
    assert documents == {
        p.document for p in library.search("lantern", "alice", filters={"type": "md"}).passages
    }


@pytest.mark.parametrize(
    ("filters", "what", "fix"),
    [
        (
            {"colour": "red"},
            "No filter named 'colour'",
            "after, author, before, folder, sensitivity, source, type",
        ),
        ({"type": "exe"}, "The filter type knows no 'exe'", "docx"),
        ({"after": "yesterday"}, "The filter after is 'yesterday', which is no date", "2026-01-31"),
        ({"before": 7}, "The filter before is not a date", "2026-01-31"),
        ({"after": "2026-02-01", "before": "2026-01-01"}, "is not earlier than before", "Exchange"),
        ({"source": [1]}, "The filter source is not text", "one text or a list"),
        ({"source": "  "}, "The filter source has a value that is empty", "leave the filter out"),
        ({"author": "!!"}, "The filter author names nobody", "a part of one"),
        ({"folder": "/"}, "The filter folder names no folder", "Leave it out"),
        ({"source": ["a"] * 101}, "The filter source has 101 values", "at most 100"),
    ],
)
def test_a_wrong_filter_is_named_with_its_mend(filters: dict[str, object], what: str, fix: str) -> None:
    with pytest.raises(BadInput) as refusal:
        of(filters)
    assert what in str(refusal.value)
    assert fix in refusal.value.fix


def test_nothing_stated_is_no_filter() -> None:
    assert not of({"source": [], "after": None})


TIMES = st.sampled_from(
    ["", "2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00.000Z", "2026-06-01T12:00:00.000Z"]
)
CHANGES = st.builds(
    Change,
    version=st.just(1),
    access_class=st.just(1),
    source=st.sampled_from(["a", "b"]),
    path=st.sampled_from(["x/1", "x/y/2", "xy/3", "4"]),
    media_type=st.sampled_from(["text/plain", "text/html"]),
    author=st.sampled_from(["", "Ada Byron", "Zoë"]),
    modified_at=TIMES,
)
FILTERS = st.builds(
    Filters,
    source=st.sampled_from([(), ("a",), ("a", "c")]),
    folder=st.sampled_from([(), ("x",), ("b/x", "4"), ("x/y/2",)]),
    type=st.sampled_from([(), ("text/html",)]),
    author=st.sampled_from([(), ("ada",), ("zoe", "byron ada")]),
    after=TIMES,
    before=TIMES,
)


@given(st.lists(CHANGES, max_size=8), FILTERS)
def test_the_index_admits_what_the_filters_admit_one_by_one(
    documents: list[Change], filters: Filters
) -> None:
    attributes = Attributes()
    columns = attributes.columns([None, *documents])
    admitted = attributes.admitting(filters)(columns)
    expected = [
        filters.admits_place(one.source, one.path)
        and filters.admits_type(one.media_type)
        and filters.admits_author(one.author)
        and filters.admits_time(one.modified_at)
        for one in documents
    ]
    assert np.array_equal(admitted[1:], np.array(expected, np.bool_))
