"""`muniment doctor` says how people sign in, and what is wrong with a provider."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.issuer import SECRET, Issuer, public, rsa_key

from muniment.interfaces.cli.main import run_once

Out = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, issuer: Issuer) -> Path:
    """Return a workspace in which people sign in through the running provider."""
    (tmp_path / "client-secret").write_text(SECRET)
    corp = "\n".join(f"{name} = {json.dumps(value)}" for name, value in issuer.settings().items())
    (tmp_path / "settings.toml").write_text(f'[identity]\nmode = "oidc"\n[identity.issuers.corp]\n{corp}\n')
    assert run_once(["--home", str(tmp_path), "init"]) == 0
    return tmp_path


def identity(home: Path, out: Out) -> dict[str, Any]:
    out.readouterr()
    run_once(["--home", str(home), "--json", "doctor"])
    return next(one for one in json.loads(out.readouterr().out)["checks"] if one["name"] == "identity")


def test_the_mode_and_the_issuers_are_named(home: Path, issuer: Issuer, capsys: Out) -> None:
    found = identity(home, capsys)
    assert (found["state"], found["says"]) == ("ok", f"oidc: corp ({issuer.url}, 1 key)")


def test_a_provider_that_does_not_answer_or_cannot_be_trusted_is_a_fail_that_says_why(
    home: Path, issuer: Issuer, capsys: Out
) -> None:
    issuer.fault = "down"
    found = identity(home, capsys)
    assert found["state"] == "fail" and "corp" in found["says"] and "status 503" in found["says"]
    issuer.fault, issuer.keys = "", [public(rsa_key(), "key-1", "RS256")] * 2
    assert "two keys have one name" in identity(home, capsys)["says"]
    issuer.about = {"jwks_uri": "https://keys.example/jwks"}
    assert "https://keys.example, which the settings do not name" in identity(home, capsys)["says"]


def test_a_missing_secret_is_a_fail(home: Path, capsys: Out) -> None:
    (home / "client-secret").unlink()
    found = identity(home, capsys)
    assert found["state"] == "fail" and "client-secret cannot be read" in found["says"]


def test_local_use_is_named_too(tmp_path: Path, capsys: Out) -> None:
    assert run_once(["--home", str(tmp_path), "init"]) == 0
    assert identity(tmp_path, capsys)["says"].startswith("local: ")
