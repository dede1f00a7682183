"""A protected PDF is read with a password that the operator states, and fails alone without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import fixtures_parse as make

from muniment import app, settings
from muniment.foundation.errors import BadInput
from muniment.foundation.secret import Secret
from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import Parser
from muniment.knowledge.pages.page_images import NoImage, PageImages

PASSWORD = "heron-1234"


def stated(*passwords: str) -> tuple[Secret, ...]:
    return tuple(Secret(one) for one in passwords)


@pytest.fixture(scope="module")
def locked() -> bytes:
    return make.pdf(1, password=PASSWORD)


@pytest.fixture
def parser() -> Iterator[Parser]:
    made = Parser(pdf_passwords=lambda: stated("wrong", PASSWORD))
    yield made
    made.close()


def test_the_password_that_fits_opens_it_and_no_later_file_shares_its_process(
    parser: Parser, locked: bytes
) -> None:
    assert "The text of page 1" in parser.parse("locked.pdf", locked).text
    assert parser._sandbox.pid is None
    assert "The text of page 1" in parser.parse("open.pdf", make.pdf(1)).text
    assert parser._sandbox.pid is not None


def test_an_unknown_password_names_the_setting_and_no_password(parser: Parser, locked: bytes) -> None:
    with pytest.raises(ParseFailed) as failed:
        parser.parse("other.pdf", make.pdf(1, password="another"))
    said = f"{failed.value} {failed.value.fix} {failed.value.detail}"
    assert "is protected by a password, and none of ingestion.pdf_passwords opens it" in said
    assert PASSWORD not in said and "another" not in said


def test_a_reference_to_nothing_fails_the_protected_file_alone(locked: bytes) -> None:
    def nothing() -> tuple[Secret, ...]:
        raise BadInput("ingestion.pdf_passwords[0]: the environment has no PDF.", fix="Set PDF.")

    parser = Parser(pdf_passwords=nothing)
    with pytest.raises(ParseFailed, match=r"locked\.pdf may need a password\. ingestion\.pdf_passwords\[0\]"):
        parser.parse("locked.pdf", locked)
    assert parser.parse("open.md", b"# Open").title == "Open"
    parser.close()


def test_a_page_of_it_is_shown_with_its_words_marked(locked: bytes) -> None:
    with pytest.raises(NoImage):
        PageImages().look(locked, 1)
    images = PageImages(pdf_passwords=lambda: stated(PASSWORD))
    stored = make.pdf(1)
    parser = Parser()
    text = parser.parse("a.pdf", stored).text
    parser.close()
    assert images.look(locked, 1, text, 0, 7).marks
    images.close()


def test_settings_name_passwords_by_reference_only(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(f"{PASSWORD}\n")
    named = settings.parse({"ingestion": {"pdf_passwords": ["file:pw"]}})
    assert [one.reveal() for one in settings.pdf_passwords(named, tmp_path)] == [PASSWORD]
    bare = settings.parse({"ingestion": {"pdf_passwords": [PASSWORD]}})
    with pytest.raises(BadInput, match=r"ingestion\.pdf_passwords\[0\] is not a reference") as failed:
        settings.pdf_passwords(bare, tmp_path)
    assert PASSWORD not in str(failed.value)


def test_an_ingest_reads_it_once_the_settings_name_its_password(
    make_workspace: Callable[[], app.Workspace], folder: Path, locked: bytes
) -> None:
    (folder / "all" / "locked.pdf").write_bytes(locked)
    workspace = make_workspace()
    (failed,) = workspace.ingest(folder, "docs").failed
    assert failed.path == "all/locked.pdf"
    assert "ingestion.pdf_passwords has none" in failed.reason
    home = workspace.home
    workspace.close()
    (home / "pw").write_text(PASSWORD)
    with open(home / settings.FILE_NAME, "a") as file:
        file.write('[ingestion]\npdf_passwords = ["file:pw"]\n')
    again = app.open(home, embedder=lambda: None)
    report = again.ingest(folder, "docs")
    again.close()
    assert report.failed == () and report.added == 1
