"""A fact is found in what was said in any of its spellings, whatever case, dashes and thousands separators."""

from __future__ import annotations

import pytest

from muniment.assurance.evaluation import stated


@pytest.mark.parametrize(
    ("facts", "text", "share"),
    [
        ([["EUR 2,400"]], "You have eur 2400 a year.", 1.0),
        ([["18 weeks", "eighteen weeks"]], "Eighteen\nweeks are paid.", 1.0),
        ([["11 December"], ["18:30"]], "It is on 11 December.", 0.5),
        ([["4\u20135 days"]], "4-5 days", 1.0),
        ([["EUR 2,400"]], "EUR 240", 0.0),
        ([], "anything", 1.0),
    ],
)
def test_the_share_of_facts_that_stand_in_a_text(facts: list[list[str]], text: str, share: float) -> None:
    assert stated.share(facts, text) == share
