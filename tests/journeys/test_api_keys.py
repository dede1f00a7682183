"""A service calls a running server with its API key: from the command that makes it to the log that names it."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.command import DIRECTORY, Command, write_documents

from muniment.foundation.ids import Ids
from muniment.governance.identity.api_key_format import PATTERN, id_in, new_id, written
from muniment.governance.identity.scopes import SCOPES

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "api-keys.md").read_text("utf-8")
PEOPLE = DIRECTORY + '[services.helpdesk]\ngroups = ["sales"]\n[services.other]\n'
Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "home").with_people(PEOPLE)


@pytest.fixture
def call(command: Command, tmp_path: Path) -> Iterator[Call]:
    """Return a function that sends a request to a server in a process of its own."""
    write_documents(tmp_path / "documents")
    assert command("ingest", tmp_path / "documents", "--source", "papers").code == 0
    process = command.start("serve", "--port", "0", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    address = process.stdout.readline().split()[2]
    process.stdout.readline()

    def send(path: str, key: str, body: object = None) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address + path, sent, headers)
        for attempt in range(200):
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)
            except urllib.error.URLError:
                assert attempt < 199 and process.poll() is None
                time.sleep(0.05)
        raise AssertionError("unreachable")

    yield send
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


SEARCH = {"query": "Heron price"}


def test_a_key_from_the_command_line_works_until_it_is_revoked_there(command: Command, call: Call) -> None:
    made = command("api-key", "create", "helpdesk", "--scope", "search")
    key = made.out.strip()
    assert re.fullmatch(PATTERN, key) and "shown this once" in made.err
    status, found = call("/v1/search", key, SEARCH)
    assert (status, [p["title"] for p in found["passages"]]) == (200, ["Prices"])
    assert found["decision"]["principal"] == "service:helpdesk"
    status, told = call("/v1/answers", key, {"question": "what is the price of a Heron?"})
    assert (status, told["code"]) == (403, "denied") and "'ask'" in told["title"]
    (listed,) = command("api-key", "list", "--json").document["keys"]
    assert listed["last_used_at"] is not None and listed["id"] == id_in(key)

    entries = command("audit", "tail", "-n", "100", "--json").document["entries"]
    by_key = {e["kind"] for e in entries if e["via"] == f"http:{id_in(key)}"}
    assert {"search.request", "retrieval.chunk", "api_key.refused"} <= by_key
    assert all(e["actor"] == "service:helpdesk" for e in entries if e["via"].startswith("http:"))

    new = command("api-key", "rotate", listed["id"], "--overlap", "1h", "--json").document
    assert [call("/v1/search", one, SEARCH)[0] for one in (key, new["api_key"])] == [200, 200]
    assert "refused from the next request" in command("api-key", "revoke", key).out
    assert [call("/v1/search", one, SEARCH)[0] for one in (key, new["api_key"])] == [401, 200]
    assert call("/v1/search", key, SEARCH)[1]["title"] == "This API key is revoked."
    status, told = call("/v1/search", key[:-1], SEARCH)
    assert status == 401 and "mistyped" in told["title"]

    people = command.home / "people.toml"
    people.write_text(PEOPLE.replace("[services.helpdesk]", "[services.helpdesk]\nactive = false"))
    assert command("directory", "import", people).code == 0
    assert call("/v1/search", new["api_key"], SEARCH)[0] == 401
    assert command("audit", "verify").code == 0
    everything = (
        command("audit", "tail", "-n", "500", "--json").out + command("api-key", "list", "--json").out
    )
    assert key[17:] not in everything and new["api_key"][17:] not in everything


def test_the_list_says_everything_but_the_secret(command: Command) -> None:
    assert "api-key create" in command("api-key", "list").out
    one = command(
        "api-key", "create", "service:helpdesk", "--scope", "ask", "--scope", "search", "--json"
    ).document
    command("api-key", "create", "other", "--scope", "models", "--expires", "2h")
    listed = command("api-key", "list", "--json")
    keys = listed.document["keys"]
    assert [key["service"] for key in keys] == ["helpdesk", "other"]
    assert keys[0] == {name: value for name, value in one.items() if name != "api_key"}
    assert (keys[0]["scopes"], keys[0]["state"], keys[0]["last_used_at"]) == (
        ["ask", "search"],
        "active",
        None,
    )
    assert one["api_key"][17:] not in listed.out
    only = command("api-key", "list", "--service", "other", "--json").document["keys"]
    assert [key["service"] for key in only] == ["other"]
    flat = command("api-key", "list").out
    assert all(word in flat for word in ("helpdesk", "never", "active", "last used"))


def test_rotating_says_until_when_the_old_key_works(command: Command) -> None:
    old = command("api-key", "create", "helpdesk", "--scope", "search", "--json").document
    new = command("api-key", "rotate", old["id"])
    assert re.fullmatch(PATTERN, new.out.strip())
    assert old["id"] in new.err and "works until" in new.err
    states = {key["id"]: key["state"] for key in command("api-key", "list", "--json").document["keys"]}
    assert states == {old["id"]: "replaced", id_in(new.out.strip()): "active"}
    again = command("api-key", "rotate", old["id"])
    assert again.code == 1 and str(id_in(new.out.strip())) in again.line
    last = command("api-key", "rotate", id_in(new.out.strip()), "--overlap", "0")
    assert "works no more" in last.err
    revoked = command("api-key", "revoke", id_in(last.out.strip()), "--json").document
    assert revoked["state"] == "revoked" and revoked["revoked_at"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "helpdsk", "--scope", "search"], "service:helpdesk"),
        (["create", "alice", "--scope", "search"], "No service named 'alice'"),
        (["create", "user:alice", "--scope", "search"], "muniment token --as alice"),
        (
            ["create", "helpdesk"],
            "answers, ask, documents, evaluations, mcp, metrics, models, provision, search",
        ),
        (["create", "helpdesk", "--scope", "serch"], "Did you mean search?"),
        (
            ["create", "helpdesk", "--scope", "admin"],
            "answers, ask, documents, evaluations, mcp, metrics, models, provision, search",
        ),
        (["create", "helpdesk", "--scope", "search", "--expires", "soon"], "30m, 24h or 90d"),
        (["create", "helpdesk", "--scope", "search", "--expires", "0"], "1s to 400d"),
        (["create", "helpdesk", "--scope", "search", "--expires", "401d"], "1s to 400d"),
        (["list", "--service", "helpdsk"], "service:helpdesk"),
        (["rotate", "key_aaaaaaaaaaaa"], "api-key list"),
        (["rotate", "key_aaaaaaaaaaaa", "--overlap", "1 day"], "30m, 24h or 90d"),
        (["revoke", "nonsense"], "begins with key_"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(command: Command, words: list[str], said: str) -> None:
    ran = command("api-key", *words)
    assert ran.code == 2 and said in ran.line
    assert command("api-key", "list", "--json").document == {"keys": []}


def test_the_help_names_every_scope(command: Command) -> None:
    shown = command("api-key", "create", "--help").out
    assert all(scope in shown for scope in SCOPES)


def test_the_guide_says_how_scanners_find_a_key_and_which_scopes_there_are() -> None:
    assert f"\n{PATTERN}\n" in GUIDE
    assert set(re.findall(r"^\| `([a-z:]+)` \|", GUIDE, re.MULTILINE)) == set(SCOPES)
    code = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    key = written(new_id(Ids()), Ids().random_bytes(32))
    assert names["is_whole"](key)
    for place in range(len(key)):
        assert not names["is_whole"](key[:place] + ("2" if key[place] != "2" else "3") + key[place + 1 :])
