"""A judge counts only where it was measured on enough labels and agrees with people well beyond chance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.assurance.evaluation.judging.agreement import Agreement, agreement, counted
from muniment.assurance.evaluation.judging.labels import OF_PAIRS, OF_STATEMENTS, read_labels
from muniment.foundation.errors import BadInput

ITEMS = st.lists(st.tuples(st.sampled_from(OF_PAIRS), st.sampled_from(OF_PAIRS)), max_size=60)


def of(*pairs: tuple[str, str | None], times: int = 1) -> Agreement:
    every = [pair for pair in pairs for _ in range(times)]
    return agreement(
        {str(at): label for at, (label, _) in enumerate(every)},
        {str(at): judged for at, (_, judged) in enumerate(every)},
    )


def test_kappa_is_cohens() -> None:
    found = agreement(
        {str(at): "yes" if at < 25 else "no" for at in range(50)},
        {str(at): "yes" if at < 20 or at >= 40 else "no" for at in range(50)},
    )
    assert found.kappa == pytest.approx(0.4)
    assert (found.labels, found.alike) == (50, 35)
    assert found.low < 0.2 and found.high > 0.6


def test_agreement_that_chance_alone_explains_shows_nothing() -> None:
    assert of(("yes", "yes"), times=100).kappa == 0.0
    assert of(("yes", "yes"), ("no", "yes"), times=50).kappa == 0.0
    assert agreement({}, {"a": "yes"}) == Agreement(0.0, -1.0, 1.0, 0, 0)


def test_full_agreement_on_few_labels_leaves_room_for_less() -> None:
    few, many = of(("yes", "yes"), ("no", "no"), times=5), of(("yes", "yes"), ("no", "no"), times=500)
    assert few.kappa == many.kappa == 1.0
    assert few.low < 0.5 < 0.98 < many.low and few.high == 1.0
    assert not few.enough and many.enough


def test_a_judge_that_says_nothing_agrees_with_nobody() -> None:
    silent = of(("yes", None), ("no", None), times=50)
    assert silent.alike == 0 and silent.kappa == 0.0


def test_what_was_labelled_and_never_judged_does_not_count() -> None:
    assert agreement({"a": "yes", "b": "no"}, {"a": "yes"}).labels == 1


@given(ITEMS)
def test_kappa_lies_within_its_interval_and_does_not_ask_who_is_the_judge(
    pairs: list[tuple[str, str]],
) -> None:
    found, back = of(*pairs), of(*((judged, label) for label, judged in pairs))
    assert -1 <= found.low <= found.kappa <= found.high <= 1
    assert found.kappa == pytest.approx(back.kappa)
    assert found == of(*sorted(pairs))


def test_scores_are_left_out_until_the_judge_is_measured_and_agrees() -> None:
    scores = {"c1": 1.0}
    good = of(("yes", "yes"), ("no", "no"), times=25)
    assert counted(scores, good, "house")[0] == scores
    assert (
        "kappa 1.00" in counted(scores, good, "house")[1] and "50 labels" in counted(scores, good, "house")[1]
    )
    for measured, why in (
        (None, "not measured"),
        (of(("yes", "yes"), ("no", "no"), times=24), "48 labels"),
        (of(("yes", "yes"), ("yes", "no"), ("no", "no"), times=50), "kappa 0.40"),
    ):
        kept, note = counted(scores, measured, "house")
        assert kept == {} and why in note and "left out" in note


def lines(path: Path, *labels: object) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in labels))
    return path


def test_labels_are_read_by_item(tmp_path: Path) -> None:
    ann, bob = ({"item": "sha256:1", "label": "supported", "by": by} for by in ("ann", "bob"))
    other = {"item": "sha256:2", "label": "unsupported", "by": "ann", "note": "the year is missing"}
    found = read_labels(lines(tmp_path / "labels.jsonl", ann, "", bob, other), OF_STATEMENTS)
    assert found == {"sha256:1": "supported", "sha256:2": "unsupported"}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"item": "sha256:1", "label": "unsupported", "by": "bob"}, "also labelled supported"),
        ({"item": "sha256:2", "label": "first", "by": "bob"}, "label is none of"),
        ({"item": "sha256:2", "label": ["supported"], "by": "bob"}, "label is none of"),
        ({"item": "sha256:2", "label": "supported"}, "lacks item or by"),
        ("[1]", "lacks item or by"),
        ("{", "is not JSON"),
    ],
)
def test_a_label_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, second: object, said: str
) -> None:
    first = {"item": "sha256:1", "label": "supported", "by": "ann"}
    with pytest.raises(BadInput, match=f"labels.jsonl:2.*{said}"):
        read_labels(lines(tmp_path / "labels.jsonl", first, second), OF_STATEMENTS)


def test_a_file_of_labels_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_labels(tmp_path / "none.jsonl", OF_PAIRS)
