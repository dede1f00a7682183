"""The header that carries a trace is read as W3C Trace Context has it, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.telemetry.traceparent import Parent, read, written

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_what_is_written_is_read() -> None:
    for sampled in (True, False):
        assert read(written(TRACE, SPAN, sampled)) == Parent(TRACE, SPAN, sampled)


def test_a_later_version_may_say_more() -> None:
    assert read(f"cc-{TRACE}-{SPAN}-01-what-the-future-says") == Parent(TRACE, SPAN, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_anything_else_is_no_parent(text: str) -> None:
    assert read(text) is None


@given(text=st.text(max_size=80))
def test_whatever_is_sent_is_read_without_an_error(text: str) -> None:
    found = read(text)
    assert found is None or len(found.trace) == 32
