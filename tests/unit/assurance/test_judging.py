"""No score of a judge without people who agree with it, whatever the verdicts; no verdict never passes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.assurance.evaluation.judging.agreement import LEAST_KAPPA, LEAST_LABELS
from muniment.assurance.evaluation.judging.judging import Docket, Item, What, judged
from muniment.assurance.evaluation.results import CaseResult
from muniment.foundation.errors import Denied

SAID = st.sampled_from(["supported", "unsupported", None])


def case(at: int) -> CaseResult:
    return CaseResult(f"c{at}", f"sha256:{at}", "user:alice", "?", (), 1.0, "answered", {})


def docket(verdicts: Sequence[str | None], what: What = "statements", per_case: int = 1) -> Docket:
    return Docket(
        what,
        tuple(
            Item(case(at // per_case), f"i{at}", 1, 10, lambda said=said: said, f"turned{at}")  # type: ignore[misc]
            for at, said in enumerate(verdicts)
        ),
        left_out=0,
    )


def half(count: int) -> list[str]:
    return ["supported" if at % 2 else "unsupported" for at in range(count)]


MANY = st.lists(SAID, min_size=60, max_size=90)


@given(verdicts=st.lists(SAID, max_size=60) | MANY, wrong=st.just(0) | st.integers(0, 70))
@settings(max_examples=100, deadline=None)
def test_there_is_a_score_just_where_the_judge_agrees_with_enough_people(
    verdicts: list[str | None], wrong: int
) -> None:
    labels = {
        f"i{at}": said if at >= wrong else "unsupported"
        for at, said in enumerate(verdicts)
        if said is not None
    }
    found = judged(docket(verdicts), labels, "gpt", workers=1)
    enough = found.agreement.kappa >= LEAST_KAPPA and found.agreement.labels >= LEAST_LABELS
    assert (found.score is not None) == (bool(found.tally)) == enough
    assert found.judged == (len(verdicts) if enough else len(labels))
    if found.score is not None:
        passed = sum(said == "supported" for said in verdicts)
        assert found.score.mean == pytest.approx(passed / len(verdicts))


def test_a_case_counts_once_however_many_statements_it_has() -> None:
    verdicts = [*half(60), "supported", "supported"]
    found = judged(docket(verdicts, per_case=2), {f"i{at}": said for at, said in enumerate(half(60))}, "gpt")
    assert found.score is not None and found.score.n == 31
    assert found.score.mean == pytest.approx((30 * 0.5 + 1) / 31)


def test_the_same_thing_in_two_answers_is_one_label() -> None:
    one = Item(case(0), "same", 1, 10, lambda: "supported")
    found = judged(Docket("statements", (one,) * 60, 0), {"same": "supported"}, "gpt")
    assert found.agreement.labels == 1 and found.score is None


def test_a_pair_without_a_verdict_is_no_tie_and_a_label_fits_either_order() -> None:
    verdicts = ["first" if at % 2 else "second" for at in range(50)] + [None, "tie"]
    labels = {f"turned{at}": "second" if at % 2 else "first" for at in range(50)}
    found = judged(docket(verdicts, "pairs"), labels, "gpt")
    assert found.agreement.kappa == 1 and found.silent == 1
    assert found.score is not None and found.score.n == 51 and found.score.mean == 0.5


def test_a_case_that_may_not_be_judged_is_left_out_whole() -> None:
    asked: list[str] = []

    def refuse() -> str:
        raise Denied("No.")

    def tell() -> None:
        asked.append("b")

    verdicts = half(60)
    labels = {f"i{at}": said for at, said in enumerate(verdicts)} | {"a": "supported"}
    items = (
        *docket(verdicts).items,
        Item(case(60), "a", 1, 10, refuse),
        Item(case(60), "b", 1, 10, tell),
    )
    found = judged(Docket("statements", items, 2), labels, "gpt")
    assert (found.left_out, found.judged) == (3, 60) and asked == []
    assert found.score is not None and found.score.n == 60
