"""A claim passes only with words that stand where it says, and with nothing in it that they do not prove."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.assistant.gate import Failure, Gate, Verified, locate
from muniment.assistant.support import Support
from muniment.inference.messages import Draft, Mark
from muniment.knowledge.passage import Passage

TEXT = "Visitors sign in\n  at the front desk.\nA badge costs 250 crowns.\nNo\n"


def passage(text: str = TEXT, start: int = 100) -> Passage:
    return Passage(
        document="doc_a",
        title="Visitors",
        version=3,
        chunk="doc_a:3:0",
        page=None,
        span=(start, start + len(text)),
        score=1.0,
        text=text,
        heading="",
        source="s",
        path="p",
        media_type="text/plain",
    )


def checked(claim: str, quote: str, text: str | None = None, inferred: bool = False) -> Verified | Failure:
    draft = Draft(claim, (Mark(1, quote),), inferred)
    return Gate(Support(None)).check(draft, [passage(quote if text is None else text)])


def test_offsets_are_exact_where_white_space_differs() -> None:
    found = locate(Mark(1, "Visitors sign in at the front desk."), [passage()])
    assert found is not None
    assert found.quote == "Visitors sign in\n  at the front desk."
    assert TEXT[found.span[0] - 100 : found.span[1] - 100] == found.quote


@pytest.mark.parametrize(
    ("n", "quote"),
    [
        (1, "Visitors sign out at the front desk."),
        (1, "visitors sign in at the front desk."),
        (1, "Visitors sign in at … the front desk."),
        (2, "Visitors sign in at the front desk."),
        (0, "Visitors sign in at the front desk."),
        (1, "sign"),
        (1, " "),
        (1, "x" * 5000),
    ],
)
def test_what_does_not_stand_there_is_no_evidence(n: int, quote: str) -> None:
    assert locate(Mark(n, quote), [passage()]) is None


def test_a_short_quote_counts_as_a_whole_line_only() -> None:
    assert locate(Mark(1, "No"), [passage()]) is not None
    assert locate(Mark(1, "desk."), [passage()]) is None


@pytest.mark.parametrize(
    ("stored", "quote"),
    [
        ("The “old” badge – it’s void.", 'The "old" badge - it\'s void.'),
        ("A ﬁle is kept\u00a0safe for\u2007years.", "A file is kept safe for years."),
        ("The cafe\u0301 opens at eight.", "The café opens at eight."),
        ("The café opens at eight.", "The cafe\u0301 opens at eight."),
        ("Pay\u200bment is due on\u202e Monday.", "Payment is due on Monday."),
        ("The price is １２０ crowns today.", "The price is 120 crowns today."),
    ],
)
def test_typography_and_invisible_characters_make_no_difference(stored: str, quote: str) -> None:
    text = f"Before.\n{stored} After."
    found = locate(Mark(1, quote), [passage(text)])
    assert found is not None
    assert found.quote == stored


@pytest.mark.parametrize(
    ("stored", "quote"),
    [
        ("The area is 10² metres wide.", "The area is 102 metres wide."),
        ("It costs ½ of the price there.", "It costs 12 of the price there."),
        ("Write to аdmin of the house.", "Write to admin of the house."),
        ("The cafe opens at eight.", "The café opens at eight."),
    ],
)
def test_what_only_looks_alike_is_no_evidence(stored: str, quote: str) -> None:
    assert locate(Mark(1, quote), [passage(stored)]) is None


@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=80))
def test_what_is_shown_is_always_the_stored_text(before: str, quote: str, after: str) -> None:
    text = before + quote + after
    found = locate(Mark(1, quote), [passage(text, 7)])
    if found is not None:
        start, end = found.span
        assert text[start - 7 : end - 7] == found.quote
        assert found.quote.strip()


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("A badge costs 250 crowns.", "A badge costs 250 crowns."),
        ("Parents get sixteen weeks of leave.", "Parents are entitled to 16 weeks of leave."),
        ("Staff get 16 weeks.", "Staff get 16 weeks but contractors do not."),
        ("Guests are forbidden to enter the lab.", "Guests may not enter the lab."),
        ("Report accidents within 5 days.", "Accidents: report no later than 5 days after the event."),
        ("It costs 1.5 million crowns.", "It costs 1,500,000 crowns."),
        ("The canteen opens at 8 am.", "The canteen opens at 08:00."),
        ("The review is in May 2024.", "The review is on 2024-05-03."),
        ("HR decides on leave.", "Human Resources decides on leave."),
        ("The lab is closed to visitors.", "The lab is not open to visitors."),
        ("Visitors sign in at the desk.", "Visitors sign in at the desk."),
    ],
)
def test_what_its_quote_proves_passes_in_other_words(claim: str, quote: str) -> None:
    assert isinstance(checked(claim, quote), Verified)


@pytest.mark.parametrize(
    ("claim", "quote", "reason"),
    [
        ("A badge costs 900 crowns.", "A badge costs 250 crowns.", "fact"),
        ("A badge costs 250 euros.", "A badge costs 250 crowns.", "fact"),
        ("Parents get 16 days of leave.", "Parents get 16 weeks of leave.", "fact"),
        ("Report at least 5 days after it.", "Report at most 5 days after it.", "fact"),
        ("The office in Berlin is closed.", "The office in Munich is closed.", "fact"),
        ("The meeting is on Tuesday.", "The meeting is on Monday.", "fact"),
        ("The form is INV-2024-0018.", "The form is INV-2024-0017.", "fact"),
        ("Pay at https://evil.example/x.", "Pay at the desk at https://pay.example/x.", "fact"),
        ("Write to eve@evil.example.", "Write to bob@acme.example today.", "fact"),
        ("Guests may enter the lab.", "Guests may not enter the lab.", "fact"),
        ("Leave is unpaid.", "Parental leave is paid.", "fact"),
        ("Overtime is always paid.", "Overtime is never paid.", "fact"),
        ("The lab is closed on holidays.", "The lab is open on holidays.", "fact"),
        ("The canteen serves purple whales.", "Visitors sign in at the front desk.", "support"),
    ],
)
def test_what_its_quote_does_not_prove_is_refused_with_the_reason(
    claim: str, quote: str, reason: str
) -> None:
    outcome = checked(claim, quote)
    assert isinstance(outcome, Failure)
    assert outcome.reason == reason


def test_a_claim_keeps_only_the_quotes_that_were_found() -> None:
    marks = (Mark(1, "A badge costs 250 crowns."), Mark(1, "made up words here"))
    verified = Gate(Support(None)).check(Draft("A badge costs 250 crowns.", marks), [passage()])
    assert isinstance(verified, Verified)
    assert [one.quote for one in verified.evidence] == ["A badge costs 250 crowns."]


def test_an_inference_passes_only_where_the_operator_lets_it_and_says_so() -> None:
    draft = Draft("Four badges cost 1000 crowns.", (Mark(1, "A badge costs 250 crowns."),), inferred=True)
    refused = Gate(Support(None)).check(draft, [passage()])
    assert isinstance(refused, Failure)
    assert refused.reason == "inference"
    shown = Gate(Support(None), inferences=True).check(draft, [passage()])
    assert isinstance(shown, Verified)
    assert shown.inferred


@given(st.text(max_size=200), st.text(min_size=12, max_size=200))
def test_any_claim_over_any_text_is_judged_without_an_error(claim: str, text: str) -> None:
    assert isinstance(checked(claim, text), Verified | Failure)
