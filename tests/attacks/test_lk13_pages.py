"""LK13: a page that policy does not open to somebody looks in every byte like an address that is not there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.attacks.worlds import memory_folder
from tests.simulators.kept_company import hidden_id, kept_company
from tests.simulators.stored_runs import run_of
from tests.simulators.web_client import ORIGIN, link, observable

from muniment import app, settings
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.server import create_server
from muniment.interfaces.web.openings import OPENINGS, Opening

ROWS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "matrix" / "routes.toml").read_text()
)["route"]
PAGES = [
    row
    for row in ROWS
    if row["door"] == "page" and row["route"].split("/")[1] in ("quality", "administration", "audit")
]
ROLES = {
    "reader": "zoe",
    "contributor": "alice",
    "curator": "judy",
    "evaluator": "erin",
    "tool-user": "tess",
    "approver": "carol",
    "auditor": "grace",
    "security-officer": "frank",
    "operator": "ivan",
}
"""Who has which role; `adam` is an administrator by the groups that the settings name."""
LATER = ("zoe", "erin", "tess", "carol")
PEOPLE = "".join(f"[users.{name}]\ngroups = []\n" for name in LATER) + (
    '[users.adam]\ngroups = ["it"]\n[groups.it]\n'
)
"""Who joins the company that others are in already."""
CROOKED = (
    "/administration/sources/papers?after=x",
    "/administration/directory?of=x",
    "/quality/runs/x/compare",
    "/quality/runs/x/report/pdf",
    "/quality/review/x?settle=x",
    "/audit/proof/consistency?size=x",
)
"""Addresses of pages with what does not fit them."""


@dataclass
class Site:
    """A company with somebody for each role, and what paths name."""

    workspace: Workspace
    server: Any
    places: dict[str, str]

    def signed_in(self, name: str) -> Visitor:
        http = TestClient(
            self.server, base_url=ORIGIN, follow_redirects=False, headers={"accept": "text/html"}
        )
        sent = {"token": link(self.workspace, name)}
        assert http.post("/signin", data=sent, headers={"origin": ORIGIN}).status_code == 303
        sessions = self.workspace.sessions
        opened = sessions.session(http.cookies["muniment"])
        assert opened is not None
        return Visitor(self, http, opened.csrf, name)


@dataclass
class Visitor:
    """Somebody with a browser."""

    site: Site
    http: TestClient
    csrf: str
    name: str

    @cached_property
    def opened(self) -> frozenset[str]:
        """Keys of the pages that policy opens to them."""
        workspace = self.site.workspace
        with workspace.database.read() as connection:
            standing = workspace.policy.standing(connection, workspace.principal(self.name))
            return frozenset(
                one.key for one in OPENINGS if any(standing.decide(*asked).allowed for asked in one.asked)
            )

    def send(self, row: dict[str, Any], places: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        method, path = row["route"].split(" ")
        form = {**row["form"], "csrf": self.csrf} if "form" in row else None
        return self.sent(method, path.format(**places), form, row.get("query"))

    def sent(
        self, method: str, path: str, form: dict[str, str] | None = None, query: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        headers = {"origin": ORIGIN} if method == "POST" else {}
        return observable(self.http.request(method, path, params=query, headers=headers, data=form))


def opening_of(path: str) -> Opening:
    """Return the page that an address belongs to: the longest that it lies below, an area's first where it is it."""
    areas = {one.href for one in OPENINGS if one.href.count("/") == 1 and one.href != "/audit"}
    found = [
        one
        for one in OPENINGS
        if path == one.href
        or (one.href not in areas and path.startswith(one.href + "/"))
        or (one.href == "/audit" and path.startswith("/audit/"))
    ]
    return max(found, key=lambda one: len(one.href))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with memory_folder() as folder:
        made = kept_company(folder)
        home = made.home
        made.close()
        workspace = app.open(
            home,
            settings=settings.parse({"identity": {"admin_groups": ["it"]}}),
            embedder=lambda: None,
            clock=made.clock,
        )
        file = folder / "people.toml"
        file.write_text(file.read_text() + PEOPLE)
        workspace.directory.import_file(file, OPERATOR)
        for role, name in ROLES.items():
            if role != "reader" and name in LATER:
                workspace.roles.grant(role, name, "a test", OPERATOR)
        places = {
            "evaluation_id": run_of(workspace),
            "entry_id": "0",
            "incident_id": workspace.incidents.open("user:bob", "low", "x", None, OPERATOR).id,
            "stop_id": workspace.stops.stop("tool", "other", "a trial", None, OPERATOR).id,
            "document_id": hidden_id(workspace),
            "tool_id": "none",
            "name": "sample",
            "set_id": "none",
            "number": "1",
            "form": "html",
            "source_id": "papers",
            "kind_id": "user",
            "member_id": "bob",
            "version_id": workspace.policies.show().version[7:],
            "prompt_id": "answer",
            "key_id": "key_none",
            "case_id": "none",
        }
        yield Site(workspace, create_server(workspace), places)
        workspace.close()


@pytest.mark.parametrize("name", [*ROLES.values(), "adam"])
def test_a_page_without_the_right_looks_like_none(site: Site, name: str) -> None:
    visitor = site.signed_in(name)
    absent = {
        "GET": visitor.sent("GET", "/nowhere/at/all"),
        "POST": visitor.sent("POST", "/nowhere/at/all", {"csrf": visitor.csrf}),
    }
    assert absent["GET"][0] == 404 and b"Nothing here" in absent["GET"][1]
    shut = [row for row in PAGES if opening_of(row["route"].split(" ")[1]).key not in visitor.opened]
    for row in shut:
        method, path = row["route"].split(" ")
        assert visitor.send(row, site.places) == absent[method], row["route"]
    none = {**dict.fromkeys(site.places, "0"), "form": "html"}
    for row in shut if name == "zoe" else ():
        method, path = row["route"].split(" ")
        assert "{" not in path or visitor.send(row, none) == absent[method], row["route"]
    for path in CROOKED:
        if opening_of(path.partition("?")[0]).key not in visitor.opened:
            assert visitor.sent("GET", path) == absent["GET"], path
    seen = next((one for one in OPENINGS if one.key in visitor.opened), None)
    assert seen is None or visitor.sent("GET", seen.href)[0] == 200
    assert (seen is None) is (name in ("zoe", "tess"))


def test_every_page_of_these_areas_stands_under_an_opening() -> None:
    assert len(PAGES) > 60
    assert {opening_of(row["route"].split(" ")[1]).key for row in PAGES} == {one.key for one in OPENINGS}
