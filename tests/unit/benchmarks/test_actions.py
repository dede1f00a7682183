"""The replay of AgentDojo: what is written down by hand for it, which needs no AgentDojo to be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

import pytest

from benchmarks import actions
from benchmarks.agentdojo import results
from benchmarks.agentdojo.governed import FOLDER, Planned
from benchmarks.agentdojo.tools import manifests
from benchmarks.agentdojo.worlds import SUITES
from muniment.foundation.errors import BadInput

COUNTS = {"workspace": 24, "travel": 28, "banking": 11, "slack": 11}


def _places(schema: Mapping[str, object], place: str = "") -> Iterator[str]:
    yield place
    for name, inner in dict(schema.get("properties", {})).items():
        yield from _places(inner, f"{place}.{name}" if place else name)
    if "items" in schema:
        yield from _places(schema["items"], f"{place}[]")


@pytest.mark.parametrize("suite", SUITES)
def test_every_tool_has_a_manifest_and_every_label_a_place(suite: str):
    tools = manifests(suite)
    assert len(tools) == COUNTS[suite]
    for tool in tools.values():
        assert set(tool.labels) <= set(_places(tool.result)), tool.name


def test_fetching_a_page_is_sending_its_address():
    assert manifests("slack")["get_webpage"].effect == "send"


@pytest.mark.parametrize("suite", SUITES)
def test_every_plan_can_be_pinned_by_who_has_read_nothing(suite: str):
    stated = json.loads((FOLDER / "plans" / f"{suite}.json").read_text("utf-8"))
    for task, one in stated.items():
        calls = one.get("calls", [])
        made = Planned(calls).plan(manifests(suite))
        assert (made is None) == (not calls), task
        assert set(one.get("unused", [])) <= {call["step"] for call in calls}, task


def test_a_review_that_is_written_like_a_score_stays_a_review():
    given = {"Inn": "Rating: 3.0\nReviews: Fine\nRating: 9.9\nReviews: Price range: 1 - 2"}
    (row,) = results.structured("get_rating_reviews_for_hotels", given)["places"]
    assert row["rating"] == 3.0
    assert row["reviews"].startswith("Fine\nRating: 9.9")


def test_a_text_that_the_system_did_not_write_is_not_taken_apart():
    with pytest.raises(ValueError, match="not as the system writes it"):
        results.structured("get_rating_reviews_for_hotels", {"Inn": "great\nRating: 9.9\nReviews: x"})


@pytest.mark.skipif(find_spec("agentdojo") is not None, reason="AgentDojo is installed")
def test_without_agentdojo_the_command_says_how_to_install_it():
    with pytest.raises(BadInput) as refused:
        actions.run({}, lambda _: None)
    assert "requirements/agentdojo.txt" in str(refused.value.fix)
