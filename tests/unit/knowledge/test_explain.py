"""A caller learns why a passage is there; whoever runs the workspace learns why a document is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulators.embedder import HashedEmbedder

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge.retrieval.absence import Absence
from muniment.knowledge.retrieval.filters import of
from muniment.knowledge.retrieval.segment import embedding_text

DIRECTORY = """
[users.alice]
groups = ["staff"]
[users.bob]
clearance = "internal"
[groups.staff]
"""


@pytest.fixture
def library(tmp_path: Path) -> Workspace:
    root = tmp_path / "library"
    for place, access in (
        ("open", 'allow = ["group:everyone"]\nsensitivity = "public"'),
        ("staff", 'allow = ["group:staff"]\nsensitivity = "restricted"'),
        ("shut", 'allow = ["group:everyone"]\ndeny = ["group:staff"]\nsensitivity = "restricted"'),
    ):
        (root / place).mkdir(parents=True)
        (root / place / "access.toml").write_text(access + "\n")
        (root / place / "ferry.txt").write_text(f"The ferry of {place} leaves the harbour at noon.\n")
    (root / "open/rope.md").write_text("Rope is kept in the loft.\n")
    workspace = app.create(tmp_path / "home", embedder=lambda: HashedEmbedder(64))
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    workspace.directory.import_file(tmp_path / "directory.toml", OPERATOR)
    workspace.ingest(root, "docs")
    return workspace


def why_not(library: Workspace, query: str, target: str, who: str = "alice", **filters: object) -> Absence:
    return library.retriever.why_not(Principal("user", who), query, target, OPERATOR, filters=of(filters))


def test_each_passage_says_which_words_and_what_cosine_brought_it(library: Workspace) -> None:
    found = library.search("ferry harbour rope", "alice", explain=True).passages
    embedder = HashedEmbedder(64)
    question = embedder.embed_query("ferry harbour rope")
    for passage in found:
        assert passage.why is not None
        text = embedding_text(passage.title, passage.heading, passage.text)
        assert passage.why.cosine == pytest.approx(
            float(embedder.embed_documents([text])[0] @ question), abs=1e-6
        )
        assert (passage.why.words > 0) == bool(passage.why.terms)
        assert set(passage.why.terms) == {
            term for term in ("ferri", "harbour", "rope") if term[:4] in text.lower()
        }
    assert [p.why for p in library.search("ferry harbour rope", "alice").passages] == [None] * len(found)


def test_why_a_document_is_not_shown_names_the_entry_that_decides(library: Workspace) -> None:
    assert why_not(library, "ferry", "docs/shut/ferry.txt").reasons == (
        "user:alice may not read it: it denies group:staff.",
    )
    assert why_not(library, "ferry", "docs/staff/ferry.txt", "bob").reasons == (
        "user:bob may not read it: it allows group:staff.",
        "user:bob is cleared up to internal; its label is restricted.",
    )


def test_why_a_document_is_not_shown_names_filters_phrases_and_exclusions(library: Workspace) -> None:
    assert why_not(library, "ferry", "docs/open/ferry.txt", type="md", folder="staff").reasons == (
        "The filter source or folder leaves it out.",
        "The filter type leaves it out.",
    )
    assert why_not(library, '"harbour ferry"', "docs/open/ferry.txt").reasons == (
        'It nowhere holds the phrase "harbour ferri".',
    )
    assert why_not(library, "harbour -ferry", "docs/open/ferry.txt").reasons == (
        "Each of its chunks holds ferri, which the query excludes.",
    )


def test_a_document_that_is_shown_or_ranks_too_low_gets_its_place(library: Workspace) -> None:
    top = library.search("ferry of open harbour noon", "alice", k=1).passages[0]
    shown = library.retriever.why_not(
        Principal("user", "alice"), "ferry of open harbour noon", top.document, OPERATOR, k=1
    )
    assert (shown.shown, shown.reasons) == (1, ("It is there, at place 1.",))
    low = library.retriever.why_not(
        Principal("user", "alice"), "ferry of open harbour noon", "docs/open/rope.md", OPERATOR, k=1
    )
    assert low.shown is None
    assert "Its best chunk has rank" in low.reasons[0] and low.reasons[0].endswith("k is 1.")


def test_an_unknown_document_or_person_is_an_error_that_says_so(library: Workspace) -> None:
    with pytest.raises(BadInput, match="No live document docs/none"):
        why_not(library, "ferry", "docs/none.txt")
    with pytest.raises(Denied):
        why_not(library, "ferry", "docs/open/ferry.txt", "nobody")


def test_asking_why_not_is_on_record_without_the_query(library: Workspace) -> None:
    found = why_not(library, "ferry", "docs/shut/ferry.txt")
    entry = library.audit.tail(1)[0]
    assert (entry.kind, entry.about["document"]) == ("search.absence_explained", found.document)
    assert "ferry" not in str(entry.about["query"])
