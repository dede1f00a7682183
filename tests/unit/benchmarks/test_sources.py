"""`muniment bench sources` writes documents that can be read, and says what it cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.parsers import LentParser

from benchmarks import mixed_documents, sources
from muniment.foundation.errors import BadInput
from muniment.interfaces.cli.terminal import TERMINAL
from muniment.knowledge.ingestion.chunk import HIGHEST
from muniment.knowledge.ingestion.versions import version_of


def test_each_of_ten_formats_is_read_and_gives_a_few_chunks() -> None:
    parser = LentParser()
    counts: dict[str, list[int]] = {}
    try:
        for number in range(2 * len(mixed_documents.FORMATS)):
            ending, content = mixed_documents.document(number)
            version = version_of(parser, f"a.{ending}", content, HIGHEST, "")
            assert f"Report {number} on" in version.title + version.text
            counts.setdefault(ending, []).append(len(version.chunks))
    finally:
        parser.close()
    assert len(counts) == 10
    assert all(2 <= count <= 5 for two in counts.values() for count in two), counts


def test_documents_are_the_same_in_every_run_and_dealt_to_folders_in_turn(tmp_path: Path) -> None:
    mixed_documents.write(tmp_path, 5, 2)
    names = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.*"))]
    assert [name.partition("/")[0] for name in names] == ["folder000"] * 3 + ["folder001"] * 2
    assert (tmp_path / "folder001" / "document000003.csv").read_bytes() == mixed_documents.document(3)[1]


@pytest.mark.parametrize(
    "options", [{"documents": "49"}, {"changes": "51"}, {"documents": "x"}, {"rows": "9"}]
)
def test_what_cannot_be_measured_is_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        sources.run(options, TERMINAL.say)
