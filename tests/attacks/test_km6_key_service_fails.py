"""KM6: a slow, throttled, forbidding, absent or babbling key service gives no key, within a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulators import key_service
from tests.simulators.key_service import serving

from benchmarks.openbao import free_port
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import Ids
from muniment.foundation.key_endpoint import TRIES
from muniment.foundation.key_provider import KeyProvider, KeyRefused, KeyUnreachable, Wrapped
from muniment.foundation.keyring_file import create_keyring, open_keyring

PLACE = {"tenant": "acme", "key": "tenant"}
SECONDS = 0.8
SLACK = 3.0
"""How much longer than its limits a call may take on a busy machine; the service would hold it far longer."""
MAKE: dict[str, Callable[[str], KeyProvider]] = {
    "vault": lambda url: key_service.vault(url, seconds=SECONDS),
    "aws-kms": lambda url: key_service.aws(url, "alias/muniment", SECONDS),
}
WRAPPED = {
    "vault": Wrapped("vault", "transit/muniment", "1", b"vault:v1:AAAA"),
    "aws-kms": Wrapped("aws-kms", key_service.Kms.ARN, "", b"sealed"),
}
KINDS = pytest.mark.parametrize("kind", ["vault", "aws-kms"])


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "AKIAIOSFODNN7EXAMPLE")


def refusal(kind: str, url: str) -> MunimentError:
    """Return how an unwrapping fails, having ended in time."""
    provider = MAKE[kind](url)
    began = time.monotonic()
    with pytest.raises(MunimentError) as error:
        provider.unwrap(PLACE, WRAPPED[kind])
    assert time.monotonic() - began < TRIES * SECONDS + SLACK
    assert error.value.status == 503
    assert error.value.fix
    assert "root-token" not in str(error.value) + error.value.detail
    return error.value


@KINDS
@pytest.mark.parametrize("fault", ["slow", "cut", "huge"])
def test_one_that_does_not_finish_is_left_after_two_tries(kind: str, fault: str) -> None:
    with serving(fault) as service:
        error = refusal(kind, service.url)
        assert isinstance(error, KeyUnreachable)
        assert service.url in error.public
        assert len(service.paths) == TRIES


@KINDS
@pytest.mark.parametrize("fault", ["429 slow down", "500 broken", "502 x", "503 Vault is sealed", "504 x"])
def test_one_that_is_throttled_sealed_or_broken_is_asked_twice(kind: str, fault: str) -> None:
    with serving(fault) as service:
        error = refusal(kind, service.url)
        assert isinstance(error, KeyUnreachable)
        assert fault[:3] in error.public
        assert len(service.paths) == TRIES


def test_throttling_in_the_words_of_aws_passes_by() -> None:
    for fault in ("400 ThrottlingException", "400 com.amazonaws.kms#KeyUnavailableException"):
        with serving(fault) as service:
            assert isinstance(refusal("aws-kms", service.url), KeyUnreachable)
            assert len(service.paths) == TRIES


@KINDS
def test_one_that_is_not_there_is_unreachable(kind: str) -> None:
    assert isinstance(refusal(kind, f"http://127.0.0.1:{free_port()}"), KeyUnreachable)


@KINDS
@pytest.mark.parametrize(
    "fault",
    [
        "403 permission denied",
        "404 no handler",
        "400 odd words",
        "418 teapot",
        "redirect",
        "garbage",
        "empty",
    ],
)
def test_one_that_forbids_or_babbles_is_not_asked_again(kind: str, fault: str) -> None:
    with serving(fault) as service:
        assert isinstance(refusal(kind, service.url), KeyRefused)
        assert len(service.paths) == 1


@pytest.mark.parametrize(
    "error",
    ["DisabledException", "KMSInvalidStateException", "NotFoundException", "AccessDeniedException", "x<y>"],
)
def test_the_refusals_of_aws_are_named_with_a_fix(error: str) -> None:
    with serving(f"400 com.amazonaws.kms#{error}") as service:
        found = refusal("aws-kms", service.url)
        assert isinstance(found, KeyRefused)
        assert (error if error.isalpha() else "status 400") in found.public


@KINDS
def test_without_an_answer_no_keyring_is_made(kind: str, tmp_path: Path) -> None:
    for fault in ("slow", "403 permission denied", "garbage", "empty"):
        with serving(fault) as service, pytest.raises(MunimentError):
            create_keyring(MAKE[kind](service.url), tmp_path / "keyring.json", "acme", Ids())
    assert list(tmp_path.iterdir()) == []


def test_a_keyring_does_not_open_while_the_service_is_silent(tmp_path: Path) -> None:
    with serving() as service:
        provider = MAKE["aws-kms"](service.url)
        made = create_keyring(provider, tmp_path / "keyring.json", "acme", Ids())
        service.fault = "503 down"
        with pytest.raises(KeyUnreachable):
            open_keyring(provider, tmp_path / "keyring.json", Ids())
        service.fault = ""
        assert open_keyring(provider, tmp_path / "keyring.json", Ids()).same(made)


@KINDS
def test_a_keyring_cannot_lead_the_service_elsewhere(kind: str) -> None:
    """The name of the key in the file is not trusted: only that of the settings is ever asked for."""
    with serving() as service:
        provider = MAKE[kind](service.url)
        for key in ("transit/other", "../sys/seal", "", "arn:aws:kms:eu-west-1:1:key/x", "alias/other"):
            with pytest.raises(MunimentError, match="rewrap"):
                provider.unwrap(PLACE, replace(WRAPPED[kind], key=key))
        assert service.paths == []
