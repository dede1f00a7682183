"""AZ6: what is unknown, cyclic, too deep, missing or failing is denied, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Denied, NotFound
from muniment.governance.identity.directory import directory_group, directory_membership
from muniment.governance.identity.groups import MAX_DEPTH
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.governance.policy.decision import AUDIT, WORKSPACE, Resource
from muniment.governance.policy.rules import Rules, Standing, shipped, version_of
from muniment.governance.policy.tables import policy_activation, policy_version
from muniment.knowledge import library, tables
from muniment.knowledge.access import NOBODY
from muniment.knowledge.retrieval.retrieve import INCOMPLETE

ALICE = Principal("user", "alice")
EVERYONE = frozenset({"user:alice", "group:everyone"})


@pytest.fixture
def filled(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


def refused(workspace: Workspace, principal: Principal) -> None:
    """Check that neither search nor ask gives anything, and that the log says so."""
    before = len(workspace.audit.query(kind="search.refused"))
    with pytest.raises(Denied):
        workspace.search("canteen", principal)
    with pytest.raises(Denied):
        workspace.ask("When does the canteen open?", principal)
    assert len(workspace.audit.query(kind="search.refused")) > before
    assert workspace.audit.query(kind="answer.refused")


def standing(roles: list[str] | None = None) -> Standing:
    held = {role: ("group:everyone",) for role in (["reader"] if roles is None else roles)}
    return Standing(ALICE, EVERYONE, Rules(shipped()), held)


def member(workspace: Workspace, who: str, group: str, exists: bool = True) -> None:
    """Write a membership behind the directory's back, as a damaged import might."""
    with workspace.database.write() as connection:
        if exists:
            insert = sa.insert(directory_group).prefix_with("OR IGNORE")
            connection.execute(insert.values(name=group, title=group))
        connection.execute(sa.insert(directory_membership).values(member=who, group_name=group))


@pytest.mark.parametrize(
    "principal", [Principal("user", "mallory"), Principal("service", "alice"), Principal("user", "")]
)
def test_an_unknown_principal_sees_nothing(filled: Workspace, principal: Principal) -> None:
    refused(filled, principal)


def test_a_circle_of_groups_gives_nothing_at_all(filled: Workspace) -> None:
    member(filled, "user:alice", "x")
    member(filled, "group:x", "y")
    member(filled, "group:y", "x")
    refused(filled, ALICE)


def test_groups_nested_too_deep_give_nothing_at_all(filled: Workspace) -> None:
    member(filled, "user:alice", "n0")
    for n in range(MAX_DEPTH + 1):
        member(filled, f"group:n{n}", f"n{n + 1}")
    refused(filled, ALICE)


def test_a_group_that_does_not_exist_gives_nothing_at_all(filled: Workspace) -> None:
    member(filled, "user:alice", "ghost", exists=False)
    refused(filled, ALICE)


def test_an_account_switched_off_sees_nothing(filled: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "off.toml"
    file.write_text("[users.alice]\ngroups = []\nactive = false\n")
    filled.directory.import_file(file, OPERATOR)
    refused(filled, ALICE)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("fly", WORKSPACE),
        ("", WORKSPACE),
        ("search", Resource("Model", "m", {"allowed_groups": frozenset({"group:everyone"})})),
        ("use_model", Resource("Model", "m")),
        ("use_model", Resource("Model", "m", {"allowed_groups": frozenset()})),
        ("use_model", Resource("Model", "m", {"allowed_groups": "group:everyone"})),
        (
            "use_model",
            Resource("Model", "m", {"allowed_groups": frozenset({"group:everyone"}), "extra": True}),
        ),
        ("read_lineage", Resource("Answer", "a", {"owner": "user:bob"})),
        ("administer", WORKSPACE),
        ("read_audit", AUDIT),
        ("read_audit", WORKSPACE),
    ],
)
def test_policy_denies_what_no_rule_clearly_permits(action: str, resource: Resource) -> None:
    decision = standing().decide(action, resource)
    assert not decision.allowed
    assert decision.reasons


def test_policy_denies_when_the_engine_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert standing().decide("search", WORKSPACE).allowed
    import cedarpy

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("engine")

    monkeypatch.setattr(cedarpy, "is_authorized", broken)
    assert not standing().decide("search", WORKSPACE).allowed


def test_a_role_that_there_is_not_gives_nothing() -> None:
    decision = standing(roles=["Reader", "readers", "root", ""]).decide("search", WORKSPACE)
    assert (decision.effect, decision.reasons) == ("deny", ("no rule permits this",))


def test_an_empty_access_list_is_nobody() -> None:
    assert not NOBODY.permits(EVERYONE)


def in_force(workspace: Workspace, text: str, version: str = "") -> str:
    """Put a text in force behind the back of everything that checks it."""
    version = version or version_of(text)
    with workspace.database.write() as connection:
        values = {"version": version, "policies": text, "cases": "[]", "at": "", "by": ""}
        connection.execute(sa.insert(policy_version).values(**values))
        number = sa.select(sa.func.count()).select_from(policy_activation).scalar_subquery()
        active = {"number": number, "version": version, "how": "", "reason": "", "at": "", "by": ""}
        connection.execute(sa.insert(policy_activation).values(**active))
    return version


@pytest.mark.parametrize(
    "text",
    [
        'permit(principal, action == Action::"read_audit", resource);',
        "",
        "permit(principal",
        "permit(principal, action, resource); forbid(principal, action, resource) when { context.tainted };",
    ],
    ids=["of something else", "empty", "that does not parse", "that fails"],
)
def test_under_a_policy_that_does_not_clearly_permit_all_is_refused_and_recorded(
    filled: Workspace, text: str
) -> None:
    with filled.database.read() as connection:
        document = next(row.id for row in library.documents(connection) if row.path == "all/canteen.txt")
    filled.reading.read(ALICE, document, None, Actor("user:alice", "python"))
    version = in_force(filled, text)
    refused(filled, ALICE)
    with pytest.raises(NotFound):
        filled.reading.read(ALICE, document, None, Actor("user:alice", "python"))
    for kind, action in (
        ("search.refused", "search"),
        ("answer.refused", "ask"),
        ("document.refused", "read_document"),
    ):
        about = filled.audit.query(kind=kind)[-1].about
        assert (about["effect"], about["action"], about["policy"]) == ("deny", action, version)


def test_a_stored_policy_that_is_not_what_its_digest_says_allows_nothing(filled: Workspace) -> None:
    version = in_force(filled, "permit(principal, action, resource);", version_of(shipped() + " "))
    refused(filled, ALICE)
    assert filled.audit.query(kind="search.refused")[-1].about["policy"] == version


def test_a_directory_with_a_circle_is_refused_whole(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace()
    file = tmp_path / "circle.toml"
    file.write_text('[groups.a]\nmembers_of = ["b"]\n[groups.b]\nmembers_of = ["a"]\n')
    with pytest.raises(BadInput, match=r"circle\.toml"):
        workspace.directory.import_file(file, OPERATOR)
    assert workspace.principal("alice") == ALICE


def test_a_damaged_index_says_so_and_never_gives_a_wider_result(filled: Workspace) -> None:
    before = {passage.document for passage in filled.search("canteen", "carol").passages}
    name = filled.segments.names()[0]
    path = filled.segments.path(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = app.open(filled.home, embedder=lambda: None)
    found = again.search("canteen", "carol")
    again.close()
    assert {passage.document for passage in found.passages} < before
    assert INCOMPLETE in found.notes


@pytest.mark.parametrize("document", ["hidden", "doc_absent", "", "\x00", "\udc80", "é", "x" * 10_000])
def test_a_document_that_may_not_be_read_is_as_absent_as_none_and_the_refusal_is_recorded(
    filled: Workspace, document: str
) -> None:
    if document == "hidden":
        with filled.database.read() as connection:
            document = next(row.id for row in library.documents(connection) if row.path == "attic/old.md")
    before = len(filled.audit.query(kind="document.refused"))
    with pytest.raises(NotFound, match=r"^No document with this id\.$"):
        filled.reading.read(ALICE, document, None, Actor("user:alice", "python"))
    assert len(filled.audit.query(kind="document.refused")) == before + 1


@pytest.mark.parametrize("version", [0, -1, 2, 10**30])
def test_a_version_that_is_not_there_is_absent(filled: Workspace, version: int) -> None:
    with filled.database.read() as connection:
        document = next(row.id for row in library.documents(connection) if row.path == "all/canteen.txt")
    actor = Actor("user:alice", "python")
    assert filled.reading.read(ALICE, document, 1, actor).version.version == 1
    with pytest.raises(NotFound):
        filled.reading.read(ALICE, document, version, actor)


def test_access_lists_that_cannot_be_read_give_nothing_at_all(filled: Workspace) -> None:
    with filled.database.write() as connection:
        worst = sa.select(sa.func.max(tables.access_class.c.id)).scalar_subquery()
        broken = sa.update(tables.access_class).where(tables.access_class.c.id == worst)
        connection.execute(broken.values(deny="[not json"))
    refused(filled, ALICE)
