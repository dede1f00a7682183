"""ID2: where people sign in through a provider, nothing starts without its issuer, audience and a strong secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.issuer import Issuer
from tests.simulators.web_client import Browser

from muniment import app, settings
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.cli.main import run_once
from muniment.interfaces.server import create_server

GOOD = {
    "issuer": "https://id.example",
    "audience": "https://muniment.example/api",
    "client_id": "web",
    "client_secret": "file:client-secret",
    "redirect_url": "https://muniment.example",
}


def identity(**changed: Any) -> dict[str, Any]:
    corp = {name: value for name, value in (GOOD | changed).items() if value is not ...}
    return {"mode": "oidc", "issuers": {"corp": corp}}


def toml(found: dict[str, Any]) -> str:
    corp = found["issuers"].get("corp", {})
    lines = ["[identity]", f"mode = {json.dumps(found['mode'])}"]
    lines += ["[identity.issuers.corp]"] if corp else []
    return "\n".join([*lines, *(f"{name} = {json.dumps(value)}" for name, value in corp.items())])


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no issuer at all": ({"mode": "oidc", "issuers": {}}, "needs an issuer"),
    "no address": (identity(issuer=...), "issuer"),
    "no audience": (identity(audience=...), "audience"),
    "an empty audience": (identity(audience=""), "audience"),
    "an address in the clear": (identity(issuer="http://id.example"), "not https"),
    "an address in the clear that looks local": (identity(issuer="http://127.0.0.1.evil.example"), "https"),
    "an address in the clear by a number": (identity(issuer="http://2130706433"), "https"),
    "an address with a query": (identity(issuer="https://id.example?x=1"), "query"),
    "an address with a fragment": (identity(issuer="https://id.example#x"), "fragment"),
    "an address with a user": (identity(issuer="https://a@id.example"), "user name"),
    "a file": (identity(issuer="file:///etc/passwd"), "https"),
    "a symmetric algorithm": (identity(algorithms=["RS256", "HS256"]), "algorithms"),
    "no algorithm": (identity(algorithms=["none"]), "algorithms"),
    "an empty list of algorithms": (identity(algorithms=[]), "algorithms"),
    "a leeway over two minutes": (identity(leeway_seconds=121), "leeway_seconds"),
    "a browser client without an address": (identity(redirect_url=...), "belong together"),
    "a way back in the clear": (identity(redirect_url="http://muniment.example"), "not https"),
    "a way back with a path": (identity(redirect_url="https://muniment.example/x"), "more than"),
    "keys at a path": (identity(jwks_origin="https://keys.example/jwks"), "more than"),
    "ID tokens that would pass": (identity(audience="web", required_typ="JWT"), "ID token"),
    "another type": (identity(required_typ="jwt"), "required_typ"),
    "a setting nobody knows": (identity(verify=False), "unknown setting"),
    "a service with a reference for a name": (identity(services={"c": "service:x"}), "services"),
}


@pytest.mark.parametrize("why", BAD)
def test_a_provider_that_is_not_fully_and_safely_named_is_refused(
    tmp_path: Path, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, word = BAD[why]
    (tmp_path / "client-secret").write_text("x" * 32)
    if "services" in found["issuers"].get("corp", {}):
        with pytest.raises(BadInput, match=word):
            settings.parse({"identity": found})
        return
    (tmp_path / "settings.toml").write_text(toml(found))
    assert run_once(["--home", str(tmp_path), "init"]) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "keys").exists()


def test_the_same_settings_made_whole_are_taken(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(toml(identity()))
    assert run_once(["--home", str(tmp_path), "init"]) == 0


@pytest.mark.parametrize(
    ("secret", "word"), [(None, "cannot be read"), ("short", "shorter than 16"), ("", "shorter than 16")]
)
def test_no_server_starts_with_a_secret_that_is_missing_or_weak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], secret: str | None, word: str
) -> None:
    (tmp_path / "settings.toml").write_text(toml(identity()))
    assert run_once(["--home", str(tmp_path), "init"]) == 0
    if secret is not None:
        (tmp_path / "client-secret").write_text(secret)
    capsys.readouterr()
    assert run_once(["--home", str(tmp_path), "serve", "--port", "0"]) == 2
    told = capsys.readouterr()
    assert word in told.err and "Serving" not in told.out
    workspace = app.open(tmp_path)
    try:
        with pytest.raises(BadInput, match=word):
            create_server(workspace)
    finally:
        workspace.close()


def test_a_secret_written_out_is_refused_and_not_repeated(tmp_path: Path) -> None:
    chosen = settings.parse({"identity": identity(client_secret="canary-secret-9b2f-of-the-client")})
    with pytest.raises(BadInput, match="is not a reference") as refused:
        settings.issuers(chosen, tmp_path)
    assert "canary" not in str(refused.value) + refused.value.detail


def test_the_secret_never_shows_itself(tmp_path: Path) -> None:
    (tmp_path / "client-secret").write_text("canary-secret-9b2f-of-the-client")
    chosen = settings.parse({"identity": identity()})
    found = settings.issuers(chosen, tmp_path)
    shown = [repr(found), repr(chosen), json.dumps(settings.described(chosen))]
    assert all("canary" not in text for text in shown)


def test_two_names_for_one_issuer_are_refused() -> None:
    twice = {"mode": "oidc", "issuers": {"one": GOOD, "two": GOOD | {"audience": "other"}}}
    with pytest.raises(BadInput, match="two of them are one issuer"):
        settings.parse({"identity": twice})


def test_with_a_provider_there_are_no_links_and_no_tokens_of_our_own(
    provided: Workspace, issuer: Issuer
) -> None:
    alice = provided.directory.principal("alice")
    with pytest.raises(Denied, match="signs no tokens"):
        provided.tokens.issue(alice)
    with pytest.raises(Denied, match="no sign-in links"):
        provided.sessions.create_link(alice, OPERATOR)
    with pytest.raises(Denied, match="no sign-in links"):
        provided.sessions.redeem("x")


def test_the_command_line_says_why_there_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.toml").write_text(toml(identity()))
    (tmp_path / "client-secret").write_text("x" * 32)
    file = tmp_path / "directory.toml"
    file.write_text("[users.alice]\n")
    home = ["--home", str(tmp_path)]
    assert run_once([*home, "init"]) == run_once([*home, "directory", "import", str(file)]) == 0
    capsys.readouterr()
    assert run_once([*home, "token", "--as", "alice"]) == 3
    assert "takes those of the identity provider" in capsys.readouterr().err
    assert run_once([*home, "serve", "--port", "0", "--link", "alice"]) == 3
    assert "people sign in through the identity provider" in capsys.readouterr().err


def test_what_local_use_opened_does_not_hold_once_there_is_a_provider(
    make_workspace: Any, issuer: Issuer, tmp_path: Path
) -> None:
    local = make_workspace()
    browser = Browser(local).sign_in("alice")
    waiting = local.sessions.create_link(local.directory.principal("alice"), OPERATOR)
    secret = browser.http.cookies["muniment"]
    (tmp_path / "home" / "client-secret").write_text("x" * 32)
    chosen = settings.parse({"identity": {"mode": "oidc", "issuers": {"corp": issuer.settings()}}})
    later = app.open(tmp_path / "home", settings=chosen, embedder=lambda: None)
    try:
        assert local.sessions.session(secret) is not None
        assert later.sessions.session(secret) is None
        with pytest.raises(Denied):
            later.sessions.redeem(waiting)
    finally:
        later.close()
