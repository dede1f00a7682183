"""What the official `mcp` client gets from a running server: tools and documents, by its user's rights alone."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from tests.simulators.issuer import Issuer
from tests.simulators.served import served
from tests.simulators.shop import MANIFESTS, Shop
from tests.simulators.web_client import ORIGIN, Browser, api_key, bearer, client, document_id, kinds

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.settings import parse

T = TypeVar("T")
QUESTION = "How much is the on-call engineer paid for each weekend?"
NOTHING = "There is nothing here that you may read."
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
BOTH = "application/json, text/event-stream"


class House:
    """A company's workspace behind a running server."""

    def __init__(self, workspace: Workspace, url: str) -> None:
        self.workspace = workspace
        self.url = url
        self.oncall = document_id(workspace, "engineering/oncall.md")

    def run(self, who: str | dict[str, str], work: Callable[[Client], Awaitable[T]]) -> T:
        """Return what `work` makes of a client of somebody's, or of one with these headers."""
        headers = bearer(self.workspace, who) if isinstance(who, str) else who

        async def connected() -> T | MCPError:
            http = httpx2.AsyncClient(headers=headers)
            transport = streamable_http_client(f"{self.url}/mcp", http_client=http)
            async with http, Client(transport) as connection:
                try:
                    return await work(connection)
                except MCPError as error:
                    # Raised here, it would come out in a group.
                    return error

        made = asyncio.run(connected())
        if isinstance(made, MCPError):
            raise made
        return made

    def call(self, who: str | dict[str, str], tool: str, /, **arguments: object) -> Any:
        return self.run(who, lambda c: c.call_tool(tool, arguments))

    def read(self, who: str | dict[str, str], uri: str) -> Any:
        return self.run(who, lambda c: c.read_resource(uri))


@pytest.fixture
def house(workspace: Workspace, folder: Path) -> Iterator[House]:
    workspace.ingest(folder, "docs")
    with served(workspace) as url:
        yield House(workspace, url)


def key_of(workspace: Workspace, *scopes: str) -> dict[str, str]:
    return {"authorization": f"Bearer {api_key(workspace, *scopes)}"}


def test_tools_are_listed_with_their_schemas(house: House) -> None:
    tools = house.run("alice", lambda c: c.list_tools()).tools
    names = ["search", "answer", "open_document", "list_proposable_tools", "propose_action"]
    assert [tool.name for tool in tools] == names
    assert [tool.name for tool in tools if not tool.annotations.read_only_hint] == ["propose_action"]
    assert {"query", "k", "filters"} <= tools[0].input_schema["properties"].keys()
    assert all(tool.output_schema["type"] == "object" for tool in tools)


def test_a_search_finds_what_the_caller_may_read(house: House) -> None:
    found = house.call("alice", "search", query="on-call weekend", k=3)
    assert [p["title"] for p in found.structured_content["passages"]] == ["On call"]
    assert json.loads(found.content[0].text) == found.structured_content
    assert house.call("bob", "search", query="on-call weekend").structured_content["passages"] == []
    limited = house.call("alice", "search", query="on-call weekend", filters={"folder": ["docs/all"]})
    assert [p["title"] for p in limited.structured_content["passages"]] != ["On call"]


def test_an_answer_comes_with_its_quotes(house: House) -> None:
    made = house.call("alice", "answer", question=QUESTION).structured_content
    assert made["status"] == "answered" and "300 crowns" in made["citations"][0]["quote"]
    again = client(house.workspace).get(f"/v1/answers/{made['id']}", headers=bearer(house.workspace, "alice"))
    assert again.json()["answer"] == made["answer"]
    assert house.call("bob", "answer", question=QUESTION).structured_content["status"] == "abstained"


def test_a_document_is_opened_and_read_as_a_resource(house: House) -> None:
    opened = house.call("alice", "open_document", id=house.oncall).structured_content
    assert (opened["title"], opened["span"]) == ("On call", [0, opened["characters"]])
    part = house.call("alice", "open_document", id=house.oncall, start=2, end=9).structured_content
    assert part["text"] == opened["text"][2:9]
    templates = house.run("alice", lambda c: c.list_resource_templates()).resource_templates
    assert [one.uri_template for one in templates] == ["muniment://documents/{id}"]
    [content] = house.read("alice", f"muniment://documents/{house.oncall}").contents
    assert (content.text, content.mime_type) == (opened["text"], "text/plain")
    assert house.run("alice", lambda c: c.list_resources()).resources == []


def test_forbidden_and_absent_documents_look_the_same(house: House) -> None:
    absent = "doc_none"
    tools = [house.call("bob", "open_document", id=one).model_dump() for one in (house.oncall, absent)]
    assert tools[0] == tools[1] and tools[0]["is_error"] and NOTHING in tools[0]["content"][0]["text"]
    told: list[tuple[int, str, object]] = []
    for one in (house.oncall, absent, "%00", "../users/alice"):
        with pytest.raises(MCPError) as caught:
            house.read("bob", f"muniment://documents/{one}")
        told.append((caught.value.code, caught.value.message, caught.value.data))
    assert all(one == told[0] for one in told) and told[0][1] == NOTHING


def test_a_reader_whose_right_ends_gets_nothing_from_an_open_connection(house: House) -> None:
    async def before_and_after(connection: Client) -> list[Any]:
        asked = [
            ("search", {"query": "on-call weekend"}),
            ("answer", {"question": QUESTION}),
            ("open_document", {"id": house.oncall}),
        ]
        first = [await connection.call_tool(*one) for one in asked]
        await asyncio.to_thread(house.workspace.directory.remove_member, "platform", "alice", OPERATOR)
        return [*first, *[await connection.call_tool(*one) for one in asked]]

    told = [one.model_dump_json() for one in house.run("alice", before_and_after)]
    assert all("300 crowns" in one for one in told[:3])
    assert not any("300 crowns" in one for one in told[3:])


def test_a_user_who_is_switched_off_is_out_of_an_open_connection(house: House, tmp_path: Path) -> None:
    (tmp_path / "rest.toml").write_text("[users.bob]\n")

    async def after(connection: Client) -> None:
        await connection.list_tools()
        await asyncio.to_thread(house.workspace.directory.import_file, tmp_path / "rest.toml", OPERATOR)
        await connection.list_tools()

    headers = bearer(house.workspace, "alice")
    with pytest.raises(MCPError):
        house.run(headers, after)
    assert client(house.workspace).post("/mcp", json=LIST, headers=headers).status_code == 401


def test_a_key_needs_the_scope_of_the_protocol_and_of_each_tool(house: House) -> None:
    narrow = key_of(house.workspace, "mcp", "search")
    assert [tool.name for tool in house.run(narrow, lambda c: c.list_tools()).tools] == ["search"]
    assert house.call(narrow, "search", query="Heron").structured_content["passages"]
    refused = house.call(narrow, "answer", question=QUESTION)
    assert refused.is_error and "'ask'" in refused.content[0].text
    entry = house.workspace.audit.tail(1)[0]
    assert (entry.kind, entry.about["scope"]) == ("api_key.refused", "ask")
    with pytest.raises(MCPError, match="'documents'"):
        house.read(narrow, f"muniment://documents/{house.oncall}")
    assert house.run(narrow, lambda c: c.list_resource_templates()).resource_templates == []
    other = client(house.workspace).post("/mcp", json=LIST, headers=key_of(house.workspace, "search", "ask"))
    assert other.status_code == 403 and "'mcp'" in other.text


def test_a_token_of_a_service_for_a_person_has_the_rights_of_the_person_within_its_scopes(
    house: House,
) -> None:
    key = key_of(house.workspace, "act", "mcp", "search")
    exchange = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": bearer(house.workspace, "alice")["authorization"].split(" ")[1],
    }
    made = client(house.workspace).post("/v1/token", data=exchange, headers=key).json()["access_token"]
    acting = {"authorization": f"Bearer {made}"}
    found = house.call(acting, "search", query="on-call weekend").structured_content
    assert [p["title"] for p in found["passages"]] == ["On call"]
    assert house.call(acting, "answer", question=QUESTION).is_error
    entry = house.workspace.audit.tail(1)[0]
    assert (entry.kind, entry.actor, entry.about["scope"]) == ("token.refused", "user:alice", "ask")


def shop_of(workspace: Workspace) -> Shop:
    """Let engineers use the tools of a shop, and sales approve."""
    shop = Shop()
    workspace.running = shop.running()
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    workspace.roles.grant("tool-user", "group:engineering", "they help", OPERATOR)
    workspace.roles.grant("approver", "group:sales", "they approve", OPERATOR)
    return shop


def test_an_agent_proposes_and_people_decide(house: House) -> None:
    shop = shop_of(house.workspace)
    listed = house.call("alice", "list_proposable_tools").structured_content["tools"]
    assert [one["name"] for one in listed] == ["cancel_refund", "notify", "refund"]
    assert house.call("bob", "list_proposable_tools").structured_content == {"tools": []}
    hello = {"to": "bob", "text": "hello"}
    made = house.call("alice", "propose_action", tool="notify", arguments=hello).structured_content
    assert (made["outcome"], made["state"]) == ("approval", "waiting") and shop.effects == []
    shown = house.workspace.actions.examine(
        made["action"], Principal("user", "bob"), Actor("user:bob", "web")
    )
    assert shown["arguments"] == hello and shown["context"] == "untrusted"
    dry = house.call("alice", "propose_action", tool="notify", arguments=hello, dry_run=True)
    assert (dry.structured_content["action"], dry.structured_content["outcome"]) == (None, "approval")
    assert len(house.workspace.actions.mine(Principal("user", "alice"))) == 1


def test_an_agent_is_told_of_a_denial_and_not_why(house: House) -> None:
    shop_of(house.workspace)
    cases = [
        ("alice", "refund", {"order": "A-1", "amount": "9000000.00"}),
        ("alice", "refund", {"order": 7, "colour": "red"}),
        ("alice", "nothing", {}),
        ("bob", "refund", {"order": "A-1", "amount": "1.00"}),
    ]
    told = [house.call(who, "propose_action", tool=tool, arguments=given) for who, tool, given in cases]
    denied = {"outcome": "denied", "action": None, "state": None, "said": "This was not allowed."}
    assert all(one.structured_content == denied for one in told)
    assert len(house.workspace.audit.query(kind="action.denied")) == len(cases)


def test_an_agent_needs_the_scope_and_sends_nothing_that_reads_two_ways(house: House) -> None:
    shop = shop_of(house.workspace)
    narrow = key_of(house.workspace, "mcp", "search")
    refused = house.call(narrow, "propose_action", tool="refund", arguments={})
    assert refused.is_error and "'tools:use'" in refused.content[0].text
    given = '{"order": "A-1", "amount": "1.00", "amount": "900.00"}'
    called = '{"name": "propose_action", "arguments": {"tool": "refund", "arguments": ' + given + "}}"
    body = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ' + called + "}"
    headers = {**bearer(house.workspace, "alice"), "content-type": "application/json", "accept": BOTH}
    got = client(house.workspace).post("/mcp", content=body, headers=headers).json()["result"]
    assert got["isError"] and "'amount' twice" in got["content"][0]["text"]
    assert house.workspace.actions.mine(Principal("user", "alice")) == [] and shop.effects == []


def test_what_is_done_is_in_the_log_as_over_http(house: House) -> None:
    house.call("alice", "search", query="on-call weekend")
    house.call("alice", "answer", question=QUESTION)
    house.read("alice", f"muniment://documents/{house.oncall}")
    found = kinds(house.workspace)
    for kind in ("search.request", "retrieval.chunk", "answer.finished", "document.read"):
        assert kind in found
    assert {e.via for e in house.workspace.audit.query(kind="document.read")} == {"http"}


MISFITS: list[tuple[str, dict[str, Any]]] = [
    ("search", {}),
    ("search", {"query": "x", "as": "walnut-canary"}),
    ("search", {"query": "x", "k": 1_000}),
    ("search", {"query": "x\x00"}),
    ("search", {"query": "x", "filters": {"owner": "walnut-canary"}}),
    ("answer", {"question": "x", "model": "walnut-canary"}),
    ("answer", {"question": "x", "output_schema": {"$ref": "https://evil.example/walnut-canary"}}),
    ("answer", {"question": "x" * 2_001}),
    ("open_document", {"id": "x", "start": -1}),
    ("open_document", {"id": ["walnut-canary"]}),
]


def test_arguments_that_do_not_fit_are_told_so_and_not_repeated(house: House) -> None:
    async def told(connection: Client) -> list[Any]:
        return [await connection.call_tool(*misfit) for misfit in MISFITS]

    for got in house.run("alice", told):
        assert got.is_error and "walnut-canary" not in got.content[0].text


HOSTILE: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 20_000,
    b'[{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "\\ud800"}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_everything"}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "file:///etc/passwd"}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}}',
    b'{"jsonrpc": "2.0", "id": 1e400, "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}',
    b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}',
    b"x" * (65 << 10),
]


class Log(logging.Handler):
    """What reaches the log of a server at its most talkative; pytest's own listens to every logger by itself."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.names.add(record.name.partition(".")[0])


@pytest.fixture
def log() -> Iterator[Log]:
    root, made = logging.getLogger(), Log()
    before = root.level
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    yield made
    root.removeHandler(made)
    root.setLevel(before)


def test_no_message_breaks_the_server_or_reaches_its_log(house: House, log: Log) -> None:
    http = client(house.workspace)
    headers = {**bearer(house.workspace, "alice"), "content-type": "application/json", "accept": BOTH}
    for version in ("", "2025-06-18", "2026-07-28", "1999-01-01"):
        for body in HOSTILE:
            spoken = {"mcp-protocol-version": version} if version else {}
            got = http.post("/mcp", content=body, headers=headers | spoken)
            assert got.status_code < 500, body[:80]
            assert b"root:" not in got.content
    assert log.names and "mcp" not in log.names


def test_what_fails_inside_is_told_and_logged_without_its_words(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("walnut-canary")

    monkeypatch.setattr(house.workspace.retriever, "retrieve", fail)
    monkeypatch.setattr(house.workspace.reading, "read", fail)
    got = house.call("alice", "search", query="x")
    assert got.is_error and "Something failed inside muniment" in got.content[0].text
    with pytest.raises(MCPError, match="Something failed inside muniment"):
        house.read("alice", "muniment://documents/x")
    assert "RuntimeError" in caplog.text and "walnut-canary" not in caplog.text


def test_there_are_no_sessions(house: House) -> None:
    http, headers = client(house.workspace), bearer(house.workspace, "alice")
    got = http.post("/mcp", json=LIST, headers={**headers, "mcp-session-id": "x", "accept": BOTH})
    assert got.status_code == 200 and "mcp-session-id" not in got.headers
    assert http.get("/mcp", headers=headers).status_code == 405
    assert http.delete("/mcp", headers=headers).status_code == 405


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [(BOTH, "application/json"), ("text/event-stream, application/json", "text/event-stream")],
)
def test_a_client_gets_the_kind_of_response_that_it_names_first(
    house: House, accepted: str, kind: str
) -> None:
    headers = {**bearer(house.workspace, "alice"), "accept": accepted}
    got = client(house.workspace).post("/mcp", json=LIST, headers=headers)
    assert got.headers["content-type"].startswith(kind) and "open_document" in got.text


def test_pages_of_other_sites_and_other_host_names_are_refused(house: House) -> None:
    http, headers = client(house.workspace), bearer(house.workspace, "alice")
    assert (
        http.post("/mcp", json=LIST, headers={**headers, "origin": "https://evil.example"}).status_code == 403
    )
    assert http.post("/mcp", json=LIST, headers={**headers, "host": "evil.example"}).status_code == 421
    assert http.post("/mcp", json=LIST, headers={**headers, "origin": ORIGIN}).status_code == 200
    alice = Browser(house.workspace).sign_in("alice")
    assert alice.http.post("/mcp", json=LIST, headers={"origin": ORIGIN}).status_code == 403
    csrf = {"origin": ORIGIN, "x-csrf-token": alice.csrf, "accept": BOTH}
    assert alice.http.post("/mcp", json=LIST, headers=csrf).status_code == 200


def test_the_library_is_loaded_when_somebody_first_calls() -> None:
    loaded = "import sys, muniment.interfaces.server; print('mcp' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_messages_count_towards_the_limits(make_workspace: Callable[..., Workspace]) -> None:
    workspace = make_workspace(settings=parse({"limits": {"user_per_minute": 2}}))
    http, headers = client(workspace), bearer(workspace, "alice")
    codes = [http.post("/mcp", json=LIST, headers=headers).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_a_caller_without_a_token_learns_who_gives_them(provided: Workspace, issuer: Issuer) -> None:
    http = client(provided)
    got = http.post("/mcp", json=LIST)
    assert got.status_code == 401
    place = "/.well-known/oauth-protected-resource"
    assert got.headers["www-authenticate"] == f'Bearer resource_metadata="{ORIGIN}{place}/mcp"'
    for path in (place, f"{place}/mcp"):
        told = http.get(path)
        assert told.status_code == 200
        assert told.json()["resource"] == f"{ORIGIN}/mcp"
        assert told.json()["authorization_servers"] == [issuer.url]


def test_a_providers_token_opens_it_and_one_for_another_audience_does_not(
    provided: Workspace, issuer: Issuer
) -> None:
    with served(provided) as url:

        def opened(token: str) -> Any:
            async def listed() -> Any:
                http = httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"})
                transport = streamable_http_client(f"{url}/mcp", http_client=http)
                async with http, Client(transport) as connection:
                    return await connection.list_tools()

            return asyncio.run(listed())

        assert len(opened(issuer.token(sub="alice")).tools) == 5
        with pytest.raises(BaseExceptionGroup):
            opened(issuer.token(sub="alice", aud="https://elsewhere.example/mcp"))
