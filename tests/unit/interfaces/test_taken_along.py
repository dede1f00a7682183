"""Names of downloads are safe whatever they are named after, and a result loses none of its values as tables."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from muniment.interfaces.web.asking.downloads import file_name
from muniment.interfaces.web.asking.plain import plain_text
from muniment.interfaces.web.asking.results import tabled
from muniment.interfaces.web.asking.views import AnswerView, ClaimView, Node, SourceCard
from muniment.interfaces.web.rendering import _environment  # pyright: ignore[reportPrivateUsage]

LEAVES = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=6), st.integers(0, 99), st.booleans(), st.none()
)
RESULTS = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.text("ab~/_ ", min_size=1, max_size=3), below, max_size=3),
    ),
    max_leaves=12,
)
CARD = SourceCard(1, "Source 1", "Leave", "Version 1", "", "", "18 weeks", "", "/documents/x", "Open")


def values(node: Node) -> list[str]:
    if node.kind == "value":
        return [node.text]
    held = [*(one for _, one in node.pairs), *node.items, *(cell for row in node.rows for cell in row)]
    return [text for one in held for text in values(one)]


def stated(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in stated(one)]
    if isinstance(value, list):
        return [text for one in value for text in stated(one)]
    return (
        [str(value)] if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else []
    )


@given(st.text(), st.text(max_size=30))
def test_a_file_name_is_letters_digits_and_hyphens(title: str, at: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,80}", file_name(title, at))


def test_a_file_is_named_after_what_it_is_about_and_its_day() -> None:
    assert file_name('../Ünder "x"\r\nSet: 1', "2026-11-28T06:13:02Z") == "under-x-set-1-2026-11-28"
    assert file_name("日本", "2026-11-28T06:13:02Z") == "muniment-2026-11-28"


@given(RESULTS)
def test_every_value_of_a_result_is_shown(result: Any) -> None:
    shown = values(tabled(result, ()))
    for one in stated(result):
        shown.remove(one)


@given(RESULTS)
def test_a_shown_result_is_text_and_nothing_else(result: Any) -> None:
    parts = _environment().get_template("asking/parts.html")
    made = parts.make_module({"person": None}).node(tabled(result, ()))  # pyright: ignore[reportAttributeAccessIssue]
    tree = LexborHTMLParser(f"<body>{made}</body>")
    names = {node.tag for node in tree.body.traverse()} if tree.body else set()
    assert names <= {
        "body", "span", "em", "a", "dl", "div", "dt", "dd", "ol", "li", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip


def test_a_value_has_the_sources_of_its_own_place_alone() -> None:
    claims = (ClaimView("/a: 18", quoted=False, cited=(CARD,)), ClaimView("/a~1b: 2", quoted=False, cited=()))
    node = tabled({"a": 18, "a/b": 2}, claims)
    assert [(name, one.text, len(one.cited)) for name, one in node.pairs] == [("A", "18", 1), ("A/b", "2", 0)]


def test_text_to_copy_numbers_its_sources() -> None:
    claim = ClaimView("Leave lasts 18 weeks.", quoted=False, cited=(CARD,), inferred="(inferred)")
    view = AnswerView("ans_a", "How long?", "answered", "", (claim,), (CARD,), ())
    assert plain_text(view) == (
        "How long?\n\nLeave lasts 18 weeks. (inferred) [1]\n\nSources\n[1] Leave. Version 1. “18 weeks”\n"
    )
