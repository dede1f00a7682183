"""Where an endpoint does not answer, another does, which its caller may use, and the answer says which."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.simulators.openai_server import Simulator, lying, serving

from muniment import settings
from muniment.foundation.errors import BadInput, Unavailable
from muniment.inference.catalog import Catalog, Endpoint, fallback_problem

QUESTION = "When does the canteen open?"
Models = dict[str, dict[str, object]]


@pytest.fixture
def ready(make_workspace: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    def make(models: Models) -> Any:
        stated = {name: {"model": "m", "timeout_seconds": 2.0, **one} for name, one in models.items()}
        workspace = make_workspace(settings=settings.parse({"models": stated}))
        workspace.ingest(folder, "acme")
        workspace.gateway._attempts._sleep = lambda _: None
        return workspace

    return make


@pytest.fixture
def servers() -> Any:
    """Return a function that starts a server for each name, with the fault given."""
    with ExitStack() as stack:
        yield lambda **faults: {
            name: stack.enter_context(serving(fault=fault)) for name, fault in faults.items()
        }


def models(servers: dict[str, Simulator], **more: dict[str, object]) -> Models:
    return {name: {"base_url": one.url, **more.get(name, {})} for name, one in servers.items()}


@pytest.mark.parametrize("fault", ["500", "401", "html", "slow"])
def test_the_next_answers_and_the_answer_names_it(
    ready: Callable[..., Any], servers: Any, fault: str
) -> None:
    running = servers(first=fault, second="")
    workspace = ready(models(running, first={"fallbacks": ["second"]}))
    answer = workspace.ask(QUESTION, as_="carol", model="first")
    assert answer.status == "answered"
    assert (answer.lineage["model"], answer.lineage["instead_of"]) == ("second:m", "first:m")
    assert "The model first did not answer; second did." in answer.notes
    text = workspace.lineage.explain(workspace.lineage.owner(answer.id), answer.id).text()
    assert "Model: second:m" in text and "Instead of: first:m" in text
    sent = [one.about for one in workspace.audit.query(kind="model.call", limit=9)]
    assert [(one["endpoint"], one["phase"]) for one in sent] == [
        ("first:m", "sent"),
        ("first:m", "ended"),
        ("second:m", "sent"),
        ("second:m", "ended"),
    ]
    assert (sent[2]["instead_of"], sent[2]["because"]) == ("first:m", "unavailable")
    assert workspace.audit.query(kind="answer.finished")[-1].about["model"] == "second:m"


def test_a_reply_that_has_begun_is_not_begun_anew_elsewhere(ready: Callable[..., Any], servers: Any) -> None:
    running = servers(first="cut", second="")
    workspace = ready(models(running, first={"fallbacks": ["second"]}))
    with pytest.raises(Unavailable, match="'first'"):
        workspace.ask(QUESTION, as_="carol", model="first")
    assert running["second"].bodies == []


def test_one_that_the_caller_may_not_use_is_passed_over(ready: Callable[..., Any], servers: Any) -> None:
    running = servers(first="500", second="", third="")
    listed = models(running, first={"fallbacks": ["second", "third"]}, second={"allowed_groups": ["sales"]})
    workspace = ready(listed)
    assert workspace.ask(QUESTION, as_="carol", model="first").lineage["model"] == "third:m"
    assert running["second"].bodies == []
    assert workspace.ask(QUESTION, as_="bob", model="first").lineage["model"] == "second:m"


def test_where_none_answers_the_first_failure_is_told(ready: Callable[..., Any], servers: Any) -> None:
    running = servers(first="401", second="500")
    with pytest.raises(Unavailable, match="'first' refused"):
        ready(models(running, first={"fallbacks": ["second"]})).ask(QUESTION, as_="carol", model="first")


def test_quotes_can_stand_in_for_a_model(ready: Callable[..., Any], servers: Any) -> None:
    answer = ready(models(servers(first="500"), first={"fallbacks": ["quotes"]})).ask(
        QUESTION, as_="carol", model="first"
    )
    assert answer.status == "answered" and answer.lineage["model"] == "quotes"


def test_a_model_without_evidence_is_an_answer_and_no_reason_for_another(
    ready: Callable[..., Any], servers: Any
) -> None:
    running = servers(second="")
    with serving(lying) as first:
        listed = {"first": {"base_url": first.url, "fallbacks": ["second"]}, **models(running)}
        assert ready(listed).ask(QUESTION, as_="carol", model="first").status == "abstained"
    assert running["second"].bodies == []


@pytest.mark.parametrize(
    ("fallbacks", "words"),
    [
        ({"a": ["b"], "b": []}, ""),
        ({"a": ["quotes"]}, ""),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, ""),
        ({"a": ["gone"]}, "a names gone, which there is not"),
        ({"a": ["a"]}, "a circle from a to a"),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, "a circle from a to b to c to a"),
    ],
)
def test_a_circle_and_a_model_that_is_gone_are_found_when_settings_are_read(
    fallbacks: dict[str, list[str]], words: str
) -> None:
    listed = {
        name: {"base_url": "http://127.0.0.1:1", "model": "m", "fallbacks": others}
        for name, others in fallbacks.items()
    }
    if not words:
        assert settings.parse({"models": listed}).models
        return
    with pytest.raises(BadInput, match=words):
        settings.parse({"models": listed})
    with pytest.raises(BadInput, match=words):
        Catalog(
            Endpoint(name, "openai", "http://127.0.0.1:1", "m", fallbacks=tuple(others))
            for name, others in fallbacks.items()
        )


NAMES = "abcde"


@profile(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3) for name in NAMES}))
def test_what_has_no_circle_is_asked_each_once_and_ends(fallbacks: dict[str, list[str]]) -> None:
    def reaches(name: str, goal: str, seen: frozenset[str] = frozenset()) -> bool:
        return any(
            other == goal or (other not in seen and reaches(other, goal, seen | {other}))
            for other in fallbacks[name]
        )

    circular = any(reaches(name, name) for name in NAMES)
    assert bool(fallback_problem(fallbacks)) == circular
    if not circular:
        catalog = Catalog(
            Endpoint(name, "openai", "http://127.0.0.1:1", "m", fallbacks=tuple(others))
            for name, others in fallbacks.items()
        )
        for name in NAMES:
            after = [one.name for one in catalog.after(catalog.get(name))]
            assert sorted(after) == [other for other in NAMES if reaches(name, other)]
