"""One spelling for each JSON value."""

from __future__ import annotations

import json
import unicodedata

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.canonical import canonical, copied, digest, exact
from muniment.foundation.errors import BadInput

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SAFE = 2**53 - 1
NUMBERS = st.integers(-SAFE, SAFE) | st.floats(-SAFE, SAFE)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(TEXT, v, max_size=4))


@given(VALUES)
def test_exact_bytes_say_the_value_and_say_it_once(value: object) -> None:
    written = exact(value)
    assert json.loads(written) == value
    assert exact(json.loads(written)) == written


@given(VALUES)
def test_a_copy_is_the_same_value_in_its_one_spelling(value: object) -> None:
    assert copied(value) == value
    assert exact(copied(value)) == exact(value)


@pytest.mark.parametrize("number", [2.0**53, 1e20, -1e16, 1e300])
def test_a_copy_of_a_large_fraction_can_be_copied_again(number: float) -> None:
    assert exact(copied(copied([number]))) == exact([number])


@given(VALUES)
def test_exact_bytes_are_those_of_an_independent_encoder(value: object) -> None:
    assert exact(value) == rfc8785.dumps(value)  # pyright: ignore[reportArgumentType]


@given(st.dictionaries(TEXT, SCALARS, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert exact(dict(reversed(value.items()))) == exact(value)


def test_the_example_of_rfc_8785_section_3_2_2() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(value) == expected.encode()


def test_two_spellings_of_one_name_are_one_when_normalised_and_two_when_exact() -> None:
    composed, decomposed = "José", unicodedata.normalize("NFD", "José")
    assert canonical(composed) == canonical(decomposed)
    assert digest({"name": composed}) == digest({"name": decomposed})
    assert exact(composed) != exact(decomposed)
    with pytest.raises(BadInput, match="same after Unicode normalisation"):
        canonical({composed: 1, decomposed: 2})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60, {1: "a"}, object(), b"raw", "\ud800"])
def test_what_json_cannot_say_exactly_is_refused(value: object) -> None:
    for write in (canonical, exact):
        with pytest.raises(BadInput):
            write(value)


RFC_8785_NUMBERS = [
    (0.0, b"0"),
    (-0.0, b"0"),
    (5e-324, b"5e-324"),
    (-5e-324, b"-5e-324"),
    (1.7976931348623157e308, b"1.7976931348623157e+308"),
    (-1.7976931348623157e308, b"-1.7976931348623157e+308"),
    (9007199254740992.0, b"9007199254740992"),
    (-9007199254740992.0, b"-9007199254740992"),
    (295147905179352830000.0, b"295147905179352830000"),
    (9.999999999999997e22, b"9.999999999999997e+22"),
    (1e23, b"1e+23"),
    (1.0000000000000001e23, b"1.0000000000000001e+23"),
    (999999999999999700000.0, b"999999999999999700000"),
    (999999999999999900000.0, b"999999999999999900000"),
    (1e21, b"1e+21"),
    (9.999999999999997e-7, b"9.999999999999997e-7"),
    (0.000001, b"0.000001"),
    (333333333.3333332, b"333333333.3333332"),
    (333333333.33333325, b"333333333.33333325"),
    (333333333.3333333, b"333333333.3333333"),
    (333333333.3333334, b"333333333.3333334"),
    (333333333.33333343, b"333333333.33333343"),
    (-0.0000033333333333333333, b"-0.0000033333333333333333"),
    (1424953923781206.2, b"1424953923781206.2"),
]
"""RFC 8785, appendix B."""


@pytest.mark.parametrize(("number", "written"), RFC_8785_NUMBERS)
def test_numbers_are_written_as_the_standard_lists_them(number: float, written: bytes) -> None:
    assert canonical(number) == exact(number) == written


def test_keys_are_ordered_by_utf_16_code_units() -> None:
    """RFC 8785, section 3.2.3: the emoji stands before U+FB33, whose code point is lower."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = json.loads(exact({key: None for key in keys}))
    assert list(written) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
