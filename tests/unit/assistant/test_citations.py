"""A quote counts only where it stands, word for word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.assistant.citations import locate, verify
from muniment.assistant.claims import drafts
from muniment.inference.messages import Chunk, Draft, Mark, TextDelta, Usage
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


def test_white_space_is_the_only_tolerance_and_offsets_are_exact() -> None:
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
    ("text", "kept"),
    [
        ("A badge costs 250 crowns.", True),
        ("A badge costs 900 crowns.", False),
        ("Pay at https://evil.example/x.", False),
        ("Write to eve@evil.example.", False),
        ("A badge is not free.", True),
    ],
)
def test_numbers_and_addresses_of_a_claim_must_stand_in_its_quote(text: str, kept: bool) -> None:
    claim = Draft(text, (Mark(1, "A badge costs 250 crowns."),))
    assert (verify(claim, [passage()]) is not None) is kept


def test_a_claim_keeps_only_the_quotes_that_were_found() -> None:
    draft = Draft(
        "A badge costs money.", (Mark(1, "A badge costs 250 crowns."), Mark(1, "made up words here"))
    )
    verified = verify(draft, [passage()])
    assert verified is not None
    assert [one.quote for one in verified.evidence] == ["A badge costs 250 crowns."]


REPLY = (
    'Unsupported words come first. Visitors sign in. [1 "sign in at the front desk"] [2 "also here, it said"]\n'
    "- Badges cost money [1 “A badge costs 250 crowns”]. A tail without evidence."
)


def read(reply: str, step: int) -> list[Draft]:
    chunks: list[Chunk] = [TextDelta(reply[at : at + step]) for at in range(0, len(reply), step)]
    return list(drafts([*chunks, Usage(1, 2)], []))


@given(st.integers(1, 60))
def test_claims_are_the_same_however_the_stream_is_cut(step: int) -> None:
    assert read(REPLY, step) == [
        Draft("Visitors sign in.", (Mark(1, "sign in at the front desk"), Mark(2, "also here, it said"))),
        Draft("Badges cost money.", (Mark(1, "A badge costs 250 crowns"),)),
    ]


def test_a_claim_is_given_as_soon_as_the_next_begins() -> None:
    seen: list[int] = []

    def chunks() -> list[Chunk]:
        for at, part in enumerate(
            ['One fact. [1 "some words of it"] ', "Two", ' facts. [1 "other words of it"]']
        ):
            seen.append(at)
            yield TextDelta(part)

    first = next(drafts(chunks(), []))  # type: ignore[arg-type]
    assert first.text == "One fact."
    assert seen == [0, 1]


def test_the_last_claim_needs_nothing_behind_it() -> None:
    for end in ("", ".", "\n"):
        assert [draft.text for draft in read(f'Visitors sign in. [1 "at the front desk"]{end}', 3)] == [
            "Visitors sign in."
        ]


@given(st.text(max_size=400))
def test_babble_makes_no_claim_and_no_error(reply: str) -> None:
    assert all(draft.marks for draft in read(reply, 5))


def test_endless_text_without_a_claim_does_not_grow() -> None:
    assert list(drafts((TextDelta("x" * 1000) for _ in range(2000)), [])) == []
