"""OP1: every route times every caller answers as `routes.toml` says; a route without a row fails the suite."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from tests.set_pages import Setting, set_page
from tests.simulators.shop import NOTIFY, Shop
from tests.simulators.stored_runs import run_of
from tests.simulators.web_client import ORIGIN, bearer, client, document_id

from muniment import app
from muniment.actions.context import PROGRAMS
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.identity.tokens import Tokens
from muniment.interfaces.server import create_server
from muniment.knowledge.tables import version_original

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "routes.toml").read_text())
ROWS: dict[str, dict[str, Any]] = {row["route"]: row for row in TABLE["route"]}
CALLERS = ("owner", "other", "lower", "anonymous", "expired", "revoked", "audience", "tenant")
REFUSED = frozenset({"anonymous", "expired", "revoked", "audience", "tenant"})
NAMES = {"owner": "alice", "other": "bob", "lower": "olga"}
PEOPLE = "[users.alice]\n[users.bob]\n[users.olga]\n"


def routes(server: FastAPI) -> set[str]:
    """Every method and path that the application answers to, whatever kind of route it is."""
    found: set[str] = set()

    def walk(those: Any, above: str) -> None:
        for one in those:
            inner = getattr(one, "original_router", None) or getattr(one, "router", None)
            if isinstance(one, Mount):
                walk(one.routes or [Route("/{path}", lambda _: None)], above + one.path)
            elif inner is not None:
                walk(inner.routes, above)
            else:
                found.update(f"{m} {above}{one.path}" for m in one.methods - {"HEAD"})

    walk(server.routes, "")
    return found


@dataclass
class Site:
    """A served workspace, the things that paths name, and a way in for each caller."""

    workspace: Workspace
    http: TestClient
    places: dict[str, str]
    bearers: dict[str, dict[str, str]] = field(default_factory=dict)
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def session(self, name: str) -> tuple[str, str]:
        """Sign somebody in; return the cookie's secret and the value for forms."""
        sessions = self.workspace.sessions
        opened = sessions.redeem(sessions.create_link(self.workspace.principal(name), OPERATOR))
        return opened.secret, opened.csrf

    def action(self) -> dict[str, str]:
        """Return an action of alice's that waits, as bob was shown it."""
        alice, bob = (self.workspace.principal(name) for name in ("alice", "bob"))
        call = Call("notify", {"to": "bob", "text": self.workspace.ids.new("x")})
        made = self.workspace.actions.propose(alice, Actor(alice.ref, "http"), call, PROGRAMS).action
        assert made is not None
        shown = self.workspace.approvals.show(made.id, bob, Actor(bob.ref, "http"))
        return {
            "action_id": made.id,
            "approval_id": made.id,
            "digest": made.digest,
            "ticket": shown.ticket,
        }

    def send(self, row: dict[str, Any], caller: str) -> int:
        """Send a row's request as a caller; return the status."""
        method, path = row["route"].split(" ")
        headers = {"origin": ORIGIN}
        form = dict(row["form"]) if "form" in row else None
        if TABLE["door"][row["door"]]["by"] == "session":
            headers["accept"] = "text/html"
            if caller in NAMES:
                secret, csrf = self.session(NAMES[caller])
                headers["cookie"] = f"muniment={secret}"
                form = None if form is None else {**form, "csrf": csrf}
            else:
                headers |= self.cookies[caller]
        else:
            headers |= self.bearers[caller]
        owner = caller == CALLERS[0]
        if ("{action_id}" in path or "{approval_id}" in path) and (owner or "action_id" not in self.places):
            self.places |= self.action()
        if "{conversation_id}" in path and (owner or "conversation_id" not in self.places):
            # A route that deletes it leaves the next one another.
            alice = self.workspace.principal("alice")
            made = self.workspace.conversations.create(alice, Actor(alice.ref, "python"), "Herons")
            self.places["conversation_id"] = made.id
        place = path.format(**self.places)
        json = {name: self.places.get(str(value)[1:-1], value) for name, value in row.get("json", {}).items()}
        query = {name: value.format(**self.places) for name, value in row.get("query", {}).items()}
        answer = self.http.request(method, place, params=query, headers=headers, json=json or None, data=form)
        if answer.status_code == 303 and caller in REFUSED:
            assert answer.headers["location"] == "/signin"
        return answer.status_code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place, clock = tmp_path_factory.mktemp("routes"), FixedClock()

    def make(name: str) -> Workspace:
        made = app.create(place / name, clock=clock, embedder=lambda: None)
        people(made, PEOPLE + "[users.dave]\n")
        return made

    def people(workspace: Workspace, text: str) -> None:
        (place / "people.toml").write_text(text)
        workspace.directory.import_file(place / "people.toml", OPERATOR)

    workspace, other = make("home"), make("other")
    (place / "papers").mkdir()
    (place / "papers" / "access.toml").write_text('allow = ["user:alice"]\n')
    (place / "papers" / "heron.md").write_text("The heron costs twelve crowns.\n")
    workspace.ingest(place / "papers", "papers")
    workspace.roles.grant("operator", "olga", "runs it", OPERATOR)
    workspace.running = Shop().running()
    workspace.tools.add(NOTIFY, None, OPERATOR)
    workspace.roles.grant("tool-user", "alice", "she helps", OPERATOR)
    workspace.roles.grant("approver", "bob", "he leads", OPERATOR)
    alice, bob, dave = (workspace.principal(name) for name in ("alice", "bob", "dave"))
    places = {
        "tool_id": "notify",
        "run_id": workspace.workflow_runs.start("purchase-request", {}, alice, OPERATOR).id,
        "evaluation_id": run_of(workspace),
        "entry_id": "0",
        "old_size": "1",
        "incident_id": workspace.incidents.open("user:bob", "low", "x", None, OPERATOR).id,
        "stop_id": workspace.stops.stop("tool", "other", "a trial", None, OPERATOR).id,
        "delegation_id": workspace.delegations.make(bob, dave, timedelta(days=1), OPERATOR).id,
        "answer_id": workspace.ask("What does the heron cost?", "alice").id,
        "other_id": workspace.ask("What does the tarn cost?", "alice").id,
        "document_id": document_id(workspace, "heron.md"),
        "page": "1",
        "model_id": "quotes",
        "build": "none",
        "subject_id": "group:herons",
        "workflow_id": "purchase-request",
        "name": "none",
        "set_id": "none",
        "number": "1",
        "form": "html",
        "source_id": "papers",
        "kind_id": "user",
        "member_id": "bob",
        "version_id": "none",
        "prompt_id": "none",
        "key_id": "key_none",
        "case_id": "none",
        "described_id": "none",
        "resource_id": "none",
    }
    with workspace.database.write() as connection:
        kept = sa.insert(version_original).values(
            document=places["document_id"], version=1, content=set_page(["Heron"], Setting())
        )
        connection.execute(kept)
    made = Site(workspace, client(workspace), places)
    made.bearers["expired"] = bearer(workspace, "alice")
    made.cookies["expired"] = {"cookie": f"muniment={made.session('alice')[0]}"}
    clock.advance(hours=13)
    made.bearers["revoked"] = bearer(workspace, "dave")
    made.cookies["revoked"] = {"cookie": f"muniment={made.session('dave')[0]}"}
    people(workspace, PEOPLE)
    for caller, name in NAMES.items():
        made.bearers[caller] = bearer(workspace, name)
    elsewhere = Tokens(workspace.keyring, workspace.directory, clock, workspace.ids)
    elsewhere._audience = f"muniment:{workspace.keyring.tenant}:elsewhere"
    token = elsewhere.issue(workspace.principal("alice"))
    made.bearers |= {
        "audience": {"authorization": f"Bearer {token}"},
        "tenant": bearer(other, "alice"),
        "anonymous": {},
    }
    stranger = Site(other, made.http, {}).session("alice")[0]
    # A bearer token is of another use than a page's cookie.
    made.cookies |= {
        "audience": made.bearers["owner"],
        "tenant": {"cookie": f"muniment={stranger}"},
        "anonymous": {},
    }
    yield made
    workspace.close()
    other.close()


def expected(row: dict[str, Any], caller: str) -> int:
    """What a caller must get; a row that does not say for every caller is an error."""
    if "everyone" in row:
        return int(row["everyone"])
    return int({**TABLE["door"][row["door"]]["expect"], **row["expect"]}[caller])


def test_the_table_names_every_route_and_no_other(site: Site) -> None:
    assert routes(create_server(site.workspace)) == ROWS.keys()
    assert len(ROWS) == len(TABLE["route"])


@pytest.mark.parametrize("route", ROWS)
def test_a_route_answers_each_caller_as_the_table_says(site: Site, route: str) -> None:
    row = ROWS[route]
    got = {caller: site.send(row, caller) for caller in CALLERS}
    assert got == {caller: expected(row, caller) for caller in CALLERS}


def test_no_row_lets_a_refused_caller_in_where_a_door_is_not_public() -> None:
    for row in ROWS.values():
        if row["door"] != "public":
            assert {expected(row, caller) for caller in REFUSED} <= {401, 303}, row["route"]


@pytest.mark.parametrize("kind", ["route", "mounted", "included"])
def test_a_new_route_of_any_kind_is_seen(site: Site, kind: str) -> None:
    server = create_server(site.workspace)
    before = routes(server)
    new: dict[str, Callable[[], object]] = {
        "route": lambda: server.router.routes.append(Route("/new", lambda _: None)),
        "mounted": lambda: server.mount("/new", FastAPI(openapi_url=None)),
        "included": lambda: server.get("/new")(lambda: None),
    }
    new[kind]()
    assert routes(server) - before
