"""`muniment bench assembly` moves passages and nothing else, and says no more than its pairs show."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.local_models import ENDPOINT, STAND_IN

from benchmarks import assembly, paired
from benchmarks.arrangements import (
    Arrangement,
    as_in_their_documents,
    best_at_both_ends,
    best_first,
    best_last,
)
from benchmarks.assembly import TODAY, WAYS, Outcome, Tally
from benchmarks.copies import with_copies
from muniment.app import Workspace
from muniment.assurance.evaluation.case import Case
from muniment.foundation.errors import BadInput
from muniment.inference.catalog import Endpoint
from muniment.inference.loaded import Loaded
from muniment.inference.messages import NumberedPassage, Request
from muniment.inference.providers.local import LocalModels
from muniment.inference.providers.local_process import LocalProcess
from muniment.knowledge.passage import Passage

LONGER = """Whoever is called out between midnight and six gets a free morning, which the lead enters in the plan of
the week. Two people share a weekend where one of them has been called out on three nights of the same week before.
"""
ALL = [best_first, best_last, best_at_both_ends, as_in_their_documents]


def passage(document: str, start: int, score: float = 1.0) -> Passage:
    return Passage(
        document, "T", 1, f"{document}:1:{start}", None, (start, start + 9), score, "x", "", "s", "p", "m"
    )


def ranked(count: int) -> list[Passage]:
    return [passage(f"d{n}", 0) for n in range(1, count + 1)]


def numbers(arranged: Arrangement, passages: list[Passage]) -> list[int]:
    return [passages.index(one) + 1 for one in arranged(passages)]


PLACES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), unique=True, max_size=12)


@given(PLACES)
def test_every_arrangement_shows_each_passage_once(places: list[tuple[str, int]]) -> None:
    passages = [passage(document, 10 * start) for document, start in places]
    for arranged in ALL:
        assert sorted(numbers(arranged, passages)) == list(range(1, len(passages) + 1))


@given(PLACES)
def test_the_best_passage_stands_where_its_arrangement_says(places: list[tuple[str, int]]) -> None:
    passages = [passage(document, 10 * start) for document, start in places]
    if passages:
        best = passages[0]
        assert best_first(passages)[0] == best_at_both_ends(passages)[0] == best_last(passages)[-1] == best
        assert as_in_their_documents(passages)[0].document == best.document


def test_both_ends_have_the_best_and_the_middle_the_worst() -> None:
    assert numbers(best_at_both_ends, ranked(6)) == [1, 3, 5, 6, 4, 2]
    assert numbers(best_at_both_ends, ranked(5)) == [1, 3, 5, 4, 2]
    assert numbers(best_last, ranked(3)) == [3, 2, 1]


def test_passages_of_a_document_stand_together_in_its_order() -> None:
    passages = [passage("b", 90), passage("a", 50), passage("b", 10), passage("a", 70)]
    assert numbers(as_in_their_documents, passages) == [3, 1, 2, 4]


def test_a_passage_keeps_the_number_of_its_rank() -> None:
    shown = tuple(NumberedPassage(n, f"t{n}", "", "x") for n in (1, 2, 4))
    request = Request("p", "i", "q", shown, "-" * 16)
    moved = assembly.in_order(request, [4, 3, 2, 1])
    assert [one.n for one in moved.passages] == [4, 2, 1]
    assert replace(moved, passages=shown) == request


def test_copies_can_be_read_by_whoever_may_read_the_original(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> None:
    file = folder / "engineering" / "oncall.md"
    file.write_text(f"{file.read_text()}{LONGER}")
    to = tmp_path / "with copies"
    assert with_copies(folder, ["engineering/oncall.md", "sales/prices.csv", "sales/prices.csv"], to) == 3
    workspace = make_workspace()
    workspace.ingest(to, "docs")
    mine = workspace.search("on-call engineer paid", as_="alice").passages
    assert mine[0].title == "On call" and len(mine[0].twins) == 2
    assert not workspace.search("on-call engineer paid", as_="bob").passages
    prices = workspace.search("price of Heron", as_="bob").passages
    assert len(prices) == 1 and len(prices[0].twins) == 1


def test_what_nobody_may_read_is_not_copied(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"old\.md"):
        with_copies(folder, ["attic/old.md"], tmp_path / "to")


class StandIn(LocalModels):
    """Models whose process quotes the first two passages that it reads."""

    def process(self, endpoint: Endpoint) -> LocalProcess:
        return self._processes.get("one", lambda: LocalProcess([sys.executable, "-S", STAND_IN]))


def found(workspace: Workspace, folder: Path, tmp_path: Path) -> Tally:
    workspace.local_models = StandIn([], tmp_path, "rlimits", Loaded())
    workspace.ingest(folder, "docs")
    case = Case(
        "q1",
        "alice",
        "How much is the on-call engineer paid?",
        facts=(("300 crowns", "CZK 300"),),
    )
    endpoint = replace(ENDPOINT, max_sensitivity="any")
    lines: list[str] = []
    tally = assembly.asked(workspace, endpoint, 4, [case, case], time.monotonic() - 1, lines.append)
    workspace.local_models.process(endpoint).close()
    assert len(lines) == 1
    return tally


def test_each_question_is_asked_in_every_way_before_time_ends_it(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> None:
    (folder / "all" / "more.txt").write_text("Engineers of the lift company are paid for their way.\n")
    (folder / "all" / "travel.txt").write_text("How much a journey costs is paid by the company.\n")
    tally = found(make_workspace(embedder=lambda: HashedEmbedder()), folder, tmp_path)
    assert tally.questions == 1
    by_name = {name: one for name, (one,) in tally.outcomes.items()}
    today, last = by_name["best first"], by_name["best last"]
    assert today.holds and today.said and today.released == 2 and not today.differs
    assert last.released == 2 and not last.holds and not last.said and last.differs
    assert by_name["as in their documents"] == today
    assert by_name["best first, duplicates kept"] == today
    assert today.prompt_tokens == 120 and today.seconds > 0


def test_copies_stand_in_the_prompt_only_where_they_are_kept(
    make_workspace: Callable[..., Workspace], folder: Path, tmp_path: Path
) -> None:
    to = tmp_path / "with copies"
    with_copies(folder, ["engineering/oncall.md"], to)
    tally = found(make_workspace(embedder=lambda: HashedEmbedder()), to, tmp_path)
    assert tally.outcomes["best first, duplicates kept"][0].differs
    assert not tally.outcomes["as in their documents"][0].differs


def outcomes(**right: list[bool]) -> Tally:
    tally = Tally()
    many = len(next(iter(right.values())))
    for way in WAYS:
        told = right.get(way.name.replace(" ", "_"), right["best_first"])
        tally.outcomes[way.name] = [Outcome(holds=told[at], differs=way is not TODAY) for at in range(many)]
    return tally


def test_a_difference_is_named_only_where_its_interval_leaves_nothing_out() -> None:
    few = assembly.rows(
        outcomes(best_first=[True, False] * 10, best_last=[True] * 3 + [False, True] * 8 + [True]),
        lambda one: one.holds,
    )
    assert few[0]["verdict"] == "today's"
    assert few[2]["verdict"] == "no difference shown" and few[2]["from"] == few[2]["to"] == 0
    clear = assembly.rows(
        outcomes(best_first=[False] * 15 + [True] * 5, best_last=[True] * 20), lambda one: one.holds
    )
    assert (clear[1]["share"], clear[1]["difference"], clear[1]["verdict"]) == (100.0, 75.0, "better")
    assert 50 < float(str(clear[1]["from"])) < 75 < float(str(clear[1]["to"])) < 100
    worse = assembly.rows(
        outcomes(best_first=[True] * 20, best_last=[False] * 15 + [True] * 5), lambda one: one.holds
    )
    assert worse[1]["verdict"] == "worse"


def test_requests_that_were_all_today_s_compare_nothing() -> None:
    tally = outcomes(best_first=[True, False])
    tally.outcomes["as in their documents"] = tally.outcomes["best first"]
    same = assembly.rows(tally, lambda one: one.holds)[3]
    assert same["verdict"] == "not compared, every request was today's"


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=40))
def test_the_interval_holds_the_mean(differences: list[float]) -> None:
    low, high = paired.interval(differences)
    assert (
        low <= sum(differences) / len(differences) + 1e-9
        and high >= sum(differences) / len(differences) - 1e-9
    )


def test_options_are_checked_before_anything_is_made() -> None:
    with pytest.raises(BadInput, match="No language model named"):
        assembly.run({"model": "none"}, lambda _: None)
    with pytest.raises(BadInput, match="--beir"):
        assembly.run({"beir": "x"}, lambda _: None)
