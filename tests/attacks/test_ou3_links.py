"""OU3: in an answer, a link is its words and its address, of http or https, and nothing of it comes to life."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.assistant.inert import inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("See [the guide](https://acme.example/a?b=1).", "See the guide (https://acme.example/a?b=1)."),
        ("![chart](http://evil.example/x.png)", "chart (http://evil.example/x.png)"),
        ("[here](javascript:alert(1))", "here"),
        ("[here](data:text/html;base64,AAAA)", "here"),
        ("[a [b](https://c.example) d](https://e.example)", "a b (https://c.example) d (https://e.example)"),
        ("[x](<https://a.example> 'title')", "x (https://a.example)"),
        ("<https://a.example/b>", "https://a.example/b"),
        ("Pay <img src=x onerror=alert(1)> now", "Pay now"),
        ("[1]: https://evil.example", "[1] : https://evil.example"),
        ("pay\u202e\u200bpal.example", "paypal.example"),
        ("a < b and b > c", "a < b and b > c"),
    ],
)
def test_a_link_shows_where_it_leads(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(st.text(alphabet="![]()<>aA /:\"'\n#hjptx.\u200b\u202e", max_size=80))
def test_no_markup_survives_however_it_is_nested(text: str) -> None:
    shown = inert(text)
    assert not re.search(r"!\[|\]\([^)]*\)|<[A-Za-z/!?]", shown)
    assert inert(shown) == shown


def test_an_answer_quotes_a_document_with_its_link_as_words(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    (folder / "all/heron.md").write_text(
        "# Heron order\n\nThe Heron order form is [here](https://evil.example/?who=reader), says sales.\n"
    )
    workspace = make_workspace()
    workspace.ingest(folder, "acme")
    answer = workspace.ask("Where is the Heron order form?", as_="carol")
    assert "here (https://evil.example/?who=reader)" in answer.answer
    assert "](" not in answer.answer
