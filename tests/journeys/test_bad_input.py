"""Bad input through the real command: one clear line that names the thing and the fix, and nothing is lost."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from tests import fixtures_parse
from tests.journeys.command import WORDS_ALONE, Command, write_documents
from tests.simulators import openai_server

QUESTION = "How much is the on-call engineer paid for each weekend?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Command:
    base = tmp_path_factory.mktemp("made")
    command = Command(base / "home").with_people()
    write_documents(base / "documents")
    assert command("ingest", base / "documents", "--source", "papers").code == 0
    return command


@pytest.fixture
def ready(made: Command, tmp_path: Path) -> Command:
    shutil.copytree(made.home.parent / "documents", tmp_path / "documents")
    return made.copy(tmp_path / "home")


@pytest.fixture
def papers(ready: Command) -> Path:
    return ready.home.parent / "documents"


def still_whole(command: Command) -> None:
    """Nothing was lost: the old answer is there and the log verifies."""
    assert "300 crowns" in command("ask", QUESTION, "--as", "alice").out
    assert command("audit", "verify").code == 0


def test_unknown_user(ready: Command) -> None:
    ran = ready("ask", QUESTION, "--as", "alcie")
    assert ran.code == 2 and "alcie" in ran.line and "alice" in ran.line
    error = ready("ask", QUESTION, "--as", "alcie", "--json").document["error"]
    assert set(error) == {"code", "message", "fix"} and error["code"] == "bad-input"
    still_whole(ready)


def test_wrong_usage_names_the_mistake_and_the_help(ready: Command) -> None:
    for words in (
        ["ask", QUESTION],
        ["serach", "x"],
        ["search", "x", "--as", "alice", "-k", "zero"],
        ["ask", "--nope"],
    ):
        ran = ready(*words)
        assert ran.code == 2 and "--help" in ran.line, ran.err
        assert ready(*words, "--json").document["error"]["code"] == "usage"


def test_no_workspace(tmp_path: Path) -> None:
    for words in (["search", "x", "--as", "alice"], ["ingest", ".", "--source", "s"], ["audit", "verify"]):
        ran = Command(tmp_path / "nothing", settings="")(*words)
        assert ran.code == 4 and "muniment init" in ran.line


def test_folder_missing_or_not_a_folder_or_unreadable(ready: Command, papers: Path) -> None:
    missing = ready("ingest", papers / "nowhere", "--source", "papers")
    assert missing.code != 0 and "nowhere" in missing.line
    file = ready("ingest", papers / "all" / "canteen.txt", "--source", "papers")
    assert file.code != 0 and "canteen.txt" in file.line
    if os.geteuid() != 0:
        papers.chmod(0)
        try:
            assert str(papers) in ready("ingest", papers, "--source", "papers").line
        finally:
            papers.chmod(0o755)
    still_whole(ready)


def test_a_folder_that_was_emptied_by_mistake_is_still_reported(ready: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = ready("ingest", tmp_path / "empty", "--source", "other", "--json")
    assert ran.document["added"] == 0
    still_whole(ready)


def test_a_manifest_that_does_not_parse_closes_its_folder_and_is_named(ready: Command, papers: Path) -> None:
    manifest = papers / "engineering" / "access.toml"
    manifest.write_text('allow = ["group:engineering"]\nallow = [oops\n')
    ran = ready("ingest", papers, "--source", "papers")
    assert "engineering/access.toml" in ran.out and "line 2" in ran.out
    assert "300 crowns" not in ready("ask", QUESTION, "--as", "alice").out
    shown = ready("access", "show", "papers/engineering/oncall.md", "--json").document["documents"][0]
    assert shown["allow"] == []
    manifest.write_text('allow = ["group:engineering"]\n')
    assert ready("ingest", papers, "--source", "papers").code == 0
    still_whole(ready)


def zip_bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"0" * (300 << 20))
    return content.getvalue()


def test_files_that_cannot_be_read_are_reported_one_by_one_and_the_rest_is_ingested(
    ready: Command, papers: Path, tmp_path: Path
) -> None:
    bad = papers / "all"
    (bad / "corrupt.pdf").write_bytes(b"%PDF-1.7\n garbage \xff\xfe")
    (bad / "locked.pdf").write_bytes(fixtures_parse.pdf(password="secret"))
    (bad / "bomb.docx").write_bytes(zip_bomb())
    (bad / "empty.txt").write_bytes(b"")
    (bad / "really-a-pdf.docx").write_bytes(fixtures_parse.pdf())
    (bad / "latin.txt").write_bytes(b"caf\xe9 \xff\xfe\x80 menu")
    (tmp_path / "outside.txt").write_text("The outside secret is mauve.")
    (bad / "link.txt").symlink_to(tmp_path / "outside.txt")
    with open(bad / "huge.txt", "wb") as huge:
        huge.truncate(2 << 30)
    deep = bad
    os.chdir(deep)
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        Path("bottom.txt").write_text("The bottom is violet.")
    finally:
        os.chdir(Path(__file__).parent)
    (bad / "good.txt").write_text("The good file speaks of marzipan.")
    try:
        ran = ready("ingest", papers, "--source", "papers", "--json")
        assert ran.code == 0 and "Traceback" not in ran.err
        failed = {problem["path"].rpartition("/")[2]: problem["reason"] for problem in ran.document["failed"]}
        for name in (
            "corrupt.pdf",
            "locked.pdf",
            "bomb.docx",
            "empty.txt",
            "really-a-pdf.docx",
            "link.txt",
            "huge.txt",
        ):
            assert failed.get(name), (name, failed)
            assert "\n" not in failed[name]
        assert "password" in failed["locked.pdf"]
        shown = ready("ingest", papers, "--source", "papers")
        assert "locked.pdf" in shown.out and "password" in shown.out
        assert "marzipan" in ready("search", "marzipan", "--as", "bob").out
        assert "mauve" not in ready("search", "outside secret mauve", "--as", "bob").out
        still_whole(ready)
    finally:
        subprocess.run(["rm", "-rf", str(bad / "d")], check=True)


def test_a_command_that_could_take_in_nothing_fails(ready: Command, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "one.pdf").write_bytes(b"not a pdf")
    ran = ready("ingest", folder, "--source", "broken")
    assert ran.code == 1 and "one.pdf" in ran.out


def test_a_missing_wrong_open_or_garbled_key(ready: Command) -> None:
    kek = ready.home / "keys" / "kek"
    right = kek.read_bytes()
    kek.unlink()
    missing = ready("search", "x", "--as", "alice")
    kek.write_bytes(base64.b64encode(bytes(32)))
    kek.chmod(0o600)
    wrong = ready("search", "x", "--as", "alice")
    kek.write_bytes(b"not base64!")
    garbled = ready("search", "x", "--as", "alice")
    kek.write_bytes(right)
    kek.chmod(0o644)
    opened = ready("search", "x", "--as", "alice")
    for ran in (missing, wrong, garbled, opened):
        assert ran.code == 4 and str(kek) in ran.line
    assert "chmod 600" in opened.line
    kek.chmod(0o600)
    still_whole(ready)


def test_a_database_of_a_newer_version(ready: Command) -> None:
    from muniment import app

    workspace = app.open(ready.home)
    with workspace.database.write() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    workspace.close()
    ran = ready("search", "x", "--as", "alice")
    assert ran.code == 4 and "9999" in ran.line and "newer muniment" in ran.line
    assert ready("init").code == 4
    from muniment.foundation.sqlcipher import SqlCipherDatabase

    database = SqlCipherDatabase(ready.home / "muniment.db", workspace.keyring.data_key("database"))
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{found}'")
    database.close()
    still_whole(ready)


def test_a_damaged_database(ready: Command) -> None:
    file = ready.home / "muniment.db"
    kept = file.read_bytes()
    for side in ("muniment.db-wal", "muniment.db-shm"):
        (ready.home / side).unlink(missing_ok=True)
    file.write_bytes(b"\x00" * 4096 + kept[4096:])
    ran = ready("search", "x", "--as", "alice")
    assert ran.code != 0 and str(file) in ran.line
    file.write_bytes(kept)


def test_two_ingests_at_once(ready: Command, papers: Path) -> None:
    with open(ready.home / "ingest.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = ready("ingest", papers, "--source", "papers")
    assert ran.code == 1 and "Another ingest" in ran.line
    still_whole(ready)


def segments_of(command: Command) -> set[str]:
    return {file.name for file in (command.home / "segments").glob("*.segment")}


def test_ctrl_c_in_the_middle_keeps_what_was_done_and_the_next_run_goes_on(
    ready: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    for number in range(400):
        (folder / f"note-{number}.md").write_text(
            f"# Note {number}\n\n" + f"The number is word{number}. " * 150
        )
    before, seen = segments_of(ready), set[str]()
    # A run in the background ignores the signal, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = ready.start("ingest", folder, "--source", "many")
    assert process.stderr is not None
    while "Indexing" not in process.stderr.readline():
        assert process.poll() is None
    # The second segment is written when the first has been committed; merging may have taken it away by then.
    while len(seen) < 2 and process.poll() is None:
        seen |= segments_of(ready) - before
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "run the same command again" in err and "Traceback" not in err
    kept = ready("sources", "show", "many", "--json").document["documents"]
    assert 0 < kept < 400
    assert ready("audit", "verify").code == 0
    again = ready("ingest", folder, "--source", "many", "--json").document
    assert again["added"] == 400 - kept and again["unchanged"] == kept
    still_whole(ready)


def with_model(command: Command, base_url: str, seconds: float = 2.0) -> None:
    model = f'[models.remote]\nbase_url = "{base_url}"\nmodel = "m"\ntimeout_seconds = {seconds}\n'
    (command.home / "settings.toml").write_text(WORDS_ALONE + model)


def test_a_model_endpoint_that_is_down(ready: Command) -> None:
    with_model(ready, "http://127.0.0.1:9/v1")
    ran = ready("ask", QUESTION, "--as", "alice", "--model", "remote")
    assert ran.code == 1 and "remote" in ran.line
    still_whole(ready)


@pytest.mark.parametrize("fault", ["slow", "malformed", "html", "500", "cut", "redirect"])
def test_a_model_endpoint_that_is_slow_or_returns_rubbish(ready: Command, fault: str) -> None:
    with openai_server.serving(fault=fault, delay=4.0) as simulator:
        with_model(ready, simulator.url, seconds=0.8 if fault == "slow" else 2.0)
        ran = ready("ask", QUESTION, "--as", "alice", "--model", "remote", "--json")
    assert ran.code == 1 and ran.document["error"]["code"] == "unavailable"
    assert "remote" in ran.document["error"]["message"] and "secret-detail" not in ran.out + ran.err
    still_whole(ready)


def test_a_model_that_babbles_or_lies_gives_no_answer_without_evidence(ready: Command) -> None:
    for mind in (openai_server.babbling, openai_server.lying):
        with openai_server.serving(mind) as simulator:
            with_model(ready, simulator.url)
            ran = ready("ask", QUESTION, "--as", "alice", "--model", "remote", "--json")
        assert ran.code == 0 and ran.document["status"] == "abstained" and not ran.document["citations"]


def test_an_unknown_model(ready: Command) -> None:
    ran = ready("ask", QUESTION, "--as", "alice", "--model", "gpt-9")
    assert ran.code == 2 and "gpt-9" in ran.line and "quotes" in ran.line


def test_settings_that_cannot_be(ready: Command) -> None:
    settings = ready.home / "settings.toml"
    settings.write_text("[retrieval]\nvector = false\n")
    ran = ready("search", "x", "--as", "alice")
    assert ran.code == 2 and "retrieval.vector" in ran.line and "settings.toml" in ran.line
    settings.write_text("[retrieval\n")
    assert "settings.toml" in ready("search", "x", "--as", "alice").line
    assert ready("doctor").code != 0
    settings.write_text(WORDS_ALONE)
    still_whole(ready)


def test_a_directory_that_cannot_be(ready: Command, tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    for text in ("[users.alice\n", '[users.alice]\ngroups = ["nosuch"]\n', "[user.alice]\n"):
        file.write_text(text)
        ran = ready("directory", "import", file)
        assert ran.code == 2 and str(file) in ran.line, ran.err
    assert ready("directory", "import", tmp_path / "none.toml").code != 0
    still_whole(ready)


def test_access_for_what_does_not_exist(ready: Command) -> None:
    assert "nosuch" in ready("access", "set", "nosuch/folder", "--allow", "group:sales").line
    assert "group:slaes" in ready("access", "set", "papers/sales", "--allow", "group:slaes").line
    assert ready("access", "set", "papers/sales").code == 2
    still_whole(ready)


def test_a_reader_that_goes_away_is_quiet(ready: Command) -> None:
    process = ready.start("audit", "tail", "-n", "1000", "--json")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait(timeout=60)


def test_an_unexpected_error_shows_no_traceback_and_logs_no_content(
    ready: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from muniment import app

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the salary of Alice is 300 crowns")

    monkeypatch.setattr(app.Workspace, "search", broken)
    ran = ready("search", "x", "--as", "alice")
    assert ran.code == 1 and "RuntimeError" in ran.line and "errors.log" in ran.line
    assert "crowns" not in ran.err + (ready.home / "logs" / "errors.log").read_text()
    assert json.loads(ready("search", "x", "--as", "alice", "--json").out)["error"]["code"] == "unexpected"
    assert "Traceback" in ready("search", "x", "--as", "alice", "--debug").err
