"""A model's reply is read claim by claim, however it is cut, and whatever else it holds."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.openai_server import claim, reply

from muniment.assistant.claims import SCHEMA, Reading, drafts
from muniment.inference.messages import Chunk, Draft, Mark, TextDelta, Usage

TWO = reply(
    claim("Visitors sign in.", (1, 'say "hello" \\ {at} the [desk]'), (2, "also here, it said")),
    claim("Badges “cost” money.", (1, "A badge costs 250 crowns"), inferred=True),
)
READ = [
    Draft("Visitors sign in.", (Mark(1, 'say "hello" \\ {at} the [desk]'), Mark(2, "also here, it said"))),
    Draft("Badges “cost” money.", (Mark(1, "A badge costs 250 crowns"),), True),
]


def read(text: str, step: int = 7) -> tuple[list[Draft], Reading]:
    chunks: list[Chunk] = [TextDelta(text[at : at + step]) for at in range(0, len(text), step)]
    reading = Reading()
    return list(drafts([*chunks, Usage(1, 2)], reading)), reading


@given(st.integers(1, 400), st.sampled_from(["", "```json\n", "Here you are: ", " \n"]))
def test_claims_are_the_same_however_the_stream_is_cut(step: int, before: str) -> None:
    found, reading = read(before + TWO + "\n```", step)
    assert found == READ
    assert not reading.malformed


def test_a_claim_is_given_as_soon_as_it_is_whole() -> None:
    given_so_far: list[str] = []

    def chunks() -> list[Chunk]:
        for part in (TWO[:200], TWO[200:]):
            given_so_far.append(part)
            yield TextDelta(part)

    assert next(drafts(chunks(), Reading())) == READ[0]  # type: ignore[arg-type]
    assert len(given_so_far) == 1


def test_an_empty_reply_of_the_right_form_is_nothing_to_ask_for_again() -> None:
    found, reading = read(reply())
    assert (found, reading.malformed) == ([], 0)


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Welcome</body></html>",
        "Je ne sais pas.",
        '{"claims": [{"quotes": [{"passage": 1, "quote": "A badge',
        '{"tool_calls": [{"name": "send_mail", "arguments": {}}]}',
        '[{"text": "x"}]',
    ],
)
def test_what_is_not_of_the_form_makes_no_claim_and_is_counted(text: str) -> None:
    found, reading = read(text)
    assert (found, reading.malformed) == ([], 1)


def test_nothing_at_all_is_neither_a_claim_nor_a_finding() -> None:
    assert read("") == ([], Reading([Usage(1, 2)], 0))


GOOD = claim("Visitors sign in.", (1, "sign in at the desk"))


@pytest.mark.parametrize(
    "bad",
    [
        {**GOOD, "extra": 1},
        {key: value for key, value in GOOD.items() if key != "inferred"},
        {**GOOD, "text": 5},
        {**GOOD, "text": " "},
        {**GOOD, "text": "a\x1b[31mred"},
        {**GOOD, "text": "half \ud800 of a pair"},
        {**GOOD, "text": "x" * 1001},
        {**GOOD, "inferred": "no"},
        {**GOOD, "quotes": "A badge"},
        {**GOOD, "quotes": [{"passage": True, "quote": "A badge costs"}]},
        {**GOOD, "quotes": [{"passage": "1", "quote": "A badge costs"}]},
        {**GOOD, "quotes": [{"passage": 1, "quote": "A badge costs", "url": "x"}]},
        {**GOOD, "quotes": [{"passage": 1, "quote": "A badge costs"}] * 9},
    ],
)
def test_a_claim_with_another_field_or_type_is_malformed_and_the_next_is_read(bad: dict) -> None:
    found, reading = read(json.dumps({"claims": [bad, GOOD]}))
    assert found == [Draft("Visitors sign in.", (Mark(1, "sign in at the desk"),))]
    assert reading.malformed == 1


@given(st.text(max_size=400))
def test_babble_makes_no_claim_and_no_error(text: str) -> None:
    found, _ = read(text, 5)
    assert found == []


@pytest.mark.parametrize("part", ["x" * 1000, '{"claims": [', '{"claims": [{"a": "' + "y" * 1000, "[" * 1000])
def test_an_endless_stream_comes_to_an_end(part: str) -> None:
    taken = 0

    def chunks() -> list[Chunk]:
        nonlocal taken
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            taken += len(part)
            yield TextDelta(part)

    assert list(drafts(chunks(), Reading())) == []  # type: ignore[arg-type]
    assert taken < 400_000


def test_no_more_claims_are_read_than_an_answer_may_hold() -> None:
    found, _ = read(reply(*([GOOD] * 500)), 1000)
    assert len(found) == 40


def test_the_schema_is_closed_so_that_strict_endpoints_take_it() -> None:
    def closed(schema: dict) -> bool:
        own = schema.get("type") != "object" or (
            schema["additionalProperties"] is False and set(schema["required"]) == set(schema["properties"])
        )
        inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        return own and all(closed(one) for one in inner)

    assert closed(dict(SCHEMA))
