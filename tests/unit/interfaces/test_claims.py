"""An answer's text, cut at its citations again."""

from __future__ import annotations

from muniment.assistant.values import Citation, Claim, numbered
from muniment.interfaces.web.evidence import claims_of


def citation(n: int) -> Citation:
    return Citation(n, f"doc_{n}", f"Title {n}", 1, None, (0, 5), "quote")


def test_claims_come_back_as_they_were_released() -> None:
    made = [
        Claim("First sentence.", (citation(1),)),
        Claim("Second, with two.", (citation(1), citation(2))),
    ]
    assert claims_of(numbered(made), [citation(1), citation(2)]) == made


def test_numbers_that_cite_nothing_stay_words() -> None:
    answer = "As paragraph [7] says, the fee is 9. [1]"
    assert claims_of(answer, [citation(1)]) == [Claim("As paragraph [7] says, the fee is 9.", (citation(1),))]


def test_what_follows_the_last_citation_is_kept_without_one() -> None:
    assert claims_of("Known. [1] [withheld]", [citation(1)]) == [
        Claim("Known.", (citation(1),)),
        Claim("[withheld]", ()),
    ]
