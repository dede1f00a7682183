"""Text of others never becomes a trusted value of a plan, by no way of choosing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from muniment.actions.labels import USERS, Integrity
from muniment.actions.manifest import FieldLabel
from muniment.actions.reading import Reading
from muniment.actions.selectors import Unresolved, resolve

SYSTEM = FieldLabel(Integrity.SYSTEM)
BANK = {
    "got[].from": FieldLabel(Integrity.SYSTEM, author=True),
    "got[].amount": SYSTEM,
    "sent[]": SYSTEM,
    "sent[].amount": SYSTEM,
    "sent[].to": SYSTEM,
}


def _read(value: object, labels: Mapping[str, FieldLabel] = BANK) -> dict[str, Reading]:
    return {"s1": Reading("transactions", "sha256:0", "user:emma", value, labels, USERS)}


def _one(**test: object) -> object:
    where = [[name, "=", value] for name, value in test.items()]
    return {"$one": {"of": "s1", "at": ["got"], "where": where, "field": "from"}}


def test_the_only_row_that_fits_may_be_an_outsiders_so_it_is_not_trusted():
    found = resolve(_one(amount=10), _read({"got": [{"from": "GB-MALLORY", "amount": 10}]}))
    assert found.value == "GB-MALLORY"
    assert not found.label.trusted


def test_a_row_of_an_author_whom_the_plan_names_is_trusted():
    rows = [{"from": "GB-FRIEND", "amount": 10}, {"from": "GB-MALLORY", "amount": 99}]
    wanted = {"$one": {"of": "s1", "at": ["got"], "where": [["from", "=", "GB-FRIEND"]], "field": "amount"}}
    found = resolve(wanted, _read({"got": rows}))
    assert (found.value, found.label.trusted) == (10, True)


@pytest.mark.parametrize("how", ["starts", "!=", "holds", "in"])
def test_only_an_author_named_by_equality_is_named(how: str):
    value = ["GB-FRIEND"] if how == "in" else "GB"
    wanted = {"$count": {"of": "s1", "at": ["got"], "where": [["from", how, value]]}}
    assert not resolve(wanted, _read({"got": [{"from": "GB-FRIEND", "amount": 1}]})).label.trusted


def test_an_author_whom_untrusted_text_names_is_not_named():
    readings = _read({"got": [{"from": "GB-FRIEND", "amount": 1}]})
    readings["s2"] = Reading("read_file", "sha256:0", "user:emma", {"text": "GB-FRIEND"}, {}, USERS)
    wanted = {
        "$one": {
            "of": "s1",
            "at": ["got"],
            "where": [["from", "=", {"$from": "s2", "path": ["text"]}]],
            "field": "amount",
        }
    }
    assert not resolve(wanted, readings).label.trusted


def test_rows_that_tie_are_as_good_as_one_where_they_say_the_same():
    rows = [{"to": "a", "amount": 5}, {"to": "b", "amount": 5}]
    most = {"of": "s1", "at": ["sent"], "by": "amount"}
    assert resolve({"$most": {**most, "field": "amount"}}, _read({"sent": rows})).value == 5
    with pytest.raises(Unresolved):
        resolve({"$most": {**most, "field": "to"}}, _read({"sent": rows}))


@pytest.mark.parametrize("name", ["to.id", "sent[].amount", "", "[]", "a b"])
def test_a_name_that_spells_another_place_does_not_get_its_label(name: str):
    labels = {"to.id": SYSTEM, "sent[].amount": SYSTEM, "": SYSTEM, "[]": SYSTEM}
    reading = _read({name: "text of others"}, labels)["s1"]
    assert not reading.label.trusted
    with pytest.raises(Unresolved):
        resolve({"$from": "s1", "path": [name]}, {"s1": reading})


@pytest.mark.parametrize("spelled", ["1e999999999", "1e-999999999", "NaN", "Infinity"])
def test_a_text_that_spells_an_endless_number_is_none(spelled: str):
    with pytest.raises(Unresolved):
        resolve({"$sum": [{"$from": "s1", "path": ["x"]}, 1]}, _read({"x": spelled}))
