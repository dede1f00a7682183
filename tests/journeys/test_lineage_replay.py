"""An earlier answer replayed: documents as they were then, rights as they are now."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents
from tests.postgres import BOTH
from tests.simulators.openai_server import serving
from tests.simulators.web_client import bearer, client

from muniment.app import Workspace
from muniment.assistant.replayed import Place, Replayed
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import MunimentError, NotFound
from muniment.governance.identity.principal import OPERATOR, Actor
from muniment.settings import parse

PAY = "How much is the on-call engineer paid for each weekend?"
ONCALL = "docs/engineering/oncall.md"
RAISED = "# On call\n\nThe on-call engineer is paid 350 crowns for each weekend.\n"
BY = Actor("user:alice", "python")


@pytest.fixture
def ready(make_workspace: Callable[..., Workspace], clock: FixedClock, folder: Path) -> Workspace:
    workspace = make_workspace(clock=clock)
    workspace.ingest(folder, "docs")
    clock.advance(minutes=1)
    return workspace


def replay(workspace: Workspace, answer: str, who: str = "alice", ask: bool = False) -> Replayed:
    return workspace.replaying.replay(workspace.principal(who), answer, BY, ask)


def raise_pay(workspace: Workspace, clock: FixedClock, folder: Path) -> None:
    clock.advance(minutes=1)
    (folder / "engineering/oncall.md").write_text(RAISED)
    workspace.ingest(folder, "docs")
    clock.advance(minutes=1)


def states(found: Replayed) -> list[str]:
    return [one.state for one in found.places]


def test_where_nothing_changed_everything_is_the_same(ready: Workspace, clock: FixedClock) -> None:
    answer = ready.ask(PAY, "alice")
    clock.advance(days=1)
    found = replay(ready, answer.id)
    assert found.places and set(states(found)) == {"same"}
    assert found.again is not None and found.again.same and found.again.answer == answer.answer
    assert found.differences == () and found.not_recorded == () and found.not_kept == 0
    (entry,) = ready.audit.query(kind="answer.replayed")
    assert (entry.about["answer"], entry.about["again"]) == (answer.id, found.again.id)
    again = ready.lineage.explain(ready.principal("alice"), found.again.id)
    assert again.lineage["replays"] == answer.id


def test_a_document_is_searched_and_quoted_as_it_was_then(
    ready: Workspace, clock: FixedClock, folder: Path
) -> None:
    answer = ready.ask(PAY, "alice")
    raise_pay(ready, clock, folder)
    found = replay(ready, answer.id)
    assert set(states(found)) == {"same"}
    assert found.again is not None and found.again.same and "300 crowns" in found.again.answer
    assert [one.text for one in found.differences] == [f"document {ONCALL}: version 1 -> version 2"]
    assert "350 crowns" in ready.ask(PAY, "alice").answer


def test_what_came_later_takes_no_part_and_what_is_readable_only_now_does(
    ready: Workspace, clock: FixedClock, folder: Path
) -> None:
    answer = ready.ask(PAY, "carol")
    clock.advance(minutes=1)
    (folder / "all/weekend.md").write_text("# Weekend\n\nThe on-call engineer is paid for each weekend.\n")
    (folder / "engineering/access.toml").write_text('allow = ["group:everyone"]\n')
    ready.ingest(folder, "docs")
    found = replay(ready, answer.id, "carol")
    new = [one.where for one in found.places if one.state == "new"]
    assert new == [ONCALL]


def test_a_version_that_the_index_dropped_is_said_not_to_be_kept(
    ready: Workspace, clock: FixedClock, folder: Path
) -> None:
    answer = ready.ask(PAY, "alice")
    for path in [one for one in folder.rglob("*") if one.suffix in (".md", ".txt", ".csv")]:
        path.write_text(path.read_text() + "\nRead again.\n")
    raise_pay(ready, clock, folder)
    ready.upkeep.repair(OPERATOR)
    found = replay(ready, answer.id)
    (place,) = [one for one in found.places if one.where == ONCALL]
    assert place.state == "not kept" and "its text is stored" in place.text
    assert found.not_kept == 2 and "took no part" in found.text()
    assert found.again is not None and "crowns" not in found.again.answer


def test_a_forbidden_document_and_a_removed_one_are_told_in_the_same_words(
    make_workspace: Callable[..., Workspace], clock: FixedClock, folder: Path
) -> None:
    told: list[Replayed] = []
    for name in ("forbidden", "removed"):
        workspace = make_workspace(name, clock=clock)
        workspace.ingest(folder, "docs")
        clock.advance(minutes=1)
        answer = workspace.ask(PAY, "alice")
        clock.advance(minutes=1)
        if name == "forbidden":
            workspace.directory.remove_member("platform", "alice", OPERATOR)
        else:
            (folder / "engineering/oncall.md").unlink()
            workspace.ingest(folder, "docs")
        told.append(replay(workspace, answer.id))
    gone = [next(one for one in found.places if one.before == 1) for found in told]
    assert gone[0] == gone[1] == Place("withheld", 1)
    assert all("crowns" not in found.text() and "oncall" not in found.text() for found in told)


def test_only_whoever_asked_may_replay(ready: Workspace) -> None:
    answer = ready.ask(PAY, "alice").id
    said: list[str] = []
    for who, which in (("bob", answer), ("alice", "ans_none")):
        with pytest.raises(NotFound) as caught:
            replay(ready, which, who)
        said.append(str(caught.value))
    assert said[0] == said[1] and not ready.audit.query(kind="answer.replayed")


def test_who_is_no_longer_known_replays_nothing(ready: Workspace, tmp_path: Path) -> None:
    answer = ready.ask(PAY, "alice").id
    people = tmp_path / "people.toml"
    people.write_text("[users.bob]\n")
    alice = ready.principal("alice")
    ready.directory.import_file(people, OPERATOR)
    with pytest.raises(MunimentError):
        ready.replaying.replay(alice, answer, BY)
    assert not ready.audit.query(kind="answer.replayed")


def test_a_language_model_is_asked_again_only_on_request_with_the_prompt_and_temperature_of_then(
    make_workspace: Callable[..., Workspace], clock: FixedClock, folder: Path, tmp_path: Path
) -> None:
    from muniment import app

    with serving() as server:
        model = {"base_url": server.url, "model": "m", "hosting": "self-managed", "temperature": 0.25}
        settings = {"models": {"house": model}, "answers": {"model": "house"}}
        workspace = make_workspace(clock=clock, settings=parse(settings))
        workspace.ingest(folder, "docs")
        clock.advance(minutes=1)
        answer = workspace.ask(PAY, "alice")
        before = json.loads(server.bodies[-1])
        prompts = workspace.home / "prompts"
        prompts.mkdir(exist_ok=True)
        head = "---\nname: brief\npurpose: answer\ninputs: question text, passages passages\noutput: claims\n---\n"
        (prompts / "brief.md").write_text(f"{head}Be brief.\n")
        for _ in range(2):
            workspace.prompts.promote("brief", "It is tested.", OPERATOR)
        raise_pay(workspace, clock, folder)
        workspace.close()
        settings["models"]["house"] = {**model, "temperature": 0.75}  # type: ignore[index]
        workspace = app.open(workspace.home, clock=clock, settings=parse(settings), embedder=lambda: None)
        asked = len(server.bodies)
        quiet = replay(workspace, answer.id)
        assert quiet.again is None and len(server.bodies) == asked
        named = [f"{one.component} {one.name}".strip() for one in quiet.differences]
        assert named == [f"document {ONCALL}", "prompt answer", "parameter house.temperature"]
        found = replay(workspace, answer.id, ask=True)
        body = json.loads(server.bodies[-1])
        assert body["temperature"] == 0.25 and body["messages"][0] == before["messages"][0]
        assert found.again is not None and found.again.same and "300 crowns" in found.again.answer
        workspace.close()


def test_a_model_that_is_gone_is_said_to_be(ready: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ready.ask(PAY, "alice").id
    monkeypatch.setattr(ready.catalog, "_endpoints", {})
    found = replay(ready, answer)
    assert found.again is None and found.differences[-1].text == "model: quotes -> not set up any more"


def test_over_http_for_the_owner_alone(ready: Workspace) -> None:
    http = client(ready)
    alice, bob = bearer(ready, "alice"), bearer(ready, "bob")
    first, second = (
        http.post("/v1/answers", json={"question": PAY}, headers=alice).json()["id"] for _ in "ab"
    )
    found = http.post(f"/v1/answers/{first}/replay", json={}, headers=alice)
    assert found.status_code == 200 and found.json()["again"]["same"]
    assert {one["state"] for one in found.json()["passages"]} == {"same"}
    compared = http.get(f"/v1/answers/{first}/diff/{second}", headers=alice)
    assert compared.status_code == 200 and compared.json()["differences"] == []
    absent = http.get("/v1/answers/ans_none/lineage", headers=bob)
    for said in (
        http.post(f"/v1/answers/{first}/replay", json={}, headers=bob),
        http.post("/v1/answers/ans_none/replay", json={}, headers=bob),
        http.get(f"/v1/answers/{first}/diff/{second}", headers=bob),
        http.get(f"/v1/answers/ans_none/diff/{second}", headers=bob),
    ):
        assert (said.status_code, said.content) == (404, absent.content)


def test_the_command_says_what_became_of_each_passage(tmp_path: Path) -> None:
    command = Command(tmp_path / "home").with_people()
    write_documents(tmp_path / "documents")
    command("ingest", tmp_path / "documents", "--source", "papers")
    answer = command("ask", PAY, "--as", "alice", "--json").document["id"]
    said = command("lineage", "replay", answer)
    assert said.code == 0 and "1. papers/engineering/oncall.md, version 1: the same" in said.out
    assert "Answered again as ans_" in said.out and "the same." in said.out
    assert command("lineage", "replay", answer, "--as", "bob").code != 0
    assert command("lineage", "replay", answer, "--json").document["again"]["same"]


@BOTH
def test_on_either_engine_later_versions_take_no_part(
    make_workspace: Callable[..., Workspace], clock: FixedClock, folder: Path
) -> None:
    workspace = make_workspace(clock=clock)
    workspace.ingest(folder, "docs")
    clock.advance(minutes=1)
    answer = workspace.ask(PAY, "alice").id
    raise_pay(workspace, clock, folder)
    found = replay(workspace, answer)
    assert found.again is not None and "350" not in found.again.answer
    (place,) = [one for one in found.places if one.where == ONCALL]
    assert place.state == ("not kept" if workspace.settings.database.url else "same")
    assert not any(one.state == "new" for one in found.places)
