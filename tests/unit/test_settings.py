from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment import settings
from muniment.foundation.errors import BadInput, NotSetUp

SECRET = "canary-key-52f1"
MODEL = {"base_url": "http://127.0.0.1:11434/v1", "model": "small"}
SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)


def loaded(home: Path, text: str) -> settings.Settings:
    (home / "settings.toml").write_text(text)
    return settings.load(home)


def with_key(reference: str) -> settings.Settings:
    return settings.parse({"models": {"local": {**MODEL, "api_key": reference}}})


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    found = settings.load(tmp_path)
    assert found == settings.Settings() == loaded(tmp_path, "")
    assert found.ingestion.isolation == "required"
    assert found.server.host == "127.0.0.1"


def test_a_setting_in_the_file_holds(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[workspace]\ntenant = "acme"\n[answers]\npassages = 3\n')
    assert (found.workspace.tenant, found.answers.passages) == ("acme", 3)


def test_what_a_worker_is_told_are_the_settings_that_were_read(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """
[server]
workers = 4
allowed_hosts = ["muniment.example"]
[keys]
provider = "vault"
[keys.vault]
address = "https://vault.example:8200"
token = "env:VAULT"
[limits]
user_per_minute = 7
[network]
certificate = "server.pem"
key = "server.key"
[network.allow]
models = ["models.example"]
[identity]
mode = "oidc"
[identity.issuers.house]
issuer = "https://id.example"
audience = "muniment"
group_claim = "groups"
[identity.issuers.house.groups]
staff = "everybody"
[identity.client_certificates.batch]
service = "helpdesk"
dns = "batch.example"
scopes = ["search"]
[models.local]
base_url = "http://127.0.0.1:11434/v1"
model = "small"
""",
    )
    told = json.loads(json.dumps(settings.described(found)))
    assert settings.parse(told) == found


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("surprise = 1", "surprise"),
        ("[retrieval]\nvektors = false", "retrieval.vektors"),
        ("[server]\nPort = 1", "server.Port"),
        ('[models.local]\nbase_url = "http://x"\nmodel = "m"\napi_kee = "a"', "models.local.api_kee"),
    ],
)
def test_an_unknown_key_is_refused_by_name(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(BadInput, match=f"unknown setting {key}") as refused:
        loaded(tmp_path, text)
    assert str(tmp_path / "settings.toml") in refused.value.public


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[server]\nport = "many"', "server.port"),
        ("[server]\nport = 70000", "server.port"),
        ("[retrieval]\nvectors = [1]", "retrieval.vectors"),
        ('[ingestion]\nisolation = "none"', "ingestion.isolation"),
        ("[answers]\npassages = 0", "answers.passages"),
        ('[workspace]\ntenant = "../other"', "workspace.tenant"),
        ("server = 3", "server"),
        ('[models.local]\nmodel = "m"', "models.local.base_url"),
        ('[models.local]\nbase_url = "http://x"\nmodel = "m"\ntimeout_seconds = 0', "models.local.timeout"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(BadInput, match=key):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"kind": "azure"}, "api_version is not set"),
        ({"kind": "bedrock", "base_url": ""}, "region is not set"),
        ({"kind": "bedrock", "region": "eu-west-1", "guardrail": "g"}, "belong together"),
        ({"kind": "anthropic", "structured": "json"}, "no JSON without a schema"),
        ({"auth": "entra"}, "auth is for azure only"),
        ({"guardrail": "g", "guardrail_version": "1"}, "guardrail is for bedrock only"),
        ({"base_url": ""}, "base_url"),
    ],
)
def test_settings_of_a_model_that_make_no_sense_together_are_refused(
    more: dict[str, object], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        settings.parse({"models": {"local": {**MODEL, **more}}})


@pytest.mark.parametrize(
    ("more", "address"),
    [
        ({"kind": "anthropic"}, "https://api.anthropic.com"),
        (
            {"kind": "bedrock", "region": "eu-west-1"},
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
        ),
        (
            {"kind": "bedrock", "region": "eu-west-1", "base_url": "https://vpce.example/"},
            "https://vpce.example",
        ),
    ],
)
def test_services_with_one_public_address_need_not_be_told_it(
    tmp_path: Path, more: dict[str, object], address: str
) -> None:
    document = {"models": {"local": {"model": "m", **more}}}
    endpoint = settings.endpoints(settings.parse(document), tmp_path)[0]
    assert (endpoint.base_url, endpoint.origin) == (address, address)


@pytest.mark.parametrize("content", [b"not toml", b"[server", b"port = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.toml").write_bytes(content)
    with pytest.raises(BadInput, match="is not TOML"):
        settings.load(tmp_path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(BadInput, match="cannot be read"):
        settings.load(tmp_path)


@given(
    st.dictionaries(st.text(max_size=12), SIMPLE | st.dictionaries(st.text(max_size=8), SIMPLE), max_size=3)
)
def test_any_document_is_settings_or_is_refused_in_words(document: dict[str, object]) -> None:
    try:
        settings.parse(document)
    except BadInput as refused:
        if not refused.fix:
            raise


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCAL_KEY", SECRET)
    key = settings.endpoints(with_key("env:LOCAL_KEY"), tmp_path)[0].api_key
    assert key is not None and key.reveal() == SECRET


def test_a_key_comes_from_a_file_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "local.key").write_text(f"{SECRET}\n")
    for reference in ("file:local.key", f"file:{tmp_path / 'local.key'}"):
        key = settings.endpoints(with_key(reference), tmp_path)[0].api_key
        assert key is not None and key.reveal() == SECRET


@pytest.mark.parametrize(
    "reference",
    [SECRET, "env:", "env:NO SPACE", "env:1ST", "file:", "vault:x", "ENV:LOCAL_KEY", f"key:{SECRET}"],
)
def test_a_key_that_is_written_out_is_refused_without_repeating_it(tmp_path: Path, reference: str) -> None:
    with pytest.raises(BadInput, match=r"models\.local\.api_key is not a reference") as refused:
        settings.endpoints(with_key(reference), tmp_path)
    assert SECRET not in str(refused.value) + refused.value.detail


@pytest.mark.parametrize("reference", ["env:MUNIMENT_ABSENT", "file:absent.key", "file:."])
def test_a_reference_that_leads_nowhere_is_a_missing_key(tmp_path: Path, reference: str) -> None:
    endpoint = settings.endpoints(with_key(reference), tmp_path)[0]
    assert endpoint.missing_key == reference
    with pytest.raises(NotSetUp, match=r"models\.local\.api_key"):
        endpoint.key()


def test_an_empty_variable_is_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCAL_KEY", "")
    with pytest.raises(NotSetUp, match="has no LOCAL_KEY"):
        settings.endpoints(with_key("env:LOCAL_KEY"), tmp_path)[0].key()


def test_a_key_that_was_missing_is_used_once_it_is_there(tmp_path: Path) -> None:
    endpoint = settings.endpoints(with_key("file:late.key"), tmp_path)[0]
    assert endpoint.missing_key == "file:late.key"
    (tmp_path / "late.key").write_text(SECRET)
    key = endpoint.key()
    assert endpoint.missing_key == "" and key is not None and key.reveal() == SECRET


def test_a_key_never_shows_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCAL_KEY", SECRET)
    chosen = with_key("env:LOCAL_KEY")
    endpoint = settings.endpoints(chosen, tmp_path)[0]
    shown = [repr(chosen), json.dumps(settings.described(chosen)), repr(endpoint), f"{endpoint.api_key}"]
    assert all(SECRET not in text for text in shown)
    assert "env:LOCAL_KEY" in shown[1]
    with pytest.raises(TypeError):
        pickle.dumps(endpoint)


def test_only_named_groups_may_use_a_model(tmp_path: Path) -> None:
    document = {"models": {"local": {**MODEL, "allowed_groups": ["sales", "group:legal"]}}}
    endpoint = settings.endpoints(settings.parse(document), tmp_path)[0]
    assert endpoint.allowed_groups == {"group:sales", "group:legal"}


@pytest.mark.parametrize(
    ("base_url", "private"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://10.0.0.7/v1", True),
        ("https://models.example/v1", False),
        ("https://localhost.evil.example/v1", False),
        ("https://127.0.0.1.evil.example/v1", False),
        ("https://localhost@evil.example/v1", False),
    ],
)
def test_only_literal_addresses_may_lie_inside_the_network_unasked(base_url: str, private: bool) -> None:
    document = {"models": {"local": {**MODEL, "base_url": base_url}}}
    assert bool(settings.private_origins(settings.parse(document))) == private
    named = {"models": {"local": {**MODEL, "base_url": base_url, "private_network": True}}}
    assert settings.private_origins(settings.parse(named))


@pytest.mark.parametrize(
    ("more", "run_by", "ceiling"),
    [
        ({"base_url": "http://127.0.0.1:11434/v1"}, "self-managed", "any"),
        ({"base_url": "http://localhost/v1"}, "self-managed", "any"),
        ({"base_url": "http://[::1]:80/v1"}, "self-managed", "any"),
        ({"base_url": "http://10.0.0.7"}, "self-managed", "any"),
        ({"base_url": "http://10.0.0.7", "hosting": "hosted"}, "hosted", "internal"),
        ({"base_url": "http://9.9.9.9/v1"}, "hosted", "internal"),
        ({"base_url": "https://models.example/v1"}, "hosted", "internal"),
        ({"base_url": "https://models.example/v1", "private_network": True}, "hosted", "internal"),
        ({"base_url": "https://localhost.evil.example/v1"}, "hosted", "internal"),
        ({"base_url": "https://localhost@evil.example/v1"}, "hosted", "internal"),
        ({"base_url": "https://127.0.0.1:80@evil.example/v1"}, "hosted", "internal"),
        ({"base_url": "http://127.0.0.1", "kind": "anthropic"}, "hosted", "internal"),
        ({"base_url": "https://models.example", "hosting": "self-managed"}, "self-managed", "any"),
        ({"base_url": "https://models.example", "max_sensitivity": "public"}, "hosted", "public"),
    ],
)
def test_only_what_is_plainly_run_here_is_sent_anything_unasked(
    tmp_path: Path, more: dict[str, object], run_by: str, ceiling: str
) -> None:
    endpoint = settings.endpoints(settings.parse({"models": {"m": {**MODEL, **more}}}), tmp_path)[0]
    assert (endpoint.hosting, endpoint.max_sensitivity) == (run_by, ceiling)


def test_the_home_is_the_variables_or_lies_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_HOME", "/somewhere")
    assert settings.default_home() == Path("/somewhere")
    monkeypatch.setenv("MUNIMENT_HOME", "")
    assert settings.default_home() == Path(".muniment")


def test_the_key_file_lies_in_the_home_unless_it_is_absolute(tmp_path: Path) -> None:
    assert settings.kek_file(settings.Settings(), tmp_path) == tmp_path / "keys" / "kek"
    apart = settings.parse({"keys": {"kek_file": "/media/safe/kek"}})
    assert settings.kek_file(apart, tmp_path) == Path("/media/safe/kek")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"sensitive": {"prompts": {"person": "redact"}}}, "sensitive.prompts.person is 'redact'"),
        ({"sensitive": {"answers": {"place": "block"}}}, "sensitive.answers.place is 'block'"),
        (
            {"models": {"m": {**MODEL, "sensitive": {"person": "block"}}}},
            "models.m.sensitive.person is 'block'",
        ),
    ],
)
def test_names_are_handled_only_where_they_are_labelled(document: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput, match=re.escape(field) + ".*ingestion.labels = true"):
        settings.parse(document)
    assert settings.parse({**document, "ingestion": {"labels": True}}).ingestion.labels
    assert settings.parse({"sensitive": {"prompts": {"person": "allow"}}}).sensitive.prompts.person == "allow"
