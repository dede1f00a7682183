"""The words of two texts that differ: everything else is the same, and nothing is left out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.actions.visible import pieces, read_back, spelled
from muniment.actions.word_diff import MOST_WORDS, changed_words

WORDS = st.lists(
    st.sampled_from(["pay", "bob", " ", "\n", "20.00", "5,000", ".", "\u202e", "é", "x"]), max_size=30
)
TEXTS = WORDS.map("".join)


def kept(text: str, marked: list[tuple[int, int]]) -> str:
    """Return a text without what is marked."""
    found, last = "", 0
    for start, end in marked:
        assert last <= start < end <= len(text)
        found, last = found + text[last:start], end
    return found + text[last:]


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS)
def test_what_is_not_marked_is_the_same_in_both(before: str, after: str) -> None:
    gone, new = changed_words(before, after)
    assert kept(before, list(gone)) == kept(after, list(new))
    assert (before == after) == (not gone and not new)


@settings(max_examples=80, deadline=None)
@given(TEXTS, TEXTS)
def test_marking_changes_nothing_of_what_is_shown(before: str, after: str) -> None:
    _, new = changed_words(before, after)
    assert spelled(pieces(after, new)) == spelled(pieces(after))
    assert read_back(spelled(pieces(after, new))) == after
    marked = "".join(read_back(one.text) for one in pieces(after, new) if one.marked)
    assert marked == "".join(after[start:end] for start, end in new)


def test_a_number_is_one_word() -> None:
    assert changed_words("pay 15.00 EUR", "pay 20.00 EUR") == ([(4, 9)], [(4, 9)])


def test_texts_without_end_are_marked_whole_between_what_they_share() -> None:
    before = "same " + " ".join(f"a{n}" for n in range(MOST_WORDS)) + " end"
    after = "same " + " ".join(f"b{n}" for n in range(MOST_WORDS)) + " end"
    gone, new = changed_words(before, after)
    assert len(gone) == len(new) == 1
    assert kept(before, list(gone)) == kept(after, list(new))
