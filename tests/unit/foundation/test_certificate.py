"""A certificate is served only when it fits, and a bad replacement changes nothing."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key as load_key
from tests.simulators.certificates import Authority

from muniment.foundation.certificate import Certificate, CertificateFiles, Served, Unfit, read
from muniment.foundation.clock import Clock, FixedClock

NOW = datetime.now(UTC)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    """Return a good certificate and its key."""
    found = CertificateFiles(tmp_path / "server.pem", tmp_path / "server.key")
    Authority().issue(found.certificate, found.key, "muniment.example", "127.0.0.1")
    return found


def test_a_good_one_says_its_names_and_end(files: CertificateFiles) -> None:
    found, _ = read(files, NOW)
    assert found.names == ("muniment.example", "127.0.0.1")
    assert timedelta(days=89) < found.expires - NOW < timedelta(days=91)


def refused(files: CertificateFiles) -> str:
    with pytest.raises(Unfit) as caught:
        read(files, NOW)
    assert caught.value.fix
    return caught.value.public


def test_an_expired_one_is_refused_by_file_and_date(files: CertificateFiles) -> None:
    Authority().issue(files.certificate, files.key, "a.example", ends=NOW - timedelta(hours=1))
    said = refused(files)
    assert str(files.certificate) in said and "expired on" in said


def test_one_of_the_future_is_refused(files: CertificateFiles) -> None:
    Authority().issue(files.certificate, files.key, "a.example", starts=NOW + timedelta(days=1))
    assert "only from" in refused(files)


def test_another_key_is_refused_and_both_files_are_named(files: CertificateFiles, tmp_path: Path) -> None:
    Authority().issue(tmp_path / "other.pem", files.key, "muniment.example")
    said = refused(files)
    assert str(files.key) in said and str(files.certificate) in said and "does not belong" in said


def test_a_locked_key_is_refused_and_nobody_is_asked(files: CertificateFiles) -> None:
    key = load_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"walnut"))
    )
    assert "password" in refused(files)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAA==\n", bytes(range(256))]
)
def test_what_is_no_certificate_or_key_is_refused(files: CertificateFiles, content: bytes) -> None:
    before = files.key.read_bytes()
    files.key.write_bytes(content)
    assert str(files.key) in refused(files)
    files.key.write_bytes(before)
    files.certificate.write_bytes(content)
    assert str(files.certificate) in refused(files)


def test_a_missing_file_is_named_with_its_setting(files: CertificateFiles) -> None:
    files.key.unlink()
    assert f"network.key: {files.key}" in refused(files)


Told = list[tuple[Certificate, Unfit | None]]


def test_a_replacement_that_does_not_fit_changes_nothing_and_is_told_once(
    files: CertificateFiles, tmp_path: Path
) -> None:
    told: Told = []
    served = Served(files, Clock(), lambda *said: told.append(said))
    first = served.certificate
    kept = shutil.copy(files.key, tmp_path / "kept.key")
    Authority().issue(tmp_path / "other.pem", files.key, "muniment.example")
    for _ in range(4):
        served.renew()
    assert [(now, why is not None) for now, why in told] == [(first, True)]
    assert served.certificate is first
    shutil.copy(kept, files.key)
    served.renew()
    assert told[-1] == (first, None)


def test_halves_that_arrive_one_after_the_other_are_no_alarm(files: CertificateFiles, tmp_path: Path) -> None:
    told: Told = []
    served = Served(files, Clock(), lambda *said: told.append(said))
    Authority().issue(tmp_path / "new.pem", tmp_path / "new.key", "muniment.example")
    shutil.move(tmp_path / "new.pem", files.certificate)
    served.renew()
    shutil.move(tmp_path / "new.key", files.key)
    served.renew()
    assert [why for _, why in told] == [None]


def test_the_end_of_the_one_that_is_served_is_told_once(files: CertificateFiles) -> None:
    told: Told = []
    clock = FixedClock(NOW)
    served = Served(files, clock, lambda *said: told.append(said))
    clock.advance(days=100)
    served.renew()
    served.renew()
    assert len(told) == 1 and "expired" in str(told[0][1])
