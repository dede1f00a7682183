"""What is said of a tool before there is a call holds for every call of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.test_risk import CURRENCIES, RULES, policy
from tests.unit.actions.tools import PAY, READ, SEND, WRITE, tool

from muniment.actions.arguments import Amount
from muniment.actions.classes import classes_of
from muniment.actions.risk import RiskRule, shipped


@given(st.lists(RULES, max_size=5), CURRENCIES, st.decimals(0, 3000, places=2), st.booleans())
def test_every_call_has_a_class_that_was_named(
    rules: list[RiskRule], currency: str, value: Decimal, outside: bool
) -> None:
    manifest = tool(PAY)
    named = {one.gives for one in classes_of(manifest, policy(*rules))}
    assert policy(*rules).classify(manifest, Amount(value, currency), outside).gives in named
    told = {one.gives for one in classes_of(tool(SEND), policy(*rules))}
    assert policy(*rules).classify(tool(SEND), None, outside).gives in told


@pytest.mark.parametrize("base", [READ, WRITE])
def test_a_tool_that_neither_reaches_nor_pays_anybody_has_one_class(base: dict[str, Any]) -> None:
    [one] = classes_of(tool(base), shipped())
    assert (one.calls, one.gives) == ("every call", "auto")
