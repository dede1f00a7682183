"""`muniment bench schemas` counts each schema once, by what came of it."""

from __future__ import annotations

import json

import pytest

from benchmarks import schemas
from benchmarks.schemas import CUT, INVALID, OTHER, REFUSED, Say, Tally
from muniment.foundation.errors import BadInput, Unavailable
from muniment.inference.messages import Request

DAYS = {"type": "object", "required": ["days"], "properties": {"days": {"type": "integer", "multipleOf": 5}}}


def saying(*results: object, ended: bool = False) -> tuple[Say, list[Request]]:
    asked: list[Request] = []

    def say(request: Request) -> tuple[str, bool]:
        asked.append(request)
        result = results[min(len(asked), len(results)) - 1]
        return result if isinstance(result, str) else json.dumps({"result": result}), ended

    return say, asked


def came(given: object, *results: object, ended: bool = False) -> tuple[Tally, list[Request]]:
    say, asked = saying(*results, ended=ended)
    tally = Tally()
    schemas.put(given, say, tally)
    assert tally.ends.total() == 1
    return tally, asked


def test_a_valid_result_counts_as_such_at_whatever_asking() -> None:
    tally, _ = came(DAYS, {"days": 15})
    assert (tally.ends["valid"], tally.first) == (1, 1)
    tally, asked = came(DAYS, {"days": 18}, {"days": 20})
    assert (tally.ends["valid"], tally.first) == (1, 0)
    assert asked[1].refused[0].why.startswith("/days: ")


def test_one_that_never_keeps_to_the_schema_is_refused_with_the_rule_it_breaks() -> None:
    tally, asked = came(DAYS, {"days": 18})
    assert tally.ends[INVALID] == 1 and len(asked) == 3
    assert "multiple of 5" in str(list(tally.reasons))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"$ref": "https://forms.example/leave"}, "refers to another document"),
        ({"$ref": "#"}, "recursive"),
        ({"type": "integre"}, "no valid schema"),
        ({"enum": ["x" * 70_000]}, "too big"),
    ],
)
def test_a_schema_that_is_refused_is_asked_of_no_model(given: object, why: str) -> None:
    tally, asked = came(given, {})
    assert tally.ends[REFUSED] == 1 and not asked
    assert why in str(list(tally.reasons))


def test_half_a_reply_was_cut_only_if_it_ended_at_a_limit() -> None:
    assert came(DAYS, '{"result": {"da', ended=True)[0].ends[CUT] == 1
    assert came(DAYS, '{"result": {"da')[0].ends[OTHER] == 1


def test_what_the_model_refuses_is_counted_by_reason() -> None:
    def say(request: Request) -> tuple[str, bool]:
        raise Unavailable("The model 'm' reads at most 4096 tokens; the question with its passages has 9000.")

    tally = Tally()
    schemas.put(DAYS, say, tally)
    assert list(tally.reasons) == [(schemas.BY_THE_MODEL, "too big for the model's context")]


def test_a_folder_is_named_and_holds_schemas(tmp_path: object) -> None:
    with pytest.raises(BadInput, match="folder"):
        schemas.run({}, lambda _: None)
