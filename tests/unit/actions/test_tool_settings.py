"""What an operator states of tools is read strictly: what could mean two things is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from muniment import settings
from muniment.foundation.errors import BadInput

SERVER = {"url": "https://shop.example:8443/mcp"}


def test_without_settings_tools_reach_and_run_nothing() -> None:
    found = settings.Settings().tools
    assert not (found.origins or found.private_origins or found.python or found.servers or found.mail_domains)


def test_what_is_stated_holds() -> None:
    servers = {"shop": SERVER, "desk": {"url": "http://desk.house.example/mcp", "private_network": True}}
    stated = {"origins": ["https://orders.example"], "python": ["acme_tools"], "servers": servers}
    found = settings.parse({"tools": {**stated, "mail_domains": ["acme.example"]}}).tools
    assert found.origins == ("https://orders.example",) and found.python == ("acme_tools",)
    assert found.server_origins() == (
        {"https://shop.example:8443", "http://desk.house.example"},
        {"http://desk.house.example"},
    )


@pytest.mark.parametrize(
    "stated",
    [
        {"origins": ["orders.example"]},
        {"origins": ["https://orders.example/v1"]},
        {"origins": ["https://alice@orders.example"]},
        {"origins": ["https://0x7f.1"]},
        {"origins": ["file:///etc"]},
        {"origins": ["https://orders.example:port"]},
        {"private_origins": ["https://orders.example?x=1"]},
        {"python": ["acme tools"]},
        {"python": ["acme_tools."]},
        {"python": [""]},
        {"mail_domains": ["Acme.example"]},
        {"mail_domains": ["@acme.example"]},
        {"servers": {"Shop": SERVER}},
        {"servers": {"shop": {"url": "shop.example"}}},
        {"servers": {"shop": {**SERVER, "command": "npx"}}},
        {"issuer": ""},
        {"shell": True},
    ],
    ids=repr,
)
def test_what_is_loose_or_unknown_is_refused(stated: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="tools"):
        settings.parse({"tools": stated})


def test_the_token_of_a_server_is_a_reference_and_read_when_it_is_needed(tmp_path: Path) -> None:
    def with_token(token: str) -> settings.Settings:
        return settings.parse({"tools": {"servers": {"shop": {**SERVER, "token": token}}}})

    (tmp_path / "shop.token").write_text("t0ken\n")
    found = settings.tool_token(with_token("file:shop.token"), tmp_path, "shop")
    assert found is not None and found.reveal() == "t0ken"
    assert settings.tool_token(with_token(""), tmp_path, "shop") is None
    for wrong in ("t0ken", "file:absent", "env:NOT_SET_ANYWHERE"):
        with pytest.raises(BadInput, match=r"tools\.servers\.shop\.token"):
            settings.tool_token(with_token(wrong), tmp_path, "shop")
