"""Tools reach and run what the settings name, each kind by its own door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.mcp_server import mcp_server
from tests.simulators.tool_server import tool_server
from tests.unit.actions.runners.manifests import call, manifest

from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.app.tool_runners import call_credentials, remote_tools, tool_runner
from muniment.foundation.clock import Clock
from muniment.foundation.egress import Refusal
from muniment.foundation.ids import Ids
from muniment.foundation.keys import PURPOSES, Keyring
from muniment.settings import parse

KEYRING = Keyring("t", {purpose: b"k" * 32 for purpose in PURPOSES}, Ids())


def run(tools: dict[str, Any], home: Path, made: ToolCall, *on_refused: Callable[[Refusal], None]) -> object:
    settings = parse({"tools": tools})
    credentials = call_credentials(settings, KEYRING, Clock(), Ids())
    return tool_runner(settings, home, credentials, *on_refused).run(made)


def test_a_system_that_the_settings_name_is_reached_and_no_other(tmp_path: Path) -> None:
    with tool_server() as server:
        made = call(manifest({"kind": "http", "method": "POST", "url": f"{server.url}/do"}))
        assert run({"origins": [server.url]}, tmp_path, made) == {"ok": True}
        refused: list[Refusal] = []
        for tools in ({}, {"servers": {"shop": {"url": f"{server.url}/mcp"}}}):
            with pytest.raises(ToolFailed) as caught:
                run(tools, tmp_path, made, refused.append)
            assert (caught.value.why, caught.value.certain) == ("unreachable", True)
        assert len(server.received) == 1 and [one.purpose for one in refused] == ["tools", "tools"]


def test_an_mcp_server_that_the_settings_name_is_reached_with_its_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")
    with mcp_server() as server:
        named = {"shop": {"url": server.url, "token": "file:token"}}
        offered = remote_tools(parse({"tools": {"servers": named}}), tmp_path).definitions("shop")
        assert [one.name for one in offered] == ["ship", "track"]
        assert server.headers[0]["authorization"] == "Bearer t0ken"
        http = call(manifest({"kind": "http", "method": "POST", "url": server.url}))
        with pytest.raises(ToolFailed) as caught:
            run({"servers": named}, tmp_path, http)
        assert caught.value.why == "unreachable"


def test_only_packages_that_the_settings_name_run(tmp_path: Path) -> None:
    made = call(manifest({"kind": "python", "function": "json.tool:main"}))
    with pytest.raises(ToolFailed) as caught:
        run({"python": ["acme_tools"]}, tmp_path, made)
    assert "tools.python" in caught.value.fix
