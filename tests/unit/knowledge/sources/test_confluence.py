"""What only the connector to Confluence has: restrictions above a page, two editions, storage, malformed answers."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulators.sources.confluence_scene import OURS, ConfluenceScene, settings_for
from tests.simulators.sources.confluence_server import LICENSED, Space
from tests.simulators.sources.scene import GUEST, PEOPLE
from tests.unit.knowledge.sources.atlassian_mirror import SourceMirror, connected

from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connector import CursorLost, Gone, Notice, Notifies, Throttled, Unreadable
from muniment.knowledge.sources.connectors.confluence_storage import shown
from muniment.knowledge.sources.http_api import Malformed

WHO = (*PEOPLE, GUEST)


@pytest.fixture(params=[True, False], ids=["cloud", "datacenter"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConfluenceScene]:
    made = ConfluenceScene(tmp_path, cloud=request.param)
    yield made
    made.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[ConfluenceScene]:
    made = ConfluenceScene(tmp_path)
    yield made
    made.close()


def mirrored(scene: ConfluenceScene, place: Path, **more: object) -> SourceMirror:
    settings = settings_for(scene.server, place / "confluence-token", **more)
    return SourceMirror(connected("confluence", settings, place), "confluence", settings)


def page(scene: ConfluenceScene, path: str, *who: str) -> str:
    """Make a page that is restricted to these, without any to nobody; return its id."""
    node = scene.world.make(path, "<p>words</p>")
    if who:
        scene.allow(path, who)
    return node.id


def test_whoever_reads_a_page_is_among_those_of_each_page_above_it(
    scene: ConfluenceScene, tmp_path: Path
) -> None:
    page(scene, "top", "alice", "bob")
    page(scene, "top/free")
    low = page(scene, "top/free/low", "bob", "carol")
    deep = page(scene, "top/free/low/deep")
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    assert mirror.readers(low) == mirror.readers(deep) == {"bob"}
    assert mirror.items[deep] == mirror.items[low] == f"page/{low}"


def test_pages_without_restrictions_share_the_scope_of_their_space(
    cloud: ConfluenceScene, tmp_path: Path
) -> None:
    names = [page(cloud, f"p{number}") for number in range(7)]
    mirror = mirrored(cloud, tmp_path)
    mirror.access()
    assert {mirror.items[one] for one in names} == {"space/DOCS"}
    assert mirror.readers(names[0]) == {*PEOPLE, GUEST}


def test_a_page_listed_before_those_above_it_is_judged_by_them_all_the_same(
    cloud: ConfluenceScene, tmp_path: Path
) -> None:
    low = page(cloud, "low")
    for number in range(4):
        page(cloud, f"between {number}")
    page(cloud, "late", "alice")
    cloud.move("low", "late/low")
    mirror = mirrored(cloud, tmp_path)
    mirror.access()
    assert mirror.readers(low) == {"alice"}


def test_a_pass_that_goes_on_elsewhere_judges_by_what_was_above(
    cloud: ConfluenceScene, tmp_path: Path
) -> None:
    page(cloud, "top", "alice")
    names = [page(cloud, f"top/{number}") for number in range(6)]
    first = mirrored(cloud, tmp_path).connector.access("")
    assert first.more
    rest = mirrored(cloud, tmp_path).connector.access(first.cursor)
    top = first.items[names[0]]
    assert set(rest.items.values()) == {top}
    assert rest.scopes[top] == first.scopes[top]


def test_long_lists_of_those_who_may_are_read_to_the_end(scene: ConfluenceScene, tmp_path: Path) -> None:
    many = [f"user{number}" for number in range(8)]
    for name in many:
        scene.world.add_user(name)
    name = page(scene, "crowd", *many, "alice", "zoe")
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    stated = mirror.scopes[mirror.items[name]]
    assert len(stated.clauses[1]) == len(many) + 3
    assert mirror.readers(name) == {"alice"}


@pytest.mark.parametrize("said", ['{"read": {}}', '{"read": {"restrictions": {"user": {"results": []}}}}'])
def test_restrictions_that_are_not_told_are_everybodys_never(
    cloud: ConfluenceScene, tmp_path: Path, said: str
) -> None:
    row = f'{{"id": "7", "title": "x", "type": "page", "ancestors": [], "restrictions": {said},'
    row += '"children": {"attachment": {"results": []}}}'
    cloud.server.http.faults["content/search"] = f'{{"results": [{row}]}}'.encode()
    mirror = mirrored(cloud, tmp_path)
    mirror.access()
    assert mirror.items == {"7": "page/7"}
    assert mirror.readers("7") == set()


def test_a_page_above_that_cannot_be_asked_about_lets_nobody_in(
    cloud: ConfluenceScene, tmp_path: Path
) -> None:
    low = page(cloud, "low")
    for number in range(4):
        page(cloud, f"between {number}")
    top = page(cloud, "late")
    cloud.move("low", "late/low")
    cloud.server.http.faults[f"content/{top}/restriction"] = 403
    mirror = mirrored(cloud, tmp_path)
    mirror.access()
    assert mirror.readers(low) == set()


def test_a_space_whose_permissions_cannot_be_read_is_nobodys(scene: ConfluenceScene, tmp_path: Path) -> None:
    name = page(scene, "a")
    scene.world.spaces["DOCS"].hidden = True
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    assert mirror.readers(name) == set()
    assert "DOCS" in mirror.connector.check().warnings[0]


def test_a_space_open_to_visitors_is_everybodys_but_guests_where_that_is_confirmed(tmp_path: Path) -> None:
    scene = ConfluenceScene(tmp_path, cloud=False)
    scene.world.spaces["DOCS"] = Space("DOCS", {"alice"}, anonymous=True)
    name = page(scene, "a")
    try:
        mirror = mirrored(scene, tmp_path)
        mirror.access()
        assert mirror.readers(name) == {"alice"}
        mirror = mirrored(scene, tmp_path, anonymous=True)
        mirror.access()
        assert mirror.readers(name) == {who for who in WHO if scene.reads(who, "a")} == set(PEOPLE)
    finally:
        scene.close()


def test_who_lost_the_licence_or_is_not_active_reads_nothing(scene: ConfluenceScene, tmp_path: Path) -> None:
    name = page(scene, "a", "alice", "bob", "carol")
    scene.world.groups[LICENSED].discard("alice")
    scene.world.users["bob"]["active"] = False
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    assert mirror.readers(name) == {who for who in WHO if scene.reads(who, "a")} == {"carol"}


def test_a_group_that_is_none_cannot_be_the_licensed_one(cloud: ConfluenceScene, tmp_path: Path) -> None:
    mirror = mirrored(cloud, tmp_path, licensed_groups=["no-such"])
    with pytest.raises(BadInput, match="no-such"):
        mirror.access()


def test_attachments_are_read_by_the_readers_of_their_page(scene: ConfluenceScene, tmp_path: Path) -> None:
    name = page(scene, "a", "alice")
    files = {f"att{number}": (f"{number}.txt", b"enclosed", 1) for number in range(5)}
    scene.node("a").files = files
    mirror = mirrored(scene, tmp_path)
    mirror.access()
    found = mirror.content()
    assert {f"a/{number}.txt" for number in range(5)} <= found.keys()
    assert all(mirror.readers(f"{name}/{one}") == {"alice"} for one in files)
    assert mirror.connector.fetch(found["a/3.txt"]).content == b"enclosed"


def test_a_page_is_read_with_its_comments_and_moves_when_they_do(
    scene: ConfluenceScene, tmp_path: Path
) -> None:
    page(scene, "a")
    mirror = mirrored(scene, tmp_path)
    before = mirror.content()["a"]
    scene.node("a").comments["c1"] = ("<p>a remark</p>", 1)
    after = mirror.content()["a"]
    assert before.revision != after.revision
    assert b"a remark" in mirror.connector.fetch(after).content
    scene.node("a").comments["c1"] = ("<p>another remark</p>", 2)
    assert mirror.content()["a"].revision not in (before.revision, after.revision)
    scene.node("a").comments.clear()
    assert mirror.content()["a"].revision == before.revision


def test_blog_posts_and_several_spaces_are_read(scene: ConfluenceScene, tmp_path: Path) -> None:
    scene.world.spaces["NEWS"] = Space("NEWS", groups={LICENSED})
    scene.world.make("today", "<p>it rains</p>", "NEWS", "blogpost")
    page(scene, "a")
    mirror = mirrored(scene, tmp_path, spaces=["DOCS", "NEWS"])
    mirror.access()
    found = mirror.content()
    assert set(found) == {"DOCS/a", "NEWS/today"}
    assert mirror.readers(found["NEWS/today"].id) == set(PEOPLE)
    assert b"it rains" in mirror.connector.fetch(found["NEWS/today"]).content


def test_what_cannot_be_fetched_fails_alone(cloud: ConfluenceScene, tmp_path: Path) -> None:
    page(cloud, "a")
    mirror = mirrored(cloud, tmp_path)
    item = mirror.content()["a"]
    cloud.lock("a", True)
    with pytest.raises(Unreadable) as refused:
        mirror.connector.fetch(item)
    assert refused.value.why == "refused"
    cloud.remove("a")
    with pytest.raises(Gone):
        mirror.connector.fetch(item)


def test_answers_that_are_none_are_not_taken_for_few(cloud: ConfluenceScene, tmp_path: Path) -> None:
    page(cloud, "a")
    mirror = mirrored(cloud, tmp_path)
    for held in ("content/search", "/rest/api/group", "permissions"):
        cloud.server.http.faults = {held: b'{"message": "hello"}'}
        with pytest.raises(Malformed):
            mirror.access()
        mirror.cursor = ""
    cloud.server.http.faults = {"content/search": 403}
    with pytest.raises(Unavailable):
        mirror.connector.access("")
    with pytest.raises(Unavailable):
        mirror.connector.changes("")


def test_a_listing_that_goes_in_circles_ends(cloud: ConfluenceScene, tmp_path: Path) -> None:
    body = b'{"results": [], "_links": {"next": "/rest/api/content/search?cql=x&cursor=1"}}'
    cloud.server.http.faults["content/search"] = body
    mirror = mirrored(cloud, tmp_path)
    with pytest.raises(Malformed, match="circles"):
        mirror.access()
    with pytest.raises(Malformed, match="circles"):
        mirror.content()


def test_a_cursor_that_cannot_be_read_is_lost_and_patience_is_asked_for(
    cloud: ConfluenceScene, tmp_path: Path
) -> None:
    connector = mirrored(cloud, tmp_path).connector
    with pytest.raises(CursorLost):
        connector.access("nonsense")
    cloud.throttle(1)
    with pytest.raises(Throttled):
        connector.access("")


def test_a_call_counts_only_with_the_right_signature(cloud: ConfluenceScene, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("shared")
    connector = mirrored(cloud, tmp_path, webhook_secret=f"file:{secret}").connector
    assert isinstance(connector, Notifies)
    right = "sha256=" + hmac.new(b"shared", b"{}", hashlib.sha256).hexdigest()
    assert connector.notice({"x-hub-signature": right}, {}, b"{}") == Notice()
    for headers in ({"x-hub-signature": right + "0"}, {"x-hub-signature": "sha256=é"}, {}):
        assert connector.notice(headers, {}, b"{}") is None
    assert connector.notice({"x-hub-signature": right}, {}, b"{ }") is None
    bare = mirrored(cloud, tmp_path).connector
    assert isinstance(bare, Notifies)
    assert bare.notice({"x-hub-signature": right}, {}, b"{}") is None


def changed(scene: ConfluenceScene, drawn: random.Random, paths: list[str]) -> None:
    """Make one change of whatever decides who reads."""
    names = [*PEOPLE, GUEST, "@engineering", "@everyone-else", "everyone"]
    path = drawn.choice(paths)
    what = drawn.randrange(6)
    if what <= 2:
        scene.allow(path, drawn.sample(names, drawn.randint(0, 4)))
    elif what == 3:
        scene.inherit(path)
    elif what == 4:
        scene.team(drawn.choice(["engineering", LICENSED]), {OURS, *drawn.sample(WHO, drawn.randint(0, 4))})
    else:
        held = scene.world.spaces["DOCS"]
        held.users = set(drawn.sample(WHO, drawn.randint(0, 3)))
        held.groups = set(drawn.sample([LICENSED, "engineering", "everyone-else"], drawn.randint(0, 2)))


@pytest.mark.parametrize("changes", [40, pytest.param(10_000, marks=pytest.mark.prove)])
def test_after_any_changes_exactly_those_read_whom_the_source_lets_read(
    scene: ConfluenceScene, tmp_path: Path, changes: int
) -> None:
    drawn = random.Random(11)
    paths = ["a", "a/b", "a/b/c", "a/d", "e", "e/f"]
    for path in paths:
        page(scene, path)
    mirror = mirrored(scene, tmp_path)
    for _ in range(changes // 4):
        for _ in range(4):
            changed(scene, drawn, paths)
        mirror.access()
        for path in paths:
            there = {who for who in WHO if scene.reads(who, path)}
            assert mirror.readers(scene.node(path).id) == there, path


def macro(name: str, body: str, parameters: str = "") -> str:
    return (
        f'<ac:structured-macro ac:name="{name}">{parameters}'
        f"<ac:rich-text-body>{body}</ac:rich-text-body></ac:structured-macro>"
    )


def test_the_bodies_of_macros_are_kept_and_their_settings_left_out() -> None:
    title = '<ac:parameter ac:name="title">setting</ac:parameter>'
    found = shown(f"<p>before</p>{macro('panel', '<p>within</p>', title)}<p>after</p>")
    assert "<div><p>within</p></div>" in found
    assert "setting" not in found
    code = '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[if a < b: # <!-- x]]>'
    assert "if a &lt; b: # &lt;!-- x" in shown(f"{code}</ac:plain-text-body></ac:structured-macro>")


@pytest.mark.parametrize("where", ["before", "behind"])
def test_what_a_macro_hides_is_left_out(where: str) -> None:
    hidden = '<ac:parameter ac:name="hidden">true</ac:parameter>'
    body = "<ac:rich-text-body>secret</ac:rich-text-body>"
    parts = hidden + body if where == "before" else body + hidden
    macro_ = f'<ac:structured-macro ac:name="excerpt">{parts}</ac:structured-macro>'
    assert "secret" not in shown(f"<p>open {macro_}</p>")


def test_a_macro_that_may_show_its_body_to_some_only_is_left_out_with_all_within_it() -> None:
    assert shown(macro("show-if", macro("info", "secret")) + "open") == "open"


@pytest.mark.parametrize(
    "storage",
    [
        "<ac:structured-macro ac:name='info'>",
        "</ac:link>",
        "<ac:link></ac:image></ac:link>",
        "<![CDATA[x",
        "<!-- x",
        '<ac:parameter ac:name="a<b">x</ac:parameter>',
        "<ac:link>" * 300 + "</ac:link>" * 300,
    ],
)
def test_a_page_that_is_not_well_formed_is_not_read(storage: str) -> None:
    with pytest.raises(Unreadable):
        shown(storage)
