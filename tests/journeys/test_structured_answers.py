"""An answer in a schema from the command line and over HTTP, and what of it may be read later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.command import Command
from tests.journeys.test_openai_client import PROOF, filled
from tests.simulators import openai_server
from tests.simulators.web_client import bearer, client

from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse

QUESTION = "What is the on-call engineer paid?"
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["crowns", "per"],
    "properties": {"crowns": {"type": "integer"}, "per": {"type": "string"}},
}


@pytest.fixture
def house(make_workspace: Callable[..., Any], folder: Path) -> Iterator[Any]:
    with openai_server.serving(filled) as model:
        models = {"house": {"base_url": model.url, "model": "m"}}
        workspace = make_workspace(settings=parse({"models": models, "answers": {"model": "house"}}))
        workspace.ingest(folder, "docs")
        yield workspace


def test_over_http_the_result_comes_with_the_citations_of_each_value(house: Any) -> None:
    http, headers = client(house), bearer(house, "alice")
    body = {"question": QUESTION, "output_schema": SCHEMA}
    made = http.post("/v1/answers", json=body, headers=headers).json()
    assert made["result"] == {"crowns": 300, "per": "weekend"}
    assert made["claims"] == [
        {"text": "/crowns: 300", "inferred": False, "citations": [{"n": 1}]},
        {"text": "/per: weekend", "inferred": False, "citations": [{"n": 1}]},
    ]
    assert made["citations"][0]["quote"] == PROOF
    events = http.post(
        "/v1/answers", json=body, headers={**headers, "accept": "text/event-stream"}
    ).text.split("\n\n")
    assert [event.split("\n")[0] for event in events if event] == [
        "event: started",
        "event: claim",
        "event: claim",
        "event: finished",
    ]
    house.directory.remove_member("platform", "alice", OPERATOR)
    later = http.get(f"/v1/answers/{made['id']}", headers=headers).json()
    assert later["result"] is None and "300" not in json.dumps(later)


def test_over_http_a_schema_that_cannot_be_used_is_refused(house: Any) -> None:
    body = {"question": QUESTION, "output_schema": {"$ref": "#"}}
    refused = client(house).post("/v1/answers", json=body, headers=bearer(house, "alice"))
    assert (refused.status_code, refused.json()["code"]) == (422, "bad-input")


def test_the_command_prints_the_result_and_what_proves_each_value(tmp_path: Path, folder: Path) -> None:
    form = tmp_path / "pay.json"
    form.write_text(json.dumps(SCHEMA))
    with openai_server.serving(filled) as model:
        command = Command(tmp_path / "home")
        command("init")
        settings = f'[models.house]\nbase_url = "{model.url}"\nmodel = "m"\n'
        (tmp_path / "home" / "settings.toml").write_text(settings)
        people = tmp_path / "people.toml"
        people.write_text('[users.alice]\ngroups = ["engineering"]\n[groups.engineering]\n')
        command("directory", "import", people)
        command("ingest", folder, "--source", "docs")
        asked = ("ask", QUESTION, "--as", "alice", "--model", "house", "--schema")
        ran = command(*asked, form)
        assert json.loads(ran.out[: ran.out.index("}") + 1]) == {"crowns": 300, "per": "weekend"}
        assert "/crowns: 300 [1]" in ran.out and PROOF in " ".join(ran.out.split())
        assert command("--json", *asked, form).document["result"] == {"crowns": 300, "per": "weekend"}
        form.write_text("{")
        assert "is not JSON" in command(*asked, form).line
        assert "cannot be read" in command(*asked, tmp_path / "none.json").line
