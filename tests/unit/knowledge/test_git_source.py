"""The Git source: what hostile repositories and servers can and cannot do to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.simulators.git_server import Git, git_server

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.secret import Secret
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import (
    Connector,
    ContentPage,
    CursorLost,
    Gone,
    Item,
    Unreadable,
)
from muniment.knowledge.sources.connectors import git as git_source
from muniment.knowledge.sources.kinds import Doors

Connect = Callable[..., Connector]


@pytest.fixture
def git(tmp_path: Path) -> Iterator[Git]:
    folder = tmp_path / "served"
    folder.mkdir()
    with git_server(folder) as made:
        made.add_repository("docs", "reader")
        yield made


@pytest.fixture
def connect(git: Git, tmp_path: Path) -> Iterator[Connect]:
    opened: list[Connector] = []

    def make(repository: str = "", **settings: object) -> Connector:
        doors = Doors(
            lambda origins, private: Egress(() if private else origins, origins if private else ()),
            lambda _reference, _field: Secret(git.password_of("reader")),
            FixedClock(),
            tmp_path,
            1 << 20,
        )
        stated = {"repository": repository or str(git.path_of("docs")), **settings}
        opened.append(kinds.connect("git", kinds.settings_of("git", stated), doors))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def listed(connector: Connector, cursor: str = "") -> tuple[dict[str, Item], set[str], str]:
    """Return what a pass lists, what it says is gone, and where the next one begins."""
    items: dict[str, Item] = {}
    gone: set[str] = set()
    while True:
        page: ContentPage = connector.changes(cursor)
        items.update((one.id, one) for one in page.items)
        gone |= set(page.gone)
        cursor = page.cursor
        if not page.more:
            return items, gone, cursor


def access_of(connector: Connector) -> dict[str, object]:
    page = connector.access("")
    assert not page.more
    return {path: page.scopes[scope] for path, scope in page.items.items()}


def place(git: Git, mode: str, path: str, content: bytes) -> None:
    """Commit an entry of another mode than that of a file."""
    where = str(git.path_of("docs"))
    blob = git.git("-C", where, "hash-object", "-w", "--stdin", said=content).decode().strip()
    if mode == "160000":
        blob = "1" * 40
    told = "commit refs/heads/main\ncommitter A <a@b> 1700000900 +0000\ndata 1\nx\nfrom refs/heads/main^0\n"
    git.git("-C", where, "fast-import", "--quiet", said=f"{told}M {mode} {blob} {path}\n".encode())


def test_a_pass_from_a_cursor_lists_what_moved_since(git: Git, connect: Connect) -> None:
    git.commit("docs", {"a.md": b"first", "b.md": b"second", "c.md": b"third"})
    items, _, cursor = listed(connect())
    assert set(items) == {"a.md", "b.md", "c.md"}
    assert items["a.md"].author == "Test" and items["a.md"].modified_at.startswith("2023-11-14")
    git.commit("docs", {"a.md": b"changed", "b.md": None})
    items, gone, cursor = listed(connect(), cursor)
    assert (set(items), gone) == ({"a.md"}, {"b.md"})
    assert listed(connect(), cursor)[:2] == ({}, set())


def test_a_cut_pass_goes_on_in_another_process(
    git: Git, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_source, "PAGE", 2)
    git.commit("docs", {f"{number}.md": b"x" for number in range(5)})
    first = connect().changes("")
    git.commit("docs", {"9.md": b"later"})
    items, _, cursor = listed(connect(), first.cursor)
    assert {one.id for one in first.items} | set(items) == {f"{number}.md" for number in range(5)}
    assert set(listed(connect(), cursor)[0]) == {"9.md"}


def test_a_commit_that_is_not_there_any_more_makes_the_pass_begin_anew(git: Git, connect: Connect) -> None:
    git.commit("docs", {"a.md": b"first"})
    with pytest.raises(CursorLost):
        connect().changes("at " + "0" * 40)
    with pytest.raises(CursorLost):
        connect().changes("at --upload-pack=touch")


def test_a_forced_push_lists_the_other_history(git: Git, connect: Connect) -> None:
    git.commit("docs", {"a.md": b"first", "b.md": b"same"})
    _, _, cursor = listed(connect())
    git.commit("docs", {"b.md": b"same", "c.md": b"new"}, anew=True)
    items, gone, _ = listed(connect(), cursor)
    assert (set(items), gone) == ({"c.md"}, {"a.md"})


def test_links_submodules_and_pointers_are_reported_and_not_followed(
    git: Git, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "secret.md").write_text("The code is 1234.")
    git.commit("docs", {"a.md": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"})
    place(git, "120000", "link.md", str(tmp_path / "secret.md").encode())
    place(git, "160000", "module", b"")
    connector = connect()
    items, _, _ = listed(connector)
    assert "symbolic link" in items["link.md"].problem and "submodule" in items["module"].problem
    for name in ("link.md", "a.md"):
        with pytest.raises(Unreadable):
            connector.fetch(items[name])


def test_nothing_that_a_repository_configures_is_run(git: Git, connect: Connect, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    where = git.path_of("docs")
    script = where / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    git.commit("docs", {"a.md": b"text", ".gitattributes": b"* filter=evil diff=evil\n"})
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        (where / "hooks").mkdir(exist_ok=True)
        (where / "hooks" / name).write_text(script.read_text())
        (where / "hooks" / name).chmod(0o755)
    with (where / "config").open("a") as config:
        config.write(
            f"[core]\n\tfsmonitor = {script}\n\tsshCommand = {script}\n\tpager = {script}\n"
            f'[filter "evil"]\n\tsmudge = {script}\n\tclean = {script}\n[diff "evil"]\n\ttextconv = {script}\n'
            f'[extensions]\n\tpartialClone = evil\n[remote "evil"]\n\tpromisor = true\n\turl = ext::{script}\n'
            f"\tuploadpack = {script}\n[protocol]\n\tallow = always\n[alias]\n\tls-tree = !{script}\n"
            f"[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {script}\n"
        )
    connector = connect()
    items, _, _ = listed(connector)
    assert connector.fetch(items["a.md"]).content == b"text"
    connector.access("")
    lost = subprocess.run(
        ["find", str(where / "objects"), "-type", "f", "-delete"], capture_output=True, timeout=20
    )
    assert not lost.returncode
    with pytest.raises((Unavailable, CursorLost)):
        listed(connect())
    assert not mark.exists()


@pytest.mark.parametrize("how", ["alternates", "objects", "pack", "ref"])
def test_a_repository_that_borrows_from_elsewhere_is_refused(
    git: Git, connect: Connect, tmp_path: Path, how: str
) -> None:
    git.add_repository("secret")
    secret = git.commit("secret", {"salaries.md": b"900 crowns"})
    git.commit("docs", {"a.md": b"text"})
    where, other = git.path_of("docs"), git.path_of("secret")
    if how == "alternates":
        (where / "objects/info").mkdir(exist_ok=True)
        (where / "objects/info/alternates").write_text(f"{other}/objects\n")
    elif how == "objects":
        (where / "objects").rename(where / "own")
        (where / "objects").symlink_to(other / "objects")
    elif how == "pack":
        for one in (other / "objects").rglob("*"):
            if one.is_file():
                to = where / one.relative_to(other)
                to.parent.mkdir(exist_ok=True)
                to.symlink_to(one)
    (where / "packed-refs").unlink(missing_ok=True)
    (where / "refs/heads/main").unlink(missing_ok=True)
    if how == "ref":
        (where / "refs/heads/main").symlink_to(other / "refs/heads/main")
    else:
        (where / "refs/heads/main").write_text(secret + "\n")
    with pytest.raises(Unavailable, match="leads out"):
        listed(connect())


def test_manifests_only_narrow_what_is_stated(git: Git, connect: Connect) -> None:
    git.commit(
        "docs",
        {
            "open.md": b"text",
            "access.toml": b'allow = ["user:alice", "user:mallory"]\nsensitivity = "public"\n',
            "shut/a.md": b"text",
            "shut/access.toml": b"allow = 7\n",
        },
    )
    stated = [{"allow": ["user:alice", "user:bob"], "sensitivity": "confidential"}]
    found = access_of(connect(readers=stated, manifests=True))
    assert found["open.md"].clauses == (  # type: ignore[attr-defined]
        frozenset({"user:alice", "user:bob"}),
        frozenset({"user:alice", "user:mallory"}),
    )
    assert found["open.md"].sensitivity == "confidential"  # type: ignore[attr-defined]
    assert not found["shut/a.md"].clauses and "access.toml" not in found  # type: ignore[attr-defined]
    git.commit("docs", {"access.toml": None})
    assert access_of(connect(readers=stated, manifests=True))["open.md"].clauses == (  # type: ignore[attr-defined]
        frozenset({"user:alice", "user:bob"}),
    )


def test_content_carries_the_access_of_the_commit_that_it_was_read_from(git: Git, connect: Connect) -> None:
    git.commit("docs", {"a.md": b"public", "access.toml": b'allow = ["group:everyone"]\n'})
    settings: Mapping[str, object] = {"readers": [{"allow": ["group:everyone"]}], "manifests": True}
    before = connect(**settings).access("").items["a.md"]
    connector = connect(**settings)
    items, _, _ = listed(connector)
    git.commit("docs", {"a.md": b"secret", "access.toml": b'allow = ["user:alice"]\n'})
    content = connector.fetch(items["a.md"])
    assert (content.content, content.scope != before) == (b"secret", True)


def test_a_repository_on_a_server_is_copied_and_the_copy_is_removed(
    git: Git, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr("muniment.knowledge.sources.connectors.git_remote._MEMORY", str(copies))
    git.commit("docs", {"a.md": b"first"})
    git.commit("docs", {"a.md": b"second", "b.md": b"more"})
    settings = {"user": "reader", "password": "env:PASSWORD", "private_network": True}
    connector = connect(git.url_of("docs"), **settings)
    items, _, cursor = listed(connector)
    assert connector.fetch(items["a.md"]).content == b"second"
    assert list(copies.iterdir()) and oct(next(copies.iterdir()).stat().st_mode)[-3:] == "700"
    page = connector.access("")
    assert connector.access(page.cursor).items == {}
    connector.close()
    assert not list(copies.iterdir())
    assert connect(git.url_of("docs"), **settings).changes(cursor).items == ()
    git.commit("docs", {"a.md": None})
    with pytest.raises(CursorLost):
        connect(git.url_of("docs"), **settings).changes(cursor)
    git.revoke("docs", "reader")
    with pytest.raises(Unavailable, match="refuses"):
        connect(git.url_of("docs"), **settings).changes("")


def test_a_copy_that_becomes_too_large_is_given_up(git: Git, connect: Connect) -> None:
    git.commit("docs", {f"{number}.bin": os.urandom(1 << 20) for number in range(4)})
    connector = connect(git.url_of("docs"), user="reader", password="env:P", private_network=True, copy_mb=1)
    with pytest.raises(Unavailable, match="too much"):
        listed(connector)


def test_what_was_removed_meanwhile_is_gone(git: Git, connect: Connect) -> None:
    git.commit("docs", {"a.md": b"first", "b.md": b"x"})
    connector = connect()
    items, _, _ = listed(connector)
    git.commit("docs", {"a.md": None})
    with pytest.raises(Gone):
        connector.fetch(items["a.md"])


@pytest.mark.parametrize(
    "stated",
    [
        {"repository": "ext::sh -c id"},
        {"repository": "ssh://-oProxyCommand=id/x"},
        {"repository": "http://example.org/x.git"},
        {"repository": "https://user:word@example.org/x.git"},
        {"repository": "file://elsewhere/x.git"},
        {"repository": "--upload-pack=id"},
        {"branch": "--all"},
        {"branch": "../../x"},
        {"branch": "a..b"},
    ],
)
def test_an_address_or_branch_that_could_be_a_command_is_refused(
    git: Git, connect: Connect, stated: dict[str, str]
) -> None:
    git.commit("docs", {"a.md": b"text"})
    with pytest.raises((BadInput, Unavailable)):
        listed(connect(**stated))
