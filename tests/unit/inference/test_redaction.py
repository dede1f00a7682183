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
from muniment.governance.privacy.kinds import Finding, Kind
from muniment.governance.privacy.names import Names
from muniment.inference import prompts
from muniment.inference.messages import (
    Chunk,
    Draft,
    Mark,
    NumberedPassage,
    Refused,
    Request,
    TextDelta,
    Usage,
)
from muniment.inference.redaction import Guarded, LeftOut, counted

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
    assert way.left_out == LeftOut(blocked=frozenset({2}))


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


NO_NAMES = Handling(person="redact", place="redact")


def names(text: str, *said: str, kind: Kind = "person") -> tuple[Finding, ...]:
    places = [(match.start(), match.end()) for one in said for match in re.finditer(re.escape(one), text)]
    return tuple(Finding(kind, start, end, "name") for start, end in sorted(places))


def labelled(made: Request, *of: Names | None) -> Request:
    passages = tuple(replace(one, names=given) for one, given in zip(made.passages, of, strict=True))
    return replace(made, passages=passages)


def test_labelled_names_are_placeholders_in_passage_title_heading_question_and_refused_claims() -> None:
    text = "Ann Heron lives in Tarnow. Ann\nHeron and Heron Ltd; Annabel."
    passage = NumberedPassage(
        1, "About Ann Heron", "Tarnow", text, Names(names("About Ann Heron", "Ann Heron"),
        names("Tarnow", "Tarnow", kind="place"), names(text, "Ann Heron")),
    )  # fmt: skip
    made = replace(
        request("x", question="Where does Ann  Heron live, in Tarnow or in Tarnowa?"),
        passages=(passage,),
        refused=(Refused("Ann Heron is in Tarnow.", "this stands in none of its quotes: Ann Heron"),),
    )
    way = guarded(made, NO_NAMES)
    sent = re.sub(r"-[0-9a-f]{4}-", "-", prompts.user_text(way.request))
    assert "Ann Heron" not in sent and not re.search(r"Tarnow\b", sent)
    assert "Title: About [PERSON-1] / [PLACE-2]" in sent
    assert "[PERSON-1] lives in [PLACE-2]. [PERSON-3] and Heron Ltd; Annabel." in sent
    assert "Question: Where does [PERSON-4] live, in [PLACE-2] or in Tarnowa?" in sent
    assert "Refused: this stands in none of its quotes: [PERSON-1]" in sent
    assert read(way, [TextDelta(way.request.passages[0].text)]) == text
    assert counted(way.counts) == {"person": 6, "place": 4}


def test_a_passage_without_labels_is_not_sent_where_names_are_not_and_the_log_says_no_name() -> None:
    made = labelled(request("Ann Heron is in.", "Nobody is in.", "Bo is out."), None, Names(), None)
    way = guarded(made, NO_NAMES)
    assert [one.n for one in way.request.passages] == [2]
    assert way.left_out == LeftOut(unlabelled=frozenset({1, 3}))
    assert guarded(made).left_out == LeftOut() and len(guarded(made).request.passages) == 3


def test_a_blocked_name_keeps_its_passages_out_and_a_question_that_names_it_is_refused() -> None:
    text = "Ann Heron is in."
    blocking = Handling(person="block")
    made = labelled(request(text, "Nobody is in."), Names(text=names(text, "Ann Heron")), Names())
    assert guarded(made, blocking).left_out == LeftOut(blocked=frozenset({1}))
    with pytest.raises(Denied, match="the name of a person, which may not go"):
        guarded(replace(made, question="Is Ann Heron in?"), blocking)


def test_a_short_name_is_hidden_where_it_is_labelled_and_looked_for_nowhere_else() -> None:
    bo = names("Bo", "Bo")
    first = NumberedPassage(1, "Bo", "Bo", "Bo is in.", Names(bo, bo, bo))
    second = NumberedPassage(2, "Note", "", "Bo is out.", Names())
    found = guarded(replace(request(), passages=(first, second)), NO_NAMES).request.passages
    assert all(text.startswith("[PERSON-") for text in (found[0].title, found[0].heading, found[0].text))
    assert found[1].text == "Bo is out."


def test_what_is_left_of_a_name_beside_a_card_number_is_hidden_too() -> None:
    text = f"Ann {CARD} Heron pays."
    both = Handling(card="redact", person="redact")
    span = (Finding("person", 0, text.index(" pays"), "name"),)
    sent = guarded(labelled(request(text), Names(text=span)), both).request.passages[0].text
    assert re.fullmatch(r"\[PERSON-\w{4}-1\] \[CARD-\w{4}-2\] \[PERSON-\w{4}-3\] pays\.", sent)


def test_a_longer_name_is_hidden_whole_where_a_part_of_it_is_a_name_too() -> None:
    first, other = "Maria Gonzalez and Maria are in.", "Maria Gonzalez Perez is out."
    spans = names(first, "Maria Gonzalez") + names(first[15:], "Maria")
    spans = (spans[0], replace(spans[1], start=spans[1].start + 15, end=spans[1].end + 15))
    third = "Gonzalez Perez is in."
    made = labelled(
        request(first, other, third),
        Names(text=spans), Names(), Names(text=names(third, "Gonzalez Perez")),
    )  # fmt: skip
    sent = prompts.user_text(guarded(made, NO_NAMES).request)
    assert not re.search("Maria|Gonzalez|Perez", sent)


GREEK = "αβγδεζηθ"
WORDS = st.lists(
    st.sampled_from(["the", "desk", "4111 1111 1111 1111", "\u200b", "[PERSON-1]", "\n", "|", "x."])
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_byte_of_a_labelled_name_is_in_the_request_and_each_comes_back(data: st.DataObject) -> None:
    name = st.text(GREEK, min_size=4, max_size=6)
    people = data.draw(
        st.lists(st.one_of(name, st.builds("{} {}".format, name, name)), min_size=1, max_size=4)
    )
    made: list[tuple[str, tuple[Finding, ...]]] = []
    for one in people:
        before, after = (" ".join(data.draw(WORDS)) for _ in "ab")
        text = f"{before} {one} {after}"
        kind = data.draw(st.sampled_from(["person", "place"]))
        made.append((text, (Finding(kind, len(before) + 1, len(before) + 1 + len(one), "name"),)))
    elsewhere = " ".join(data.draw(st.permutations([*people, "and", "of"])))
    asked = data.draw(st.sampled_from(people))
    every = Handling(card="redact", person="redact", place="redact")
    sent = labelled(
        request(*(text for text, _ in made), elsewhere, question=f"Who is {asked}?"),
        *(Names(text=spans) for _, spans in made),
        Names(),
    )
    way = guarded(sent, every)
    assert not set(GREEK) & set(prompts.user_text(way.request))
    for one, was in zip(way.request.passages, sent.passages, strict=True):
        way = guarded(sent, every)
        assert read(way, [TextDelta(one.text)]) == was.text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_labels_anywhere_in_any_text_hide_what_they_cover_and_nothing_is_lost(data: st.DataObject) -> None:
    text = data.draw(st.text(max_size=60))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = tuple(
        Finding("person", start, end, "name") for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    )
    made = labelled(request(text), Names(text=spans))
    way = guarded(made, NO_NAMES)
    sealed = way.request.passages[0].text
    assert read(way, [TextDelta(sealed)]) == text
    covered = {at for one in spans for at in range(one.start, one.end) if not text[at].isspace()}
    left = re.sub(r"\[PERSON-[0-9a-f]{4}-\d+\]", "", sealed)
    assert len(left) <= len(text) - len(covered)
