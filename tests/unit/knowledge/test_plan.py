from hypothesis import given
from hypothesis import strategies as st

from muniment.knowledge.ingestion.plan import plan
from muniment.knowledge.library import DocumentRow

NAMES = st.sampled_from(["a", "b", "c", "d/e", "d/f"])
HASHES = st.sampled_from(["1", "2", "3"])


def row(path: str, content: str) -> DocumentRow:
    return DocumentRow(f"doc_{path}", "s", path, path, "text/plain", 1, content, 1, 1, "", "", "")


def test_a_moved_file_keeps_its_document() -> None:
    todo = plan([row("old.md", "1")], {"new.md": "1"}, [])
    assert [(r.path, to) for r, to in todo.renamed] == [("old.md", "new.md")]
    assert not todo.new
    assert not todo.removed


def test_what_lies_below_an_unreadable_folder_is_withheld_and_not_removed() -> None:
    todo = plan([row("x/a.md", "1"), row("y.md", "2")], {}, ["x"])
    assert [r.path for r in todo.withheld] == ["x/a.md"]
    assert [r.path for r in todo.removed] == ["y.md"]


@given(known=st.dictionaries(NAMES, HASHES), found=st.dictionaries(NAMES, HASHES), bad=st.lists(NAMES))
def test_every_file_and_every_document_has_exactly_one_fate(
    known: dict[str, str], found: dict[str, str], bad: list[str]
) -> None:
    bad = [path for path in bad if path not in found]
    todo = plan([row(p, h) for p, h in known.items()], found, bad)
    fates = [*todo.new, *todo.changed, *todo.unchanged, *(to for _, to in todo.renamed)]
    assert sorted(fates) == sorted(found)
    ends = [
        *(r.path for r, _ in todo.renamed),
        *(r.path for r in todo.removed),
        *(r.path for r in todo.withheld),
    ]
    assert sorted([*ends, *todo.changed, *todo.unchanged]) == sorted(known)
    assert all(known[r.path] == found[to] for r, to in todo.renamed)
