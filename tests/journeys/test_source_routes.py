"""Connected sources over HTTP and on pages: how fresh they are, who looks after them, and calls of the sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from tests.simulators.sources.memory_source import KIND, MemoryScene
from tests.simulators.web_client import Browser, bearer, client, document_id, observable

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.rest.sources import LONGEST_CALL
from muniment.knowledge.sources import kinds
from muniment.knowledge.syncing import patience

PEOPLE = "".join(f"[users.{name}]\n" for name in ("alice", "bob", "carol", "olga", "cora"))
CALL = "/v1/sources/wiki/notifications"
RIGHT = {"x-secret": "right"}


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryScene]:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    monkeypatch.setattr(patience.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(patience, "TRIES", 1)
    made = MemoryScene()
    made.put("files/walnut.md", "The walnut ledger.\n")
    made.allow("files/walnut.md", ["@engineering"])
    made.put("files/quince.md", "The quince ledger.\n")
    made.allow("files/quince.md", ["carol"])
    yield made
    made.close()


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], scene: MemoryScene) -> Workspace:
    made = make_workspace(directory=PEOPLE, clock=FixedClock())
    made.roles.grant("operator", "olga", "runs it", OPERATOR)
    made.roles.grant("contributor", "cora", "brings it in", OPERATOR)
    made.sources.add("wiki", KIND.name, scene.settings, OPERATOR)
    made.sources.sync_access("wiki", OPERATOR)
    made.sources.sync_content("wiki", OPERATOR)
    return made


def later(workspace: Workspace, seconds: int) -> None:
    assert isinstance(workspace.clock, FixedClock)
    workspace.clock.advance(seconds=seconds)


def csrf_of(browser: Browser) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.http.get("/administration/access").text)
    assert found is not None
    return found[1]


def woken(workspace: Workspace) -> int:
    return workspace.sources.get("wiki").woken


def test_whoever_may_look_at_a_source_is_told_how_fresh_it_is(
    workspace: Workspace, scene: MemoryScene
) -> None:
    later(workspace, 100)
    http = client(workspace)

    def seen(who: str) -> list[dict[str, object]]:
        return http.get("/v1/sources", headers=bearer(workspace, who)).json()["sources"]

    assert seen("alice") == []
    told = seen("olga")[0]
    assert (told["name"], told["kind"], told["documents"], told["whole"]) == ("wiki", "memory", 2, True)
    fresh = told["freshness"]
    assert isinstance(fresh, dict)
    assert (fresh["state"], fresh["served"], fresh["age_seconds"], fresh["left_seconds"]) == (
        "active",
        True,
        100,
        800,
    )
    assert (fresh["waiting"], fresh["given_up"]) == (0, 0)
    scene.world.fails = "people"
    with pytest.raises(Exception, match="left alone"):
        workspace.sources.sync_access("wiki", OPERATOR)
    later(workspace, 900)
    fresh = seen("olga")[0]["freshness"]
    assert isinstance(fresh, dict) and (fresh["served"], fresh["cause"]) == (False, "unreadable")
    shown = Browser(workspace).sign_in("olga").http.get("/administration/sources/wiki").text
    assert "could not be read when it was tried last" in shown and "left alone" not in shown
    # Somebody who only brings documents in is told no counts.
    fresh = seen("cora")[0]["freshness"]
    assert isinstance(fresh, dict) and (fresh["cause"], fresh["waiting"]) == ("unreadable", None)


def test_a_call_that_proves_itself_is_answered_as_its_kind_says(workspace: Workspace) -> None:
    http = client(workspace)
    got = http.post(CALL, content=b"anything", headers=RIGHT)
    assert (got.status_code, got.text) == (202, "")
    assert got.headers["content-type"].startswith("text/plain")
    assert woken(workspace) == 1
    entry = workspace.audit.tail(1)[0]
    assert (entry.kind, entry.about["source"]) == ("source.called", "wiki")


def test_a_call_that_proves_nothing_looks_like_one_of_no_source(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = client(workspace)

    def answer(path: str = CALL, **headers: str) -> object:
        return observable(http.post(path, content=b"x", headers=headers))

    absent = answer("/v1/sources/nowhere/notifications")
    assert absent == answer() == answer(**{"x-secret": "wrong"})
    assert absent == answer("/v1/sources/no:where/notifications") == answer(authorization="Bearer x")
    workspace.sources.pause("wiki", OPERATOR)
    assert answer(**RIGHT) == absent
    workspace.sources.resume("wiki", OPERATOR)

    def broken(*_: object) -> object:
        raise KeyError("the body is hostile")

    monkeypatch.setattr("tests.simulators.sources.memory_source.Memory.notice", broken)
    assert answer(**RIGHT) == absent
    assert woken(workspace) == 0


def test_calls_are_bounded_in_size_and_number(workspace: Workspace) -> None:
    http = client(workspace)
    assert http.post(CALL, content=b"x" * LONGEST_CALL, headers=RIGHT).status_code == 202
    assert http.post(CALL, content=b"x" * (LONGEST_CALL + 1), headers=RIGHT).status_code == 413
    for _ in range(59):
        assert http.post(CALL, headers=RIGHT).status_code == 202
    refused = http.post(CALL, headers=RIGHT)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
    assert http.post("/v1/sources/other/notifications", headers=RIGHT).status_code == 404
    assert woken(workspace) == 60


def test_an_address_that_proves_nothing_again_and_again_is_told_to_wait(
    make_workspace: Callable[..., Workspace], scene: MemoryScene
) -> None:
    from muniment.settings import parse

    workspace = make_workspace(settings=parse({"limits": {"failures_per_minute": 3}}), clock=FixedClock())
    http = client(workspace)
    got = [http.post(CALL).status_code for _ in range(5)]
    assert got == [404, 404, 404, 429, 429]


def test_the_pages_show_how_fresh_a_source_is(workspace: Workspace) -> None:
    later(workspace, 60)
    olga = Browser(workspace).sign_in("olga").http
    listed = olga.get("/administration/sources").text
    assert "Kept fresh" in listed and "Known as of 1 minute ago." in listed and "<meter" in listed
    shown = olga.get("/administration/sources/wiki").text
    assert "Withheld in 14 minutes" in shown
    assert "Who may read is decided where these documents come from" in shown
    assert 'name="allow"' not in shown and 'name="place"' not in shown and 'name="do"' not in shown
    later(workspace, 900)
    shown = olga.get("/administration/sources/wiki").text
    assert "nobody finds or reads any of it" in shown and "lease has run out" in shown
    assert "Withheld" in olga.get("/administration/sources").text


def test_what_failed_is_counted_by_why_and_never_named(workspace: Workspace, scene: MemoryScene) -> None:
    scene.lock("files/walnut.md", True)
    scene.put("files/walnut.md", "The walnut ledger, anew.\n")
    workspace.sources.sync_content("wiki", OPERATOR)
    shown = Browser(workspace).sign_in("olga").http.get("/administration/sources/wiki").text
    assert "does not let our account open it" in shown and "Given up after 1" in shown
    assert "walnut" not in shown and "quince" not in shown


def test_who_may_bring_documents_in_looks_after_a_source(workspace: Workspace, scene: MemoryScene) -> None:
    cora = Browser(workspace).sign_in("cora")
    place = "/administration/sources/wiki"

    def do(what: str, **more: str) -> object:
        return cora.post(f"{place}/care", csrf=cora.csrf, do=what, **more)

    assert "Pause" in cora.http.get(place).text
    done = do("pause")
    assert done.status_code == 303 and done.headers["location"] == f"{place}?said=pause"  # type: ignore[attr-defined]
    assert workspace.sources.get("wiki").state == "paused"
    assert "The source is paused" in cora.http.get(f"{place}?said=pause").text
    assert do("resume").status_code == 303  # type: ignore[attr-defined]
    assert workspace.sources.get("wiki").state == "active"
    scene.lock("files/walnut.md", True)
    scene.put("files/walnut.md", "Anew.\n")
    workspace.sources.sync_content("wiki", OPERATOR)
    assert "Read again what was given up" in cora.http.get(place).text
    assert do("retry").status_code == 303  # type: ignore[attr-defined]
    assert workspace.sources.dead("wiki") == []
    assert do("explode").status_code == 422  # type: ignore[attr-defined]
    assert do("remove", name="wik").status_code == 422  # type: ignore[attr-defined]
    assert workspace.sources.get("wiki").state == "active"
    kinds_of = [one.kind for one in workspace.audit.query(limit=500) if one.actor == "user:cora"]
    assert {"source.paused", "source.resumed", "source.retried"} <= set(kinds_of)


def test_nobody_else_does_and_a_refusal_is_on_record(workspace: Workspace) -> None:
    olga = Browser(workspace).sign_in("olga")
    for what in ("pause", "resume", "retry", "remove"):
        got = olga.post("/administration/sources/wiki/care", csrf=csrf_of(olga), do=what, name="wiki")
        assert got.status_code == 403
    assert workspace.sources.get("wiki").state == "active"
    assert len([one for one in workspace.audit.query(limit=500) if one.kind == "policy.refused"]) == 4
    alice = Browser(workspace).sign_in("alice")
    assert alice.post("/administration/sources/wiki/care", csrf=alice.csrf, do="pause").status_code == 404


def test_a_change_needs_a_sign_in_of_a_short_while_ago(workspace: Workspace) -> None:
    cora = Browser(workspace).sign_in("cora")
    csrf = cora.csrf
    later(workspace, 3600)
    got = cora.post("/administration/sources/wiki/care", csrf=csrf, do="pause")
    assert got.status_code == 303 and got.headers["location"] == "/signin?again=1"
    assert workspace.sources.get("wiki").state == "active"


def test_removing_takes_a_source_from_every_reader_at_once(workspace: Workspace) -> None:
    cora = Browser(workspace).sign_in("cora")
    assert workspace.search("walnut", as_="alice").passages
    got = cora.post("/administration/sources/wiki/care", csrf=cora.csrf, do="remove", name="wiki")
    assert got.status_code == 303
    assert not workspace.search("walnut", as_="alice").passages


def test_the_explorer_says_entries_of_a_source_in_words(workspace: Workspace) -> None:
    olga = Browser(workspace).sign_in("olga")
    document = document_id(workspace, "files/walnut.md")
    shown = olga.post("/administration/access/document", csrf=csrf_of(olga), document=document).text
    words = re.sub(r"<[^>]+>", "", shown)
    assert "group engineering at wiki" in words
    assert "user:alice › account alice at wiki › group engineering at wiki" in " ".join(words.split())
    assert "outside:" not in words and "walnut" not in words
    later(workspace, 901)
    shown = olga.post("/administration/access/document", csrf=csrf_of(olga), document=document).text
    assert "Its source is withheld" in shown and "Nobody may read it" in shown
    shown = olga.post("/administration/access/person", csrf=csrf_of(olga), name="alice").text
    assert "user:alice" in shown
