"""`muniment bench sensitive --names` counts labels against the names that are there."""

from __future__ import annotations

import random

from benchmarks import names
from muniment.governance.privacy.kinds import Finding


def test_the_set_that_ships_is_the_same_each_time_and_its_names_stand_where_it_says() -> None:
    once, again = (names.made(random.Random(11)) for _ in "ab")
    assert once == again and sum(len(spans) for _, spans in once) > 700
    for text, spans in once:
        for kind, start, end in spans:
            assert (
                text[start:end] in names._PLACES
                if kind == "place"
                else text[start:end].split()[0] in names._FIRST
            )
    assert any(not spans for _, spans in once)


def test_a_label_of_the_other_kind_counts_as_found_and_one_inside_an_address_neither_way() -> None:
    text = "Ann Heron of Tarnow, 5 Mill Lane, likes Jira."
    spans = (("person", 0, 9), ("place", 13, 19), (names.NEUTRAL, 21, 32))
    labels = (
        Finding("person", 0, 3, "x"),
        Finding("person", 13, 19, "x"),
        Finding("place", 23, 27, "x"),
        Finding("person", 40, 44, "x"),
    )
    bars, row = names._counted("n", [(text, spans)], [labels])
    found = {str(bar["what"]).removeprefix("n: "): bar["value"] for bar in bars}
    assert found["precision"] == 0.667 and (row["right"], row["wrong"]) == (2, 1)
    assert (found["person recall"], found["person recall, whole"]) == (1, 0)
    assert (found["place recall"], found["place recall, as its kind"]) == (1, 0)
