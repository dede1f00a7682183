"""Which way is enough, from figures alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.assurance.evaluation.statistics.interval import Estimate
from muniment.assurance.release.ladder.recommend import Offer, cheapest, judged, recommend

TARGETS = {"all_facts": 0.8, "abstained": 0.9}
SHARES = st.floats(0, 1)


def estimates() -> st.SearchStrategy[Estimate]:
    steps = st.integers(0, 10)
    return st.tuples(steps, steps, steps, st.sampled_from([0, 1, 50])).map(
        lambda found: Estimate(found[3], sorted(found[:3])[1] / 10, min(found[:3]) / 10, max(found[:3]) / 10)
    )


def figures() -> st.SearchStrategy[dict[str, Estimate]]:
    return st.dictionaries(st.sampled_from(["all_facts", "abstained", "authorised"]), estimates())


def ways() -> st.SearchStrategy[list[tuple[str, dict[str, Estimate]]]]:
    return st.lists(figures(), max_size=6).map(lambda found: [(f"w{n}", one) for n, one in enumerate(found)])


def sure(value: float, cases: int = 100) -> Estimate:
    return Estimate(cases, value, value, value)


def test_the_least_complex_way_that_reaches_every_target_is_enough() -> None:
    found = recommend(
        [
            ("prompt", {"all_facts": sure(0.1), "abstained": sure(1.0)}),
            ("quotes", {"all_facts": sure(0.8), "abstained": sure(0.9)}),
            ("retrieval", {"all_facts": sure(0.99), "abstained": sure(0.99)}),
        ],
        TARGETS,
    )
    assert found.name == "quotes" and found.nearest == ""
    assert [one.passes for one in found.verdicts] == [False, True, True]


def test_where_none_is_enough_the_nearest_is_named_with_what_it_misses() -> None:
    found = recommend(
        [
            ("prompt", {"all_facts": sure(0.1), "abstained": sure(1.0)}),
            ("retrieval", {"all_facts": sure(0.75), "abstained": sure(1.0)}),
        ],
        TARGETS,
    )
    assert found.name == "" and found.nearest == "retrieval"
    assert [str(one) for one in found.verdict("retrieval").missed] == ["all_facts 75.0 % (target 80.0 %)"]


def test_a_pass_whose_interval_reaches_below_the_target_is_said_to_be_unsure() -> None:
    verdict = judged("x", {"all_facts": Estimate(12, 0.85, 0.6, 0.95), "abstained": sure(0.95)}, TARGETS)
    assert verdict.passes and verdict.unsure == ("all_facts",)
    slow = judged("x", {"answer_ms": Estimate(12, 90, 80, 130)}, {"answer_ms": 100.0})
    assert slow.passes and slow.unsure == ("answer_ms",)
    assert not judged("x", {"answer_ms": Estimate(12, 110, 80, 130)}, {"answer_ms": 100.0}).passes


def test_what_no_case_could_be_graded_by_is_not_passed() -> None:
    for given_ in ({}, {"all_facts": Estimate(0, 1.0, 0.0, 1.0)}):
        verdict = judged("x", given_, {"all_facts": 0.0})
        assert not verdict.passes and str(verdict.missed[0]).startswith("all_facts not measured")


def test_one_breach_is_made_up_for_by_nothing_though_no_target_names_it() -> None:
    good = {"all_facts": sure(1.0), "abstained": sure(1.0)}
    assert judged("x", good, TARGETS).passes
    verdict = judged("x", {**good, "authorised": Estimate(200, 0.995, 0.97, 1.0)}, TARGETS)
    assert [one.metric for one in verdict.missed] == ["authorised"]


@settings(max_examples=25)
@given(ways(), figures())
def test_a_more_complex_way_changes_nothing_where_a_simpler_one_is_enough(
    measured: list[tuple[str, dict[str, Estimate]]], more: dict[str, Estimate]
) -> None:
    before = recommend(measured, TARGETS)
    after = recommend([*measured, ("more", more)], TARGETS)
    assert after.name == before.name if before.name else after.name in ("", "more")


@settings(max_examples=25)
@given(ways(), SHARES, SHARES)
def test_a_higher_target_never_makes_a_simpler_way_enough(
    measured: list[tuple[str, dict[str, Estimate]]], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    names = [name for name, _ in measured]
    easy, hard = (recommend(measured, {"all_facts": target}).name for target in (low, high))
    assert not hard or (easy and names.index(easy) <= names.index(hard))


@settings(max_examples=25)
@given(ways())
def test_what_is_recommended_passes_and_all_below_it_do_not(
    measured: list[tuple[str, dict[str, Estimate]]],
) -> None:
    found = recommend(measured, TARGETS)
    for verdict in found.verdicts:
        if verdict.name == found.name:
            assert verdict.passes
            break
        assert not verdict.passes


def test_pairs_that_a_test_does_not_tell_apart_are_named() -> None:
    measured = [(name, {"all_facts": sure(0.9), "abstained": sure(0.9)}) for name in "abc"]
    found = recommend(measured, TARGETS, lambda one, other: {one, other} != {"a", "c"})
    assert found.alike == (("a", "c"),)


def test_the_cheapest_of_those_that_cannot_be_told_from_the_best_is_taken() -> None:
    offers = [
        Offer("large", 0.95, 2.0, 900, True),
        Offer("small", 0.93, 0.1, 300, True),
        Offer("tiny", 0.4, 0.0, 50, True),
        Offer("outside", 0.99, 0.01, 100, False),
    ]
    assert cheapest(offers, lambda one, other: "tiny" in (one, other)) == ("small", ("large", "small"))
    assert cheapest(offers, lambda one, other: True) == ("large", ("large",))


def test_a_model_that_may_not_be_sent_the_documents_is_never_taken() -> None:
    assert cheapest([Offer("outside", 1.0, 0.0, 1, False)], lambda one, other: False) == ("", ())


@settings(max_examples=25)
@given(st.lists(st.tuples(SHARES, SHARES, SHARES, st.booleans()), max_size=6), st.booleans())
def test_what_is_taken_is_admitted_and_of_the_best_group(
    found: list[tuple[float, float, float, bool]], differ: bool
) -> None:
    offers = [Offer(f"m{n}", *one) for n, one in enumerate(found)]
    name, group = cheapest(offers, lambda one, other: differ)
    admitted = {one.name: one for one in offers if one.admitted}
    assert bool(name) == bool(admitted)
    if name:
        assert name in group and set(group) <= set(admitted)
        assert all(admitted[name].cost <= admitted[one].cost for one in group)
