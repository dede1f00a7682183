"""The report of a ladder says what is enough, of how many cases, and nothing that a text in it would have it say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser
from tests import runs
from tests.simulators.reported_runs import HOSTILE

from muniment.assurance.evaluation.reports.ways_forms import ways_markdown, ways_page
from muniment.assurance.evaluation.reports.write import WAYS, write_ways
from muniment.assurance.evaluation.results import Run
from muniment.assurance.release.ladder import tell
from muniment.assurance.release.ladder.figures import figures_of
from muniment.assurance.release.ladder.ladder import Climbed, Ladder
from muniment.assurance.release.ladder.recommend import recommend
from muniment.assurance.release.ladder.reported import reported_ladder
from muniment.assurance.release.ladder.rung import Name, Rung
from muniment.foundation.errors import BadInput

TARGETS = {"all_facts": 0.9}


def run(name: str, *shares: float, cost: float) -> Run:
    return runs.run(
        [{"all_facts": one, "answer_ms": 80.0, "cost": cost} for one in shares], id=f"eval_{name}"
    )


def ladder(missing: str = "a language model", suite: str = "team") -> Ladder:
    """A ladder on which the second rung is enough and the last one is not there."""
    found: dict[Name, Run] = {
        "prompt": run("prompt", *[0.0] * 9, 1.0, cost=0.002),
        "quotes": run("quotes", *[1.0] * 10, cost=0.001),
    }
    climbed = [Climbed(Rung(name, ()), one, figures_of(one, TARGETS)) for name, one in found.items()]
    recommendation = recommend(
        [(name, figures_of(one, TARGETS).metrics) for name, one in found.items()], TARGETS
    )
    last = Climbed(Rung("tools", ("tools",), missing=missing), None, None)
    return Ladder(suite, 10, 20, TARGETS, (*climbed, last), recommendation, ("prompt", "quotes", "tools"))


def test_the_page_holds_the_recommendation_every_rung_and_the_chart() -> None:
    found = LexborHTMLParser(ways_page(reported_ladder(ladder())))
    said = found.css_first("#verdict").text(strip=True)
    assert said.startswith("Enough: retrieval with quotes") and found.css_first(".verdict.is-met")
    rows = [row.text(separator=" ") for row in found.css("#ways tbody tr")]
    assert "misses" in rows[0] and "10 %" in rows[0] and "n 10" in rows[0]
    assert "enough" in rows[1] and "100 %" in rows[1]
    assert len(found.css("#cost svg .point")) == 2 and len(found.css("#cost svg .point.is-here")) == 1
    facts = found.css_first("#run").text()
    assert "muniment eval show eval_quotes" in facts and "Not available: a language model" in facts
    assert not found.css("script, link, img, iframe") and "Only 10 of 20 cases" in found.body.text()


def test_markdown_holds_the_same_in_a_table() -> None:
    text = ways_markdown(reported_ladder(ladder()))
    assert text.startswith("### ✅ Ladder: `team`") and "- Enough: retrieval with quotes" in text
    assert "| `3 retrieval with quotes` | enough | 100 % (" in text and "`eval_quotes`" in text
    assert "not available: `a language model`" in text


def test_hostile_texts_are_shown_as_texts() -> None:
    found = reported_ladder(ladder(HOSTILE, HOSTILE))
    hostile = replace(found, said=(*found.said, f"{HOSTILE} www.evil.example"))
    shown = LexborHTMLParser(ways_page(hostile))
    assert not shown.css("script, img, a[href^=http], a[href^=javascript]")
    assert "alert(1)" in shown.body.text()
    html = MarkdownIt("commonmark").enable("table").render(ways_markdown(hostile))
    assert not LexborHTMLParser(html).css("script, img, a, svg")


def test_where_none_is_enough_the_page_says_so() -> None:
    made = ladder()
    none = recommend([("prompt", figures_of(run("p", 0.0, cost=0.0), TARGETS).metrics)], TARGETS)
    found = reported_ladder(replace(made, recommendation=none, rungs=(made.rungs[0], made.rungs[2])))
    shown = LexborHTMLParser(ways_page(found))
    assert shown.css_first(".verdict.is-missed") and "None is enough" in shown.css_first("#verdict").text()


def test_a_ladder_of_which_nothing_was_asked_is_reported_too() -> None:
    nothing = recommend([], TARGETS)
    found = reported_ladder(replace(ladder(), recommendation=nothing, rungs=(ladder().rungs[2],)))
    assert "No rung is available" in ways_page(found) and "No rung is available" in ways_markdown(found)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    made = ladder()
    files = write_ways(reported_ladder(made), tell.as_json(made), tmp_path / "report")
    assert tuple(one.name for one in files) == WAYS
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}
    told = json.loads(files[2].read_text())
    assert told["form"] == "muniment.evaluation-ways/1" and told["recommended"] == "quotes"
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="no folder"):
        write_ways(reported_ladder(made), {}, tmp_path / "file")
