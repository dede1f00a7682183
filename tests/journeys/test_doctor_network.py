"""`muniment doctor` says where the server listens, what may be reached and why, and what is weak."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.simulators.certificates import Authority

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.interfaces.cli.main import run_once
from muniment.interfaces.examining import machine, network
from muniment.interfaces.examining.check import Check
from muniment.settings import Settings, load

NOW = datetime.now(UTC)
MODEL = 'models.house = {{ base_url = "{}", model = "m" }}\n'


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str], list[Check]]:
    """Return a function that gives what is said of the network under some settings."""

    def of(text: str) -> list[Check]:
        settings = written(tmp_path, text)
        return [
            *network.listening(settings, tmp_path, NOW),
            *network.outbound(settings, tmp_path),
        ]

    return of


def written(home: Path, text: str) -> Settings:
    (home / "settings.toml").write_text(text)
    return load(home)


Told = Callable[[str], list[Check]]


def states(found: list[Check]) -> list[tuple[str, str]]:
    return [(one.name, one.state) for one in found]


def test_by_default_it_listens_here_and_reaches_nothing(told: Told) -> None:
    found = told("")
    assert states(found) == [("listening", "ok"), ("outbound", "ok")]
    assert "127.0.0.1:8321" in found[0].says and "nothing to reach" in found[1].says


def test_listening_in_clear_is_unsafe(told: Told) -> None:
    found = told('[server]\nhost = "0.0.0.0"\n')
    assert states(found)[0] == ("listening", "fail") and "network.certificate" in found[0].fix


def test_the_certificate_is_judged(told: Told, tmp_path: Path) -> None:
    authority, files = Authority(), (tmp_path / "s.pem", tmp_path / "s.key")
    text = '[server]\nallowed_hosts = ["a.example"]\n[network]\ncertificate = "s.pem"\nkey = "s.key"\n'
    authority.issue(*files, "a.example")
    assert states(told(text))[:2] == [("listening", "ok"), ("certificate", "ok")]
    files[1].chmod(0o644)
    assert ("certificate", "fail") in states(told(text))
    authority.issue(*files, "b.example")
    assert "none of these" in told(text)[1].says
    authority.issue(*files, "a.example", ends=NOW + timedelta(days=5))
    assert "soon" in told(text)[1].says
    authority.issue(*files, "a.example", ends=NOW - timedelta(days=1))
    assert told(text)[1].state == "fail" and "expired" in told(text)[1].says


def test_what_clients_must_come_with_is_said_with_the_certificate(told: Told, tmp_path: Path) -> None:
    Authority().issue(tmp_path / "s.pem", tmp_path / "s.key", "a.example")
    text = '[server]\nallowed_hosts = ["a.example"]\n[network]\ncertificate = "s.pem"\nkey = "s.key"\n'
    assert "client" not in told(text)[1].says
    Authority("clients").write(tmp_path / "c.pem")
    bot = '[identity.client_certificates.bot]\nservice = "bot"\ndns = "bot.example"\nscopes = ["search"]\n'
    for how in ("optional", "required"):
        found = told(f'{text}client_ca = "c.pem"\nclient_certificates = "{how}"\n{bot}')[1]
        assert (found.name, found.state) == ("certificate", "ok")
        assert f"clients' certificates are {how}, by {tmp_path / 'c.pem'}" in found.says
        assert "1 of them are services" in found.says
    (tmp_path / "c.pem").write_text("no certificate")
    broken = told(f'{text}client_ca = "c.pem"\n')[1]
    assert broken.state == "fail" and "c.pem" in broken.says


def test_each_destination_says_why_it_may_be_reached(told: Told) -> None:
    local = MODEL.format("http://127.0.0.1:9/v1")
    found = told(local)[1]
    assert found.state == "ok" and "models.house http://127.0.0.1:9: named by the settings" in found.says
    assert "(inside)" in found.says
    listed = told(local + '[network.allow]\nmodels = ["127.0.0.1"]\n')[1]
    assert listed.state == "ok" and "on network.allow.models" in listed.says
    unlisted = told(local + '[network.allow]\nmodels = ["a.example"]\n')[1]
    assert unlisted.state == "fail" and "network.allow.models" in unlisted.fix


def test_what_tools_may_reach_is_said_too(told: Told) -> None:
    tools = '[tools]\norigins = ["https://8.8.4.4"]\n[tools.servers.shop]\nurl = "http://127.0.0.1:9/mcp"\n'
    found = [one for one in told(tools) if one.name == "outbound"]
    assert [one.state for one in found] == ["ok", "ok"]
    assert "tools.origins https://8.8.4.4:443: named by the settings" in found[0].says
    assert "tools.servers.shop http://127.0.0.1:9" in found[1].says
    listed = told(tools + '[network.allow]\ntools = ["8.8.4.4"]\n')
    assert listed[-1].state == "fail" and "network.allow.tools" in listed[-1].fix


def test_what_is_weaker_than_recommended_is_a_warning(told: Told) -> None:
    found = told(MODEL.format("http://10.9.8.7/v1"))[1]
    assert found.state == "warn" and "in clear" in found.says
    beyond = told('[server]\nhost = "10.9.8.7"\n[network]\ntrusted_proxies = ["10.9.8.1"]\n')
    assert [one.state for one in beyond] == ["ok", "warn", "warn", "ok"]
    assert "one-time links" in beyond[1].says and "allowed_hosts" in beyond[2].fix
    proxy = told('[network]\nproxy = "http://127.0.0.1:3128"\nproxy_resolves = true\n')
    assert states(proxy)[-1] == ("outbound", "warn")


def test_what_leads_outside_a_private_network_is_unsafe(told: Told) -> None:
    text = MODEL.format("https://93.184.216.34/v1")
    found = told(text + '[network]\nprivate = true\n[network.allow]\nmodels = ["93.184.216.34"]\n')
    assert found[1].state == "fail" and "outside your own network" in found[1].says


def test_a_clock_that_ran_back_is_unsafe(make_workspace: Callable[..., Workspace]) -> None:
    clock = FixedClock()
    workspace = make_workspace(clock=clock)
    assert machine.clock(workspace).state == "ok"
    clock.advance(days=-1)
    assert machine.clock(workspace).state == "fail"
    said = machine.encryption(workspace)
    assert said.state == "ok" and "AES-256-GCM" in said.says and "wrapped under local key" in said.says


def test_unsafe_means_exit_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, '[retrieval]\nvectors = false\n[server]\nhost = "0.0.0.0"\n')
    assert run_once(["--home", str(tmp_path), "init"]) == 0
    assert run_once(["--home", str(tmp_path), "doctor"]) == 1
    assert "in clear" in capsys.readouterr().out
