"""`muniment doctor` says when what leads from pseudonyms of the log to people is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from muniment.app import Workspace
from muniment.interfaces.cli.doctor import checks


def people(home: Path) -> tuple[str, str]:
    [found] = [one for one in checks(home) if one.name == "people"]
    return found.state, found.fix


def test_a_lost_file_of_keys_of_people_is_a_fail_that_says_what_to_do(
    make_workspace: Callable[..., Workspace],
) -> None:
    workspace = make_workspace()
    workspace.search("laptop", as_="alice")
    home = workspace.home
    workspace.close()
    assert people(home)[0] == "ok"
    (home / "keys" / "subjects.key").rename(home / "kept")
    state, fix = people(home)
    assert state == "fail" and "newest copy" in fix
    (home / "kept").rename(home / "keys" / "subjects.key")
    assert people(home)[0] == "ok"
