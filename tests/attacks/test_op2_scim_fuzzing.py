"""OP2 for /scim/v2, which has no OpenAPI document: requests are made from what its Schemas endpoint says.

Resources that fit, with single values of a wrong type put in, patches of paths that there are and that there are not,
filters and pages, from a fixed seed. None is answered with 5xx, and whatever is said is SCIM, errors too (RFC 7644,
sections 3.12 and 8.1).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.simulators.asgi_caller import AsgiCaller, calling
from tests.simulators.provisioner import GROUP, PATCH, SEARCH, USER
from tests.simulators.web_client import api_key

from muniment import app, settings
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.scim.errors import LONGEST_DETAIL
from muniment.interfaces.server import create_server

SCIM = "http://localhost/scim/v2"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
CASES, PROVE_CASES = 300, 5_000
KINDS = {"Users": USER, "Groups": GROUP}
NOT_OFFERED = ("/Me", "/Bulk")
SCIM_TYPES = {
    *("invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath"),
    *("noTarget", "invalidValue", "invalidVers", "sensitive"),
}
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["alice", "ÆØÅ", "", " ", "a\u0000b", "\ud800", "x" * 3000, "../..", "' OR 1=1 --", "\u202e", "ǅ"]
    ),
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": st.one_of(st.from_regex(r"[a-zæ]{1,9}", fullmatch=True), TEXTS),
    "boolean": st.one_of(st.booleans(), st.sampled_from(["True", "false"])),
    "integer": st.integers(),
    "decimal": st.floats(allow_nan=False, allow_infinity=False),
    "dateTime": st.sampled_from(["2026-11-27T02:00:00Z", "2026-02-30T00:00:00Z", "yesterday"]),
    "reference": st.sampled_from(["https://x.example/1", "Users/1", "javascript:alert(1)", "//"]),
    "binary": st.sampled_from(["aGVsbG8=", "%%%"]),
}


@dataclass
class Site:
    """A served workspace, and what its interface says of itself."""

    workspace: Workspace
    caller: AsgiCaller
    key: str
    attributes: dict[str, list[dict[str, Any]]]
    got: Counter[str] = field(default_factory=Counter)
    made: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def send(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Any:
        sent = {"authorization": f"Bearer {self.key if key is None else key}", **headers}
        if body is not None:
            sent = {"content-type": "application/scim+json", **sent}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        answer = self.caller.send(method=method, url=SCIM + path, headers=sent, data=content)
        self.got[f"{method} {path.split('/')[1].split('?')[0]} {answer.status_code // 100}"] += 1
        check(path, answer)
        return answer

    def make(self, kind: str, body: Any) -> None:
        answer = self.send("POST", f"/{kind}", body)
        if answer.status_code == 201:
            self.made[kind].append(json.loads(answer.content)["id"])


def check(path: str, answer: Any) -> None:
    """Hold an answer against the standard."""
    status = answer.status_code
    if status == 501:
        assert path.startswith(NOT_OFFERED)
    else:
        assert status < 500, answer.content
    if status in (204, 304):
        assert answer.content == b""
        return
    assert answer.headers["content-type"] == ["application/scim+json"]
    body = json.loads(answer.content)
    if status < 400:
        assert body["schemas"] and (body["schemas"] == [LIST] or body["meta"]["location"])
        return
    assert body["schemas"] == [ERROR] and body["status"] == str(status) and body["detail"]
    assert set(body) <= {"schemas", "status", "detail", "scimType"}
    assert body.get("scimType") is None or body["scimType"] in SCIM_TYPES
    assert "Traceback" not in body["detail"] and len(body["detail"]) <= LONGEST_DETAIL


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("op2-scim")
    names = ("user_per_minute", "service_per_minute", "tenant_per_minute", "failures_per_minute")
    chosen = settings.parse({"limits": dict.fromkeys(names, 10**9)})
    workspace = app.create(place / "home", FixedClock(), settings=chosen, embedder=lambda: None)
    (place / "people.toml").write_text("[users.alice]\n[services.helpdesk]\n")
    workspace.directory.import_file(place / "people.toml", OPERATOR)
    with calling(create_server(workspace)) as caller:
        made = Site(workspace, caller, api_key(workspace, "provision"), {})
        told = json.loads(made.send("GET", "/Schemas").content)["Resources"]
        made.attributes = {one["id"]: one["attributes"] for one in told}
        for kind, name in (("Users", "userName"), ("Groups", "displayName")):
            made.make(kind, {"schemas": [KINDS[kind]], name: "first"})
        yield made
    workspace.close()


def mostly(usual: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Four times of five the usual."""
    return st.integers(0, 4).flatmap(lambda at: st.one_of(*others) if at == 4 else usual)


@st.composite
def value_of(draw: st.DrawFn, attribute: dict[str, Any]) -> Any:
    """A value as the schema describes an attribute."""

    def one() -> Any:
        if attribute["type"] == "complex":
            return draw(some_of(attribute["subAttributes"]))
        if attribute.get("canonicalValues"):
            return draw(st.sampled_from(attribute["canonicalValues"]))
        return draw(OF_TYPE[attribute["type"]])

    return [one() for _ in range(draw(st.integers(0, 2)))] if attribute["multiValued"] else one()


@st.composite
def some_of(draw: st.DrawFn, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """What is required, and up to three more."""
    others = [one for one in attributes if not one.get("required")]
    chosen = draw(st.lists(st.sampled_from(others), max_size=3)) if others else []
    required = [one for one in attributes if one.get("required")]
    return {one["name"]: draw(value_of(one)) for one in (*required, *chosen)}


@st.composite
def resources(draw: st.DrawFn, site: Site, kind: str) -> Any:
    """A resource that fits, or one with something else in the place of a value."""
    said: dict[str, Any] = {"schemas": [KINDS[kind]], **draw(some_of(site.attributes[KINDS[kind]]))}
    if draw(st.integers(0, 3)) == 0:
        said[draw(st.sampled_from([*said, "id", "meta", "nothing"]))] = draw(JUNK)
    return said


def bodies(site: Site, kind: str) -> st.SearchStrategy[Any]:
    broken = st.sampled_from([b"", b"{", b"[" * 200, b'{"userName": "a", "userName": "b"}', b"\xff\xfe"])
    fit = resources(site, kind)
    return mostly(fit, JUNK, broken)


def patches(site: Site, kind: str) -> st.SearchStrategy[Any]:
    names = [one["name"] for one in site.attributes[KINDS[kind]]]
    paths = st.one_of(
        st.sampled_from(
            [*names, f"{KINDS[kind]}:{names[0]}", 'emails[type eq "work"].value', "name.givenName"]
        ),
        st.sampled_from(
            ['members[value eq "x"]', "a[", "emails[type eq", "urn:x:y", "meta.version", "id", "schemas"]
        ),
        TEXTS,
    )
    fit = st.sampled_from(site.attributes[KINDS[kind]]).flatmap(
        lambda one: st.tuples(st.just(one["name"]), value_of(one))
    )
    ops = st.sampled_from(["add", "replace", "remove", "Replace"])
    named = st.tuples(ops, fit).map(lambda said: {"op": said[0], "path": said[1][0], "value": said[1][1]})
    bare = resources(site, kind).map(lambda said: {"op": "replace", "value": said})
    wild = st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "replace", "remove", "move", 7])},
        optional={"path": paths, "value": JUNK},
    )
    operations = st.one_of(
        st.lists(named, min_size=1, max_size=2),
        st.lists(st.one_of(named, bare, wild), max_size=3),
    )
    return mostly(operations, JUNK).map(lambda said: {"schemas": [PATCH], "Operations": said})


def questions(site: Site, kind: str) -> st.SearchStrategy[dict[str, Any]]:
    names = st.one_of(st.sampled_from([one["name"] for one in site.attributes[KINDS[kind]]]), TEXTS)
    words = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "pr", "EQ", "like", ""])
    one = st.tuples(names, words, st.one_of(JUNK.map(lambda v: json.dumps(v)), TEXTS)).map(" ".join)
    joined = st.tuples(one, st.sampled_from([" and ", " or ", " ) ", " and not ("]), one).map("".join)
    filters = st.one_of(one, joined, st.sampled_from(["(" * 500, "not " * 500, "a eq 1 and " * 300]))
    numbers = st.one_of(st.integers(), st.sampled_from([-1, 0, 1, 10**20]), TEXTS)
    return st.fixed_dictionaries(
        {},
        optional={
            "filter": filters,
            "startIndex": numbers,
            "count": numbers,
            "sortBy": names,
            "sortOrder": st.sampled_from(["ascending", "up"]),
            "attributes": names,
            "excludedAttributes": names,
        },
    )


def fuzz(site: Site, cases: int) -> None:
    """Send as many requests of each form as make `cases` in all, one form after the other."""
    versions = mostly(st.just("*"), st.sampled_from(['W/"1"', "", '"', "x" * 200]))

    def each(strategy: st.SearchStrategy[Any], share: float, send: Any) -> None:
        @hypothesis_settings(
            max_examples=max(1, round(cases * share)),
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def run(said: Any) -> None:
            send(said)

        run()

    for kind in KINDS:
        one = mostly(st.sampled_from(site.made[kind]), TEXTS.filter(lambda text: "/" not in text))
        quoted = one.map(lambda text: urlencode({"": text})[1:] if text.isascii() else "nobody")
        each(bodies(site, kind), 0.12, lambda said, kind=kind: site.make(kind, said))
        each(
            st.tuples(quoted, bodies(site, kind), versions),
            0.1,
            lambda said, kind=kind: site.send("PUT", f"/{kind}/{said[0]}", said[1], **{"if-match": said[2]}),
        )
        each(
            st.tuples(quoted, patches(site, kind)),
            0.14,
            lambda said, kind=kind: site.send("PATCH", f"/{kind}/{said[0]}", said[1]),
        )
        each(
            questions(site, kind),
            0.08,
            lambda said, kind=kind: site.send("GET", f"/{kind}?{urlencode(well_formed(said))}"),
        )
        each(
            questions(site, kind),
            0.03,
            lambda said, kind=kind: site.send("POST", f"/{kind}/.search", {"schemas": [SEARCH], **said}),
        )
        each(
            st.tuples(quoted, versions),
            0.03,
            lambda said, kind=kind: site.send("GET", f"/{kind}/{said[0]}", **{"if-none-match": said[1]}),
        )
    for path in (
        "",
        "/Schemas",
        "/ResourceTypes",
        "/ServiceProviderConfig",
        "/Me",
        "/Bulk",
        "/Nothing",
        "/Users/a/b",
    ):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "MUNIMENT"):
            site.send(method, path or "/", None if method == "GET" else {})
    for kind in KINDS:
        for identity in [*site.made[kind][1:], "nobody"]:
            site.send("DELETE", f"/{kind}/{identity}")
        del site.made[kind][1:]


def well_formed(said: dict[str, Any]) -> dict[str, str]:
    """A query cannot hold half a character."""
    return {name: str(value).encode("utf-8", "replace").decode() for name, value in said.items()}


def test_requests_made_from_the_schemas_are_answered_in_scim(site: Site) -> None:
    fuzz(site, CASES)
    for way in ("POST Users", "POST Groups", "PUT Users", "PATCH Users", "PATCH Groups", "GET Users"):
        # What was sent reached both what may be and what may not.
        assert site.got[f"{way} 2"] and site.got[f"{way} 4"], (way, site.got)
    assert site.workspace.audit.verify().ok


def test_an_error_repeats_no_more_than_a_little_of_what_was_sent(site: Site) -> None:
    assert site.send("GET", f"/Users?sortBy={'x' * 3000}").status_code == 400


@pytest.mark.parametrize("key", ["", "forged"])
def test_whoever_has_no_key_is_told_so_in_scim(site: Site, key: str) -> None:
    for method, path in (("GET", "/Users"), ("POST", "/Users"), ("PATCH", "/Groups/x"), ("GET", "/Schemas")):
        assert site.send(method, path, {} if method != "GET" else None, key=key).status_code == 401


@pytest.mark.prove
def test_five_thousand_requests_made_from_the_schemas_are_answered_in_scim(site: Site) -> None:
    fuzz(site, PROVE_CASES)
    assert site.workspace.audit.verify().ok
