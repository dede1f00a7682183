"""A model reads placeholders; its reply gets the values back, however the stream is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.foundation.errors import Denied
from muniment.governance.privacy.handling import PROMPTS, Handling
from muniment.inference import prompts
from muniment.inference.messages import Chunk, Draft, Mark, NumberedPassage, Request, TextDelta, Usage
from muniment.inference.redaction import Guarded, counted

CARD, OTHER, ACCOUNT, KEY = (
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "GB82 WEST 1234 5698 7654 32",
    "Winter-2024!",
)
TEXT = f"Pay with {CARD}, else {OTHER}, into {ACCOUNT}. The staging password is {KEY}."


def request(
    *texts: str, question: str = "How is it paid?", boundary: str = "fence_0123456789abcdef"
) -> Request:
    passages = tuple(NumberedPassage(n, f"Note {n}", "", text) for n, text in enumerate(texts, 1))
    return prompts.request(prompts.load("answer"), question, passages, boundary)


def guarded(made: Request, handling: Handling = PROMPTS) -> Guarded:
    return Guarded(made, handling, "remote")


def read(way: Guarded, chunks: Iterable[Chunk]) -> str:
    given = [one for chunk in chunks for one in way.restored(chunk)] + list(way.rest())
    return "".join(one.text for one in given if isinstance(one, TextDelta))


def test_no_value_is_in_what_is_sent_and_one_value_has_one_placeholder() -> None:
    way = guarded(request(TEXT, f"Again {CARD}.", question=f"Whose is {CARD}?"))
    sent = prompts.user_text(way.request)
    for value in (CARD, OTHER, ACCOUNT, KEY):
        assert value not in sent
    cards = re.findall(r"\[CARD-[0-9a-f]{4}-\d\]", sent)
    assert len(cards) == 4 and len(set(cards)) == 2
    assert counted(way.counts) == {"secret": 1, "card": 4, "iban": 1}


def test_what_one_passage_gives_away_is_hidden_in_all() -> None:
    way = guarded(
        request(f"The password is {KEY}", f"Sign in with {KEY} as before.", question=f"Is {KEY} right?")
    )
    assert KEY not in prompts.user_text(way.request)


def test_classes_that_are_allowed_stay_as_they_are() -> None:
    made = request(f"{TEXT} Ask ann@example.org, +49 30 123456.")
    assert "ann@example.org" in prompts.user_text(guarded(made).request)
    assert guarded(made, Handling()).request is made
    assert "ann@example.org" not in prompts.user_text(guarded(made, Handling(email="redact")).request)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_reply_cut_anywhere_gets_its_values_back(data: st.DataObject) -> None:
    way = guarded(request(TEXT))
    reply = f'Paid so. [1 "{way.request.passages[0].text}"] [ [CARD- [x] {way.request.passages[0].text}['
    cuts = sorted(data.draw(st.sets(st.integers(0, len(reply)), max_size=30)))
    parts = [reply[start:end] for start, end in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    assert read(way, [*map(TextDelta, parts), Usage(1, 1)]) == f'Paid so. [1 "{TEXT}"] [ [CARD- [x] {TEXT}['


def test_every_single_cut_and_every_character_alone_come_back() -> None:
    made = request(TEXT)
    reply = guarded(made).request.passages[0].text
    for at in range(len(reply) + 1):
        assert read(guarded(made), [TextDelta(reply[:at]), TextDelta(reply[at:])]) == TEXT
    assert read(guarded(made), map(TextDelta, reply)) == TEXT


def test_text_is_not_held_back_longer_than_a_placeholder_may_go_on() -> None:
    way = guarded(request(TEXT))
    assert list(way.restored(TextDelta("Plain text. "))) == [TextDelta("Plain text. ")]
    assert list(way.restored(TextDelta("A mark [1"))) == [TextDelta("A mark [1")]
    assert list(way.restored(TextDelta("It is [CA"))) == [TextDelta("It is ")]
    assert list(way.restored(TextDelta("T]"))) == [TextDelta("[CAT]")]


def test_a_placeholder_that_was_not_given_is_left_as_it_is() -> None:
    way = guarded(request(TEXT))
    tag = re.search(r"CARD-([0-9a-f]{4})-", way.request.passages[0].text)
    assert tag is not None
    for made_up in (f"[CARD-{tag[1]}-77]", "[CARD-0000-1]", f"[EMAIL-{tag[1]}-1]", "[CARD-1]"):
        assert read(guarded(request(TEXT)), [TextDelta(f"It is {made_up}.")]) == f"It is {made_up}."


def test_a_document_cannot_hold_the_placeholder_of_a_value() -> None:
    first = guarded(request(TEXT)).request.passages[0].text
    way = guarded(request(TEXT, first, question=first[:200]))
    assert way.request.passages[1].text == first
    assert read(way, [TextDelta(first)]) == first
    assert read(way, [TextDelta(way.request.passages[0].text)]) == TEXT


def test_drafts_get_their_values_back_in_words_and_quotes() -> None:
    way = guarded(request(TEXT))
    sent = way.request.passages[0].text
    assert list(way.restored(Draft(sent, (Mark(1, sent),)))) == [Draft(TEXT, (Mark(1, TEXT),))]


def test_a_reply_in_json_stays_json() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"
    way = guarded(replace(request(f"Key:\n{key}"), schema={"type": "object"}))
    reply = json.dumps({"quote": way.request.passages[0].text})
    assert json.loads(read(way, map(TextDelta, reply))) == {"quote": f"Key:\n{key}"}


def test_a_passage_with_a_blocked_value_is_left_out_and_the_others_keep_their_numbers() -> None:
    way = guarded(request("Nothing here.", TEXT, "Nor here."), Handling(card="block"))
    assert [one.n for one in way.request.passages] == [1, 3]
    assert way.left_out == 1


def test_a_question_with_a_blocked_value_is_refused_in_a_line_without_it() -> None:
    with pytest.raises(Denied) as caught:
        guarded(request("x", question=f"Whose is {CARD}?"), Handling(card="block"))
    assert "a payment card number" in str(caught.value) and "'remote'" in str(caught.value)
    assert "1111" not in str(caught.value)


def test_equal_requests_are_equal_without_what_is_random_in_them() -> None:
    one = guarded(request(TEXT)).unmarked()
    other = guarded(request(TEXT, boundary="fence_fedcba9876543210")).unmarked()
    assert one.passages == other.passages and CARD not in one.passages[0].text


@pytest.mark.parametrize(
    "written",
    ["4111\u200b1111\u20601111\u200b1111", "４１１１１１１１１１１１１１１１", "4111\x001111\x0011111111"],
)
def test_what_is_made_plain_on_the_way_was_hidden_before(written: str) -> None:
    sent = prompts.user_text(guarded(request(f"Card {written}.")).request)
    assert "CARD-" in sent and "1111" not in sent and "１１１" not in sent
