"""A call of a web interface is one request, signed for exactly what is sent; each way to fail is told apart."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import time
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.tool_server import ToolServer, tool_server
from tests.unit.actions.runners.manifests import call, manifest

from muniment.actions.manifest import HttpOperation, Manifest
from muniment.actions.runners.call import ToolFailed
from muniment.actions.runners.credentials import CallCredentials
from muniment.actions.runners.http_operation import HttpOperationRunner
from muniment.actions.runners.http_request import prepare
from muniment.foundation.clock import Clock
from muniment.foundation.egress import Egress
from muniment.foundation.egress_rules import EgressRules
from muniment.foundation.ids import Ids
from muniment.foundation.keys import PURPOSES, Keyring

TEXT = {"type": "string"}
CREDENTIALS = CallCredentials(
    Keyring("t", {p: b"k" * 32 for p in PURPOSES}, Ids()), "muniment", Clock(), Ids()
)


def runner(url: str, rules: EgressRules | None = None) -> HttpOperationRunner:
    more = {} if rules is None else {"rules": rules}
    return HttpOperationRunner(Egress({url}, purpose="tools", **more), CREDENTIALS)  # type: ignore[arg-type]


def operation(url: str, method: str = "POST", **more: Any) -> dict[str, object]:
    return {"kind": "http", "method": method, "url": url, **more}


def refund(server: ToolServer, **more: Any) -> Manifest:
    runs = operation(
        f"{server.url}/orders/{{order}}/refunds",
        query=["notify"],
        version_header="If-Match",
        dry_run="dry_run=true",
        audience="marrowby",
    )
    properties = {"order": TEXT, "notify": {"type": "boolean"}, "amount": TEXT, "reason": TEXT}
    return manifest(runs, properties, scope="refunds:write", **more)


GIVEN = {"order": "A 17/é".replace("/", "-"), "notify": True, "reason": "Scratch é", "amount": "10.00"}


def failed(server: ToolServer, **more: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        runner(server.url).run(call(manifest(operation(f"{server.url}/do"), **more)))
    return caught.value


def test_arguments_go_into_the_path_the_query_and_the_body() -> None:
    with tool_server() as server:
        assert runner(server.url).run(call(refund(server), GIVEN, version="3")) == {"ok": True}
        sent = server.last
    assert (sent.method, sent.target) == ("POST", "/orders/A%2017-%C3%A9/refunds?notify=true")
    assert sent.body == '{"amount":"10.00","reason":"Scratch é"}'.encode()
    assert sent.headers["if-match"] == '"3"' and sent.headers["idempotency-key"] == "sha256:4f"
    assert sent.headers["content-type"] == "application/json"


def test_the_credential_is_for_exactly_what_was_sent() -> None:
    with tool_server() as server:
        runner(server.url).run(call(refund(server), GIVEN, dry_run=True))
        sent = server.last
    scheme, _, token = sent.headers["authorization"].partition(" ")
    middle = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    assert scheme == "Bearer" and sent.target.endswith("?notify=true&dry_run=true")
    assert (claims["htm"], claims["htu"]) == (sent.method, sent.target)
    assert claims["bsh"] == hashlib.sha256(sent.body).hexdigest()
    assert (claims["sub"], claims["scope"], claims["aud"]) == ("user:alice", "refunds:write", "marrowby")


def test_a_reading_call_has_neither_body_nor_key_and_no_credential_without_an_audience() -> None:
    with tool_server() as server:
        listed = {"type": "array", "items": TEXT}
        runs = operation(f"{server.url}/orders?kind=all", "GET", query=["state", "tag", "limit"])
        properties = {"state": TEXT, "tag": listed, "limit": {"type": "integer"}}
        made = manifest(runs, properties, effect="read")
        runner(server.url).run(call(made, {"tag": ["a b", "c&d"], "limit": 5}))
        sent = server.last
    assert (sent.target, sent.body) == ("/orders?kind=all&tag=a%20b&tag=c%26d&limit=5", b"")
    assert {"authorization", "idempotency-key", "content-type"}.isdisjoint(sent.headers)


def test_an_operation_without_arguments_has_no_body_and_one_with_optional_ones_an_empty_object() -> None:
    with tool_server() as server:
        runner(server.url).run(call(manifest(operation(f"{server.url}/do"))))
        assert server.last.body == b""
        runner(server.url).run(call(manifest(operation(f"{server.url}/do"), {"note": TEXT})))
        assert server.last.body == b"{}"


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a/b", "/", "../admin", "a\\b", "a\nb", "\x7f", "a\x00", ["a"], {"a": 1}, None]
)
def test_an_argument_that_would_lead_elsewhere_is_refused_and_nothing_is_sent(value: object) -> None:
    with tool_server() as server:
        made = refund(server)
        with pytest.raises(ToolFailed) as caught:
            runner(server.url).run(call(made, {**GIVEN, "order": value}))
        assert (caught.value.why, caught.value.certain, server.received) == ("refused", True, [])


READ_LINES = manifest(
    operation("https://a.example/orders/{order}/lines", "GET"), {"order": TEXT}, effect="read"
)


@given(st.text(max_size=30))
def test_no_argument_leaves_its_own_segment_of_the_path(value: str) -> None:
    assert isinstance(READ_LINES.runs, HttpOperation)
    try:
        target = prepare(call(READ_LINES, {"order": value}), READ_LINES.runs).request.target
    except ToolFailed:
        return
    before, segment, after = target[1:].split("/")
    assert (before, after) == ("orders", "lines") and unquote(segment) == value
    assert re.fullmatch(r"([A-Za-z0-9._~-]|%[0-9A-F]{2})+", segment)


@pytest.mark.parametrize(
    "more",
    [
        {"url": "ftp://a.example/x"},
        {"url": "/orders"},
        {"url": "https://a.example/x#y"},
        {"url": "https://a.example/a b"},
        {"url": "https://a.example/%2e%2e/x"},
        {"url": "https://a.example/a/../b"},
        {"url": "https://[::1/x"},
        {"version_header": "Authorization"},
        {"version_header": "If-Match: *\r\nX"},
        {"method": "GET"},
    ],
    ids=repr,
)
def test_a_manifest_that_does_not_say_where_is_refused(more: dict[str, Any]) -> None:
    stated = operation(**{"url": "https://a.example/x", **more})
    with pytest.raises(ToolFailed) as caught:
        runner("https://a.example").run(call(manifest(stated, {"note": TEXT}), {"note": "x"}, version="1"))
    assert (caught.value.why, caught.value.certain) == ("refused", True)


@pytest.mark.parametrize("version", ['a"b', "a b", "é", "x" * 201, "a\r\nb"])
def test_a_version_that_is_no_tag_is_refused(version: str) -> None:
    with tool_server() as server:
        with pytest.raises(ToolFailed) as caught:
            runner(server.url).run(call(refund(server), GIVEN, version=version))
        assert caught.value.certain and server.received == []


def test_a_dry_run_of_a_system_that_knows_none_is_refused_and_not_carried_out() -> None:
    with tool_server() as server:
        with pytest.raises(ToolFailed) as caught:
            runner(server.url).run(call(manifest(operation(f"{server.url}/do")), dry_run=True))
        assert (caught.value.why, caught.value.certain, server.received) == ("refused", True, [])


def test_a_reply_that_is_empty_on_purpose_is_null() -> None:
    with tool_server(status=204, body=b"") as server:
        assert runner(server.url).run(call(manifest(operation(f"{server.url}/do", "DELETE")))) is None


def test_a_record_that_has_changed_is_told_as_that() -> None:
    with tool_server(status=412) as server:
        error = failed(server)
    assert (error.why, error.certain) == ("changed", True)


def test_a_refusal_shows_the_title_of_the_problem_in_one_line_and_nothing_else() -> None:
    title = "That is more\u202e than\n is left\x1b[2J.\u200b " + "x" * 500
    problem = json.dumps({"title": title, "detail": "canary", "status": 409}).encode()
    with tool_server(status=409, body=problem, kind="application/problem+json; charset=utf-8") as server:
        error = failed(server)
    assert (error.why, error.certain) == ("refused", True)
    assert error.public.startswith("The system refused it: That is more than is left[2J. xxx")
    assert error.public.isprintable() and len(error.public) < 250 and "canary" not in str(error)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<h1>canary</h1>"),
        ("application/json", b'{"title": "canary"}'),
        ("application/problem+json", b"canary"),
        ("application/problem+json", b'["canary"]'),
        ("application/problem+json", b'{"title": {"a": "canary"}}'),
    ],
)
def test_a_refusal_that_is_no_problem_shows_its_number(kind: str, body: bytes) -> None:
    with tool_server(status=403, body=body, kind=kind) as server:
        error = failed(server)
    assert error.certain and "403" in error.public and "canary" not in str(error)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"status": 500}, "crash"),
        ({"status": 503}, "crash"),
        ({"fault": "drop"}, "crash"),
        ({"fault": "cut"}, "crash"),
        ({"fault": "redirect"}, "type"),
        ({"body": b"<html>"}, "type"),
        ({"body": b""}, "type"),
        ({"body": b'{"a": NaN}'}, "type"),
        ({"body": b'{"a": 1, "a": 2}'}, "type"),
        ({"fault": "huge"}, "size"),
    ],
    ids=repr,
)
def test_where_nobody_knows_what_was_done_it_says_so(how: dict[str, Any], why: str) -> None:
    with tool_server(**how) as server:
        error = failed(server)
        assert (error.why, error.certain) == (why, False)
        assert [one.target for one in server.received] == ["/do"]


def test_a_reply_beyond_what_the_manifest_takes_is_cut() -> None:
    with tool_server(body=b'{"a": "' + b"x" * 2000 + b'"}') as server:
        error = failed(server, most_bytes=1000)
        assert (error.why, error.certain) == ("size", False)
        assert runner(server.url).run(call(manifest(operation(f"{server.url}/do")))) == {"a": "x" * 2000}


def test_a_system_that_hangs_is_given_up_in_time() -> None:
    with tool_server(fault="hang") as server:
        started = time.monotonic()
        error = failed(server, seconds=0.3)
        assert time.monotonic() - started < 2
    assert (error.why, error.certain) == ("time", False)


def test_a_system_that_is_not_there_was_certainly_not_asked() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = failed(ToolServer(url=f"http://127.0.0.1:{closed.getsockname()[1]}"))
    assert (error.why, error.certain) == ("unreachable", True)


def test_an_origin_that_the_settings_do_not_name_is_not_reached() -> None:
    with tool_server() as server:
        with pytest.raises(ToolFailed) as caught:
            runner("https://elsewhere.example").run(call(manifest(operation(f"{server.url}/do"))))
        assert (caught.value.why, caught.value.certain, server.received) == ("unreachable", True, [])
        listed = EgressRules(lists={"tools": frozenset()})
        with pytest.raises(ToolFailed) as caught:
            runner(server.url, listed).run(call(manifest(operation(f"{server.url}/do"))))
        assert "network.allow.tools" in caught.value.fix and server.received == []
