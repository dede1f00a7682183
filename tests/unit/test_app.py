from __future__ import annotations

import threading
from pathlib import Path

import pytest

from muniment import app
from muniment.foundation.errors import Conflict, NotSetUp, Unavailable


def make(home: Path) -> app.Workspace:
    return app.create(home, embedder=lambda: None)


def test_a_workspace_is_made_once(tmp_path: Path) -> None:
    make(tmp_path / "home").close()
    before = (tmp_path / "home/keys/keyring.json").read_bytes()
    with pytest.raises(Conflict, match="already exists"):
        make(tmp_path / "home")
    assert (tmp_path / "home/keys/keyring.json").read_bytes() == before
    app.open(tmp_path / "home").close()


def test_a_database_whose_keys_are_missing_is_left_as_it_is(tmp_path: Path) -> None:
    make(tmp_path / "home").close()
    keyring = tmp_path / "home/keys/keyring.json"
    kept, database = keyring.read_bytes(), (tmp_path / "home/muniment.db").read_bytes()
    keyring.unlink()
    with pytest.raises(Conflict, match=r"muniment\.db already exists"):
        make(tmp_path / "home")
    with pytest.raises(NotSetUp):
        app.open(tmp_path / "home")
    assert not keyring.exists()
    assert (tmp_path / "home/muniment.db").read_bytes() == database
    keyring.write_bytes(kept)
    app.open(tmp_path / "home").close()


def test_a_making_that_was_cut_short_after_the_keys_goes_on(tmp_path: Path) -> None:
    make(tmp_path / "home").close()
    for left in (tmp_path / "home").glob("muniment.db*"):
        left.unlink()
    again = make(tmp_path / "home")
    assert [entry.kind for entry in again.audit.tail(5)] == ["workspace.created"]
    again.close()


def test_a_making_that_cannot_be_recorded_leaves_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("The log cannot be written.")

    with monkeypatch.context() as patched:
        patched.setattr("muniment.governance.audit.log.AuditLog.record", refuse)
        with pytest.raises(Unavailable):
            make(tmp_path / "home")
    assert not list((tmp_path / "home").glob("muniment.db*"))
    make(tmp_path / "home").close()


def test_of_two_makers_at_once_one_is_refused(tmp_path: Path) -> None:
    made: list[app.Workspace] = []
    refused: list[Exception] = []
    gate = threading.Barrier(4)

    def race() -> None:
        gate.wait()
        try:
            made.append(make(tmp_path / "home"))
        except (Conflict, NotSetUp) as error:
            refused.append(error)

    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert (len(made), len(refused)) == (1, 3)
    assert made[0].audit.verify().findings == ()
    made[0].close()
    app.open(tmp_path / "home").close()


def test_the_database_is_closed_to_other_accounts(tmp_path: Path) -> None:
    make(tmp_path / "home").close()
    assert (tmp_path / "home/muniment.db").stat().st_mode & 0o077 == 0
