"""What carries out calls of tools, built from the settings: nothing that they do not name is reached or run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.actions.runners.by_kind import ByKind
    from muniment.actions.runners.credentials import CallCredentials
    from muniment.actions.runners.remote_tool import RemoteToolRunner
    from muniment.foundation.clock import Clock
    from muniment.foundation.egress import Refusal
    from muniment.foundation.ids import Ids
    from muniment.foundation.keys import Keyring

OnRefused = Callable[["Refusal"], None]


def call_credentials(settings: Settings, keyring: Keyring, clock: Clock, ids: Ids) -> CallCredentials:
    """Return what signs the credentials of calls."""
    from muniment.actions.runners.credentials import CallCredentials

    return CallCredentials(keyring, settings.tools.issuer, clock, ids)


def remote_tools(settings: Settings, home: Path, on_refused: OnRefused | None = None) -> RemoteToolRunner:
    """Return what asks the MCP servers; raises BadInput for a token's reference that leads nowhere."""
    from muniment.actions.runners.mcp_connection import RemoteServer
    from muniment.actions.runners.remote_tool import RemoteToolRunner
    from muniment.foundation.egress import Egress

    origins, private = settings.tools.server_origins()
    rules = settings.network.rules(home)
    servers = {
        name: RemoteServer(name, one.url, settings_file.tool_token(settings, home, name))
        for name, one in settings.tools.servers.items()
    }
    door = Egress(origins, private, purpose="tools", rules=rules, on_refused=on_refused)
    return RemoteToolRunner(door, servers)


def tool_runner(
    settings: Settings, home: Path, credentials: CallCredentials, on_refused: OnRefused | None = None
) -> ByKind:
    """Return what makes calls of every kind; raises BadInput as `remote_tools` does.

    Web interfaces and MCP servers have doors of their own: the manifest of one never reaches the other's.
    """
    from muniment.actions.runners.by_kind import ByKind
    from muniment.actions.runners.http_operation import HttpOperationRunner
    from muniment.actions.runners.python_function import PythonFunctionRunner
    from muniment.foundation.egress import Egress

    tools = settings.tools
    rules = settings.network.rules(home)
    door = Egress(tools.origins, tools.private_origins, purpose="tools", rules=rules, on_refused=on_refused)
    return ByKind(
        python=PythonFunctionRunner(tools.python),
        http=HttpOperationRunner(door, credentials),
        mcp=remote_tools(settings, home, on_refused),
    )
