"""An operator sees which models there are, whether they answer, and how their answers differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command, write_documents
from tests.simulators.openai_server import Simulator, lying, serving

from muniment import app

QUESTION = "When does the canteen open?"


@pytest.fixture
def sound() -> Iterator[Simulator]:
    with serving() as server:
        yield server


@pytest.fixture
def broken() -> Iterator[Simulator]:
    with serving(fault="401") as server:
        yield server


@pytest.fixture
def command(tmp_path: Path, sound: Simulator, broken: Simulator, monkeypatch: pytest.MonkeyPatch) -> Command:
    # Weights that this machine may hold are of no interest here, and take a second each time they are checked.
    monkeypatch.setenv("MUNIMENT_WEIGHTS", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = f"""{WORDS_ALONE}
[models.house]
base_url = "{sound.url}"
model = "small"
region = "eu-west-1"
context_tokens = 32000
prompt_price = 2.0
completion_price = 10.0
fallbacks = ["quotes"]
[models.outside]
base_url = "{broken.url}"
model = "large"
hosting = "hosted"
[models.closed]
base_url = "{sound.url}"
model = "small"
allowed_groups = ["sales"]
"""
    made = Command(tmp_path / "home", settings).with_people()
    write_documents(tmp_path / "documents")
    assert made("ingest", tmp_path / "documents", "--source", "papers").code == 0
    return made


def test_the_list_says_who_runs_a_model_and_what_it_may_be_sent(command: Command) -> None:
    listed = {one["name"]: one for one in command("models", "list", "--json").document["endpoints"]}
    assert list(listed) == ["closed", "house", "outside", "quotes"]
    house = listed["house"]
    assert (house["hosting"], house["max_sensitivity"], house["region"]) == (
        "self-managed",
        "any",
        "eu-west-1",
    )
    assert (house["context_tokens"], house["prompt_price"], house["fallbacks"]) == (32000, 2.0, ["quotes"])
    assert (listed["outside"]["hosting"], listed["outside"]["max_sensitivity"]) == ("hosted", "internal")
    text = " ".join(command("models", "list").out.split())
    assert "self-managed eu-west-1 any 32,000 2 / 10 quotes" in text


def test_the_check_asks_each_endpoint_and_says_what_is_wrong(
    command: Command, sound: Simulator, broken: Simulator
) -> None:
    command("models", "check")
    assert sound.bodies == [] == broken.bodies, "asked without being told to"
    sound.mind = lambda _: '{"ready": true}'
    ran = command("models", "check", "--endpoints", "--json")
    assert ran.code == 1 and not ran.document["ok"]
    found = {one["name"]: one for one in ran.document["endpoints"]}
    assert set(found) == {"closed", "house", "outside"}
    assert found["house"]["ok"] and found["house"]["keeps_form"] and found["house"]["prompt_tokens"] == 120
    assert not found["outside"]["ok"] and "status 401" in found["outside"]["state"]
    assert b"canteen" not in b"".join(sound.bodies), "a document was sent"
    sound.mind = lying
    text = " ".join(command("models", "check", "--endpoints").out.split())
    assert "ok house: answers, does not keep to the form of a reply, see its setting `structured`" in text
    assert "fail outside: The model 'outside' refused the request (status 401)." in text
    with closing(app.open(command.home)) as workspace:
        outcomes = [one.about.get("outcome") for one in workspace.audit.query("model.check", limit=20)]
        assert [one for one in outcomes if one] == ["complete", "complete", "unavailable"] * 2
        assert workspace.spending.lines(1) == []


def test_a_model_without_its_key_is_said_to_lack_it_and_the_others_work(command: Command) -> None:
    with (command.home / "settings.toml").open("a") as file:
        file.write('[models.keyless]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "small"\n')
        file.write('api_key = "env:MUNIMENT_ABSENT"\n')
    listed = {one["name"]: one for one in command("models", "list", "--json").document["endpoints"]}
    assert {name for name, one in listed.items() if one["missing_key"]} == {"keyless"}
    assert "keyless: its key is not set (env:MUNIMENT_ABSENT)" in " ".join(
        command("models", "list").out.split()
    )
    doctor = {one["name"]: one for one in command("doctor", "--json").document["checks"]}
    assert doctor["models"]["state"] == "warn" and "keyless (env:MUNIMENT_ABSENT)" in doctor["models"]["says"]
    answered = command("ask", QUESTION, "--as", "alice", "--model", "house")
    assert answered.code == 0


def test_the_same_question_is_answered_by_several_models_beside_each_other(command: Command) -> None:
    words = ("models", "compare", QUESTION, "--as", "alice", "--models", "house,quotes,outside,closed")
    answers = {one["model"]: one for one in command(*words, "--json").document["answers"]}
    assert list(answers) == ["house", "quotes", "outside", "closed"]
    quote = "The canteen opens at eight and closes at three."
    for name in ("house", "quotes"):
        assert answers[name]["status"] == "answered" and answers[name]["citations"][0]["quote"] == quote
    assert answers["house"]["usage"]["cost"] > 0 == answers["quotes"]["usage"]["cost"]
    # The only passage has no label, so that a model of others is not sent it and not asked.
    assert answers["outside"]["status"] == "abstained" and "withheld" in answers["outside"]["notes"][0]
    assert "may not use the model 'closed'" in answers["closed"]["error"]
    text = command(*words).out
    assert "house" in text.splitlines()[0] + text.splitlines()[1] and "120 + " in text and "answered" in text
    asked = command("explain", answers["house"]["id"])
    assert asked.code == 0 and "house:small" in asked.out


def test_a_comparison_with_an_unknown_model_asks_none(command: Command, sound: Simulator) -> None:
    ran = command("models", "compare", QUESTION, "--as", "alice", "--models", "house,gone")
    assert ran.code == 2 and "No model named 'gone'" in ran.line and sound.bodies == []
    assert command("models", "compare", QUESTION, "--as", "alice", "--models", " , ").code == 2
