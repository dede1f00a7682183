"""Rights at release are read inside the transaction that they are of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from muniment.app import Workspace
from muniment.assistant.release import Release
from muniment.governance.identity.principal import Principal
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.retrieval.visibility import Visibility


def test_no_list_is_judged_on_a_connection_that_was_given_back(
    make_workspace: Callable[..., Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "access.toml").write_text('allow = ["group:everyone"]\n')
    (tmp_path / "docs" / "tides.md").write_text("# Tides\n\nHigh water is at noon.\n")
    workspace = make_workspace()
    workspace.ingest(tmp_path / "docs", "docs")
    passages = workspace.search("high water", "alice").passages
    within: list[bool] = []
    judge = Visibility.judge

    def watched(self: Visibility, documents: Iterable[DocumentRow]) -> None:
        within.append(self._connection.in_transaction())
        judge(self, documents)

    monkeypatch.setattr(Visibility, "judge", watched)
    release = Release(workspace.database, workspace.audit, workspace.policy)
    assert release.all_readable(Principal("user", "alice"), passages)
    assert within == [True]
