"""What an ingest does while others wait for it, and what not."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment.app import Workspace
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.knowledge.retrieval import wording


def test_an_ingest_splits_no_text_into_words_while_searches_wait_to_be_recorded(
    make_workspace: Callable[..., Workspace], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    write, terms = SqlCipherDatabase.write, wording.terms
    writes, split = 0, list[bool]()

    @contextmanager
    def counted(database: SqlCipherDatabase) -> Generator[sa.Connection]:
        nonlocal writes
        with write(database) as connection:
            writes += 1
            try:
                yield connection
            finally:
                writes -= 1

    def seen(text: str) -> list[str]:
        split.append(writes > 0)
        return terms(text)

    monkeypatch.setattr(SqlCipherDatabase, "write", counted)
    monkeypatch.setattr(wording, "terms", seen)
    assert workspace.ingest(folder, "docs").added
    assert split and not any(split)
