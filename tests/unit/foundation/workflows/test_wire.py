"""Values of workflows as text: JSON that says them exactly, errors with their public words alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.errors import BadInput, Denied, MunimentError, NotFound, Tampered, TooMany
from muniment.foundation.workflows.definition import Definition, StepFailed
from muniment.foundation.workflows.wire import FORMAT, JsonFormat, same, value_of

FORMAT_OF = JsonFormat()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=12,
)


@given(JSON)
def test_a_value_is_read_back_as_it_was(value: object) -> None:
    assert FORMAT_OF.deserialize(FORMAT_OF.serialize(value)) == value == same(value)


@pytest.mark.parametrize("bad", [float("nan"), 2**53, {1, 2}, b"", object(), {1: 2}, "\ud800"])
def test_what_json_cannot_say_is_refused(bad: object) -> None:
    with pytest.raises(BadInput):
        FORMAT_OF.serialize(bad)


@pytest.mark.parametrize(
    "error",
    [Denied("No.", fix="Ask."), NotFound("Gone."), TooMany("words", "Too many.", 3), StepFailed("It broke.")],
)
def test_an_error_of_ours_comes_back_as_what_it_was(error: MunimentError) -> None:
    back = FORMAT_OF.deserialize(FORMAT_OF.serialize(error))
    assert type(back) is type(error) and back.final == error.final
    assert (back.public, back.fix, back.code) == (error.public, error.fix, error.code)


def test_the_words_of_a_foreign_error_are_not_kept() -> None:
    text = FORMAT_OF.serialize(ValueError("the salary of Alice"))
    assert "Alice" not in text and "ValueError" in text


def test_the_detail_of_an_error_is_not_kept() -> None:
    assert "secret" not in FORMAT_OF.serialize(Denied("No.", detail="secret"))


@pytest.mark.parametrize(
    "text", ["", "gASVAA==", "[]", '{"value": 1, "error": 2}', '{"error": {"kind": "Denied"}}']
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Tampered):
        FORMAT_OF.deserialize(text)


def test_a_value_that_was_written_in_another_way_is_refused() -> None:
    assert value_of('{"value":1}', FORMAT) == 1 and value_of(None, None) is None
    for other in ("py_pickle", "portable_json", None):
        with pytest.raises(Tampered):
            value_of('{"value":1}', other)


@pytest.mark.parametrize(
    ("name", "version"), [("", 1), ("Refund", 1), ("refund@1", 1), ("refund/undo", 1), ("refund", 0)]
)
def test_a_definition_has_a_plain_name_and_a_version(name: str, version: int) -> None:
    with pytest.raises(BadInput):
        Definition(name, version, lambda steps, given: {})
