"""Reports say what a run showed, worst first, and nothing that a text in it would have them say."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser
from tests.simulators import reported_runs

from muniment.actions.visible import pieces, spelled
from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.reports import charts, wording
from muniment.assurance.evaluation.reports.document import document
from muniment.assurance.evaluation.reports.from_run import reported
from muniment.assurance.evaluation.reports.junit import junit
from muniment.assurance.evaluation.reports.markdown import markdown
from muniment.assurance.evaluation.reports.page import checked_server, page
from muniment.assurance.evaluation.reports.reported import MetricRow, ReportedRun
from muniment.assurance.evaluation.reports.shortfall import FAILED, shortfalls
from muniment.assurance.evaluation.reports.terminal import lines
from muniment.assurance.evaluation.reports.write import FORMATS, write_reports
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.foundation.errors import BadInput

TEXTS = st.text(st.characters(codec=None), max_size=60)
GOOD = {"authorised": 1.0, "success@5": 1.0, "facts": 1.0, "answer_ms": 700.0}


def result(case: str = "c1", **changed: Any) -> CaseResult:
    made = CaseResult(
        case, "d", "user:alice", "How long is leave?", ("people",), 1.0, "answered", GOOD, "ans_1"
    )
    return replace(made, **changed)


def run(*results: CaseResult, **changed: Any) -> Run:
    return replace(reported_runs.run(0), **{"cases": len(results), "results": results, **changed})


def judged(made: ReportedRun, met: bool | None) -> ReportedRun:
    return replace(made, metrics=tuple(replace(row, met=met) if row.target else row for row in made.metrics))


# What a run showed


@pytest.mark.parametrize(
    ("changed", "met", "verdict", "said"),
    [
        ({}, True, "met", "All 4 targets met"),
        ({}, False, "missed", "4 of 4 targets missed"),
        ({}, None, "missed", "4 of 4 targets missed"),
        ({"targets": {}}, None, "untold", "No target is set"),
        ({"finished": ""}, True, "unfinished", "Cut short: 1 of 1 cases have a result"),
        ({"cases": 3}, True, "unfinished", "Cut short: 1 of 3 cases have a result"),
    ],
)
def test_a_verdict_is_good_only_where_all_is_known_to_be(
    changed: dict[str, Any], met: bool | None, verdict: str, said: str
) -> None:
    made = judged(reported(run(result(), **changed)), met)
    assert (made.verdict, made.ok) == (verdict, verdict in ("met", "untold"))
    assert wording.sentence(made) == said


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better", "word"),
    [
        (0.91, 0.99, False, "met"),
        (0.85, 0.99, False, "met, not for sure"),
        (0.85, 0.89, True, "met"),
        (0.85, 0.92, True, "met, not for sure"),
        (None, None, False, "met"),
    ],
)
def test_a_target_is_surely_met_only_by_the_whole_interval(
    low: float | None, high: float | None, lower_is_better: bool, word: str
) -> None:
    row = MetricRow(
        "facts", "", "answer", "share", 40, 0.9, low, high, 0.9, True, lower_is_better=lower_is_better
    )
    made = replace(reported(run(result())), metrics=(row,))
    assert wording.outcome(row) == word and made.verdict == "met"
    assert any("not for sure" in one for one in wording.remarks(made)) == (word != "met")


def test_a_breach_comes_before_everything_else() -> None:
    bad = result("c2", scores=GOOD | {"authorised": 0.0, "facts": 0.0})
    made = judged(reported(run(result(scores=GOOD | {"facts": 0.0}), bad, finished="", cases=9)), True)
    assert made.verdict == "breached" and not made.ok
    assert [row.case for row in made.short] == ["c2", "c1"]
    assert made.short[0].short == ("showed what its asker may not read", "left out a fact")
    assert "It was cut short: 2 of 9 cases have a result." in wording.remarks(made)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS.values() if metric.breach])
def test_every_metric_that_allows_no_failure_is_a_breach_with_words_of_its_own(name: str) -> None:
    assert reported(run(result(scores={name: 0.99}))).breaches
    assert len(shortfalls("answered", {name: 0.99})) == 1
    assert shortfalls("answered", {name: float("nan")}) != ()


def test_a_case_that_failed_fell_short_though_nothing_was_scored() -> None:
    assert shortfalls("failed", {}) == (FAILED,)
    assert shortfalls("answered", GOOD) == ()


def test_a_run_alone_gives_means_by_weight_and_no_interval() -> None:
    made = reported(run(result(weight=3.0), result("c2", scores=GOOD | {"facts": 0.0})))
    (facts,) = [row for row in made.metrics if row.name == "facts"]
    assert (facts.cases, facts.mean, facts.low, facts.met) == (2, 0.75, None, None)
    (abstained,) = [row for row in made.metrics if row.name == "abstained"]
    assert (abstained.cases, abstained.mean, abstained.missed) == (0, None, True)
    assert made.slices[0].tag == "people" and made.slices[0].cases == 2
    assert made.lineage[:3] == (
        ("model", "qwen2.5-coder-1.5b"),
        ("prompt", "answer@7"),
        ("index.embedding", "bge-small-en-v1.5"),
    )


def test_a_quantile_is_a_time_that_was_taken() -> None:
    times = [result(f"c{n}", scores={"answer_ms": float(n)}) for n in range(1, 101)]
    (row,) = reported(run(*times)).latencies
    assert (row.stage, row.p50, row.p95) == ("answer", 50.0, 95.0)


@given(st.floats(0, 1))
def test_a_share_is_said_to_be_all_or_none_only_where_it_is(share: float) -> None:
    said = wording.figure(share)
    assert (said == "100 %") == (share == 1.0) and (said == "0 %") == (share == 0.0)


@settings(max_examples=60)
@given(TEXTS)
@example("a  b")
@example(" a")
@example("[U+202E]")
def test_the_short_way_to_show_a_text_shows_the_same(text: str) -> None:
    assert wording.visible(text) == spelled(pieces(text))


def test_marks_stand_where_their_figures_are() -> None:
    row = MetricRow("facts", "", "answer", "share", 40, 0.8, 0.7, 0.9, 0.85, False)
    ((_, chart),) = charts.scores(replace(reported(run(result())), metrics=(row,)))
    (dot,) = chart.dots
    assert (dot.at, dot.low, dot.high, dot.target, dot.tone) == (80, 70, 90, 85, "bad")
    assert dot.note == "70–90 % · n 40 · target ≥ 85 %: missed"


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=9))
def test_every_time_has_its_bar(times: list[float]) -> None:
    made = reported(run(*(result(f"c{n}", scores={"model_ms": one}) for n, one in enumerate(times))))
    chart = charts.latencies(made.latencies)
    assert chart is not None
    for band in chart.bands:
        assert 0 <= band.p50 <= band.p95 <= 100
        assert max(bar.height for bar in band.bars) == 1 and all(0 <= bar.at < 100 for bar in band.bars)


# What others wrote


def test_the_page_holds_hostile_texts_as_texts() -> None:
    tree = LexborHTMLParser(page(reported_runs.hostile(), "https://muniment.example"))
    assert tree.css("script, img, iframe, object, base, form, [style], [onerror], link") == []
    assert all(
        node.attributes["href"].startswith(("#", "https://muniment.example/answers/"))
        for node in tree.css("a")
    )
    assert len(tree.css("style")) == 1 and len(tree.css("main")) == 1


@settings(max_examples=20, deadline=None)
@given(TEXTS)
@example("`" * 90)
@example("a | b\n\n<b>c</b>")
@example("</details>")
@example("https://evil.example @everyone #1")
@example("\\")
def test_markdown_of_any_text_holds_no_markup_of_it(text: str) -> None:
    one = result(
        text, question=text, asker=text, error=text, tags=(text,), answer_id=text, scores={text: 0.0}
    )
    made = reported(
        run(one, result("c2", scores=GOOD | {"facts": 0.0}, question=text), suite=text, subject=text)
    )
    made = replace(made, metrics=(MetricRow(text, "", "answer", "share", 2, 0.5, target=1.0),))
    parsed = MarkdownIt("commonmark").enable("table").parse(markdown(made))
    parts = [*parsed, *(part for token in parsed for part in token.children or ())]
    raw = [part.content.strip() for part in parts if part.type in ("html_inline", "html_block")]
    assert raw == ["<details><summary>1 of 2 cases fell short</summary>", "</details>"]
    assert not [
        part for part in parts if part.type in ("link_open", "image", "heading_open") and part.tag != "h3"
    ]
    cells = [after.children or [] for one, after in pairwise(parsed) if one.type in ("th_open", "td_open")]
    assert not text or [part.type for part in cells[6]] == ["code_inline"]
    assert len(cells) == 12
    plain = "".join(part.content for part in parts if part.type == "text")
    assert text.strip() in ("", "_nothing_") or len(text) < 9 or text not in plain


def test_markdown_fits_into_a_comment_and_links_to_nothing() -> None:
    made = reported_runs.hostile()
    made = replace(made, results=made.results * 40, cases=len(made.results) * 40)
    said = markdown(made)
    assert len(said) < 65_536
    assert not [
        part for part in MarkdownIt("commonmark").enable("table").parse(said) if part.type == "link_open"
    ]


@settings(max_examples=30, deadline=None)
@given(TEXTS)
@example("]]>\x00\ufffe\ud800\x1b")
def test_junit_of_any_text_is_read_back(text: str) -> None:
    one = result(text, question=text, error=text, status="failed", answer_id=text, scores={})
    tree = ElementTree.fromstring(junit(reported(run(one, suite=text, subject=text))).encode())
    assert tree.find("testsuite/testcase").attrib["name"] == spelled(pieces(text))


def test_lines_for_a_terminal_hold_no_control_characters() -> None:
    said = lines(reported_runs.hostile())
    assert all(one.isprintable() and len(one) < 2_000 for one in said)


# In each form


def test_junit_counts_breaches_as_failures_and_failed_cases_as_errors() -> None:
    tree = ElementTree.fromstring(junit(reported_runs.full()).encode())
    suite, targets = tree.findall("testsuite")
    assert suite.attrib | {"time": ""} == suite.attrib | {
        "tests": "140",
        "failures": "2",
        "errors": "1",
        "time": "",
    }
    assert [one.attrib["name"] for one in suite if one.find("failure") is not None] == ["q023", "q086"]
    assert [one.attrib["name"] for one in suite if one.find("error") is not None] == ["q061"]
    assert [one.attrib["name"] for one in targets if one.find("failure") is not None] == [
        "authorised",
        "success@5",
    ]
    assert tree.attrib["tests"] == str(len(tree.findall("testsuite/testcase")))
    assert tree.attrib["failures"] == "4" and tree.attrib["errors"] == "1"


def test_an_unfinished_run_is_an_error_in_junit() -> None:
    tree = ElementTree.fromstring(junit(reported(run(result(), cases=2))).encode())
    assert tree.find("testsuite[@name='targets']/testcase[@name='complete']/error") is not None
    assert tree.attrib["errors"] == "1"


def test_json_keeps_its_keys_and_texts_whole() -> None:
    found = json.loads(json.dumps(document(reported_runs.hostile())))
    assert found["form"] == "muniment.evaluation-report/1"
    assert found["results"][4]["question"] == reported_runs.HOSTILE
    assert found["results"][1]["question"] == reported_runs.LONG
    assert set(found) == {
        "form", "verdict", "ok", "complete", "run", "suite", "suite_version", "suite_digest", "kind", "subject",
        "model", "lineage", "corpus", "started", "finished", "by", "cases", "results", "metrics", "slices",
        "latencies", "confidence", "baseline", "cost_quality", "release",
    }  # fmt: skip
    assert set(found["latencies"][0]) == {"stage", "cases", "p50", "p95"}


def test_files_are_for_their_owner_alone_and_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    made = reported(run(result()))
    for _ in range(2):
        found = write_reports(made, folder, server="https://muniment.example")
        assert sorted(one.name for one in found) == sorted(FORMATS.values())
        assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}
        assert len(list(folder.iterdir())) == 4
    assert folder.stat().st_mode & 0o777 == 0o700
    assert json.loads((folder / "report.json").read_text())["run"] == made.run


def test_nothing_is_written_for_an_unknown_format_or_no_address(tmp_path: Path) -> None:
    made = reported(run(result()))
    with pytest.raises(BadInput, match="'pdf'"):
        write_reports(made, tmp_path / "a", ["html", "pdf"])
    with pytest.raises(BadInput, match="address"):
        write_reports(made, tmp_path / "a", ["json"], "javascript:alert(1)")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="no folder"):
        write_reports(made, tmp_path / "file", ["json"])


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "ftp://a.example", "https://", "//a.example", "https://a.example\"x", "https://u@a.example",
     "https://a.example?x", "https://a.example:x", "https://[a", "https://é.example"],
)  # fmt: skip
def test_only_addresses_of_a_server_are_linked_to(address: str) -> None:
    with pytest.raises(BadInput):
        checked_server(address)


def test_a_server_may_be_below_a_path() -> None:
    assert checked_server("http://127.0.0.1:8080/") == "http://127.0.0.1:8080"
    assert checked_server('https://a.example/mu"niment/') == "https://a.example/mu%22niment"
