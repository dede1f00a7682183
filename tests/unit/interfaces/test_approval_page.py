"""The page of an action holds every value of its arguments, exactly, and nothing else as a value."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from tests.simulators.shop import REFUND

from muniment.actions.action import Action
from muniment.actions.bound import Agent, Bound
from muniment.actions.history import history
from muniment.actions.manifest_file import read_manifest
from muniment.actions.risk import Classified
from muniment.actions.view import Known, leaves_of, view_of
from muniment.actions.visible import read_back
from muniment.foundation.canonical import canonical
from muniment.interfaces.web.deciding.grouping import grouped
from muniment.interfaces.web.person import Person
from muniment.interfaces.web.rendering import render
from muniment.interfaces.web.static_files import assets
from muniment.interfaces.web.wording import minute, span

PARTS = [
    *"a &<>\"'`{}%\\/\u202e\u200b\u0301\u0430\t\r\n\0\u2028",
    "</div>",
    "<script>",
    "&lt;",
    "&#x202e;",
    "[U+202E]",
    "<!--",
    "{{ 7*7 }}",
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=8).map("".join)
LEAVES = st.one_of(TEXTS, st.integers(-9, 9), st.booleans(), st.none(), st.floats(-1, 1))
ARGUMENTS = st.dictionaries(
    TEXTS,
    st.one_of(LEAVES, st.lists(LEAVES, max_size=2), st.dictionaries(TEXTS, LEAVES, max_size=2)),
    max_size=4,
)
MANIFEST = read_manifest(REFUND)


def page(arguments: dict[str, Any], agent: Agent | None = None) -> str:
    bound = Bound(
        "default",
        "refund",
        "",
        arguments,
        "user:alice",
        1,
        "",
        "",
        "",
        "",
        "2026-01-06T09:00:00.000Z",
        1,
        agent or Agent(),
    )
    action = Action("act_a", "sha256:0", bound, "one", "waiting", "2026-01-05T09:00:00.000Z", "", frozenset())
    known = Known(Classified("one", ()), False, None, (), (), {}, None, timedelta(minutes=5))
    view = view_of(action, MANIFEST, known)
    shown: dict[str, object] = {
        "view": view,
        "groups": grouped(view.fields),
        "passages": (),
        "more": 0,
        "moments": history(action, datetime.fromisoformat("2026-01-05T09:05:00.000Z")),
        "stands": "waiting 0",
        "left": "1 day",
        "reason": "",
        "person": Person("Bob", "csrf", 1),
        "ticket": "t",
        "state": "waiting",
        "open": True,
        "names": {},
        "age": span(timedelta(minutes=5)),
        "minute": minute,
        "trouble": "",
        "longest": 300,
    }
    return render("deciding/approval.html", "refund", **shown)


@settings(max_examples=60)
@given(ARGUMENTS)
def test_every_value_and_nothing_else_can_be_read_from_the_page(arguments: dict[str, Any]) -> None:
    tree = LexborHTMLParser(page(arguments, Agent("a model", "", "")))
    told = sorted(read_back(one.text(deep=True)) for one in tree.css(".value"))
    leaves = [value for _, value in leaves_of(arguments)]
    assert told == sorted(one if isinstance(one, str) else canonical(one).decode() for one in leaves)
    assert len(tree.css(".field")) == len(leaves)
    assert len(tree.css("script")) == 1 and len(tree.css("form")) == 3


@pytest.mark.parametrize("long", ["x" * 401, "x\n" * 9])
def test_a_long_value_stands_open_and_has_to_be_opened_once_it_can_be_folded(long: str) -> None:
    tree = LexborHTMLParser(page({"reason": long}))
    folded = tree.css_first("details[data-long]")
    assert folded is not None and "open" in folded.attributes
    assert read_back(folded.css_first(".value").text(deep=True)) == long
    assert "disabled" not in tree.css_first("[data-approve] button").attributes
    assert b"button.disabled = over || unread.size > 0" in assets()["approval.js"].content


def test_five_hundred_recipients_stand_together_and_each_is_there_whole() -> None:
    to = [f"person-{n}@customer.example" for n in range(500)]
    tree = LexborHTMLParser(page({"to": to, "reason": "late"}))
    assert [read_back(one.text(deep=True)) for one in tree.css(".many .value")] == to
    assert len(tree.css(".many .place")) == 500 and len(tree.css(".field")) == 2
    assert not tree.css(".many details")
