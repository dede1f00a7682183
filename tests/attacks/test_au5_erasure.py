"""AU5: of a person who was erased nothing is left, anywhere, and the log still verifies.

What is looked for is their name in every spelling that a table, a file or an export could hold. An old backup holds
the tables of its day; it is restored with the keys as of now, and its log is attacked with all keys of its day but
those of people.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from muniment import app
from muniment.app import Workspace
from muniment.app.adapters import frozen_database
from muniment.assistant.feedback import Opinion
from muniment.foundation.database import Database
from muniment.foundation.errors import NotFound, NotSetUp
from muniment.foundation.ids import Ids
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.subject_keys import SubjectKeyFile
from muniment.governance.audit.subjects import ERASED, Subjects
from muniment.governance.identity.principal import OPERATOR, Actor
from muniment.governance.identity.provisioned import provisioned

CANARY = "zanzibarquux"
WHO = f"user:{CANARY}"
BY = Actor(WHO, "http")
DIRECTORY = f"""
[users.{CANARY}]
name = "Mx {CANARY} Example"
groups = ["sales"]
[users.bob]
groups = ["sales"]
[groups.sales]
"""
_PAGE, _KEPT = 4096, 80
_FRAME = 24
HOUR = timedelta(hours=1)


def quiet(done: int, total: int) -> None:
    """Say nothing of how far it is."""


class Company:
    """A workspace in which one person left traces wherever a person can, and its backup."""

    def __init__(self, workspace: Workspace, place: Path) -> None:
        self.workspace, self.place = workspace, place
        documents = place / "documents"
        documents.mkdir()
        (documents / "access.toml").write_text(f'allow = ["group:sales", "{WHO}"]\n')
        (documents / "prices.md").write_text("# Prices\n\nThe heron costs 1200 crowns.\n")
        workspace.ingest(documents, "docs")
        person = workspace.principal(CANARY)
        workspace.search(f"heron {CANARY}", CANARY)
        made = workspace.ask(f"What does the heron cost, asks {CANARY}?", CANARY)
        workspace.feedback.give(person, made.id, Opinion(False, f"says {CANARY}", f"{CANARY} knows"), BY)
        workspace.conversations.create(person, BY, f"Notes of {CANARY}")
        workspace.sessions.redeem(workspace.sessions.create_link(person, OPERATOR))
        workspace.sessions.create_link(person, OPERATOR)
        workspace.roles.grant("curator", WHO, "trial", OPERATOR)
        workspace.emergencies.request(person, "contributor", HOUR, f"{CANARY} has to look", person, BY)
        attributes = json.dumps({"emails": [{"value": f"{CANARY}@example.com"}]})
        row = {
            "id": "usr_1",
            "kind": "user",
            "ref": WHO,
            "external_id": f"ext-{CANARY}",
            "attributes": attributes,
            "created_at": "2026-11-27T00:00:00.000Z",
            "modified_at": "2026-11-27T00:00:00.000Z",
            "version": 1,
        }
        with workspace.database.write() as connection:
            connection.execute(sa.insert(provisioned).values(**row))
        self.witnessed = workspace.audit.checkpoint()
        workspace.backups.make(place / "backup", OPERATOR, quiet)

    @property
    def kek(self) -> Path:
        return self.workspace.home / "keys" / "kek"


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Company:
    return Company(make_workspace(directory=DIRECTORY), tmp_path)


@pytest.fixture
def erased(company: Company) -> Company:
    company.workspace.erasure.erase(CANARY, "Request 17", None, OPERATOR)
    return company


def rows(database: Database) -> Iterator[tuple[str, str]]:
    """Yield each table and row of a database as text."""
    with database.read() as connection:
        for name in sa.inspect(connection).get_table_names():
            for row in connection.execute(sa.text(f'SELECT * FROM "{name}"')):
                yield name, str(tuple(row))


def holding(database: Database) -> set[str]:
    """Return the tables that hold the name."""
    return {name for name, row in rows(database) if CANARY in row.casefold()}


def pages(workspace: Workspace) -> bytes:
    """Return every page of the database file and of its write-ahead log, decrypted, free ones too."""
    key = workspace.keyring.data_key("database")
    file = workspace.home / "muniment.db"
    opened = bytearray()
    for path, head, skip in ((file, 0, 0), (file.with_name("muniment.db-wal"), 32, _FRAME)):
        raw = path.read_bytes()[head:] if path.exists() else b""
        for start in range(0, len(raw), _PAGE + skip):
            page = raw[start + skip : start + skip + _PAGE]
            salt = 16 if not head and not start else 0
            nonce = page[_PAGE - _KEPT : _PAGE - _KEPT + 16]
            reader = Cipher(algorithms.AES(key), modes.CBC(nonce)).decryptor()
            opened += reader.update(page[salt : _PAGE - _KEPT])
    return bytes(opened)


def subjects_of(workspace: Workspace, file: Path) -> Subjects:
    return Subjects(SubjectKeyFile(file, workspace.keyring, Ids()), workspace.keyring.tenant, Ids())


def test_the_name_was_everywhere_before_and_is_nowhere_after(company: Company) -> None:
    workspace = company.workspace
    before = holding(workspace.database)
    assert before >= {
        "directory_user",
        "directory_membership",
        "answer",
        "feedback",
        "conversation",
        "session",
        "signin_link",
        "role_grant",
        "emergency_access",
        "provisioned",
        "access_class",
    }
    assert CANARY.encode() in pages(workspace).lower()
    found = workspace.erasure.erase(CANARY, "Request 17", None, OPERATOR)
    assert found.scrubbed and found.plain_entries == 0
    assert holding(workspace.database) == set()
    assert CANARY.encode() not in pages(workspace).lower()
    assert [p.path for p in workspace.search("heron", "bob").passages] == ["prices.md"]


def test_the_log_never_held_the_name_and_holds_no_word_of_theirs(company: Company) -> None:
    assert not {name for name in holding(company.workspace.database) if name.startswith("audit_")}
    read = company.workspace.audit.query(kind="search.request", actor=WHO)
    assert read and all(one.actor == one.about["principal"] == WHO for one in read)
    assert read[0].about["query"] == company.workspace.audit.commitment(f"heron {CANARY}")
    company.workspace.erasure.erase(CANARY, "Request 17", None, OPERATOR)
    assert company.workspace.audit.query(kind="search.request", actor=WHO) == []
    same = company.workspace.audit.query(kind="search.request")
    assert [one.leaf_hash for one in same][: len(read)] == [one.leaf_hash for one in read]
    assert {one.actor for one in same} == {str(same[0].about["principal"])} and same[0].actor.startswith(
        "subject:"
    )
    assert same[0].about["query"] == ERASED


def test_the_log_verifies_as_before_also_offline_by_a_checkpoint_of_before(erased: Company) -> None:
    workspace = erased.workspace
    assert workspace.audit.verify(erased.witnessed).findings == ()
    workspace.audit.export(erased.place / "evidence")
    (erased.place / "witnessed").write_text(erased.witnessed.text)
    command = [
        sys.executable,
        "-I",
        str(erased.place / "evidence" / "verify.py"),
        str(erased.place / "evidence"),
    ]
    done = subprocess.run(
        [*command, "--checkpoint", str(erased.place / "witnessed")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    written = b"".join(path.read_bytes() for path in (erased.place / "evidence").iterdir())
    assert CANARY.encode() not in written.lower()


def test_a_backup_of_before_restored_with_the_keys_of_now_holds_nothing(
    erased: Company, tmp_path: Path
) -> None:
    home = tmp_path / "again"
    made = app.restore(erased.place / "backup", home, quiet, kek=erased.kek)
    assert made.erased == 1
    with closing(app.open(home, embedder=lambda: None)) as restored:
        assert holding(restored.database) == set()
        assert CANARY.encode() not in pages(restored).lower()
        assert restored.audit.verify(erased.witnessed).findings == ()
        assert {one.actor for one in restored.audit.query(kind="search.request")} != {WHO}
        with pytest.raises(NotFound):
            restored.erasure.erase(CANARY, "again", None, OPERATOR)


def test_a_backup_is_not_restored_unawares_without_the_keys_of_people(
    erased: Company, tmp_path: Path
) -> None:
    (tmp_path / "apart").mkdir()
    kek = tmp_path / "apart" / "kek"
    kek.write_bytes(erased.kek.read_bytes())
    kek.chmod(0o600)
    with pytest.raises(NotSetUp, match=r"subjects\.key"):
        app.restore(erased.place / "backup", tmp_path / "again", quiet, kek=kek)
    assert not (tmp_path / "again").exists()
    app.restore(erased.place / "backup", tmp_path / "again", quiet, kek=kek, without_subjects=True)
    with closing(app.open(tmp_path / "again", embedder=lambda: None)) as restored:
        assert all(one.actor != WHO for one in restored.audit.query(kind="search.request"))
        assert restored.audit.query(kind="privacy.keys_lost")
        restored.search("heron", "bob")
        assert restored.audit.tail(1)[0].actor == "user:bob"


@pytest.mark.parametrize("file", ["none", "of now"])
def test_nobody_reads_the_log_of_an_old_backup_with_all_its_keys(
    erased: Company, tmp_path: Path, file: str
) -> None:
    workspace = erased.workspace
    now = workspace.subjects.file.path
    subjects = subjects_of(workspace, now if file == "of now" else tmp_path / "none")
    with closing(frozen_database(erased.place / "backup" / "muniment.db", workspace.keyring)) as copy:
        log = AuditLog(copy, workspace.keyring, workspace.clock, subjects)
        found = log.query(kind="search.request")
        assert found and all(one.actor.startswith("subject:") for one in found)
        assert log.query(actor=WHO) == []
        if file == "of now":
            with copy.read() as connection:
                guessed = subjects.find(connection, WHO)
            assert guessed is not None and found[0].actor != f"subject:{guessed.pseudonym}"
            keys = subjects.file.read()
            assert keys is not None and keys.key_of(found[0].actor.removeprefix("subject:")) is None
        assert not {name for name in holding(copy) if name.startswith("audit_")}


def test_who_comes_back_under_the_name_is_somebody_else_to_the_log(erased: Company, tmp_path: Path) -> None:
    workspace = erased.workspace
    before = workspace.audit.query(kind="search.request")[0].actor
    (tmp_path / "again.toml").write_text(DIRECTORY)
    workspace.directory.import_file(tmp_path / "again.toml", OPERATOR)
    workspace.search("heron", CANARY)
    mine = workspace.audit.query(kind="search.request", actor=WHO)
    assert len(mine) == 1
    assert workspace.audit.query(kind="search.request")[0].actor == before != WHO


def test_an_erasure_that_was_cut_short_is_finished_by_the_next_process(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = company.workspace
    pseudonym = workspace.erasure.plan(CANARY, None, OPERATOR).pseudonym.removeprefix("subject:")

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(SubjectKeyFile, "replace", killed)
        with pytest.raises(Killed):
            workspace.erasure.erase(CANARY, "Request 17", None, OPERATOR)
    keys = workspace.subjects.file.read()
    assert keys is not None and keys.key_of(pseudonym) is not None
    with closing(app.open(workspace.home, embedder=lambda: None)) as other:
        other.search("heron", "bob")
        keys = other.subjects.file.read()
        assert keys is not None and keys.key_of(pseudonym) is None
        assert holding(other.database) == set()
