"""Arguments are read in one way only, or refused with the place and the fix."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.tools import PAY, SEND, WRITE, tool

from muniment.actions.arguments import LARGEST, Amount, amount_of, canonical_arguments, read_arguments
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import BadInput

MAIL, BANK, NOTES = tool(SEND), tool(PAY), tool(WRITE)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
LINES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "iban": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"amount": {"type": "number"}, "currency": {"type": "string"}},
            },
        },
    },
}
LINES_ROLES = {"iban": "target", "lines[].amount": "amount", "lines[].currency": "free"}
BATCH = tool(
    PAY,
    arguments=LINES,
    roles=LINES_ROLES,
    money={"amount": "lines[].amount", "currency": "lines[].currency"},
)


def refused(text: str | bytes) -> str:
    with pytest.raises(BadInput) as caught:
        read_arguments(text)
    assert caught.value.fix
    return caught.value.public


def unfit(manifest: Any, arguments: Any) -> str:
    with pytest.raises(BadInput) as caught:
        canonical_arguments(manifest, arguments)
    return caught.value.public


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"a"',
        "5",
        "{} {}",
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": [Infinity]}',
        '{"a": {"b": -Infinity}}',
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1, "b": 1}}',
        '{"a": [{"b": 1, "\\u0062": 2}]}',
        '{"a": 9007199254740992}',
        '{"a": 1152921504606846976}',
        '{"a": -9007199254740992}',
        '{"a": [1152921504606846976]}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 1e400}',
        '{"a": [-1e400]}',
        '{"a": 1e16}',
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a":' * 50_000,
        " " * (LARGEST + 1) + "{}",
        b'{"a": "\xff"}',
    ],
    ids=range(26),
)
def test_what_two_readers_could_read_differently_is_refused(text: str | bytes) -> None:
    refused(text)


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_whatever_is_read_can_be_said_exactly_or_is_refused(value: dict[str, Any]) -> None:
    try:
        found = read_arguments(json.dumps(value))
        canonical(found)
    except BadInput:
        return
    assert found == value


@pytest.mark.parametrize("number", ["9007199254740991", "-9007199254740991", "-0", "0.5", "1e3"])
def test_a_number_that_json_can_say_is_read(number: str) -> None:
    assert read_arguments(f'{{"a": {number}}}') == {"a": float(number)}


@given(
    st.fixed_dictionaries(
        {},
        optional={"title": TEXT, "text": TEXT, "rank": st.integers() | st.floats()},
    )
)
def test_one_spelling_is_spelled_as_it_is(given_: dict[str, Any]) -> None:
    try:
        once = canonical_arguments(NOTES, given_)
    except BadInput:
        return
    assert canonical_arguments(NOTES, once) == once
    assert canonical(once) == canonical(given_)


@given(JSON)
def test_whatever_is_given_fits_or_is_refused(value: Any) -> None:
    for manifest in (MAIL, BANK, NOTES):
        for given_ in (value, {"title": value}, {"to": [value]}, {"amount": value, "currency": "EUR"}):
            try:
                canonical_arguments(manifest, given_)
            except BadInput:
                continue


def test_no_default_is_filled_in_and_nothing_is_coerced() -> None:
    made = tool(
        WRITE,
        arguments={
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "title": {"type": "string", "default": "x"},
                "text": {"type": "string"},
                "rank": {"type": "integer"},
            },
        },
    )
    assert canonical_arguments(made, {}) == {}
    assert "/rank" in unfit(made, {"rank": "1"})
    assert "/rank" in unfit(made, {"rank": True})


def test_a_text_is_composed_and_names_that_become_one_are_refused() -> None:
    assert canonical_arguments(NOTES, {"text": "e\u0301"}) == {"text": "\u00e9"}
    assert "same after" in unfit(NOTES, {"\u00e9": 1, "e\u0301": 2})


def test_an_argument_that_nobody_knows_is_refused_without_its_name() -> None:
    said = unfit(NOTES, {"title": "a", "secret-of-a-model": 1})
    assert "does not know" in said and "secret" not in said


@pytest.mark.parametrize("value", [{"text": "\ud800"}, {"\ud800": 1}, {"rank": 2**53}, {"rank": 1e20}])
def test_what_json_cannot_say_is_refused(value: dict[str, Any]) -> None:
    unfit(NOTES, value)


def test_a_plan_key_in_arguments_is_an_unknown_argument() -> None:
    assert "does not know" in unfit(NOTES, {"$from": "s1"})
    assert "/title" in unfit(NOTES, {"title": {"$from": "s1", "path": ["x"]}})


def test_arguments_are_bounded() -> None:
    assert "too large" in unfit(NOTES, {"text": "x" * LARGEST})


UNSEEN = [
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u202e",
    "\u2066",
    "\u00ad",
    "\u0000",
    "\n",
    "\u2028",
    "\U000e0041",
    "\ue000",
    "\ufe0f",
    "\U000e0101",
    "\u034f",
    "\u115f",
    "\u3164",
    "\uffa0",
    "\u2800",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u180b",
]


@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("where", ["{}ann", "an{}n", "ann{}"])
def test_a_name_holds_nothing_that_is_not_seen(unseen: str, where: str) -> None:
    name = where.format(unseen)
    assert unfit(NOTES, {"title": name}).startswith("title ")
    assert unfit(MAIL, {"to": ["bob@acme.example", name + "@acme.example"]}).startswith("to[] ")
    assert unfit(BANK, {"iban": name, "amount": 1, "currency": "EUR"}).startswith("iban ")


@pytest.mark.parametrize("name", ["аnn", "pаypal", "ΑBC", "ann\u0430", "scоpe-αβ", "ａnn", "報告ж"])
def test_a_name_mixes_no_letters_that_look_alike(name: str) -> None:
    assert "mixes letters" in unfit(NOTES, {"title": name})


@pytest.mark.parametrize(
    "name", ["Ann's note", "Отчёт за год", "Q3報告書レポートまとめ", "보고서 v2", "naïve", "A-17"]
)
def test_a_name_in_any_language_is_taken(name: str) -> None:
    assert canonical_arguments(NOTES, {"title": name}) == {"title": name}


@pytest.mark.parametrize(
    "address",
    [
        "ann@асе.example",  # wholly Cyrillic, though it reads as a Latin word
        "асе@асе.рф",
        "ann＠acme.example",
        "ann@acme。example",
        "ａｎｎ@acme.example",
        "ann@acme.example,eve@evil.example",
        "ann@acme.example; eve@evil.example",
        "Ann <eve@evil.example>",
        '"ann@acme.example"@evil.example',
        "ann@acme.example@evil.example",
        "ann@acme.example ",
        "ann@acme..example",
        "ann@",
        "@acme.example",
        "ann",
        "",
        "ann@acme.example\n",
        "ann@[127.0.0.1]",
        "ann(x)@acme.example",
    ],
)
def test_a_mail_address_is_one_address_in_plain_letters(address: str) -> None:
    assert unfit(MAIL, {"to": [address]}).startswith("to[] ")


@pytest.mark.parametrize("address", ["ann@acme.example", "ann.b+c_d@a-b.xn--80ak6aa92e.example"])
def test_a_plain_mail_address_is_taken(address: str) -> None:
    assert canonical_arguments(MAIL, {"to": [address]}) == {"to": [address]}


def test_whoever_is_paid_is_spelled_without_stand_ins() -> None:
    assert "stand for others" in unfit(BANK, {"iban": "ＡＢ１２", "amount": 1, "currency": "EUR"})
    assert "names nobody" in unfit(BANK, {"iban": "", "amount": 1, "currency": "EUR"})


@pytest.mark.parametrize("amount", [0, 1, 12.5, "12.50", "0.1", 2**53 - 1, 0.1, "0"])
def test_an_amount_is_what_it_says(amount: Any) -> None:
    arguments = canonical_arguments(BANK, {"iban": "AB12", "amount": amount, "currency": "EUR"})
    assert amount_of(BANK, arguments) == Amount(Decimal(str(amount)), "EUR")


BAD_AMOUNTS = [
    True,
    False,
    -1,
    -0.01,
    "-1",
    "-0",
    "+1",
    "NaN",
    "Infinity",
    "1e3",
    "1e400",
    "1_000",
    "1,000",
    "1.000,00",
    " 1",
    "1\n",
    "010",
    "0x10",
    "１００",
    "٣",
    "",
    "9007199254740992",
    "1.",
    ".5",
    "1." + "0" * 20 + "1",
    None,
    [1],
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
def test_an_amount_that_readers_could_read_differently_is_refused(amount: Any) -> None:
    with pytest.raises(BadInput):
        amount_of(BANK, {"iban": "AB12", "amount": amount, "currency": "EUR"})
    unfit(BANK, {"iban": "AB12", "amount": amount, "currency": "EUR"})


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "ЕUR", "€€€", "EUR\n", None, 978])
def test_a_currency_is_a_code(currency: Any) -> None:
    with pytest.raises(BadInput, match="currency is no currency"):
        amount_of(BANK, {"iban": "AB12", "amount": 1, "currency": currency})


def test_an_amount_that_is_not_stated_is_not_nothing() -> None:
    assert "amount is missing" in unfit(BANK, {"iban": "AB12", "currency": "EUR"})
    assert "lines[].amount is missing" in unfit(BATCH, {"iban": "AB12", "lines": []})


def test_the_amounts_of_a_list_are_added_up() -> None:
    lines = [{"amount": 0.1, "currency": "EUR"}, {"amount": 0.2, "currency": "EUR"}]
    assert amount_of(BATCH, {"lines": lines}) == Amount(Decimal("0.3"), "EUR")


@pytest.mark.parametrize(
    "lines",
    [
        [{"amount": 1, "currency": "EUR"}, {"amount": 1, "currency": "BTC"}],
        [{"amount": 1, "currency": "EUR"}, {"amount": 1}],
        [{"amount": 1}],
        [{"amount": 1, "currency": "EUR"}, {"amount": -1, "currency": "EUR"}],
        [{"amount": 2**53 - 1, "currency": "EUR"}, {"amount": 1, "currency": "EUR"}],
    ],
)
def test_a_list_of_amounts_in_several_currencies_or_in_none_is_refused(lines: list[Any]) -> None:
    with pytest.raises(BadInput):
        amount_of(BATCH, {"lines": lines})


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=8), st.integers(0, 8))
def test_a_sum_is_exact(amounts: list[int], places: int) -> None:
    texts = [f"{Decimal(one).scaleb(-places):f}" for one in amounts]
    total = sum(amounts)
    arguments = {"lines": [{"amount": one, "currency": "EUR"} for one in texts]}
    assert amount_of(BATCH, arguments) == Amount(Decimal(total).scaleb(-places), "EUR")


def test_what_moves_nothing_has_no_amount() -> None:
    assert amount_of(MAIL, {}) is None
