"""What only the connector to Microsoft Graph has: inheritance, moves, broken feeds, downloads elsewhere, calls."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.simulators.sources.graph_scene import GraphScene
from tests.simulators.sources.graph_server import Grant, GraphServer, Node
from tests.simulators.sources.scene import GUEST, PEOPLE
from tests.unit.knowledge.sources.graph_mirror import GraphMirror, connected

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import (
    UNREADABLE,
    CursorLost,
    Gone,
    Item,
    Notice,
    Throttled,
    Unreadable,
    account,
    team,
)
from muniment.knowledge.sources.http_api import Malformed, Refusal

Mirrored = Callable[..., GraphMirror]


@pytest.fixture(scope="module")
def server() -> Iterator[GraphServer]:
    made = GraphServer()
    yield made
    made.close()


@pytest.fixture
def scene(server: GraphServer, tmp_path: Path) -> GraphScene:
    return GraphScene(tmp_path, server)


@pytest.fixture
def mirrored(scene: GraphScene, tmp_path: Path) -> Mirrored:
    def make(clock: FixedClock | None = None, **more: object) -> GraphMirror:
        return GraphMirror(connected(scene.server, tmp_path, clock, **more))

    return make


def node(scene: GraphScene, path: str) -> Node:
    found = scene.world.find(scene.drive, path)
    assert found is not None
    return found


def id_of(scene: GraphScene, path: str) -> str:
    return f"{scene.drive.id}/{node(scene, path).id}"


def permissions_read(scene: GraphScene, work: Callable[[], None]) -> int:
    """Return how many batches of permissions some work asked for."""
    scene.world.asked.clear()
    work()
    return sum(one.endswith("/$batch") for one in scene.world.asked)


def filled(scene: GraphScene) -> None:
    scene.allow("open", ["alice", "bob"])
    scene.allow("shut", ["carol"])
    for number in range(3):
        scene.put(f"open/{number}.md", "x")
        scene.put(f"shut/{number}.md", "x")


def test_items_share_the_scope_of_the_folder_that_they_inherit_from(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    filled(scene)
    mirror = mirrored()
    mirror.access()
    assert len(mirror.scopes) == 3
    assert {mirror.items[id_of(scene, f"open/{n}.md")] for n in range(3)} == {id_of(scene, "open")}
    assert mirror.readers(id_of(scene, "shut/0.md")) == {"carol"}


def test_a_quiet_pass_asks_once_and_reads_no_permissions(scene: GraphScene, mirrored: Mirrored) -> None:
    filled(scene)
    mirror = mirrored()
    mirror.access()
    assert permissions_read(scene, mirror.access) == 0
    assert len([one for one in scene.world.asked if "/root/delta?" in one]) == 1
    assert mirror.restarts == 0


def test_a_changed_file_alone_is_asked_for_again(scene: GraphScene, mirrored: Mirrored) -> None:
    filled(scene)
    mirror = mirrored()
    mirror.access()
    scene.put("open/1.md", "new words")
    scene.allow("open/2.md", ["carol"])
    assert permissions_read(scene, mirror.access) == 2
    assert mirror.restarts == 0
    assert mirror.readers(id_of(scene, "open/1.md")) == {"alice", "bob"}
    assert mirror.readers(id_of(scene, "open/2.md")) == {"carol"}


def test_other_readers_of_a_folder_are_those_of_all_that_lies_in_it(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    filled(scene)
    mirror = mirrored()
    mirror.access()
    scene.put("open/1.md", "read by itself since")
    mirror.access()
    scene.allow("open", ["bob"])
    mirror.access()
    assert mirror.restarts == 1
    assert all(mirror.readers(id_of(scene, f"open/{n}.md")) == {"bob"} for n in range(3))
    scene.inherit("open")
    mirror.access()
    assert all(mirror.readers(id_of(scene, f"open/{n}.md")) == set() for n in range(3))


def test_a_moved_folder_takes_the_readers_of_where_it_lies(scene: GraphScene, mirrored: Mirrored) -> None:
    filled(scene)
    scene.put("open/deep/a.md", "x")
    mirror = mirrored()
    mirror.access()
    scene.move("open/deep", "shut/deep")
    mirror.access()
    assert mirror.readers(id_of(scene, "shut/deep/a.md")) == {"carol"}


def test_what_was_removed_is_nobodys_before_content_is_read_again(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    filled(scene)
    mirror = mirrored()
    mirror.access()
    gone, below = id_of(scene, "open/0.md"), id_of(scene, "shut/0.md")
    scene.remove("open/0.md")
    mirror.access()
    assert mirror.readers(gone) == set()
    scene.remove("shut")
    mirror.access()
    assert mirror.readers(below) == set()


def test_a_grant_that_ends_by_itself_lets_nobody_in_afterwards(scene: GraphScene, mirrored: Mirrored) -> None:
    clock = FixedClock()
    mirror = mirrored(clock)
    scene.put("a.md", "x")
    until = clock.now().replace(year=clock.now().year + 1)
    scene.world.grant(
        scene.drive,
        node(scene, "a.md"),
        [Grant("user", "alice", until=until.isoformat()), Grant("user", "bob")],
    )
    mirror.access()
    assert mirror.readers(id_of(scene, "a.md")) == {"alice", "bob"}
    clock.advance(seconds=366 * 86400)
    mirror = GraphMirror(
        mirrored(clock, whole_seconds=604800).graph, mirror.cursor, mirror.scopes, mirror.items
    )
    mirror.access()
    assert mirror.readers(id_of(scene, "a.md")) == {"bob"}


def test_later_passes_do_not_build_on_a_whole_one_for_ever(scene: GraphScene, mirrored: Mirrored) -> None:
    clock = FixedClock()
    mirror = mirrored(clock, whole_seconds=600)
    mirror.access()
    clock.advance(seconds=601)
    mirror.access()
    assert mirror.restarts == 1


def test_where_the_service_does_not_tell_who_inherits_every_item_is_asked(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    scene.world.full_control = False
    filled(scene)
    scene.world.grant(scene.drive, node(scene, "open/0.md"), [])
    mirror = mirrored()
    mirror.access()
    assert len(mirror.scopes) == 6
    assert mirror.readers(id_of(scene, "open/0.md")) == set()
    assert mirror.readers(id_of(scene, "open/1.md")) == {"alice", "bob"}
    scene.allow("open", ["carol"])
    mirror.access()
    assert mirror.readers(id_of(scene, "open/1.md")) == {"carol"}
    assert "Sites.FullControl.All" in mirror.graph.check().warnings[0]
    assert not any(
        "FullControl" in one for one in mirrored(hierarchical_sharing="assumed").graph.check().warnings
    )


def test_a_pass_goes_on_in_another_process_where_it_was_cut(scene: GraphScene, mirrored: Mirrored) -> None:
    filled(scene)
    whole = mirrored()
    whole.access()
    cut = mirrored()
    while True:
        page = mirrored().graph.access(cut.cursor)
        cut.cursor, cut.scopes, cut.items = page.cursor, cut.scopes | page.scopes, cut.items | page.items
        if not page.more:
            break
    assert (cut.scopes, cut.items) == (whole.scopes, whole.items)


def test_without_its_folders_in_the_cursor_a_pass_is_right_all_the_same(
    scene: GraphScene, mirrored: Mirrored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.knowledge.sources.connectors.graph_place.MOST_FOLDERS", 1)
    filled(scene)
    mirror = mirrored()
    mirror.access()
    scene.allow("open", ["carol"])
    mirror.access()
    assert mirror.readers(id_of(scene, "open/2.md")) == {"carol"}
    assert set(mirror.content()) == {f"{folder}/{n}.md" for folder in ("open", "shut") for n in range(3)}


@pytest.mark.parametrize(
    "extra",
    [
        {"notBefore": "2027-01-01T00:00:00Z"},
        {"roles": ["denied"]},
        {"roles": "read"},
        {"expirationDateTime": "soon"},
        {"grantedToV2": {"planet": {"id": "1"}}},
        {"grantedToV2": "everyone"},
        {"link": {"scope": "galaxy", "type": "view"}},
    ],
)
def test_a_permission_that_is_not_understood_makes_the_item_nobodys(
    scene: GraphScene, mirrored: Mirrored, extra: dict[str, object]
) -> None:
    scene.put("a.md", "x")
    odd = Grant("user", "bob", extra={})
    scene.world.grant(scene.drive, node(scene, "a.md"), [Grant("user", "alice"), odd])
    mirror = mirrored()
    mirror.access()
    assert mirror.readers(id_of(scene, "a.md")) == {"alice", "bob"}
    printed = [{**scene.world.permission(1, odd, ""), **extra}]
    scene.world.faults["/permissions"] = {
        "value": [scene.world.permission(0, Grant("user", "alice"), ""), *printed]
    }
    mirror = mirrored()
    mirror.access()
    assert mirror.scopes[id_of(scene, "a.md")] == UNREADABLE


def test_an_item_whose_permissions_are_shut_to_us_is_nobodys_and_a_library_is_a_failure(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    filled(scene)
    scene.allow("open/0.md", ["alice"])
    scene.world.faults[f"{node(scene, 'open/0.md').id}/permissions"] = 403
    mirror = mirrored()
    mirror.access()
    assert mirror.readers(id_of(scene, "open/0.md")) == set()
    assert mirror.readers(id_of(scene, "open/1.md")) == {"alice", "bob"}
    scene.world.faults = {f"{scene.drive.root.id}/permissions": 403}
    with pytest.raises(Unavailable):
        mirrored().access()


def test_a_batch_that_is_throttled_or_fails_in_part_is_asked_for_again_as_a_whole(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    filled(scene)
    mirror = mirrored()
    scene.world.throttled_in_batch = 1
    with pytest.raises(Throttled):
        mirror.access()
    scene.world.faults = {"/permissions": 500}
    with pytest.raises(Unavailable):
        mirror.access()
    scene.world.faults = {"/permissions": 400}
    with pytest.raises(Refusal):
        mirror.access()
    scene.world.faults = {}
    mirror.access()
    assert mirror.readers(id_of(scene, "open/0.md")) == {"alice", "bob"}


def test_a_feed_that_is_too_old_begins_anew(scene: GraphScene, mirrored: Mirrored) -> None:
    filled(scene)
    mirror = mirrored()
    mirror.access()
    scene.world.lost_tokens = 1
    mirror.access()
    assert mirror.restarts == 1
    for cursor in ("nonsense", "{}", json.dumps({"drives": []}), mirror.cursor.replace("b!", "b?")):
        with pytest.raises(CursorLost):
            mirror.graph.access(cursor)


@pytest.mark.parametrize(
    "page",
    [
        {"value": []},
        {"value": None, "@odata.deltaLink": "/x"},
        {"@odata.deltaLink": "/x"},
        {"value": [{"name": "no id"}], "@odata.deltaLink": "/x"},
        {"value": [{"id": "1", "folder": {}, "name": "no parent"}], "@odata.deltaLink": "/x"},
        {"value": [], "@odata.nextLink": "https://evil.example/next"},
        {"value": [], "@odata.deltaLink": "/x", "@odata.nextLink": "/y"},
    ],
)
def test_a_malformed_page_is_never_an_empty_one(
    scene: GraphScene, mirrored: Mirrored, page: dict[str, object]
) -> None:
    scene.world.faults["/root/delta"] = page
    mirror = mirrored(hierarchical_sharing="assumed")
    for ask in (mirror.graph.access, mirror.graph.changes):
        with pytest.raises(Malformed):
            ask("")


def test_a_feed_that_goes_round_in_circles_ends(scene: GraphScene, mirrored: Mirrored) -> None:
    url = f"{scene.server.url}/v1.0/drives/{scene.drive.id}/root/delta?token="
    graph = mirrored().graph
    scene.world.faults = {"token=B": {"value": [], "@odata.nextLink": url + "A"}}
    scene.world.faults["/root/delta"] = {"value": [], "@odata.nextLink": url + "B"}
    scene.world.faults["token=A"] = {"value": [], "@odata.nextLink": url + "B"}
    cursor = ""
    for _ in range(2):
        cursor = graph.changes(cursor).cursor
    with pytest.raises(Malformed):
        graph.changes(cursor)


def test_a_file_is_fetched_from_where_the_service_sends_us_without_our_token(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    scene.put("a.md", "what it holds")
    graph = mirrored().graph
    assert graph.fetch(Item(id_of(scene, "a.md"), "a.md", "1")).content == b"what it holds"
    shut = mirrored(download_hosts=[]).graph
    with pytest.raises(Unavailable, match="may not"):
        shut.fetch(Item(id_of(scene, "a.md"), "a.md", "1"))


@pytest.mark.parametrize(
    ("status", "raised"),
    [(404, Gone), (403, Unreadable), (423, Unreadable), (401, Refusal), (500, Unavailable)],
)
def test_a_fetch_that_is_refused_says_how(
    scene: GraphScene, mirrored: Mirrored, status: int, raised: type[Exception]
) -> None:
    scene.put("a.md", "x")
    scene.world.faults["/content"] = status
    with pytest.raises(raised):
        mirrored().graph.fetch(Item(id_of(scene, "a.md"), "a.md", "1"))


def test_paths_follow_the_folders_that_they_lie_in(scene: GraphScene, mirrored: Mirrored) -> None:
    filled(scene)
    mirror = mirrored()
    assert set(mirror.content()) == {f"{folder}/{n}.md" for folder in ("open", "shut") for n in range(3)}
    cursor = ""
    while True:
        page = mirror.graph.changes(cursor)
        cursor = page.cursor
        if not page.more:
            break
    scene.put("open/0.md", "changed")
    later = mirror.graph.changes(cursor)
    assert [one.path for one in later.items] == ["open/0.md"]
    scene.move("open", "renamed")
    with pytest.raises(CursorLost):
        mirror.graph.changes(later.cursor)
    assert "renamed/0.md" in mirror.content()
    scene.remove("renamed")
    assert {one.partition("/")[0] for one in mirror.content()} == {"shut"}


def test_a_removed_folder_lists_everything_anew(scene: GraphScene, mirrored: Mirrored) -> None:
    filled(scene)
    mirror = mirrored()
    page = mirror.graph.changes("")
    while page.more:
        page = mirror.graph.changes(page.cursor)
    scene.remove("open")
    with pytest.raises(CursorLost):
        mirror.graph.changes(page.cursor)


def test_items_of_several_libraries_are_told_apart(scene: GraphScene, mirrored: Mirrored) -> None:
    other = scene.world.add_drive("Plans")
    for drive, who in ((scene.drive, "alice"), (other, "bob")):
        scene.world.make(drive, "a.md", "x")
        found = scene.world.find(drive, "a.md")
        assert found is not None
        drive.nodes.pop(found.id)
        found.id = "01SAME"
        drive.nodes[found.id] = found
        scene.world.grant(drive, found, [Grant("user", who)])
    mirror = mirrored(drives=[])
    mirror.access()
    assert set(mirror.content()) == {"Documents/a.md", "Plans/a.md"}
    assert mirror.readers(f"{scene.drive.id}/01SAME") == {"alice"}
    assert mirror.readers(f"{other.id}/01SAME") == {"bob"}
    assert set(mirrored(drives=["Plans"]).content()) == {"a.md"}
    with pytest.raises(BadInput, match="Nowhere"):
        mirrored(drives=["Nowhere"]).graph.access("")
    gone = mirrored(drives=["Plans"], site=f"{scene.server.url}/sites/other").graph
    with pytest.raises(Refusal):
        gone.access("")


def test_what_has_no_file_is_reported_and_not_fetched(scene: GraphScene, mirrored: Mirrored) -> None:
    scene.put("a.md", "x")
    for facet in ("malware", "remoteItem", "package"):
        node(scene, "a.md").extra = {facet: {}}
        assert mirrored().content()["a.md"].problem
    node(scene, "a.md").extra = {"publication": {"level": "checkout"}}
    draft = mirrored().content()["a.md"]
    node(scene, "a.md").extra = {"publication": {"level": "published"}}
    published = mirrored().content()["a.md"]
    assert (bool(draft.problem), draft.revision, published.problem) == (True, "", "")
    assert published.revision
    node(scene, "a.md").extra = {"name": "a/../b.md"}
    assert set(mirrored().content()) == {"a_.._b.md"}


def test_accounts_and_groups_come_in_parts_and_are_whole(scene: GraphScene, mirrored: Mirrored) -> None:
    scene.world.set_group("inner", ["alice", "bob", "carol", GUEST, "zoe"], ["carol"])
    scene.world.set_group("outer", ["@inner"])
    scene.world.users["bob"].enabled = False
    parts = list(mirrored().graph.people())
    accounts = {one.name: one for part in parts for one in part.accounts}
    teams = {one.id: one for part in parts for one in part.teams}
    assert (accounts[f"{GUEST}@acme.example"].guest, accounts["alice@acme.example"].guest) == (True, False)
    assert not accounts["bob@acme.example"].active
    inner = scene.world.groups["inner"][0]
    assert len(teams[inner].members) == 5
    assert teams[f"owners-of/{inner}"].members == (account(scene.world.users["carol"].id),)
    assert teams[scene.world.groups["outer"][0]].members == (team(inner),)


def test_owners_of_a_group_are_not_its_members(scene: GraphScene, mirrored: Mirrored) -> None:
    scene.world.set_group("club", ["alice", "bob"], ["bob"])
    scene.put("a.md", "x")
    scene.world.grant(scene.drive, node(scene, "a.md"), [Grant("owners", "club")])
    mirror = mirrored()
    mirror.access()
    assert mirror.readers(id_of(scene, "a.md")) == {"bob"}


def certified(scene: GraphScene, place: Path) -> dict[str, object]:
    """Let the service know a certificate; return the settings that prove it."""
    key, certificate = _pair()
    scene.world.certificate = certificate.public_bytes(Encoding.DER)
    both = key + certificate.public_bytes(Encoding.PEM)
    (place / "app.pem").write_bytes(both)
    return {"certificate": f"file:{place / 'app.pem'}", "client_secret": ""}


@cache
def _pair() -> tuple[bytes, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "muniment")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), made


def test_a_site_s_own_groups_are_read_with_a_certificate_and_are_nobody_without(
    scene: GraphScene, mirrored: Mirrored, tmp_path: Path
) -> None:
    scene.world.set_group("club", ["alice", "bob"], ["bob"])
    scene.world.site_groups = {
        3: ("Team Owners", ["@club_o"]),
        5: ("Team Members", ["@club", "carol"]),
        **{number: (f"Group {number}", ["@club"]) for number in (6, 7)},
        9: ("SharingLinks.1.OrganizationView.2", ["@club"]),
    }
    for number in (3, 5, 9):
        scene.put(f"{number}.md", "x")
        scene.world.grant(scene.drive, node(scene, f"{number}.md"), [Grant("site_group", str(number))])
    mirror = mirrored()
    mirror.access()
    assert mirror.readers(id_of(scene, "5.md")) == set()
    assert any("certificate" in one for one in mirror.graph.check().warnings)
    mirror = mirrored(**certified(scene, tmp_path))
    mirror.access()
    assert mirror.readers(id_of(scene, "3.md")) == {"bob"}
    assert mirror.readers(id_of(scene, "5.md")) == {"alice", "bob"}
    assert scene.reads("carol", "5.md")
    assert mirror.readers(id_of(scene, "9.md")) == set()
    assert mirror.graph.check().warnings == []


@pytest.mark.parametrize("fault", [401, 403, {"value": [{"Title": "no number"}]}, {"value": None}])
def test_groups_of_a_site_that_cannot_be_read_are_a_failure(
    scene: GraphScene, mirrored: Mirrored, tmp_path: Path, fault: object
) -> None:
    graph = mirrored(**certified(scene, tmp_path)).graph
    scene.world.faults["/_api/web/sitegroups"] = fault
    with pytest.raises(Unavailable):
        list(graph.people())


def test_a_certificate_without_its_key_names_the_setting(
    scene: GraphScene, mirrored: Mirrored, tmp_path: Path
) -> None:
    stated = certified(scene, tmp_path)
    (tmp_path / "app.pem").write_text("no certificate")
    with pytest.raises(BadInput, match="certificate"):
        mirrored(**stated).graph.check()


def test_what_is_not_said_of_an_account_makes_it_a_guest_that_is_out(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    scene.world.faults["/users"] = {"value": [{"id": "1", "userPrincipalName": "x", "userType": None}]}
    found = next(iter(mirrored().graph.people())).accounts[0]
    assert (found.guest, found.active) == (True, False)


@pytest.mark.parametrize(
    "page",
    [
        {"value": []},
        {
            "value": [{"id": "g", "members@delta": [{"@odata.type": "#microsoft.graph.user"}]}],
            "@odata.deltaLink": "x",
        },
        {"value": [{"id": "g", "members@delta": "all"}], "@odata.deltaLink": "x"},
    ],
)
def test_a_list_of_groups_that_breaks_off_is_none(
    scene: GraphScene, mirrored: Mirrored, page: dict[str, object]
) -> None:
    scene.world.faults["/groups/delta"] = page
    with pytest.raises(Malformed):
        list(mirrored().graph.people())


def test_members_that_left_and_groups_that_were_removed_count_no_more(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    user = {"@odata.type": "#microsoft.graph.user", "id": "u"}
    out = {**user, "@removed": {"reason": "deleted"}}
    scene.world.faults["/groups/delta"] = {
        "value": [
            {"id": "g", "members@delta": [user]},
            {"id": "h", "members@delta": [user]},
            {"id": "g", "members@delta": [out, {"@odata.type": "#microsoft.graph.device", "id": "d"}]},
            {"id": "h", "@removed": {"reason": "changed"}},
        ],
        "@odata.deltaLink": "x",
    }
    teams = [one for part in mirrored().graph.people() for one in part.teams]
    assert {one.id: tuple(one.members) for one in teams} == {"g": (), "owners-of/g": ()}


def test_labels_there_are_labels_here_and_unknown_ones_make_nobodys(
    scene: GraphScene, mirrored: Mirrored
) -> None:
    filled(scene)
    node(scene, "open/0.md").extra = {"sensitivityLabel": {"displayName": "Secret"}}
    node(scene, "open/1.md").extra = {"sensitivityLabel": {"displayName": "New"}}
    mirror = mirrored(labels={"Secret": "restricted"})
    mirror.access()
    stated = mirror.scopes[mirror.items[id_of(scene, "open/0.md")]]
    assert (stated.sensitivity, mirror.readers(id_of(scene, "open/0.md"))) == ("restricted", {"alice", "bob"})
    assert mirror.readers(id_of(scene, "open/1.md")) == set()
    assert mirror.readers(id_of(scene, "open/2.md")) == {"alice", "bob"}


def test_a_call_of_the_service_proves_itself_by_its_state(
    scene: GraphScene, mirrored: Mirrored, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("our-state")
    graph = mirrored(client_state=f"file:{tmp_path / 'state'}").graph
    assert graph.notice({}, {"validationToken": "a b"}, b"") == Notice(200, "a b", False, False)
    assert graph.notice({}, {"validationToken": "a" * 5000}, b"") is None

    def said(*states: object) -> bytes:
        return json.dumps({"value": [{"clientState": one} for one in states]}).encode()

    assert graph.notice({}, {}, said("our-state")) == Notice()
    for body in (said("our-state", "other"), said(""), said(None), said(1), said(), b"{}", b"x", said("ä")):
        assert graph.notice({}, {}, body) is None
    assert mirrored().graph.notice({}, {"validationToken": "a"}, b"") is None
    assert mirrored().graph.notice({}, {}, said("")) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant", "contoso.example"),
        ("site", "http://acme.sharepoint.example/sites/team"),
        ("site", "team"),
        ("certificate", "file:both.pem"),
        ("client_secret", ""),
        ("whole_seconds", 1),
        ("unknown", 1),
    ],
)
def test_settings_that_cannot_work_name_their_field(scene: GraphScene, field: str, value: object) -> None:
    named = "client_secret or certificate" if field in ("certificate", "client_secret") else field
    with pytest.raises(BadInput, match=named):
        kinds.settings_of("sharepoint", {**scene.settings, field: value})


@pytest.mark.parametrize("field", ["graph", "login"])
def test_the_secret_does_not_travel_in_clear(scene: GraphScene, mirrored: Mirrored, field: str) -> None:
    with pytest.raises(BadInput, match=field):
        mirrored(**{field: "http://graph.example/v1.0"})


@pytest.mark.parametrize("changes", [40, pytest.param(10_000, marks=pytest.mark.prove)])
def test_nobody_ever_reads_more_than_there_through_random_changes(
    scene: GraphScene, mirrored: Mirrored, changes: int
) -> None:
    drawn = random.Random(11)
    mirror = mirrored()
    folders = ["", "a", "a/b", "c"]
    wider = narrower = seen = 0
    for number in range(changes):
        _change(scene, drawn, folders, number)
        if number % 3 == 0:
            mirror.access()
            paths = [one for one in _files(scene) if drawn.random() < 0.5]
            for path in paths:
                here = mirror.readers(id_of(scene, path))
                there = {who for who in (*PEOPLE, GUEST) if scene.reads(who, path)}
                wider, narrower, seen = wider + len(here - there), narrower + len(there - here), seen + 1
    assert (wider, narrower) == (0, 0)
    assert seen > changes / 10
    assert mirror.restarts < changes / 3


def _files(scene: GraphScene) -> list[str]:
    found: list[str] = []
    for one in scene.drive.nodes.values():
        if one.text is not None:
            above = [above.name for above in scene.world.above(scene.drive, one) if above.parent]
            found.append("/".join([*reversed(above), one.name]))
    return found


def _change(scene: GraphScene, drawn: random.Random, folders: list[str], number: int) -> None:
    files = _files(scene)
    path = drawn.choice(files) if files else ""
    who = drawn.sample([*PEOPLE, GUEST, "everyone", "@engineering"], drawn.randint(0, 2))
    what = drawn.random()
    if len(files) > 40:
        return scene.remove(path)
    if not path or what < 0.2:
        return scene.put(f"{drawn.choice(folders)}/{number}.md".lstrip("/"), "x")
    if what < 0.4:
        return scene.allow(path, who)
    if what < 0.5:
        return scene.allow(drawn.choice(folders[1:]), who)
    if what < 0.6:
        return scene.inherit(path)
    if what < 0.7:
        return scene.team("engineering", drawn.sample(PEOPLE, drawn.randint(0, 3)))
    if what < 0.8:
        return scene.move(path, f"{drawn.choice(folders)}/m{number}.md".lstrip("/"))
    if what < 0.85:
        return scene.share_by_link(path)
    if what < 0.9:
        return scene.remove(path)
    here, there = drawn.sample(["a/b", "c/b"], 2)
    if what < 0.95 and scene.world.find(scene.drive, here) is not None:
        if scene.world.find(scene.drive, there) is None:
            return scene.move(here, there)
        return scene.inherit(here)
    return scene.put(path, f"other words {number}")
