"""OP7: a backup of a workspace at work is whole, any change to it is found, and a restore gives the same rights."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.conftest import DIRECTORY
from tests.tables import registered

from muniment import app
from muniment.app import Workspace
from muniment.assurance.backup.rights import NO_RIGHTS, rights
from muniment.assurance.backup.verify import Checked
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotSetUp, Tampered, Unauthenticated
from muniment.foundation.key_provider import KeyRefused
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge.ingestion import indexing

PEOPLE = ("alice", "bob", "carol", "service:helpdesk")
FLIPS, PROVE_FLIPS = 25, 2000


def quiet(done: int, total: int) -> None:
    """Say nothing of how far it is."""


class Company:
    """A workspace, its backup, and its key kept apart."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.documents = place / "documents"
        for team in ("engineering", "sales", "everyone"):
            (self.documents / team).mkdir(parents=True)
            (self.documents / team / "access.toml").write_text(f'allow = ["group:{team}"]\n')
            for number in range(4):
                text = f"# Note {number}\n\nThe quarterly note {number} of {team}.\n"
                (self.documents / team / f"note{number}.md").write_text(text)
        self.workspace = app.create(place / "home", embedder=lambda: None)
        (place / "people.toml").write_text(DIRECTORY)
        self.workspace.directory.import_file(place / "people.toml", OPERATOR)
        (place / "home" / "settings.toml").write_text("[retrieval]\nvectors = false\n")
        self.kek = place / "home" / "keys" / "kek"
        self.workspace.ingest(self.documents, "docs")
        self.workspace.access.set("docs/sales/note1.md", ["user:carol"], [], OPERATOR)

    def backup(self, name: str = "backup") -> Path:
        self.workspace.backups.make(self.place / name, OPERATOR, quiet)
        return self.place / name

    def check(self, folder: Path) -> Checked:
        return app.check_backup(folder, self.workspace.keyring, quiet)

    def restore(self, folder: Path, home: Path, **options: object) -> Workspace:
        app.restore(folder, home, quiet, **{"kek": self.kek} | options)  # type: ignore[arg-type]
        return app.open(home, embedder=lambda: None)


def readable(workspace: Workspace) -> dict[str, set[tuple[str, str]]]:
    return {
        who: {(p.path, p.text) for p in workspace.search("quarterly note", who, k=100).passages}
        for who in PEOPLE
    }


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "BATCH_DOCUMENTS", 4)
        made = Company(tmp_path_factory.mktemp("op7"))
    made.backup()
    yield made
    made.workspace.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    yield made
    made.workspace.close()


def test_a_restored_workspace_gives_everyone_what_they_had(company: Company, tmp_path: Path) -> None:
    assert company.check(company.place / "backup").findings == ()
    restored = company.restore(company.place / "backup", tmp_path / "home")
    assert readable(restored) == readable(company.workspace)
    assert {path for path, _ in readable(restored)["carol"]} >= {"sales/note1.md", "everyone/note0.md"}
    assert "sales/note1.md" not in {path for path, _ in readable(restored)["bob"]}
    assert restored.audit.verify().ok
    about = restored.audit.query(kind="workspace.restored")[0].about
    assert about["log_size"] == restored.audit.query(kind="backup.started")[0].seq + 1
    assert [e.kind for e in company.workspace.audit.query(kind="backup.made")] == ["backup.made"]
    restored.close()


def test_a_restored_workspace_goes_on_ingesting_and_is_backed_up_again(
    company: Company, tmp_path: Path
) -> None:
    restored = company.restore(company.place / "backup", tmp_path / "home")
    restored.ingest(company.documents, "docs")
    restored.backups.make(tmp_path / "again", OPERATOR, quiet)
    assert app.check_backup(tmp_path / "again", restored.keyring, quiet).findings == ()
    restored.close()


def test_backups_of_a_workspace_at_work_hold_all_that_was_acknowledged(
    fresh: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "BATCH_DOCUMENTS", 1)
    stop, labels = threading.Event(), list[str]()

    def ingest() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (fresh.documents / "everyone" / f"note{number % 4}.md").write_text(
                f"# Note\n\nThe quarterly note, edition {number}.\n"
            )
            fresh.workspace.ingest(fresh.documents, "docs")

    def change_access() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            fresh.workspace.access.set("docs/sales", ["group:sales"], [], OPERATOR, f"label-{number}")
            labels.append(f"label-{number}")

    at_work = [threading.Thread(target=work) for work in (ingest, change_access)]
    for thread in at_work:
        thread.start()
    try:
        for number in range(2):
            before = len(labels)
            folder = fresh.backup(f"backup{number}")
            after = len(labels) + 1
            assert fresh.check(folder).findings == ()
            restored = fresh.restore(folder, fresh.place / f"restored{number}")
            with restored.database.read() as connection:
                label = connection.exec_driver_sql(
                    "SELECT sensitivity FROM access_override JOIN access_class ON id = access_class"
                    " WHERE path = 'sales'"
                ).scalar()
            assert before <= (int(label.removeprefix("label-")) if label else 0) <= after
            assert len({path for path, _ in readable(restored)["alice"]}) == 8
            assert restored.audit.verify().ok
            restored.close()
    finally:
        stop.set()
        for thread in at_work:
            thread.join()
    assert labels


def test_segments_that_are_swept_while_a_backup_copies_do_not_spoil_it(
    fresh: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = 0
    as_before = fresh.workspace._stored.copy_to  # type: ignore[attr-defined]

    def copy_and_sweep(target: Path) -> None:
        nonlocal copies
        as_before(target)
        copies += 1
        if copies == 1:
            for path in sorted(fresh.documents.rglob("*.md")):
                path.write_text(path.read_text() + "\nChanged.\n")
            for _ in range(2):
                fresh.workspace.ingest(fresh.documents, "docs")
                with fresh.workspace.database.read() as connection:
                    named = connection.exec_driver_sql("SELECT name FROM segment").scalars().all()
                fresh.workspace.segments.sweep(named[1:] if len(named) > 1 else [])
                fresh.workspace.upkeep.repair(OPERATOR, False, quiet, quiet)

    monkeypatch.setattr(fresh.workspace._stored, "copy_to", copy_and_sweep)
    folder = fresh.backup()
    assert copies == 2
    assert fresh.check(folder).findings == ()


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << (at % 8)
    path.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def refused(company: Company, folder: Path, home: Path) -> None:
    """Neither the check nor a restore takes it, and the restore leaves nothing."""
    with suppress(Tampered):
        assert company.check(folder).findings
    with pytest.raises(MunimentError):
        app.restore(folder, home, quiet, kek=company.kek)
    assert not home.exists()
    assert [path for path in home.parent.iterdir() if ".unfinished" in path.name] == []


def kinds_of_file(folder: Path) -> list[str]:
    every = names(folder)
    return [*(name for name in every if "/" not in name), next(name for name in every if "/" in name)]


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("number", range(6))
def test_a_flipped_bit_in_any_file_is_found(
    company: Company, tmp_path: Path, number: int, where: str
) -> None:
    folder = shutil.copytree(company.place / "backup", tmp_path / "backup")
    name = kinds_of_file(folder)[number]
    size = (folder / name).stat().st_size
    flip(folder / name, {"first": 0, "middle": size // 2, "last": size - 1}[where])
    refused(company, folder, tmp_path / "home")


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("how", ["truncated", "longer", "missing", "empty", "a link", "a folder"])
def test_a_file_that_is_not_whole_is_found(company: Company, tmp_path: Path, number: int, how: str) -> None:
    folder = shutil.copytree(company.place / "backup", tmp_path / "backup")
    path = folder / kinds_of_file(folder)[number]
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[:-1])
    elif how == "longer":
        path.write_bytes(content + b"\n")
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        if how == "a link":
            (tmp_path / "elsewhere").write_bytes(content)
            path.symlink_to(tmp_path / "elsewhere")
        elif how == "a folder":
            path.mkdir()
    if path.name == "manifest.json" and not path.is_file():
        with pytest.raises(BadInput, match="holds no backup"):
            company.check(folder)
        return
    refused(company, folder, tmp_path / "home")


@pytest.mark.parametrize(
    "extra", ["new.txt", "segments/seg_more.segment", "keys/kek", "folder/", "muniment.db-wal"]
)
def test_anything_too_many_is_found(company: Company, tmp_path: Path, extra: str) -> None:
    folder = shutil.copytree(company.place / "backup", tmp_path / "backup")
    (folder / extra).parent.mkdir(exist_ok=True)
    if extra.endswith("/"):
        (folder / extra).mkdir()
    else:
        (folder / extra).write_bytes(b"x")
    refused(company, folder, tmp_path / "home")


def flip_many(company: Company, place: Path, count: int) -> None:
    """Random bits anywhere, and every file has its share."""
    rng = random.Random(7)
    folder = shutil.copytree(company.place / "backup", place / "backup")
    every = names(folder)
    for turn in range(count):
        path = folder / every[turn % len(every)]
        at = rng.randrange(path.stat().st_size)
        flip(path, at)
        with suppress(Tampered):
            assert company.check(folder).findings, f"{path.name} at {at}"
        flip(path, at)
    assert company.check(folder).findings == ()


def test_random_bits_are_found(company: Company, tmp_path: Path) -> None:
    flip_many(company, tmp_path, FLIPS)


@pytest.mark.prove
def test_thousands_of_random_bits_are_found(company: Company, tmp_path: Path) -> None:
    flip_many(company, tmp_path, PROVE_FLIPS)


def rewritten(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Do what somebody does who can write every file, and has no key."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (folder / "manifest.json").write_bytes(text.encode())


@pytest.mark.parametrize("what", ["left_out", "tenant", "at", "rights", "checkpoint", "files"])
def test_a_manifest_that_was_written_anew_is_found(company: Company, tmp_path: Path, what: str) -> None:
    folder = shutil.copytree(company.place / "backup", tmp_path / "backup")

    def change(manifest: dict[str, object]) -> None:
        if what == "files":
            flip(folder / "settings.toml", 0)
            manifest["files"] = [
                {
                    **file,
                    "sha256": hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest(),
                }
                for file in manifest["files"]  # type: ignore[attr-defined]
            ]
        elif what == "checkpoint":
            manifest["checkpoint"] = company.workspace.audit.checkpoint().text
        elif what == "rights":
            manifest["rights"] = {}
        else:
            manifest[what] = [] if what == "left_out" else "another"

    rewritten(folder, change)
    assert app.check_backup(folder, None, quiet).findings == ()
    found = company.check(folder)
    assert found.findings == ("manifest.json was altered: its signature does not hold",)
    refused(company, folder, tmp_path / "home")


def test_parts_of_another_backup_of_the_same_workspace_are_found(fresh: Company, tmp_path: Path) -> None:
    first = fresh.backup("first")
    fresh.workspace.access.set("docs/engineering", ["group:sales"], [], OPERATOR)
    second = fresh.backup("second")
    for parts in (["muniment.db"], ["manifest.json"], ["manifest.sig"], ["manifest.json", "manifest.sig"]):
        folder = shutil.copytree(second, tmp_path / "-".join(parts))
        for part in parts:
            shutil.copy(first / part, folder / part)
        refused(fresh, folder, tmp_path / "new")


def test_a_backup_of_another_workspace_does_not_pass_for_one_of_this(
    company: Company, make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    other = make_workspace("other")
    other.backups.make(tmp_path / "backup", OPERATOR, quiet)
    assert company.check(tmp_path / "backup").findings
    with pytest.raises(MunimentError):
        app.restore(tmp_path / "backup", tmp_path / "home", quiet, kek=company.kek)
    shutil.copy(company.place / "backup" / "keyring.json", tmp_path / "backup" / "keyring.json")
    refused(company, tmp_path / "backup", tmp_path / "home")


def test_a_database_whose_rights_differ_from_the_manifest_is_refused_though_all_else_fits(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = rights

    def other(connection: sa.Connection) -> dict[str, str]:
        return {**stated(connection), "role_grant": "sha256:0"}

    monkeypatch.setattr("muniment.assurance.backup.verify.rights", other)
    assert company.check(company.place / "backup").findings == ("who may do what differs: table role_grant",)
    refused(company, company.place / "backup", tmp_path / "home")


def test_every_table_counts_as_one_that_says_who_may_do_what_unless_it_is_known_not_to(
    company: Company,
) -> None:
    with company.workspace.database.read() as connection:
        held = rights(connection)
    assert set(held) == registered() - NO_RIGHTS
    assert set(held) >= {"access_class", "access_override", "document", "directory_membership", "role_grant"}


def test_what_may_have_been_ended_since_does_not_come_back_to_life(fresh: Company, tmp_path: Path) -> None:
    live = fresh.workspace
    helpdesk = Principal("service", "helpdesk")
    link = live.sessions.create_link(live.principal("alice"), OPERATOR)
    opened = live.sessions.redeem(live.sessions.create_link(live.principal("bob"), OPERATOR))
    token, robot = live.tokens.issue(live.principal("alice"), 3600), live.tokens.issue(helpdesk, 3600)
    key = live.api_keys.create(helpdesk, ["search"], OPERATOR, timedelta(days=1))
    folder = fresh.backup()

    kept = fresh.restore(folder, tmp_path / "kept")
    assert kept.sessions.session(opened.secret) is None
    with pytest.raises(MunimentError):
        kept.sessions.redeem(link)
    with pytest.raises(Unauthenticated):
        kept.bearer.verify(token)
    assert kept.bearer.verify(robot).ref == "service:helpdesk"
    assert kept.api_keys.verify(key.text).id == key.key.id
    assert kept.audit.query(kind="workspace.restored")[0].about["ended"] == {
        "sessions": 1,
        "signins": 1,
        "emergencies": 0,
        "keys": 0,
        "keys_left": 1,
    }
    kept.close()
    ended = fresh.restore(folder, tmp_path / "ended", revoke_keys=True)
    with pytest.raises(Unauthenticated):
        ended.api_keys.verify(key.text)
    with pytest.raises(Unauthenticated):
        ended.bearer.verify(robot)
    ended.close()


def test_a_token_that_the_workspace_gave_after_the_backup_does_not_open_the_restored_one(
    fresh: Company, tmp_path: Path
) -> None:
    folder = fresh.backup()
    people = fresh.place / "people.toml"
    for text in (DIRECTORY.replace("[users.alice]", "[users.alix]"), DIRECTORY):
        people.write_text(text)
        fresh.workspace.directory.import_file(people, OPERATOR)
    token = fresh.workspace.tokens.issue(fresh.workspace.principal("alice"), 3600)
    assert fresh.workspace.bearer.verify(token).name == "alice"
    restored = fresh.restore(folder, tmp_path / "restored")
    with pytest.raises(Unauthenticated):
        restored.bearer.verify(token)
    restored.close()


def test_after_a_rotation_the_newest_keyring_opens_it_and_the_version_is_named(
    fresh: Company, tmp_path: Path
) -> None:
    folder = fresh.backup()
    fresh.workspace.key_custody.rotate(OPERATOR)
    with pytest.raises(KeyRefused, match="version 1 of the key file"):
        fresh.restore(folder, tmp_path / "restored")
    newest = fresh.place / "home" / "keys" / "keyring.json"
    assert readable(fresh.restore(folder, tmp_path / "restored", keyring=newest)) == readable(fresh.workspace)


def test_a_key_service_that_only_the_backup_names_is_sent_nothing(company: Company, tmp_path: Path) -> None:
    folder = shutil.copytree(company.place / "backup", tmp_path / "backup")
    keyring = json.loads((folder / "keyring.json").read_bytes())
    keyring["wrapped_by"] = {"provider": "vault", "key": "transit/stolen", "version": "1"}
    keyring["tenant_key"] = base64.b64encode(b"vault:v1:x").decode()
    (folder / "keyring.json").write_text(json.dumps(keyring))
    (folder / "settings.toml").write_text(
        '[keys]\nprovider = "vault"\n[keys.vault]\naddress = "http://127.0.0.1:9"\ntoken = "file:/etc/hostname"\n'
    )
    with pytest.raises(NotSetUp, match="no settings of yours"):
        app.restore(folder, tmp_path / "home", quiet)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("where", ["{home}/keys/kek", "../elsewhere/kek", "/nowhere/kek"])
def test_a_key_file_that_belongs_outside_the_home_is_never_put_there(
    company: Company, tmp_path: Path, where: str
) -> None:
    home = tmp_path / "home"
    (tmp_path / "other.toml").write_text(f'[keys]\nkek_file = "{where.format(home=home)}"\n')
    with pytest.raises(NotSetUp, match="nothing puts it there"):
        app.restore(company.place / "backup", home, quiet, kek=company.kek, settings=tmp_path / "other.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["other.toml"]


def test_neither_a_backup_nor_a_restore_overwrites_anything(company: Company, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in (tmp_path / "taken", tmp_path / "taken" / "mine.txt", tmp_path / "link"):
        with pytest.raises(Conflict):
            company.workspace.backups.make(place, OPERATOR, quiet)
        with pytest.raises(Conflict):
            app.restore(company.place / "backup", place, quiet, kek=company.kek)
    with pytest.raises(BadInput, match="workspace itself"):
        company.workspace.backups.make(company.place / "home" / "backup", OPERATOR, quiet)
    assert names(tmp_path) == ["taken/mine.txt"]


def test_a_damaged_workspace_is_not_backed_up_as_if_it_were_whole(fresh: Company) -> None:
    path = next((fresh.place / "home" / "segments").glob("*.segment"))
    flip(path, path.stat().st_size - 1)
    with pytest.raises(Tampered, match="altered"):
        fresh.backup()
    assert not (fresh.place / "backup").exists()
    fresh.workspace.upkeep.repair(OPERATOR, False, quiet, quiet)
    assert fresh.check(fresh.backup()).findings == ()


@pytest.mark.parametrize("kept_in", ["postgres"], indirect=True)
def test_a_workspace_in_postgres_is_refused_and_told_how(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"pg_dump.*keyring\.json"):
        workspace.backups.make(tmp_path / "backup", OPERATOR, quiet)
    assert not (tmp_path / "backup").exists()
