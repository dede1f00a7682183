"""Neighbouring chunks become one passage, copies and versions are named once, the current one is shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.pool import Pool

from muniment.app import Workspace
from muniment.knowledge import library as stored
from muniment.knowledge.passage import Passage
from muniment.knowledge.retrieval.fold import ALIKE, Likeness, family
from muniment.knowledge.retrieval.passages import MOST_PIECES

POLICY = (
    "Travel by rail is booked in second class through the travel desk. Hotels cost at most {} pounds for a night. "
    "Meals are repaid against receipts within thirty days, and a car is hired only where no train runs. "
    "Whoever travels abroad tells the desk two weeks before, so that insurance and visas can be arranged in time. "
)
YEAR = 365 * 86400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    (root / "open").mkdir(parents=True)
    (root / "shut").mkdir()
    (root / "open/access.toml").write_text('allow = ["group:everyone"]\n')
    (root / "shut/access.toml").write_text('allow = ["user:carol"]\n')
    return root


def write(root: Path, path: str, text: str, age: int = 0) -> None:
    (root / path).write_text(text)
    at = 1_767_225_600 - age * YEAR
    os.utime(root / path, (at, at))


def search(workspace: Workspace, query: str, user: str = "alice") -> tuple[Passage, ...]:
    return workspace.search(query, user, k=20).passages


def test_the_current_version_is_shown_and_the_superseded_one_named(workspace: Workspace, root: Path) -> None:
    write(root, "open/travel-policy-2023.txt", "Travel policy 2023\n\n" + POLICY.format(90), age=3)
    write(root, "open/travel-policy-2025.txt", "Travel policy 2025\n\n" + POLICY.format(120), age=1)
    workspace.ingest(root, "docs")
    (shown,) = search(workspace, "hotel price for a night")
    assert shown.title == "Travel policy 2025"
    assert "120 pounds" in shown.text
    assert [twin.title for twin in shown.twins] == ["Travel policy 2023"]


def test_a_query_that_names_the_year_gets_that_years_version(workspace: Workspace, root: Path) -> None:
    write(root, "open/travel-policy-2023.txt", "Travel policy 2023\n\n" + POLICY.format(90), age=3)
    write(root, "open/travel-policy-2025.txt", "Travel policy 2025\n\n" + POLICY.format(120), age=1)
    workspace.ingest(root, "docs")
    found = search(workspace, "hotel price in the travel policy 2023")
    assert found[0].title == "Travel policy 2023"
    assert {passage.title for passage in found} == {"Travel policy 2023", "Travel policy 2025"}


def test_documents_of_other_names_are_never_folded_for_likeness(workspace: Workspace, root: Path) -> None:
    write(root, "open/north.txt", "Prices for the north\n\n" + POLICY.format(90))
    write(root, "open/south.txt", "Prices for the south\n\n" + POLICY.format(120))
    workspace.ingest(root, "docs")
    assert len(search(workspace, "hotel price for a night")) == 2


def test_exact_copies_are_one_passage_whatever_their_names(workspace: Workspace, root: Path) -> None:
    write(root, "open/a.md", "---\ntitle: Rules\n---\n\nThe ferry leaves at noon, every day but Sunday.\n")
    (root / "open/b.md").write_bytes((root / "open/a.md").read_bytes())
    workspace.ingest(root, "docs")
    (shown,) = search(workspace, "ferry")
    assert len(shown.twins) == 1 and shown.twins[0].document != shown.document


def test_a_twin_that_may_not_be_read_is_not_named(workspace: Workspace, root: Path) -> None:
    write(root, "open/travel-policy-2023.txt", "Travel policy 2023\n\n" + POLICY.format(90), age=3)
    write(root, "shut/travel-policy-2025.txt", "Travel policy 2025\n\n" + POLICY.format(120), age=1)
    workspace.ingest(root, "docs")
    (shown,) = search(workspace, "hotel price for a night")
    assert (shown.title, shown.twins) == ("Travel policy 2023", ())
    (shown,) = search(workspace, "hotel price for a night", "carol")
    assert (shown.title, shown.twins[0].title) == ("Travel policy 2025", "Travel policy 2023")


def test_neighbours_are_one_passage_with_the_exact_span(workspace: Workspace, root: Path) -> None:
    text = "\n\n".join(
        f"Part {part}. " + f"The harbour master writes report {part}. " * 25 for part in range(8)
    )
    write(root, "open/report.txt", text + "\n")
    workspace.ingest(root, "docs")
    found = search(workspace, "harbour report")
    assert any(len(passage.pieces) == MOST_PIECES for passage in found)
    with workspace.database.read() as connection:
        whole = stored.version_text(connection, found[0].document, 1)
        pieces = stored.chunks(connection, found[0].document, 1)
    assert whole is not None
    for passage in found:
        start, end = passage.span
        assert passage.text == whole[start:end]
        assert (start, end) == (passage.pieces[0].span[0], passage.pieces[-1].span[1])
        ordinals = [int(piece.chunk.rpartition(":")[2]) for piece in passage.pieces]
        assert ordinals == list(range(ordinals[0], ordinals[0] + len(ordinals)))
        assert passage.chunk in passage.chunks()
    every = [chunk for passage in found for chunk in passage.chunks()]
    assert len(every) == len(set(every)) <= len(pieces)


def test_a_quote_across_two_pieces_is_evidence_on_the_page_where_it_begins(
    workspace: Workspace, root: Path
) -> None:
    from tests import fixtures_parse as make

    (root / "open/book.pdf").write_bytes(make.pdf(3))
    workspace.ingest(root, "docs")
    answer = workspace.ask("What runs over several lines on page 2?", "alice")
    assert answer.citations
    with workspace.database.read() as connection:
        version = stored.version_row(connection, answer.citations[0].document, 1)
    assert version is not None
    for citation in answer.citations:
        (page,) = [u["number"] for u in version.units if u["start"] <= citation.span[0] < u["end"]]
        assert citation.page == page


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Travel policy 2023", "Travel Policy (2025)"),
        ("Handbook v1", "Handbook, version 2"),
        ("Price list Q1 2025", "price_list_q2-2026 FINAL"),
        ("Minutes January", "Minutes March"),
    ],
)
def test_versions_of_a_title_are_one_family(one: str, other: str) -> None:
    assert family(one) == family(other) != ""


@pytest.mark.parametrize(("one", "other"), [("Prices north", "Prices south"), ("Handbook", "Handout")])
def test_other_titles_are_other_families(one: str, other: str) -> None:
    assert family(one) != family(other)


WORDS = st.lists(
    st.sampled_from(["ferry", "harbour", "rope", "anchor", "12", "90", "sail"]), max_size=30
).map(" ".join)


@given(
    st.sampled_from(["Rules 1", "Rules 2", "2024", "Ropes"]),
    WORDS,
    st.sampled_from(["Rules 2", "2025"]),
    WORDS,
)
def test_being_twins_is_mutual_and_asks_for_equal_words_or_one_family(
    title: str, text: str, other_title: str, other_text: str
) -> None:
    one, other = Likeness("a", title, text), Likeness("b", other_title, other_text)
    assert one.is_twin(one)
    assert one.is_twin(other) == other.is_twin(one)
    if one.is_twin(other) and text.split() != other_text.split():
        assert family(title) == family(other_title) != ""


@given(st.lists(st.integers(0, 50), max_size=60), st.lists(st.tuples(st.integers(0, 59), st.integers(0, 90))))
def test_versions_are_twins_exactly_where_most_word_sequences_are_the_same(
    numbers: list[int], changes: list[tuple[int, int]]
) -> None:
    other = list(numbers)
    for at, number in changes:
        other[at : at + 1] = [number]

    def sequences(words: list[int]) -> set[tuple[int, ...]]:
        return {tuple(words[at : at + 4]) for at in range(len(words) - 3)}

    shared, every = sequences(numbers) & sequences(other), sequences(numbers) | sequences(other)
    texts = [" ".join(f"w{number}" for number in words) for words in (numbers, other)]
    found = Likeness("a", "Rules 1", texts[0]).is_twin(Likeness("b", "Rules 2", texts[1]))
    assert found == (numbers == other or len(shared) >= ALIKE * len(every) > 0)


def test_a_search_asks_the_database_as_often_for_many_passages_as_for_few(
    workspace: Workspace, root: Path
) -> None:
    for number in range(20):
        write(
            root,
            f"open/note-{number}.txt",
            f"Note {number}\n\nThe kiln number {number} cools for {number} hours.",
        )
    workspace.ingest(root, "docs")
    search(workspace, "kiln cools")
    asked: list[str] = []

    def note(connection: Any, *_rest: object) -> None:
        connection.set_trace_callback(asked.append)

    workspace.database.close()  # so that each connection is opened anew
    event.listen(Pool, "checkout", note)
    try:
        counts: list[int] = []
        for k in (2, 20):
            asked.clear()
            assert len(workspace.search("kiln cools", "alice", k=k).passages) == k
            counts.append(sum(statement.startswith("SELECT") for statement in asked))
    finally:
        event.remove(Pool, "checkout", note)
    assert 1 < counts[0] == counts[1]
