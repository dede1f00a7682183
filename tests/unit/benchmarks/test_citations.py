"""The makers of good and bad claims change what they say they change, and checkers are compared fairly."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import attribution, judge, wording
from benchmarks.citations import by_hand
from muniment.foundation.errors import BadInput, Unavailable
from muniment.inference.messages import Chunk, Request, TextDelta
from muniment.inference.providers.provider import Budget

SENTENCE = "Employees must report an accident to Alice Moreau within 5 days."


def test_an_altered_sentence_differs_in_one_thing_that_counts() -> None:
    seen = {wording.altered(SENTENCE, ["Moreau", "Heron"], random.Random(seed)) for seed in range(40)}
    assert SENTENCE not in seen and None not in seen
    assert any("weeks" in str(one) for one in seen)
    assert any("Heron" in str(one) for one in seen)
    assert any("5" not in str(one) for one in seen)


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("Guests may enter.", "Guests may not enter."),
        ("Guests may not enter.", "Guests may enter."),
        ("The lab isn't open.", "The lab is open."),
        ("Nobody leaves.", None),
    ],
)
def test_a_negation_is_put_in_or_taken_away(sentence: str, other: str | None) -> None:
    assert wording.flipped(sentence) == other


def test_other_words_are_other_words() -> None:
    said = wording.said_otherwise("If it rains, the workers must stay inside.", random.Random(1))
    assert said == "The workers must stay inside if it rains."
    assert wording.said_otherwise("Guests must sign in.", random.Random(1)) != "Guests must sign in."


def test_every_sentence_by_hand_has_claims_of_both_kinds() -> None:
    found = by_hand()
    assert len(found) > 60
    assert all(len(good) == 2 and len(bad) == 1 for _, good, bad in found)


def test_macro_f1_is_the_mean_of_both_classes() -> None:
    assert attribution.macro_f1([True, False], [True, False]) == 1
    assert attribution.macro_f1([True, True], [True, False]) == pytest.approx((2 / 3 + 0) / 2)


def test_a_line_that_is_no_pair_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    good = {"claim": "a", "evidence": ["a"], "supported": True}
    file.write_text(json.dumps(good) + '\n{"claim": 1}\n')
    with pytest.raises(BadInput, match="line 2"):
        attribution.read(file)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ('{"supported": true}', True),
        ('{"supported": false}', False),
        ('{"supported": ', None),
        ("yes", None),
        (None, None),
    ],
)
def test_a_judge_that_says_neither_yes_nor_no_gives_no_verdict(
    said: str | None, verdict: bool | None
) -> None:
    class Model:
        def complete(self, request: Request, budget: Budget) -> Iterator[Chunk]:
            assert request.schema == judge.SUPPORTS and request.passages[0].text == "Guests may enter."
            if said is None:
                raise Unavailable("It is too long.")
            yield TextDelta(said)

    assert judge.verdict(Model(), "Guests may enter.", "Doors", "Guests may enter.") is verdict
