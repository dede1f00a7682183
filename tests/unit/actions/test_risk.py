"""Of all rules that fit, the strictest counts; what acts and fits none takes an approver."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.tools import PAY, READ, SEND, WRITE, tool

from muniment.actions.arguments import Amount
from muniment.actions.manifest import Manifest, Reversible
from muniment.actions.risk import CLASSES, UNMATCHED, RiskPolicy, RiskRule, read_risk, shipped
from muniment.foundation.errors import BadInput
from muniment.governance.identity.clearance import LEVELS

EFFECTS = ["write", "send", "pay", "grant", "delete"]
CURRENCIES = st.sampled_from(["EUR", "USD", "XXX"])
AMOUNTS = st.none() | st.builds(Amount, st.decimals(0, 2000, places=2), CURRENCIES)
MANIFESTS = st.builds(
    lambda base, level: tool(base, sensitivity=level),
    st.sampled_from([SEND, PAY, WRITE]),
    st.sampled_from(LEVELS),
)
RULES = st.builds(
    RiskRule,
    id=st.uuids().map(str),
    effects=st.frozensets(st.sampled_from(EFFECTS), min_size=1),
    gives=st.sampled_from(CLASSES),
    reversible=st.frozensets(st.sampled_from(get_args(Reversible)), max_size=2),
    sensitivity_from=st.sampled_from(["", *LEVELS]),
    outside=st.none() | st.booleans(),
    over=st.none() | st.dictionaries(CURRENCIES, st.decimals(1, 2000, places=2), max_size=2),
)


def policy(*rules: RiskRule) -> RiskPolicy:
    return RiskPolicy(tuple(rules), "sha256:x")


@given(st.lists(RULES, max_size=6), st.randoms(), MANIFESTS, AMOUNTS, st.booleans())
def test_the_strictest_counts_whatever_the_order(
    rules: list[RiskRule], chance: Any, manifest: Manifest, amount: Amount | None, outside: bool
) -> None:
    found = policy(*rules).classify(manifest, amount, outside)
    fitting = [rule for rule in rules if rule.fits(manifest, amount, outside)]
    wanted = max((CLASSES.index(rule.gives) for rule in fitting), default=CLASSES.index("one"))
    assert found.gives == CLASSES[wanted]
    chance.shuffle(rules)
    again = policy(*rules).classify(manifest, amount, outside)
    assert again.gives == found.gives and set(again.rules) == set(found.rules)


@given(st.lists(RULES, min_size=1, max_size=5), RULES, MANIFESTS, AMOUNTS, st.booleans())
def test_a_rule_more_never_loosens_what_a_rule_decided(
    rules: list[RiskRule], more: RiskRule, manifest: Manifest, amount: Amount | None, outside: bool
) -> None:
    before = policy(*rules).classify(manifest, amount, outside)
    after = policy(*rules, more).classify(manifest, amount, outside)
    if before.rules != (UNMATCHED,):
        assert CLASSES.index(after.gives) >= CLASSES.index(before.gives)


@given(RULES, MANIFESTS, st.decimals(0, 2000, places=2), CURRENCIES, st.booleans())
def test_an_unknown_currency_counts_as_over(
    rule: RiskRule, manifest: Manifest, value: Decimal, currency: str, outside: bool
) -> None:
    if rule.over is None or currency in rule.over:
        return
    huge = Amount(Decimal(10**15), "EUR" if "EUR" in rule.over else currency)
    assert rule.fits(manifest, Amount(value, currency), outside) == rule.fits(manifest, huge, outside)


def test_what_acts_and_fits_no_rule_takes_one() -> None:
    for base in (SEND, PAY, WRITE):
        found = policy().classify(tool(base), None, False)
        assert (found.gives, found.rules) == ("one", (UNMATCHED,))


@given(st.lists(RULES, max_size=3), AMOUNTS, st.booleans())
def test_reading_takes_nobody(rules: list[RiskRule], amount: Amount | None, outside: bool) -> None:
    assert policy(*rules).classify(tool(READ), amount, outside).gives == "auto"


@pytest.mark.parametrize(
    ("base", "amount", "outside", "gives"),
    [
        (WRITE, None, False, "auto"),
        (WRITE, None, True, "one"),
        (SEND, None, False, "auto"),
        (SEND, None, True, "one"),
        (PAY, "0", True, "one"),
        (PAY, "1000", True, "one"),
        (PAY, "1000.01", True, "two"),
        (PAY, "50000.01", True, "never"),
    ],
)
def test_the_rules_that_ship(base: dict[str, Any], amount: str | None, outside: bool, gives: str) -> None:
    found = shipped().classify(tool(base), Amount(Decimal(amount), "EUR") if amount else None, outside)
    assert found.gives == gives


def test_the_rules_that_ship_let_no_machine_pay_in_a_currency_that_they_do_not_know() -> None:
    assert shipped().classify(tool(PAY), Amount(Decimal(1), "XXX"), True).gives == "never"


def test_the_rules_that_ship_never_delete_grant_or_pay_by_themselves() -> None:
    for effect in ("delete", "grant"):
        for level in LEVELS:
            made = tool(WRITE, effect=effect, sensitivity=level)
            assert shipped().classify(made, None, False).gives != "auto"
    for value in (0, 1, 999):
        assert shipped().classify(tool(PAY), Amount(Decimal(value), "EUR"), False).gives != "auto"


GOOD = {"id": "r", "effects": ["pay"], "class": "one"}


def toml(**fields: Any) -> str:
    made = {**GOOD, **fields}
    return "[[rule]]\n" + "\n".join(
        f"{name} = {value!r}" for name, value in made.items() if value is not None
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no [[rule]]"),
        ("rule = []", "no [[rule]]"),
        ("rule = 'x'", "no [[rule]]"),
        ("rule = ['x']", "rule[0] is no table"),
        ("rule = [{id = 'r', effects = ['pay'], class = 'one'}, 5]", "rule[1] is no table"),
        ("[[rule]]", "rule[0].id"),
        ("rules = 1", "rules is unknown"),
        ("rule = ", "no TOML"),
        ("rule = 1" + "0" * 5000, "no TOML"),
        (toml(id=None), "rule[0].id"),
        (toml(effects=None), "rule[0].effects"),
        (toml(effects=[]), "rule[0].effects"),
        (toml(effects=["read"]), "rule[0].effects"),
        (toml(effects=["steal"]), "rule[0].effects"),
        (toml(**{"class": "auto!"}), "rule[0].class"),
        (toml(**{"class": None}), "rule[0].class"),
        (toml(reversible=["sometimes"]), "rule[0].reversible"),
        (toml(sensitivity_from="secret"), "rule[0].sensitivity_from"),
        (toml(outside="yes"), "rule[0].outside"),
        (toml(extra=1), "rule[0].extra"),
        (toml() + "\nover = { EUR = 1000 }", "rule[0].over.EUR"),
        (toml() + "\nover = { EUR = 'NaN' }", "rule[0].over.EUR"),
        (toml() + "\nover = 5", "rule[0].over"),
        (toml() + "\n" + toml(), "id 'r'"),
    ],
    ids=range(24),
)
def test_rules_that_do_not_fit_are_refused_by_their_place(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_risk(text)
    assert said in caught.value.public and caught.value.fix


def test_a_policy_is_known_by_what_was_stated() -> None:
    assert read_risk(toml()).version != read_risk(toml(**{"class": "two"})).version
    assert read_risk(toml()).version == read_risk("# why\n" + toml()).version
