"""`muniment bench sensitive` counts what is found against what is there."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from benchmarks import sensitive
from muniment.foundation.errors import BadInput


def figures(result: dict[str, object]) -> dict[str, float]:
    return {bar["what"]: bar["value"] for bar in result["bars"]}  # type: ignore[attr-defined]


def test_the_set_that_ships_is_the_same_each_time_and_nearly_all_of_it_is_found() -> None:
    once, again = (sensitive.made(random.Random(11)) for _ in "ab")
    assert once == again and len(once) > 800
    found = figures(sensitive.run({}, lambda _: None))
    for kind in ("card", "iban", "national_id", "secret", "email", "phone"):
        assert found[f"made here: {kind} recall"] >= 0.99
        assert found[f"made here: {kind} precision"] >= 0.95


def test_a_labelled_file_is_measured_beside_it_and_misses_count(tmp_path: Path) -> None:
    card = {"entity_type": "CREDIT_CARD", "start_position": 5, "end_position": 21}
    name = {"entity_type": "PERSON", "start_position": 0, "end_position": 3}
    rows = [
        {"full_text": "Pay: 4111111111111111", "spans": [card]},
        {"full_text": "Pay: 4111111111111112", "spans": [card]},
        {"full_text": "Ann 5555555555554444", "spans": [name]},
    ]
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    found = figures(sensitive.run({"data": file}, lambda _: None))
    assert (found["data: card recall"], found["data: card precision"]) == (0.5, 0.5)


@pytest.mark.parametrize("text", ["{", "[]", '{"full_text": "x"}'])
def test_a_file_of_something_else_is_one_clear_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(text)
    with pytest.raises(BadInput, match="holds something else"):
        sensitive.run({"data": file}, lambda _: None)
