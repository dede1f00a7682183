"""What every keeper of the key-encryption key keeps to, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulators import key_service
from tests.simulators.key_service import aws, serving, transit

from benchmarks.openbao import Bao
from muniment.foundation.errors import MunimentError, Tampered
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.key_provider import KeyProvider, KeyRefused, KeyUnreachable
from muniment.foundation.keyring_file import create_keyring, open_keyring, read_head, rewrap

PLACE = {"tenant": "acme", "key": "tenant"}
KEY = bytes(range(32))


@contextmanager
def local(place: Path) -> Iterator[KeyProvider]:
    provider = KekFile(place / "kek", Ids())
    provider.ensure()
    yield provider


@contextmanager
def openbao(place: Path, bao: Bao, **options: object) -> Iterator[KeyProvider]:
    bao.make_key(place.name, **options)
    yield transit(bao, place.name)


@contextmanager
def simulated_aws(key: str) -> Iterator[KeyProvider]:
    with serving() as service:
        yield aws(service.url, key)


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with key_service.openbao(tmp_path_factory.mktemp("bao")) as running:
        yield running


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with key_service.moto() as url:
        yield url


@pytest.fixture(params=["local", "openbao", "openbao, derived", "aws, alias", "aws, arn", "moto"])
def provider(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KeyProvider]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "AKIAIOSFODNN7EXAMPLE")
    with ExitStack() as stack:
        match request.param:
            case "local":
                yield stack.enter_context(local(tmp_path))
            case "openbao":
                yield stack.enter_context(openbao(tmp_path, request.getfixturevalue("bao")))
            case "openbao, derived":
                yield stack.enter_context(openbao(tmp_path, request.getfixturevalue("bao"), derived=True))
            case "aws, alias":
                yield stack.enter_context(simulated_aws("alias/muniment"))
            case "aws, arn":
                yield stack.enter_context(simulated_aws(key_service.Kms.ARN))
            case _:
                url = request.getfixturevalue("moto")
                made = aws(url, "")._ask("CreateKey", {})["KeyMetadata"]
                yield aws(url, made["KeyId"])


@pytest.fixture
def refusing(provider: KeyProvider, request: pytest.FixtureRequest) -> KeyProvider:
    """Return a provider that refuses a key which is switched off."""
    if "moto" in request.node.callspec.id:
        pytest.skip("moto decrypts with a disabled key")
    return provider


def refused(work: Callable[[], object]) -> MunimentError:
    """Run what must be refused for good, so that nobody waits for it to pass by."""
    with pytest.raises(MunimentError) as error:
        work()
    assert error.value.status == 503 and not isinstance(error.value, KeyUnreachable)
    assert error.value.public and error.value.fix
    return error.value


def test_what_was_wrapped_opens_in_its_place(provider: KeyProvider) -> None:
    wrapped = provider.wrap(PLACE, KEY)
    assert provider.unwrap(PLACE, wrapped) == KEY
    assert wrapped.provider == provider.name
    assert KEY not in wrapped.sealed


def test_it_opens_for_no_other_tenant_and_no_other_use(provider: KeyProvider) -> None:
    wrapped = provider.wrap(PLACE, KEY)
    for other in (
        {"tenant": "globex", "key": "tenant"},
        {"tenant": "acme", "key": "x"},
        {"tenant": "acme"},
        {},
    ):
        with pytest.raises(Tampered):
            provider.unwrap(other, wrapped)


def test_no_changed_byte_opens(provider: KeyProvider) -> None:
    wrapped = provider.wrap(PLACE, KEY)
    for at in (0, len(wrapped.sealed) // 2, len(wrapped.sealed) - 1):
        flipped = bytearray(wrapped.sealed)
        flipped[at] ^= 1
        for sealed in (bytes(flipped), wrapped.sealed[:at], b""):
            with pytest.raises((Tampered, KeyRefused)):
                provider.unwrap(PLACE, replace(wrapped, sealed=sealed))


def test_two_wrappings_of_one_key_differ(provider: KeyProvider) -> None:
    assert provider.wrap(PLACE, KEY).sealed != provider.wrap(PLACE, KEY).sealed


def test_it_says_how_the_key_is(provider: KeyProvider) -> None:
    state = provider.describe()
    assert (state.provider, state.condition) == (provider.name, "enabled")
    assert state.key
    assert provider.place


def test_after_a_rotation_old_and_new_open(provider: KeyProvider) -> None:
    before = provider.wrap(PLACE, KEY)
    made = provider.rotate()
    after = provider.wrap(PLACE, KEY)
    assert provider.unwrap(PLACE, before) == provider.unwrap(PLACE, after) == KEY
    assert provider.describe().newest == made


def test_after_disabling_nothing_opens_until_it_is_enabled(refusing: KeyProvider) -> None:
    wrapped = refusing.wrap(PLACE, KEY)
    assert refusing.disable(wrapped)
    refused(lambda: refusing.unwrap(PLACE, wrapped))
    assert refusing.enable(wrapped)
    assert refusing.unwrap(PLACE, wrapped) == KEY
    assert refusing.describe().condition == "enabled"


def test_after_destroying_nothing_opens(refusing: KeyProvider) -> None:
    wrapped = refusing.wrap(PLACE, KEY)
    assert refusing.destroy()
    refused(lambda: refusing.unwrap(PLACE, wrapped))
    assert refusing.describe().condition in ("absent", "pending deletion")


def test_a_retired_version_opens_nothing_or_the_provider_says_so(provider: KeyProvider) -> None:
    before = provider.wrap(PLACE, KEY)
    made = provider.rotate()
    after = provider.wrap(PLACE, KEY)
    left = provider.retire(made)
    assert provider.unwrap(PLACE, after) == KEY
    if not left:
        refused(lambda: provider.unwrap(PLACE, before))


def test_a_keyring_is_rewrapped_without_changing_a_key(provider: KeyProvider, tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    made = create_keyring(provider, file, "acme", Ids())
    before = file.read_bytes()
    provider.rotate()
    wrapped = rewrap(provider, provider, file)
    assert open_keyring(provider, file, Ids()).same(made)
    assert read_head(file).wrapped == wrapped
    assert file.read_bytes() != before
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("keyring*")] == ["keyring.json"]


def test_a_keyring_of_this_provider_opens_with_no_other_key(provider: KeyProvider, tmp_path: Path) -> None:
    create_keyring(provider, tmp_path / "keyring.json", "acme", Ids())
    other = KekFile(tmp_path / "other", Ids())
    other.ensure()
    refused(lambda: open_keyring(other, tmp_path / "keyring.json", Ids()))


def test_a_keyring_goes_over_to_another_provider(provider: KeyProvider, tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    first = KekFile(tmp_path / "first", Ids())
    made = create_keyring(first, file, "acme", Ids())
    rewrap(first, provider, file)
    assert open_keyring(provider, file, Ids()).same(made)
    rewrap(provider, first, file)
    assert open_keyring(first, file, Ids()).same(made)
