"""AZ8: the tenant predicate cannot be left out: nothing that a tenant's caller sends reaches another tenant."""

from __future__ import annotations

import base64
import json
import re
import shutil
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.conftest import DIRECTORY
from tests.simulators.hosted import Hosted, host
from tests.simulators.issuer import Issuer
from tests.simulators.key_service import openbao
from tests.simulators.shop import NOTIFY
from tests.simulators.stored_runs import run_of
from tests.simulators.web_client import ORIGIN, api_key, bearer, document_id, link

from muniment import app
from muniment.actions.context import PROGRAMS
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotSetUp, Unauthenticated
from muniment.governance.identity import api_key_format
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.identity.scopes import SCOPES
from muniment.interfaces.server import SLOTS, create_server
from muniment.interfaces.tenants import TenantServer
from muniment.tenancy import deletion, making, places

ROUTES = [
    row["route"]
    for row in tomllib.loads((Path(__file__).parents[1] / "matrix" / "routes.toml").read_text())["route"]
    if not row["route"].endswith("/static/{build}/{name}")
]
SCIM_ROUTES = [route for route in ROUTES if "/scim/" in route]
PAGES = [route for route in ROUTES if not route.split()[1].startswith(("/v1", "/scim", "/mcp", "/metrics"))]
QUESTION = "When does the canteen open?"
FORGED = {
    "x-tenant": "globex",
    "x-forwarded-host": "globex.example",
    "forwarded": "host=globex.example",
    "x-organisation": "globex",
    "tenant": "globex",
}


@pytest.fixture
def hosted(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[Hosted]:
    (tmp_path / "people.toml").write_text(DIRECTORY)
    made = host(make_workspace)
    yield made
    made.close()


@pytest.fixture
def twins(hosted: Hosted, tmp_path: Path, folder: Path) -> Hosted:
    """Two tenants with the same people and the same documents, but for one word."""
    for name, hour in (("acme", "eight"), ("globex", "nine")):
        (folder / "all" / "canteen.txt").write_text(f"The canteen opens at {hour} and closes at three.\n")
        hosted.add(name, tmp_path / "people.toml", folder)
    return hosted


def key_header(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def session(workspace: Workspace, name: str = "alice") -> str:
    return workspace.sessions.redeem(link(workspace, name)).secret


def bodies(ids: dict[str, str]) -> dict[str, object]:
    """What is sent to each route that takes a body, about the things that these ids name."""
    opened = {"name": "open_document", "arguments": {"id": ids["document_id"]}}
    return {
        "/v1/search": {"query": "canteen"},
        "/v1/answers": {"question": QUESTION},
        f"/v1/answers/{ids['answer_id']}/replay": {},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": QUESTION}]},
        "/v1/feedback": {"answer": ids["answer_id"], "useful": True},
        "/v1/conversations/search": {"words": "canteen"},
        f"/v1/conversations/{ids['conversation_id']}": {"title": "Tea"},
        f"/v1/conversations/{ids['conversation_id']}/shares": {"subject": "user:bob"},
        "/v1/agent": {"task": "tea", "model": "none"},
        "/v1/workflows": {"workflow": "none", "given": {}},
        "/v1/actions": {"tool": "none", "arguments": {}},
        "/v1/actions/stops": {"kind": "everything", "reason": "tea"},
        "/v1/approvals/batch": {"decisions": [{"id": ids["approval_id"], "digest": "x", "ticket": "x"}]},
        "/v1/approvals/delegations": {"to": "nobody", "for": "7d"},
        f"/v1/approvals/{ids['approval_id']}/approve": {"digest": "x", "ticket": "x"},
        f"/v1/approvals/{ids['approval_id']}/reject": {"digest": "x", "ticket": "x", "reason": "tea"},
        f"/v1/incidents/{ids['incident_id']}/freeze": {"kind": "user", "name": "bob", "reason": "tea"},
        f"/v1/incidents/{ids['incident_id']}/thaw": {"kind": "user", "name": "bob", "reason": "tea"},
        f"/v1/incidents/{ids['incident_id']}/close": {"outcome": "tea"},
        "/v1/audit/witness": {"checkpoint": "tea", "old_size": 0},
        "/v1/sources/handbook/notifications": {"value": []},
        "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": opened},
    }


def seen(http: TestClient, route: str, ids: dict[str, str], headers: dict[str, str]) -> tuple[Any, ...]:
    """All that a caller is told, but for the time, the trace's number and a sign-in page's own address."""
    method, path = route.split(" ")
    path = path.format_map(
        {"described_id": "x", "resource_id": "x", "model_id": "quotes", "page": "1"}
        | {
            "tool_id": "none",
            "workflow_id": "purchase-request",
            "action_id": "act_x",
            "entry_id": "0",
            "old_size": "1",
        }
        | {"name": "none", "set_id": "none", "number": "1", "form": "html"}
        | {"source_id": "handbook", "kind_id": "user", "member_id": "bob", "version_id": "x"}
        | {"prompt_id": "none", "key_id": "key_none", "case_id": "none"}
        | dict(ids)
    )
    body = bodies(ids).get(path)
    http.cookies.clear()
    got = http.request(method, path, json=body, headers={"origin": ORIGIN, **headers})
    body = re.sub(
        rb'"(took_ms|created)":[0-9.]+|"searched_at":"[^"]*"|(?:ans|key)_[a-z2-7]+', b"", got.content
    )
    kept = {
        name: value
        for name, value in got.headers.items()
        if name != "traceresponse" and (name != "content-length" or body == got.content)
    }
    return got.status_code, body, kept


def action_of(workspace: Workspace) -> str:
    """Return an action of alice's that waits for bob."""
    alice = workspace.principal("alice")
    if not workspace.tools.listing():
        workspace.tools.add(NOTIFY, None, OPERATOR)
        workspace.roles.grant("tool-user", "user:alice", "she helps", OPERATOR)
        workspace.roles.grant("approver", "user:bob", "he leads", OPERATOR)
    call = Call("notify", {"to": "bob", "text": "tea"})
    made = workspace.actions.propose(alice, OPERATOR, call, PROGRAMS).action
    assert made is not None and made.state == "waiting"
    return made.id


def ids_of(workspace: Workspace) -> dict[str, str]:
    action = action_of(workspace)
    delegations = workspace.delegations
    alice, bob = (workspace.principal(name) for name in ("alice", "bob"))
    answer = workspace.ask(QUESTION, "alice").id
    conversation = workspace.conversations.create(workspace.principal("alice"), OPERATOR, "Canteen").id
    return {
        "answer_id": answer,
        "other_id": answer,
        "conversation_id": conversation,
        "document_id": document_id(workspace, "all/canteen.txt"),
        "subject_id": "group:sales",
        "action_id": action,
        "approval_id": action,
        "run_id": workspace.workflow_runs.start("purchase-request", {}, alice, OPERATOR, key="tea").id,
        "stop_id": workspace.stops.stop("tool", "other", "tea", None, OPERATOR).id,
        "evaluation_id": run_of(workspace),
        "incident_id": workspace.incidents.open("user:bob", "low", "tea", None, OPERATOR).id,
        "delegation_id": delegations.make(bob, alice, timedelta(days=1), OPERATOR).id,
    }


def credentials(workspace: Workspace) -> dict[str, dict[str, str]]:
    """One of each kind of credential, all of which hold at this tenant."""
    return {
        "token": bearer(workspace, "alice"),
        "key": key_header(api_key(workspace, *SCOPES)),
        "cookie": {"cookie": f"muniment={session(workspace)}"},
    }


def relabelled(credential: dict[str, str], kind: str, before: str, after: str) -> dict[str, str]:
    """The credential with another tenant's name in the place of its own, made to look whole."""
    if kind == "cookie":
        return {"cookie": credential["cookie"].replace(f"={before}.", f"={after}.")}
    text = credential["authorization"].removeprefix("Bearer ")
    if kind == "key":
        body = text.replace(f"mun_{before}.", f"mun_{after}.")[:-6]
        return key_header(body + api_key_format._check(body))
    head, payload, signature = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims = {name: f"{value}".replace(before, after) for name, value in claims.items()} | {
        name: value for name, value in claims.items() if isinstance(value, int)
    }
    moved = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return key_header(f"{head}.{moved}.{signature}")


def test_each_credential_reaches_its_own_tenant_and_no_other(twins: Hosted) -> None:
    with twins.served() as (_, http):
        for name, hour in (("acme", "eight"), ("globex", "nine")):
            for kind, headers in credentials(twins.tenants[name]).items():
                ids = ids_of(twins.tenants[name])
                route = "GET /answers/{answer_id}" if kind == "cookie" else "POST /v1/search"
                status, body, _ = seen(http, route, ids, {**headers, "accept": "text/html"})
                if kind == "key":
                    # A service of this name may read it too, as everyone may.
                    assert status == 200
                assert hour in body.decode() and status == 200, (name, kind)


def test_a_service_acts_for_a_person_at_their_own_tenant_and_no_other(twins: Hosted) -> None:
    acme, globex = twins.tenants["acme"], twins.tenants["globex"]
    with twins.served() as (_, http):

        def exchanged(service_of: Workspace, person_of: Workspace) -> Any:
            subject = person_of.tokens.issue(person_of.principal("alice"))
            form = {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "subject_token": subject,
            }
            http.cookies.clear()
            return http.post("/v1/token", data=form, headers=key_header(api_key(service_of, "act", "search")))

        token = exchanged(acme, acme).json()["access_token"]
        found = http.post("/v1/search", json={"query": "canteen"}, headers=key_header(token))
        assert found.status_code == 200 and "eight" in found.text and "nine" not in found.text
        assert exchanged(acme, globex).json()["error"] == "invalid_grant"
        moved = relabelled(key_header(token), "token", "acme", "globex")
        assert http.post("/v1/search", json={"query": "canteen"}, headers=moved).status_code == 401
        with pytest.raises(Unauthenticated):
            globex.delegation.verify(token)


@pytest.mark.parametrize(
    ("kind", "left_out"),
    # A page takes no token and no key (OP1): they are shown to pages in the proof.
    [
        ("token", PAGES),
        ("key", PAGES),
        ("cookie", []),
        *(pytest.param(kind, [], marks=pytest.mark.prove) for kind in ("token", "key")),
    ],
    ids=["token", "key", "cookie", "token-pages", "key-pages"],
)
def test_what_is_another_tenants_is_answered_as_what_is_nobodys(
    twins: Hosted, kind: str, left_out: list[str]
) -> None:
    """Every route: with the other's credential as it is, and under this tenant's name; at the host and inside it."""
    acme, globex = twins.tenants["acme"], twins.tenants["globex"]
    ids = ids_of(globex)
    nowhere = {name: f"{one.split('_')[0]}_{'a' * 20}" for name, one in ids.items() if name != "subject_id"}
    nowhere["subject_id"] = ids["subject_id"]
    mine = credentials(acme)[kind]
    moved = relabelled(mine, kind, "acme", "globex")
    nobodys = relabelled(mine, kind, "acme", "hooli")
    made_up = relabelled(moved, kind, "globex", "acme") if kind == "key" else moved
    alone = TestClient(create_server(globex), base_url=ORIGIN, follow_redirects=False)
    with twins.served() as (_, http), alone as inner:
        # Every SCIM route has one door, through which a key alone goes.
        skipped = {*left_out, *([] if kind == "key" else SCIM_ROUTES[1:])}
        for route in [one for one in ROUTES if one not in skipped]:
            page = {"accept": "text/html"} if kind == "cookie" else {}
            theirs = seen(http, route, ids, {**mine, **page})
            assert theirs == seen(http, route, nowhere, {**mine, **page}), route
            refused = seen(http, route, ids, {**nobodys, **page})
            if route == "GET /signin":
                continue  # which shows the tenant's own way in
            for headers in (moved, {**moved, **FORGED}):
                assert seen(http, route, ids, {**headers, **page}) == refused, route
            if route != "GET /readyz":
                for headers in (mine, made_up):
                    assert seen(inner, route, ids, {**headers, **page}) == refused, (route, headers)


def test_nothing_but_the_credential_chooses(twins: Hosted) -> None:
    acme = twins.tenants["acme"]
    headers = bearer(acme, "alice")
    cookie = {"cookie": f"muniment={session(acme)}"}
    with twins.served() as (_, http):
        for forged in ({}, FORGED, {"cookie": f"muniment={session(twins.tenants['globex'])}"}):
            for query in ("", "?tenant=globex&organisation=globex"):
                got = http.post(
                    f"/v1/search{query}", json={"query": "canteen"}, headers={**headers, **forged}
                )
                assert "eight" in got.text and "nine" not in got.text
        assert http.get("/globex/v1/models", headers=headers).status_code == 404
        assert http.get("/v1/models", headers={**headers, "host": "globex.localhost"}).status_code == 421
        # A browser that is signed in stays with its own tenant, whatever a link says.
        asked = http.get("/signin?organisation=globex", headers=cookie)
        assert (asked.status_code, asked.headers["location"]) == (303, "/")


def test_a_link_signs_in_to_the_tenant_that_made_it(twins: Hosted) -> None:
    acme, globex = twins.tenants["acme"], twins.tenants["globex"]
    secret = link(acme, "alice")
    moved = secret.replace("acme.", "globex.")
    page = {"accept": "text/html", "origin": ORIGIN}
    with twins.served() as (_, http):
        assert http.post("/signin", data={"token": moved}, headers=page).status_code == 401
        # Whoever is signed in elsewhere goes to where the link leads.
        http.cookies.set("muniment", session(globex))
        assert 'name="token"' in http.get("/signin", params={"token": secret}, headers=page).text
        http.cookies.clear()
        opened = http.post("/signin", data={"token": secret}, headers=page)
        assert opened.cookies["muniment"].startswith("acme.")
        assert http.get("/", headers=page).status_code == 200
        assert http.post("/signin", data={"token": secret}, headers=page).status_code == 401
        assert http.post("/signin", data={"token": "x" * 9000}, headers=page).status_code == 401


def test_strangers_are_told_no_names(twins: Hosted) -> None:
    with twins.served() as (server, http):
        server.roster.sweep()
        page = http.get("/signin", headers={"accept": "text/html"}).text
        assert "acme" not in page and "globex" not in page and 'name="organisation"' in page
        assert http.get("/readyz").json() == {"status": "ok", "ready": 2, "tenants": 2}
        assert http.get("/signin?organisation=hooli").status_code == 404
        assert "one-time link" in http.get("/signin?organisation=acme").text
        assert http.get("/", headers={"accept": "text/html"}).headers["location"] == "/signin"


def test_a_cookie_that_holds_no_more_does_not_shut_its_browser_in(twins: Hosted) -> None:
    acme = twins.tenants["acme"]
    secret = session(acme)
    acme.sessions.end(secret)
    with twins.served() as (_, http):
        http.cookies.set("muniment", secret, domain="localhost.local", path="/")
        assert "Another organisation" in http.get("/signin").text
        assert 'name="organisation"' in http.get("/signin").text


def test_keys_of_a_home_that_got_tenants_work_on(hosted: Hosted, tmp_path: Path) -> None:
    before = {"key": key_header(api_key(hosted.own, "models")), "token": bearer(hosted.own, "alice")}
    hosted.add("acme", tmp_path / "people.toml")
    with hosted.served() as (_, http):
        for headers in before.values():
            assert http.get("/v1/models", headers=headers).status_code == 200


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def shared(issuer: Issuer, tenant: str, **changed: Any) -> str:
    one = issuer.settings(tenant_claim="org", tenant_value=tenant, **changed)
    lines = [f"{name} = {json.dumps(value)}" for name, value in one.items()]
    return '[identity]\nmode = "oidc"\n[identity.issuers.corp]\n' + "\n".join(lines) + "\n"


@pytest.fixture
def under_one_issuer(hosted: Hosted, tmp_path: Path, issuer: Issuer) -> Hosted:
    secret = tmp_path / "client-secret"
    from tests.simulators.issuer import SECRET

    secret.write_text(SECRET)
    for name in ("acme", "globex"):
        settings = shared(issuer, name, client_secret=f"file:{secret}")
        hosted.add(name, tmp_path / "people.toml", settings=settings)
    return hosted


def test_one_issuer_of_two_tenants_is_told_apart_by_a_claim(under_one_issuer: Hosted, issuer: Issuer) -> None:
    issuer.clock = under_one_issuer.own.clock
    with under_one_issuer.served() as (_, http):

        def status(**claims: Any) -> int:
            return http.get("/v1/models", headers=key_header(issuer.token(**claims))).status_code

        assert status(org="acme") == status(org="globex") == 200
        assert (
            status() == status(org="hooli") == status(org=["acme"]) == status(org="acme", sub="nobody") == 401
        )
        acme = under_one_issuer.tenants["acme"]
        with pytest.raises(Unauthenticated) as refused:
            acme.bearer.verify(issuer.token(org="globex"))
        assert "another tenant" in refused.value.detail
        # One signed elsewhere under the same claims is refused where it leads.
        forged = Issuer(issuer.clock, url=issuer.url)
        from tests.simulators.issuer import rsa_key

        forged.key = rsa_key(9)
        assert http.get("/v1/models", headers=key_header(forged.token(org="acme"))).status_code == 401


def test_people_sign_in_through_a_shared_issuer(under_one_issuer: Hosted, issuer: Issuer) -> None:
    import httpx2

    issuer.clock = under_one_issuer.own.clock
    page = {"accept": "text/html"}
    with under_one_issuer.served() as (_, http):

        def through(organisation: str, claim: str) -> Any:
            http.cookies.clear()
            issuer.id_claims = {"org": claim}
            shown = http.get("/signin", params={"organisation": organisation}, headers=page).text
            found = re.search(r'href="(/signin\?[^"]*issuer=corp)"', shown)
            assert found is not None
            address = http.get(found[1].replace("&amp;", "&")).headers["location"]
            back = httpx2.get(address, follow_redirects=False, trust_env=False).headers["location"]
            return http.get(back.removeprefix(ORIGIN), headers=page)

        signed_in = through("acme", "acme")
        assert signed_in.status_code == 303 and signed_in.cookies["muniment"].startswith("acme.")
        assert http.get("/", headers=page).status_code == 200
        assert through("acme", "globex").status_code == 401


@pytest.mark.parametrize("value", ["", "acme"])
def test_an_issuer_without_such_a_claim_does_not_start(
    hosted: Hosted, tmp_path: Path, issuer: Issuer, value: str
) -> None:
    for name in ("acme", "globex"):
        text = shared(issuer, "acme", client_id=..., client_secret=..., redirect_url=...)
        if not value:
            text = re.sub("tenant_.*\n", "", text)
        hosted.add(name, tmp_path / "people.toml", settings=text)
    with pytest.raises(BadInput) as refused:
        TenantServer(hosted.own)
    assert "acme" in str(refused.value) and "globex" in str(refused.value)


def test_one_tenant_that_cannot_be_opened_leaves_the_others_alone(
    twins: Hosted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: dict[str, Callable[[Path], object]] = {
        "settings": lambda place: (place / "settings.toml").write_text("no toml"),
        "database": lambda place: (place / "muniment.db").write_bytes(b"x" * 8192),
        "key": lambda place: (place / "keys" / "kek").unlink(),
    }
    headers = {name: bearer(twins.tenants[name], "alice") for name in twins.tenants}
    globex = twins.tenants["globex"].home
    twins.tenants.pop("globex").close()
    shutil.copytree(globex, tmp_path / "kept")
    bodies = set()
    for break_it in ways.values():
        break_it(globex)
        with twins.served() as (server, http):
            got = http.get("/v1/models", headers=headers["globex"])
            bodies.add(got.content)
            assert got.status_code == 503
            assert http.get("/v1/models", headers=headers["acme"]).status_code == 200
            assert http.get("/healthz").status_code == 200
            server.roster.sweep()
            assert http.get("/readyz").json() == {"status": "ok", "ready": 1, "tenants": 2}
            # Mended, it comes back without a restart.
            shutil.rmtree(globex)
            shutil.copytree(tmp_path / "kept", globex)
            monkeypatch.setattr("muniment.tenancy.roster.PAUSE", 0.0)
            assert http.get("/v1/models", headers=headers["globex"]).status_code == 200
    assert len(bodies) == 1 and b"globex" not in bodies.pop()


def test_a_switched_off_key_closes_one_tenant(hosted: Hosted, tmp_path: Path) -> None:
    """By the real clock and a real key service, from the last good answer on."""
    with openbao(tmp_path) as bao:
        (tmp_path / "token").write_text("root-token-of-the-test\n")
        for name in ("acme", "globex"):
            bao.make_key(name)
            keys = f"[keys]\nprovider = 'vault'\n[keys.vault]\naddress = '{bao.url}'\nkey = '{name}'\n"
            keys += f"token = 'file:{tmp_path / 'token'}'\n"
            hosted.add(name, tmp_path / "people.toml", settings=keys)
        headers = {name: bearer(hosted.tenants[name], "alice") for name in hosted.tenants}
        with hosted.served() as (_, http):

            def status(name: str) -> int:
                return http.get("/v1/models", headers=headers[name]).status_code

            wait_until(lambda: status("acme") == status("globex") == 200, 20.0)
            bao.ask("transit/keys/acme/rotate", {})
            bao.versions_from("acme", 2)
            last = off = time.monotonic()
            while status("acme") == 200:
                last = time.monotonic()
                assert status("globex") == 200 and last - off < 5.0
                time.sleep(0.02)
            assert status("globex") == 200
            bao.versions_from("acme", 1)
            wait_until(lambda: status("acme") == 200, 5.0)


def test_a_tenant_that_asks_for_all_threads_leaves_the_others_theirs(twins: Hosted) -> None:
    """Forty callers whose credentials take for ever to look at, and as many whose searches do."""
    gate, begun = threading.Event(), threading.Semaphore(0)
    people = "".join(f"[users.u{number}]\n" for number in range(40))
    acme = twins.tenants["acme"]
    (acme.home / "more.toml").write_text(people)
    acme.directory.import_file(acme.home / "more.toml", OPERATOR)
    headers = [bearer(acme, f"u{number}") for number in range(40)]
    others = bearer(twins.tenants["globex"], "alice")

    def stuck(*_: object, **__: object) -> None:
        begun.release()
        gate.wait(20)
        raise Unauthenticated("Too late.")

    for name in ("retrieve", "verify"):
        with twins.served() as (server, http):
            tenant = server.roster.find("acme")
            assert tenant is not None
            wait_until(lambda t=tenant: t.workspace is not None, 10.0)
            workspace = tenant.workspace
            assert workspace is not None
            gate.clear()
            setattr(workspace.retriever if name == "retrieve" else workspace.bearer, name, stuck)
            asked = {"query": "canteen"}
            flood = [
                threading.Thread(
                    target=http.post, args=["/v1/search"], kwargs={"json": asked, "headers": one}
                )
                for one in headers
            ]
            for one in flood:
                one.start()
            for _ in range(SLOTS - 1):
                assert begun.acquire(timeout=10)
            began = time.monotonic()
            assert http.post("/v1/search", json=asked, headers=others).status_code == 200
            assert time.monotonic() - began < 5.0
            gate.set()
            for one in flood:
                one.join()


def test_a_deleted_tenant_is_gone_for_good_and_alone(twins: Hosted, tmp_path: Path) -> None:
    home = twins.own.home
    acme = twins.tenants["acme"]
    headers = {name: bearer(twins.tenants[name], "alice") for name in twins.tenants}
    with_key, without = tmp_path / "with-key", tmp_path / "backup"
    shutil.copytree(acme.home, with_key)
    shutil.copytree(acme.home, without, ignore=shutil.ignore_patterns("kek"))
    with twins.served() as (_, http):
        assert http.get("/v1/models", headers=headers["acme"]).status_code == 200
        before = sorted(one.name for one in acme.home.rglob("*"))
        plan = deletion.plan(twins.own, "acme")
        assert plan.files and plan.key.endswith("acme/keys/kek")
        assert sorted(one.name for one in acme.home.rglob("*")) == before
        done = deletion.delete(twins.own, "acme", OPERATOR)
        assert done.told and "overwritten" in done.how
        wait_until(lambda: http.get("/v1/models", headers=headers["acme"]).status_code == 401, 5.0)
        assert http.get("/v1/models", headers=headers["globex"]).status_code == 200
    assert not acme.home.exists() and not list((home / "tenants").glob(".*.gone"))
    with pytest.raises(MunimentError):
        app.open(without)
    # Copied back with a key that somebody kept, it is not taken for a tenant either.
    shutil.copytree(with_key, acme.home)
    with pytest.raises(NotSetUp, match="deleted"):
        places.opened(home, "acme")
    with pytest.raises(Conflict):
        making.create(twins.own, "acme", "", OPERATOR)
    shutil.rmtree(acme.home)
    making.create(twins.own, "acme", "", OPERATOR)
    with pytest.raises(Unauthenticated):
        places.opened(home, "acme").bearer.verify(headers["acme"]["authorization"].removeprefix("Bearer "))
    told = [entry for entry in twins.own.audit.tail(50) if entry.kind.startswith("tenant.")]
    assert [one.kind for one in told] == [
        *["tenant.create", "tenant.created"] * 2,
        *["tenant.delete", "tenant.deleted"],
        *["tenant.create", "tenant.created"],
    ]


@pytest.mark.parametrize("where", ["destroyed", "shred", "rename", "rmtree"])
def test_a_deletion_that_was_cut_short_is_finished_by_the_next(
    twins: Hosted, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    place = twins.tenants["acme"].home
    spot = {
        "destroyed": "muniment.tenancy.deletion.deleted.advance",
        "shred": "muniment.tenancy.deletion.shred",
        "rename": "muniment.tenancy.deletion.os.rename",
        "rmtree": "muniment.tenancy.deletion.shutil.rmtree",
    }[where]
    with monkeypatch.context() as patch:

        def cut(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(spot, cut)
        with pytest.raises(KeyboardInterrupt):
            deletion.delete(twins.own, "acme", OPERATOR)
    with pytest.raises(NotSetUp, match="being deleted"):
        places.opened(twins.own.home, "acme")
    with pytest.raises(NotSetUp, match="being deleted"):
        making.create(twins.own, "acme", "", OPERATOR)
    deletion.delete(twins.own, "acme", OPERATOR)
    assert not place.exists() and not list(place.parent.glob(".*.gone"))
    with pytest.raises(NotSetUp, match="no tenant"):
        deletion.delete(twins.own, "acme", OPERATOR)


def test_a_key_that_another_tenant_has_too_is_neither_given_nor_destroyed(
    hosted: Hosted, tmp_path: Path
) -> None:
    keys = f"[keys]\nkek_file = '{tmp_path / 'one-kek'}'\n"
    hosted.add("acme", tmp_path / "people.toml", settings=keys)
    with pytest.raises(Conflict, match="same key as acme"):
        making.create(hosted.own, "globex", keys, OPERATOR)
    globex = hosted.add("globex", tmp_path / "people.toml")
    settings = globex.home / "settings.toml"
    (globex.home / "keys" / "kek").unlink()
    settings.write_text(settings.read_text() + keys)
    with pytest.raises(Conflict, match="same key as globex"):
        deletion.delete(hosted.own, "acme", OPERATOR)
    assert (tmp_path / "one-kek").exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../acme", "Acme", "a/b", "a.b", "-a", "a" * 33, "ａ", "a\n", "a_b"]
)
def test_a_name_is_a_name(hosted: Hosted, name: str) -> None:
    for act in (
        lambda: making.create(hosted.own, name, "", OPERATOR),
        lambda: deletion.delete(hosted.own, name, OPERATOR),
        lambda: places.opened(hosted.own.home, name),
    ):
        with pytest.raises(BadInput):
            act()


def test_a_home_is_taken_for_no_other_tenant(twins: Hosted) -> None:
    home, acme = twins.own.home, twins.tenants["acme"].home
    os_link = places.place(home, "initech")
    os_link.symlink_to(acme, target_is_directory=True)
    shutil.copytree(acme, places.place(home, "hooli"))
    copied = places.place(home, "umbrella")
    shutil.copytree(acme, copied)
    settings = (copied / "settings.toml").read_text()
    (copied / "settings.toml").write_text(settings.replace('"acme"', '"umbrella"'))
    for name in ("initech", "hooli", "umbrella"):
        with pytest.raises(MunimentError):
            places.opened(home, name)
    assert places.names(home) == ["acme", "globex", "hooli", "umbrella"]
