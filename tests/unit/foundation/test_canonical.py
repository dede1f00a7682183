"""One spelling for each JSON value."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.canonical import canonical, digest, exact
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
