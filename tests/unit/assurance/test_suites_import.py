"""Cases from tables and BEIR folders: what is taken is what stood there, and what is not is named with its place."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suites import typed
from muniment.assurance.evaluation.suites.beir import file_name, read_beir, write_corpus
from muniment.assurance.evaluation.suites.csv_cases import read_csv
from muniment.foundation.errors import BadInput, Conflict

_text = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="|\\=[{"), min_size=1, max_size=9
)
_word = _text.map(str.strip).filter(bool)
_words = st.lists(_word, max_size=3, unique=True)


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def table(folder: Path, rows: list[list[str]], delimiter: str = ",", bom: bool = False) -> Path:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    file = folder / "cases.csv"
    file.write_bytes(("\ufeff" if bom else "").encode() + out.getvalue().encode())
    return file


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.tuples(_word, _words.filter(bool), _words, _words, st.booleans()), min_size=1, max_size=4
    ),
    delimiter=st.sampled_from(",;\t"),
    bom=st.booleans(),
)
def test_a_table_is_read_as_it_was_written(
    rows: list[tuple[str, list[str], list[str], list[str], bool]], delimiter: str, bom: bool, tmp_path: Path
) -> None:
    head = ["question", "relevant", "facts", "tags", "abstain"]
    written = [
        [asks, "|".join(paths), "|".join(facts), "|".join(tags), str(abstain)]
        for asks, paths, facts, tags, abstain in rows
    ]
    found = read_csv(table(tmp_path, [head, *written], delimiter, bom), {}, "alice")
    assert not found.refused
    read = [
        (one.question, list(one.gains), [f[0] for f in one.facts], list(one.tags), one.abstain)
        for one in found.cases
    ]
    assert read == [row[:5] for row in rows]
    assert len({one.id for one in found.cases}) == len(rows)


def test_columns_may_have_other_names_and_hold_grades_calls_and_json(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        [
            ["Frage", "Wer", "relevant", "facts", "tools", "schema", "result", "weight", "Bemerkung"],
            ["Wie\nlange?", "bob", "a.md=2|b=c.md", '[["24 months", "two years"]]', "lookup:{\"id\": 1}",
             '{"type": "integer"}', "0", "2.5", "egal"],
        ],
        ";",
    )  # fmt: skip
    found = read_csv(file, {"question": "Frage", "asker": "Wer"})
    [case] = found.cases
    assert (case.asker, case.question, case.weight, case.result) == ("bob", "Wie\nlange?", 2.5, 0)
    assert case.gains == {"a.md": 2, "b=c.md": 1} and case.facts == (("24 months", "two years"),)
    assert case.tools[0].arguments == {"id": 1}
    assert found.unused == ("Bemerkung",) and case.source == "cases.csv:3"


def test_what_is_wrong_is_named_by_row_and_column_and_the_rest_is_read(tmp_path: Path) -> None:
    rows = [
        ["id", "asker", "question", "relevant", "abstain", "weight"],
        ["c1", "alice", "Why?", "a.md", "", ""],
        ["c2", "alice", "", "a.md", "", ""],
        ["c3", "alice", "When?", "", "no", ""],
        ["c4", "alice", "When?", "a.md", "perhaps", ""],
        ["c5", "alice", "When?", "a.md", "", "heavy"],
        ["c1", "alice", "Where?", "a.md", "", ""],
        ["", "", "", "", "", ""],
        ["", "alice", "Who?", "a.md", "", ""],
    ]
    found = read_csv(table(tmp_path, rows), {}, known={"c6"})
    assert [one.id for one in found.cases] == ["c1", "c7"]
    assert [one.where for one in found.refused] == [
        "cases.csv:3",
        "cases.csv:4",
        "cases.csv:5, column abstain",
        "cases.csv:6, column weight",
        "cases.csv:7, column id",
    ]
    assert "question" in found.refused[0].why


@pytest.mark.parametrize(
    ("content", "columns", "named"),
    [
        (b"question\nKostet es f\xfcnf?\n", {}, "UTF-8"),
        (b"Frage\nWarum?\n", {}, "--columns question=NAME"),
        (b"question\nWarum?\n", {"asker": "Wer"}, "'Wer'"),
        (b"question\nWarum?\n", {"wer": "Wer"}, "wer is no key"),
        (b"question,question\na,b\n", {}, "twice"),
        (b"question\n", {}, "no rows"),
        (b"", {}, "no rows"),
        (b'question,id\n"Why,c1\n', {}, "no row of a table"),
    ],
)
def test_what_is_no_table_is_refused_with_the_fix(
    content: bytes, columns: dict[str, str], named: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_csv(file, columns, "alice")
    assert named in str(refused.value)


def beir(folder: Path, zipped: bool, qrels: str = "qrels/test.tsv") -> Path:
    documents = [
        {"_id": "d1", "title": "Tides", "text": "The moon."},
        {"_id": "a/b: ..", "title": "", "text": "Sand."},
        {"_id": ".hidden", "title": "H", "text": "Dunes."},
    ]
    asks = [
        {"_id": "q1", "text": "Why tides?"},
        {"_id": "q2", "text": "What sand?"},
        {"_id": "q3", "text": "?"},
    ]
    (folder / qrels).parent.mkdir(parents=True, exist_ok=True)
    for name, items in (("corpus", documents), ("queries", asks)):
        text = "".join(json.dumps(item) + "\n" for item in items).encode()
        (folder / f"{name}.jsonl{'.gz' if zipped else ''}").write_bytes(
            gzip.compress(text) if zipped else text
        )
    (folder / qrels).write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\ta/b:\u00a0..\t0\nq2\t.hidden\t1\n"
    )
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_a_beir_folder_gives_its_questions_grades_and_documents(zipped: bool, tmp_path: Path) -> None:
    folder = beir(tmp_path / "set", zipped)
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\t.hidden\t0\nq2\t.hidden\t1\n"
    )
    found = read_beir(folder, "test", "alice", silent)
    assert not found.refused
    assert [(one.id, one.asker, dict(one.gains)) for one in found.cases] == [
        ("q1", "alice", {"d1.md": 2, "%2Ehidden.md": 0}),
        ("q2", "alice", {"%2Ehidden.md": 1}),
    ]
    assert write_corpus(folder, tmp_path / "out", "user:alice", silent) == 3
    assert (tmp_path / "out" / "d1.md").read_text() == "# Tides\n\nThe moon.\n"
    assert (tmp_path / "out" / "access.toml").read_text() == 'allow = ["user:alice"]\n'
    assert {path for one in found.cases for path in one.gains} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    with pytest.raises(Conflict):
        write_corpus(folder, tmp_path / "out", "user:alice", silent)


def test_what_a_beir_folder_lacks_is_named(tmp_path: Path) -> None:
    folder = beir(tmp_path / "set", False, "qrels_dev.tsv")
    rows = "q1 d1 1\nq2 gone 1\nq3 d1 0\nq4 d1 1\nq1 d1 much\n"
    (folder / "qrels_dev.tsv").write_text(rows)
    found = read_beir(folder, "dev", "alice", silent)
    assert [one.id for one in found.cases] == ["q1"]
    assert [(one.where, one.why.split()[-1]) for one in found.refused] == [
        ("qrels_dev.tsv:5", "0."),
        ("queries.jsonl:2, query q2", "corpus.jsonl."),
        ("queries.jsonl:3, query q3", "it."),
        ("query q4", "queries.jsonl."),
    ]
    with pytest.raises(BadInput, match=r"qrels_test\.tsv"):
        read_beir(folder, "test", "alice", silent)
    again = found.beside({"q1"})
    assert not again.cases and again.refused[-1].where == "q1"


@settings(max_examples=60)
@given(st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9))
def test_each_document_has_a_file_of_its_own_below_the_folder(one: str, other: str) -> None:
    try:
        names = [file_name(text) for text in (one, other)]
    except UnicodeEncodeError:
        return
    assert (names[0] == names[1]) == (one == other)
    for name in names:
        assert Path(name).name == name and not name.startswith(".") and len(name.encode()) < 200
        assert name.isascii() and name.isprintable()


def test_cases_are_typed_as_a_command_line_has_them() -> None:
    assert typed.graded(["a.md", "b=1.md", "c.md=3"]) == {"a.md": 1, "b=1.md": 1, "c.md": 3}
    assert typed.fact("24 months|two years") == ["24 months", "two years"]
    assert typed.fact(r"a\|b") == "a|b"
    assert typed.call("lookup") == {"tool": "lookup", "arguments": {}}
    assert typed.call('lookup:{"id": 1}') == {"tool": "lookup", "arguments": {"id": 1}}
    for wrong in (
        lambda: typed.graded(["a", "a"]),
        lambda: typed.call("x:{"),
        lambda: typed.parsed("{", "it"),
    ):
        with pytest.raises(BadInput):
            wrong()


def test_an_imported_case_says_where_it_came_from(tmp_path: Path) -> None:
    [case] = read_csv(table(tmp_path, [["question", "abstain"], ["Why?", "x"]]), {}, "alice").cases
    assert case == Case("c001", "alice", "Why?", abstain=True, source="cases.csv:2")
