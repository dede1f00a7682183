"""LK15: of what people ask, are called, send and read, nothing is in a trace, a count or a line of the log.

Everything is exported, and everything that a caller or a document can say holds a canary: questions, documents, file
names, names of users, tokens, keys, tool arguments, addresses, headers, replies of models, and what errors say.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.simulators.openai_server import Simulator, claim, reply, serving
from tests.simulators.otlp_collector import OtlpCollector, collecting
from tests.simulators.shop import NOTIFY
from tests.simulators.web_client import Browser, api_key, bearer, client

from muniment.actions.context import PROGRAMS
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.foundation.telemetry.log_lines import write_lines
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.server import create_server
from muniment.settings import parse

CANARY = "quincunx"
"""Part of each thing that may not be exported."""
PEOPLE = f"""
[users.{CANARY}-user]
name = "{CANARY}-name"
groups = ["{CANARY}-group"]
[users.bob]
[groups.{CANARY}-group]
[services.{CANARY}-service]
groups = ["{CANARY}-group"]
"""
ASKED = f"What about the {CANARY}-asked canteen?"
REPLIES = (
    reply(claim(f"The canteen note is {CANARY}-written.", (1, f"The canteen note is {CANARY}-written"))),
    reply(claim(f"It is {CANARY}-replied.", (1, f"{CANARY}-replied stands nowhere"))),
    f"{CANARY}-babble",
)
PARENT = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return the log as it is written in JSON, every level of every library."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    write_lines(stream)
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def opened(
    make: Callable[..., Workspace], folder: Path, collector: OtlpCollector, model: Simulator
) -> Workspace:
    """Return a workspace that exports all it can, with documents."""
    stated = {
        "models": {"house": {"base_url": model.url, "model": "m", "timeout_seconds": 5.0}},
        "answers": {"model": "house"},
        "telemetry": {"otlp": {"endpoint": collector.address, "sample_ratio": 1.0}},
    }
    workspace = make("home", PEOPLE, settings=parse(stated))
    (folder / f"all/{CANARY}-file.md").write_text(
        f"# {CANARY}-title\n\nThe canteen note is {CANARY}-written.\n"
    )
    workspace.ingest(folder, "acme")
    workspace.tools.add(NOTIFY, None, OPERATOR)
    workspace.roles.grant("tool-user", f"user:{CANARY}-user", "needed", OPERATOR)
    return workspace


def use(http: TestClient, headers: dict[str, str]) -> set[int]:
    """Do what callers do, well and badly; return the statuses."""
    chat = {"messages": [{"role": "user", "content": ASKED}]}
    stream = {"accept": "text/event-stream"}
    sent: list[tuple[str, str, Any, dict[str, str]]] = [
        ("POST", "/v1/search", {"query": ASKED, "explain": True}, {}),
        ("POST", "/v1/answers", {"question": ASKED}, {}),
        ("POST", "/v1/answers", {"question": ASKED}, stream),
        ("POST", "/v1/answers", {"question": ASKED, "output_schema": {"$ref": f"{CANARY}-ref"}}, {}),
        ("POST", "/v1/answers", {"question": ASKED, "model": f"{CANARY}-model"}, {}),
        ("POST", "/v1/chat/completions", chat, {}),
        ("POST", "/v1/search", {f"{CANARY}-field": 1}, {}),
        ("POST", "/v1/conversations", {"title": f"{CANARY}-talk"}, {}),
        (
            "POST",
            "/v1/actions",
            {"tool": "notify", "arguments": {"to": "bob", "text": f"{CANARY}-argument"}},
            {},
        ),
        ("POST", "/v1/actions", {"tool": f"{CANARY}-tool", "arguments": {f"{CANARY}-key": "x"}}, {}),
        ("GET", f"/v1/documents/{CANARY}-document?page={CANARY}", None, {}),
        ("GET", f"/{CANARY}-nowhere/{CANARY}?{CANARY}={CANARY}", None, {"user-agent": f"{CANARY}-agent"}),
        (f"{CANARY}X".upper(), f"/{CANARY}", None, {}),
        ("GET", "/v1/models", None, {"authorization": f"Bearer {CANARY}-token"}),
        ("GET", f"/scim/v2/Users/{CANARY}?filter={CANARY}", None, {}),
        ("POST", "/mcp", {"jsonrpc": "2.0", "id": f"{CANARY}-id", "method": f"{CANARY}-method"}, {}),
        ("GET", "/healthz", None, {"host": f"{CANARY}.example"}),
        (
            "GET",
            "/healthz",
            None,
            {"traceparent": f"00-{PARENT}-b7ad6b7169203331-01", "tracestate": f"{CANARY}=1"},
        ),
    ]
    return {
        http.request(method, path, json=body, headers={**headers, **more}).status_code
        for method, path, body, more in sent
    }


def test_nothing_that_anybody_said_is_exported(
    make_workspace: Callable[..., Workspace],
    folder: Path,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("muniment.inference.attempts.FIRST_WAIT_SECONDS", 0.0)
    with collecting() as collector, serving(lambda _: REPLIES[len(model.prompts) % len(REPLIES)]) as model:
        workspace = opened(make_workspace, folder, collector, model)
        person = bearer(workspace, f"{CANARY}-user")
        key = api_key(workspace, "search", "ask", "tools:use", "metrics", service=f"{CANARY}-service")
        keyed = {"authorization": f"Bearer {key}"}
        with client(workspace, raise_server_exceptions=False) as http:
            statuses = use(http, person)
            statuses |= {
                http.post(f"/v1/{one}", json={}, headers=keyed).status_code for one in ("search", "token")
            }
            model.fault = "500"
            statuses |= use(http, person)
            Browser(workspace).sign_in(f"{CANARY}-user").ask(ASKED)

            def broken(*_: object, **__: object) -> None:
                raise RuntimeError(f"{CANARY}-message")

            with monkeypatch.context() as patched:
                patched.setattr(workspace.retriever, "retrieve", broken)
                statuses.add(http.post("/v1/search", json={"query": ASKED}, headers=person).status_code)
            call = Call("notify", {"to": f"{CANARY}-user", "text": f"{CANARY}-argument"})
            workspace.actions.propose(workspace.principal(f"{CANARY}-user"), OPERATOR, call, PROGRAMS)
            counted = http.get("/metrics", headers=keyed)
    assert statuses >= {200, 401, 403, 404, 421, 422, 500} and counted.status_code == 200
    traces, lines = collector.everything(), log.getvalue()
    # It is there to be looked through, and what was sent did hold canaries.
    assert len(collector.spans()) > 100 and "muniment.stage.duration" in collector.metrics()
    assert "unhandled RuntimeError" in lines and CANARY in model.prompts[0]
    said = [CANARY.encode(), CANARY.upper().encode(), key.encode(), key.rpartition("_")[2].encode()]
    said += [person["authorization"].removeprefix("Bearer ").encode(), bytes.fromhex(PARENT), PARENT.encode()]
    for one in said:
        assert one not in traces
        assert one not in counted.content
        assert one not in lines.encode()


def test_the_framework_exports_nothing_by_itself(workspace: Workspace) -> None:
    """It would send addresses and messages of errors wherever the environment says."""
    app: Any = create_server(workspace)
    mounted: Any = next(route for route in app.routes if getattr(route, "name", "") == "scim")
    for one in (app, mounted.app.app):
        assert not any(one._telemetry[name] for name in ("tracing", "metrics", "logs", "auto_configure"))
