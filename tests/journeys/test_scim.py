"""An identity provider provisions: what it may send, what it is told, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.simulators.provisioner import ENTERPRISE, GROUP, PATCH, SEARCH, USER, Provisioner
from tests.simulators.web_client import client

from muniment import settings
from muniment.app import Workspace
from muniment.foundation.key_provider import KeyRefused
from muniment.interfaces.scim import LONGEST_BODY, query

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.fixture
def scim(workspace: Workspace) -> Provisioner:
    return Provisioner(workspace)


def told(got: Any) -> tuple[int, str | None]:
    """Return status and scimType of an error in the form of SCIM."""
    assert got.headers["content-type"] == "application/scim+json", got.text
    body = got.json()
    assert body["schemas"] == [ERROR] and body["status"] == str(got.status_code) and body["detail"]
    return got.status_code, body.get("scimType")


def replace(path: str, value: object) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def test_what_okta_and_entra_send_is_understood(workspace: Workspace, scim: Provisioner) -> None:
    assert scim.find("Users", filter='userName eq "zoe@corp.local"') == []
    zoe = scim.user(
        "zoe@corp.local",
        externalId="00u1",
        name={"givenName": "Zoe", "familyName": "Olsen"},
        emails=[{"value": "zoe@corp.local", "type": "work", "primary": True}],
        password="never kept",
        groups=[],
        **{ENTERPRISE: {"department": "Finance"}},
    )
    assert "password" not in zoe and zoe[ENTERPRISE] == {"department": "Finance"}
    assert workspace.directory.title(workspace.directory.principal("zoe@corp.local")) == "Zoe Olsen"
    assert scim.find("Users", filter='externalId eq "00u1" and active eq true') == ["zoe@corp.local"]

    # Entra: capitalised operations, texts for booleans, filters that describe what is not there yet.
    operations = [
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+47 1"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"},
    ]
    changed = scim.patch(zoe, *operations)
    assert changed.status_code == 200
    assert changed.json()["active"] is False and changed.json()[ENTERPRISE]["department"] == "Sales"
    assert changed.json()["phoneNumbers"] == [{"value": "+47 1", "type": "mobile"}]
    # Okta: no path.
    assert scim.patch(zoe, {"op": "replace", "value": {"active": True}}).json()["active"] is True

    team = scim.group("Team Oslo", zoe)
    assert scim("GET", f"/Users/{zoe['id']}").json()["groups"][0]["display"] == "Team Oslo"
    assert (
        scim.patch(team, {"op": "Remove", "path": "members", "value": [{"value": zoe["id"]}]}).status_code
        == 204
    )
    added = {"op": "Add", "path": "members", "value": [{"value": zoe["id"], "display": "Zoe"}]}
    assert scim.patch(team, added).status_code == 204
    by_id = f'id eq "{team["id"]}" and members eq "{zoe["id"]}"'
    assert scim.find("Groups", filter=by_id, excludedAttributes="members") == ["Team Oslo"]
    assert scim.patch(team, {"op": "remove", "path": f'members[value eq "{zoe["id"]}"]'}).status_code == 204
    renamed = {"op": "replace", "value": {"id": team["id"], "displayName": "Team Bergen"}}
    assert scim.patch(team, renamed).status_code == 204
    assert scim.find("Groups") == ["Team Bergen"]
    text = str([entry.about for entry in workspace.audit.tail(100)])
    assert "never kept" not in text and "Olsen" not in text and "+47" not in text


def test_a_put_says_everything_but_whether_the_account_works(scim: Provisioner) -> None:
    zoe = scim.user("zoe", active=False, title="Ms", externalId="1")
    put = scim("PUT", f"/Users/{zoe['id']}", {"schemas": [USER], "id": "other", "userName": "zoe"})
    assert put.status_code == 200 and put.json()["id"] == zoe["id"]
    assert put.json()["active"] is False and "title" not in put.json() and "externalId" not in put.json()
    taken = scim.patch(zoe, replace("active", True), {"op": "remove", "path": "active"})
    assert "active" not in taken.json()
    assert scim.find("Users", filter="active eq true") == []


FILTERS = {
    'userName eq "ann"': ["ann"],
    'userName eq "Ann"': ["Ann"],
    'USERNAME EQ "ann"': ["ann"],
    'userName ne "ann"': ["Ann", "ben", "cid"],
    'userName sw "a" or userName ew "d"': ["ann", "cid"],
    'title co "VICE"': ["ben"],
    "title pr": ["ben", "cid"],
    "not (title pr)": ["Ann", "ann"],
    'userName gt "ann" and userName le "ben"': ["ben"],
    'emails[type eq "work" and value co "@b"]': ["ben"],
    'emails.value ew "c.org"': ["cid"],
    '(active eq false or title eq "vice x") and userName pr': ["ben", "cid"],
    'meta.created ge "2020-01-01T00:00:00Z" and id pr and externalId eq "e1"': ["ann"],
    'userName eq "ann" and userName eq "ben"': [],
    f'{USER}:userName sw "b"': ["ben"],
    f'{ENTERPRISE}:department eq "FIN"': ["cid"],
}


def test_filters_order_and_pages(scim: Provisioner) -> None:
    scim.user("ann", externalId="e1")
    scim.user("Ann")
    scim.user("ben", title="Vice X", emails=[{"value": "x@b.org", "type": "work"}])
    scim.user(
        "cid", title="Mr", active=False, emails=[{"value": "y@c.org"}], **{ENTERPRISE: {"department": "fin"}}
    )
    assert {text: scim.find("Users", filter=text) for text in FILTERS} == FILTERS
    assert scim.find("Users", sortBy="title", sortOrder="descending")[2:] == ["ben", "cid"]
    assert scim.find("Users", sortBy="userName", sortOrder="descending") == ["cid", "ben", "ann", "Ann"]
    page = scim("GET", "/Users", startIndex=2, count=2).json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (4, 2, 2)
    assert [one["userName"] for one in page["Resources"]] == ["ann", "ben"]
    none = scim("GET", "/Users", count=-3, startIndex=0, filter="title pr").json()
    assert (none["totalResults"], none["startIndex"], none["Resources"]) == (2, 1, [])
    assert scim.find("Users", startIndex=10**12) == []
    only = scim("GET", "/Users", attributes="title", filter="title pr", count=1).json()["Resources"]
    assert [sorted(one) for one in only] == [["id", "schemas", "title"]]
    scim.user("zo\u00e9")
    for other in ("zoe\u0301", "ZO\u00c9", "z\u043e\u00e9", "zo\u00e9 "):
        assert scim.find("Users", filter=f'userName eq "{other}" or userName ew "{other}"') == []
    scim.group("ann")
    found = scim("POST", "/.search", {"schemas": [SEARCH], "filter": 'displayName eq "ann" or title pr'})
    assert [one["meta"]["resourceType"] for one in found.json()["Resources"]] == ["User", "User", "Group"]


NO_FILTERS = [
    "",
    "userName",
    "userName eq",
    "nope eq 1",
    "active gt true",
    "userName eq ann",
    "(" * 2000,
    "a" * 5000,
    "id eq 5",
    'title eq "x" and',
    "not userName pr",
    "emails[",
    'members eq "x"',
]


def test_a_filter_that_is_none_is_named_as_such(scim: Provisioner) -> None:
    found = {text: told(scim("GET", "/Users", filter=text)) for text in NO_FILTERS}
    assert found == dict.fromkeys(NO_FILTERS, (400, "invalidFilter"))


def test_a_change_of_another_version_than_was_seen_is_refused(scim: Provisioner) -> None:
    zoe = scim.user("zoe")
    path, first = f"/Users/{zoe['id']}", zoe["meta"]["version"]
    got = scim("GET", path)
    assert got.headers["etag"] == first and got.headers["content-type"] == "application/scim+json"
    unchanged = scim("GET", path, headers={"if-none-match": f'"other", {first}'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", first)
    changed = scim.patch(zoe, replace("title", "Ms"), **{"if-match": first})
    second = changed.headers["etag"]
    assert changed.status_code == 200 and second != first and changed.json()["meta"]["version"] == second
    body = {"schemas": [USER], "userName": "zoe"}
    for stale in (
        {"if-match": first},
        {"if-match": '"x"'},
        {"if-none-match": second},
        {"if-none-match": "*"},
    ):
        assert told(scim("PUT", path, body, stale)) == (412, None)
        assert told(scim("DELETE", path, headers=stale)) == (412, None)
        assert told(scim.patch(zoe, replace("title", "x"), **stale)) == (412, None)
    assert scim("GET", path, headers={"if-none-match": first}).json()["title"] == "Ms"
    scim.group("team", zoe)
    assert scim("GET", path, headers={"if-none-match": second}).status_code == 200
    assert scim("DELETE", path, headers={"if-match": "*"}).status_code == 204
    assert told(scim("DELETE", path)) == (404, None)


PATCHES: dict[str, tuple[object, str]] = {
    "an attribute that there is not": (replace("nope", 1), "invalidPath"),
    "a part that there is not": (replace("name.nope", 1), "invalidPath"),
    "a schema that there is not": (replace("urn:x:y:z", 1), "invalidPath"),
    "an attribute that there is not, without a path": ({"op": "add", "value": {"nope": 1}}, "invalidPath"),
    "no path at all": ({"op": "remove"}, "noTarget"),
    "a path that is none": (replace("emails[", 1), "invalidPath"),
    "a filter that names nothing": (replace("emails[nope eq 1].value", "x"), "invalidFilter"),
    "what is required": ({"op": "remove", "path": "userName"}, "mutability"),
    "what is read-only": (replace("id", "x"), "mutability"),
    "groups through the user": (replace("groups", []), "mutability"),
    "a value of another type": (replace("userName", ["x"]), "invalidValue"),
    "no value": ({"op": "add", "path": "title"}, "invalidValue"),
    "another operation": ({"op": "move", "path": "title"}, "invalidValue"),
    "no operation": ("nonsense", "invalidSyntax"),
    "a name that cannot be used": (replace("userName", "user:x"), "invalidValue"),
    "half a character": (replace("title", "\ud800"), "invalidValue"),
    "an external id too long": (replace("externalId", "x" * 1001), "invalidValue"),
}  # fmt: skip


def test_a_patch_that_cannot_be_made_says_why_and_changes_nothing(
    workspace: Workspace, scim: Provisioner
) -> None:
    zoe = scim.user("zoe", title="Ms", emails=[{"value": "z@x.org", "type": "work"}])
    before = workspace.audit.tail(1)
    first = replace("title", "changed before the fault")
    found = {}
    for what, (operation, _) in PATCHES.items():
        found[what] = told(scim.patch(zoe, first, operation))  # type: ignore[arg-type]
    assert found == {what: (400, kind) for what, (_, kind) in PATCHES.items()}
    assert scim("GET", f"/Users/{zoe['id']}").json() == zoe
    assert workspace.audit.tail(1) == before


BODIES: dict[str, tuple[bytes, int, str | None]] = {
    "nothing": (b"", 400, "invalidSyntax"),
    "a list": (b"[]", 400, "invalidSyntax"),
    "deep": (b"[" * 100_000, 400, "invalidSyntax"),
    "deep values": (b'{"name":' * 40 + b"1" + b"}" * 40, 400, "invalidSyntax"),
    "no number": (b'{"userName": NaN}', 400, "invalidSyntax"),
    "twice": (b'{"schemas":["%b"],"userName":"zoe","username":"root"}' % USER.encode(), 400, "invalidSyntax"),
    "other bytes": (b'{"userName": "\xff"}', 400, "invalidSyntax"),
    "no name": (b'{"schemas":["%b"]}' % USER.encode(), 400, "invalidValue"),
    "too large": (b'{"userName":"' + b"x" * LONGEST_BODY + b'"}', 413, None),
}


def test_a_body_that_does_not_fit_is_refused_in_the_form_of_scim(
    workspace: Workspace, scim: Provisioner
) -> None:
    kind = {"content-type": "application/scim+json"}
    found = {
        what: told(scim.http.post("/scim/v2/Users", content=raw, headers=scim.headers | kind))
        for what, (raw, _, _) in BODIES.items()
    }
    assert found == {what: (status, word) for what, (_, status, word) in BODIES.items()}
    wrong = scim.headers | {"content-type": "text/plain"}
    assert told(scim.http.post("/scim/v2/Users", content=b"{}", headers=wrong)) == (415, None)
    listed = workspace.directory.listing().users
    assert [one.name for one in listed] == ["alice", "bob", "carol"]


def test_every_error_is_in_the_form_of_scim(workspace: Workspace, scim: Provisioner) -> None:
    assert told(scim("GET", "/nonsense")) == (404, None)
    assert told(scim("GET", "/Users/usr_x")) == (404, None)
    assert told(scim("PATCH", "/Schemas")) == (405, None)
    assert told(scim("GET", "/Me")) == told(scim("POST", "/Bulk", {})) == (501, None)
    assert told(scim("GET", "/Users", **{"filter": "title pr", "startIndex": "x"})) == (400, "invalidValue")
    anonymous = scim.http.get("/scim/v2/Users")
    assert told(anonymous) == (401, None) and anonymous.headers["www-authenticate"] == "Bearer"
    assert told(scim.http.get("/scim/v2/Users", headers={"host": "evil.example"})) == (421, None)
    assert told(scim("POST", "/Users", {"schemas": [USER], "userName": "alice"})) == (409, "uniqueness")
    assert (
        "directory file" in scim("POST", "/Users", {"schemas": [USER], "userName": "alice"}).json()["detail"]
    )
    assert told(scim("POST", "/Groups", {"schemas": [GROUP], "displayName": "muniment-admins"})) == (
        403,
        None,
    )
    assert told(scim("POST", "/Groups", {"schemas": [GROUP], "displayName": "everyone"})) == (
        400,
        "invalidValue",
    )
    one, two = scim.group("one"), scim.group("two")
    inside = {"op": "add", "path": "members", "value": [{"value": one["id"]}]}
    assert scim.patch(two, inside).status_code == 204
    circle = scim.patch(one, {"op": "add", "path": "members", "value": [{"value": two["id"]}]})
    assert told(circle) == (400, "invalidValue") and "one -> two -> one" in circle.json()["detail"]
    nobody = {"op": "add", "path": "members", "value": [{"value": "usr_nobody"}]}
    assert told(scim.patch(one, nobody)) == (400, "invalidValue")


def test_a_locked_workspace_says_so_in_the_form_of_scim(
    make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    headers = Provisioner(workspace).headers

    def refuse() -> None:
        raise KeyRefused("no key")

    monkeypatch.setattr(workspace.lease, "check", refuse)
    got = client(workspace).get("/scim/v2/Users", headers=headers)
    assert told(got) == (503, None) and got.headers["retry-after"] == "5"


def test_an_administering_group_is_the_providers_only_where_the_settings_say_so(
    make_workspace: Callable[..., Workspace],
) -> None:
    chosen = {"admin_groups": ["it"], "scim_admin_groups": ["it"]}
    scim = Provisioner(make_workspace(settings=settings.parse({"identity": chosen})))
    assert scim.group("it", scim.user("zoe"))["displayName"] == "it"


def test_a_question_about_too_many_is_answered_with_how_to_ask(
    scim: Provisioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MOST_SEARCHED", 2)
    for name in ("a", "b", "c"):
        scim.user(name)
    assert told(scim("GET", "/Users", filter="title pr")) == (400, "tooMany")
    assert scim.find("Users", filter='userName eq "b" and not (title pr)') == ["b"]
    assert scim.find("Users") == ["a", "b", "c"]


def test_a_patch_has_at_most_a_thousand_operations(scim: Provisioner) -> None:
    body = {"schemas": [PATCH], "Operations": [replace("title", "x")] * 1001}
    assert told(scim("PATCH", f"/Users/{scim.user('zoe')['id']}", body)) == (400, "invalidSyntax")
