"""OP2: whatever fits the OpenAPI document, and whatever does not, gets an answer that the document describes.

Each operation gets requests that fit and requests that do not, made by schemathesis from the document that the server
hands out, from a fixed seed, as several callers. None is answered with 5xx, with a status, media type or body that is
not in the document, or is let in where its caller may not be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as described
from tests.simulators.asgi_caller import AsgiCaller, calling
from tests.simulators.shop import MANIFESTS, Shop
from tests.simulators.stored_runs import run_of
from tests.simulators.web_client import api_key, bearer, client, document_id

from muniment import app, settings
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.keyring_file import read_head
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.server import create_server

PEOPLE = "[users.alice]\n[users.bob]\n[users.olga]\n[users.ada]\n[services.robot]\n"
NO_LIMIT = 10**9
CHECKS = [
    not_a_server_error,
    described.status_code_conformance,
    described.content_type_conformance,
    described.response_headers_conformance,
    described.response_schema_conformance,
]
FIT, MISFIT = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
SHARE = {
    "POST /v1/search": {FIT: 0.03, MISFIT: 0.04},
    "POST /v1/answers": {FIT: 0.07, MISFIT: 0.065},
    "GET /v1/tools": {FIT: 0},
    "GET /v1/tools/{tool_id}": {FIT: 0.01},
    "POST /v1/agent": {FIT: 0.005, MISFIT: 0.005},
    "POST /v1/workflows": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/workflows": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/workflows/{run_id}": {FIT: 0.005},
    "POST /v1/workflows/{run_id}/cancel": {FIT: 0.005},
    "POST /v1/workflows/{run_id}/resume": {FIT: 0.005},
    "POST /v1/actions": {FIT: 0.02, MISFIT: 0.02},
    "GET /v1/actions": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/actions/{action_id}": {FIT: 0.005},
    "POST /v1/actions/{action_id}/undo": {FIT: 0.005},
    "POST /v1/actions/{action_id}/withdraw": {FIT: 0.005},
    "GET /v1/actions/stops": {FIT: 0},
    "POST /v1/actions/stops": {FIT: 0.005, MISFIT: 0.005},
    "POST /v1/actions/stops/{stop_id}/end": {FIT: 0.005},
    "GET /v1/approvals": {FIT: 0},
    "GET /v1/approvals/{approval_id}": {FIT: 0.01},
    "POST /v1/approvals/{approval_id}/approve": {FIT: 0.005, MISFIT: 0.005},
    "POST /v1/approvals/{approval_id}/reject": {FIT: 0.005, MISFIT: 0.005},
    "POST /v1/approvals/batch": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/approvals/delegations": {FIT: 0},
    "POST /v1/approvals/delegations": {FIT: 0.005, MISFIT: 0.005},
    "DELETE /v1/approvals/delegations/{delegation_id}": {FIT: 0.005},
    "GET /v1/conversations": {FIT: 0.01, MISFIT: 0.01},
    "POST /v1/conversations": {FIT: 0.01, MISFIT: 0.01},
    "POST /v1/conversations/search": {FIT: 0.01, MISFIT: 0.01},
    "GET /v1/conversations/{conversation_id}": {FIT: 0.01},
    "PATCH /v1/conversations/{conversation_id}": {FIT: 0.01, MISFIT: 0.01},
    "DELETE /v1/conversations/{conversation_id}": {FIT: 0.01},
    "GET /v1/conversations/{conversation_id}/shares": {FIT: 0.01},
    "POST /v1/conversations/{conversation_id}/shares": {FIT: 0.01, MISFIT: 0.01},
    "DELETE /v1/conversations/{conversation_id}/shares/{subject_id}": {FIT: 0.02},
    "POST /v1/chat/completions": {FIT: 0.06, MISFIT: 0.06},
    "POST /v1/feedback": {FIT: 0.02, MISFIT: 0.02},
    "GET /v1/answers/{answer_id}": {FIT: 0.02},
    "GET /v1/models/{model_id}": {FIT: 0.01},
    "POST /v1/token": {FIT: 0.04, MISFIT: 0.04},
    "GET /v1/answers/{answer_id}/lineage": {FIT: 0.02},
    "POST /v1/answers/{answer_id}/replay": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/answers/{answer_id}/diff/{other_id}": {FIT: 0.01},
    "GET /v1/documents/{document_id}": {FIT: 0.02, MISFIT: 0.02},
    "GET /v1/models": {FIT: 0},
    "GET /v1/audit/entries": {FIT: 0.01, MISFIT: 0.01},
    "GET /v1/audit/checkpoint": {FIT: 0},
    "GET /v1/audit/entries/{entry_id}/proof": {FIT: 0.005},
    "GET /v1/audit/consistency/{old_size}": {FIT: 0.005},
    "GET /v1/audit/witness": {FIT: 0.005, MISFIT: 0.005},
    "POST /v1/audit/witness": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/incidents": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/incidents/{incident_id}": {FIT: 0.005},
    "POST /v1/incidents/{incident_id}/freeze": {FIT: 0.0025, MISFIT: 0.0025},
    "POST /v1/incidents/{incident_id}/thaw": {FIT: 0.001, MISFIT: 0.0015},
    "POST /v1/incidents/{incident_id}/close": {FIT: 0.001, MISFIT: 0.0015},
    "GET /v1/evaluations": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/evaluations/{evaluation_id}": {FIT: 0.005},
    "GET /v1/evaluations/{evaluation_id}/comparison": {FIT: 0.005, MISFIT: 0.005},
    "GET /v1/sources": {FIT: 0},
    "POST /v1/sources/{source_id}/notifications": {FIT: 0.005},
    "GET /healthz": {FIT: 0},
    "GET /readyz": {FIT: 0},
    "GET /metrics": {FIT: 0},
}
"""How much of all cases an operation gets; of 0, where nothing may be chosen, it gets one."""
CASES, PROVE_CASES = 5_000, 50_000
"""Requests in all: each that was made is sent thrice, as one who may, one who may not, and a stranger."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "MUNIMENT")


@dataclass
class Site:
    """A served workspace with documents, its document, and the callers."""

    workspace: Workspace
    caller: AsgiCaller
    schema: Any
    headers: dict[str, dict[str, str]]
    places: dict[str, str]
    got: Counter[str] = field(default_factory=Counter)

    def operation(self, name: str) -> Any:
        method, path = name.split(" ")
        return self.schema[path][method]

    def case(self, case: Any, who: str, known: bool, mode: GenerationMode) -> None:
        """Send one case and hold the answer against the document."""
        if known and case.path_parameters:
            case.path_parameters = {name: self.places[name] for name in case.path_parameters}
        headers = {**(case.headers or {}), **self.headers[who]}
        sent = case.as_transport_kwargs(base_url="http://localhost", headers=headers)
        answer = self.caller.send(**{k: v for k, v in sent.items() if k in _SENT})
        self.got[f"{case.operation.label} {answer.status_code}"] += 1
        refusable = mode is MISFIT and answer.status_code != 413
        checks = [*CHECKS, described.negative_data_rejection] if refusable else CHECKS
        case.validate_response(answer, checks=checks, headers=headers)
        public = case.path.endswith(("z", "/notifications")) or case.path == "/metrics"
        if who in ("nobody", "forged") and not public:
            assert answer.status_code in (400, 401, 413, 422)


_SENT = {"method", "url", "headers", "json", "data", "params", "files", "cookies"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("op2")
    names = ("user_per_minute", "service_per_minute", "tenant_per_minute", "failures_per_minute")
    chosen = settings.parse({"limits": dict.fromkeys(names, NO_LIMIT)})
    # However long the machine lets a request wait, no lease of the key and no token runs out.
    workspace = app.create(place / "home", settings=chosen, embedder=lambda: None, clock=FixedClock())
    (place / "people.toml").write_text(PEOPLE)
    workspace.directory.import_file(place / "people.toml", OPERATOR)
    (place / "papers").mkdir()
    (place / "papers" / "access.toml").write_text('allow = ["user:alice", "service:robot"]\n')
    (place / "papers" / "heron.md").write_text("# Heron\n\nThe heron costs twelve crowns.\n")
    (place / "papers" / "tarn.csv").write_text("product,price\nTarn,800\n")
    workspace.ingest(place / "papers", "papers")
    workspace.roles.grant("auditor", "ada", "a trial", OPERATOR)
    workspace.roles.grant("operator", "olga", "runs it", OPERATOR)
    workspace.running = Shop().running()
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    workspace.roles.grant("tool-user", "alice", "she helps", OPERATOR)
    workspace.roles.grant("approver", "alice", "she leads", OPERATOR)
    for one in ("alice", "service:robot"):
        workspace.roles.grant("evaluator", one, "reads runs", OPERATOR)
    bob = workspace.principal("bob")
    workspace.roles.grant("tool-user", "bob", "he helps", OPERATOR)
    call = Call("refund", {"order": "A-1", "amount": "20.00"})
    waiting = workspace.actions.propose(bob, Actor(bob.ref, "python"), call).action
    assert waiting is not None
    scopes = ("search", "ask", "answers", "documents", "models", "act", "tools:use", "witness", "evaluations")
    headers = {
        "alice": bearer(workspace, "alice"),
        "olga": bearer(workspace, "olga"),
        "ada": bearer(workspace, "ada"),
        "robot": {"authorization": f"Bearer {api_key(workspace, *scopes, service='robot')}"},
        "narrow": {"authorization": f"Bearer {api_key(workspace, 'models', service='robot')}"},
        "nobody": {},
        "forged": {"authorization": "Bearer forged"},
    }
    places = {
        "answer_id": workspace.ask("What does the heron cost?", "alice").id,
        "other_id": workspace.ask("What does the tarn cost?", "alice").id,
        "conversation_id": workspace.conversations.create(
            workspace.principal("alice"), Actor("user:alice", "python")
        ).id,
        "document_id": document_id(workspace, "heron.md"),
        "model_id": "quotes",
        "subject_id": "group:herons",
        "tool_id": "refund",
        "action_id": waiting.id,
        "run_id": workspace.workflow_runs.start("purchase-request", {}, bob, Actor(bob.ref, "python")).id,
        "approval_id": waiting.id,
        "stop_id": workspace.stops.stop("tool", "other", "a trial", None, OPERATOR).id,
        "delegation_id": "dlg_none",
        "incident_id": workspace.incidents.open("user:bob", "low", "a trial", None, OPERATOR).id,
        "evaluation_id": run_of(workspace),
        "entry_id": 1,
        "old_size": 2,
        "source_id": "papers",
    }
    server = create_server(workspace)
    schema = schemathesis.openapi.from_dict(server.openapi())
    with calling(server) as caller:
        yield Site(workspace, caller, schema, headers, places)
    workspace.close()


def fuzz(site: Site, name: str, mode: GenerationMode, cases: int) -> None:
    callers = [
        st.sampled_from(some)
        for some in (["alice", "robot"], ["olga", "narrow", "ada"], ["nobody", "forged"])
    ]

    @hypothesis_settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(site.operation(name).as_strategy(generation_mode=mode), st.tuples(*callers), st.booleans())
    def each(case: Any, people: tuple[str, ...], known: bool) -> None:
        for who in people:
            site.case(case, who, known, mode)

    before = site.got.total()
    each()
    assert site.got.total() - before >= 3 * cases


def test_a_method_that_the_document_lacks_is_refused_with_what_is_there(site: Site) -> None:
    for path in site.schema:
        described_ones = {method.upper() for method in site.schema[path]}
        for method in set(METHODS) - described_ones:
            for who in site.headers:
                place = path.format(**site.places)
                answer = site.caller.send(
                    method=method, url=f"http://localhost{place}", headers=site.headers[who]
                )
                assert answer.status_code == 405, f"{method} {path} as {who}"
                assert set(answer.headers["allow"][0].split(", ")) == described_ones


def test_every_operation_answers_as_the_document_says_while_the_key_is_switched_off(
    make_workspace: Callable[..., Workspace], clock: FixedClock
) -> None:
    workspace = make_workspace(clock=clock)
    document, http = create_server(workspace).openapi(), client(workspace)
    wrapped = read_head(settings.keyring_file(workspace.home)).wrapped
    workspace.key_provider.disable(wrapped)
    clock.advance(minutes=5)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            got = http.request(method.upper(), path)
            if path != "/healthz":
                assert got.status_code == 503, path
                assert got.headers["content-type"] in operation["responses"]["503"]["content"], path


ROWS = [(name, mode) for name, modes in SHARE.items() for mode in modes]
IDS = [f"{name.replace('/', '|')} {mode.value}" for name, mode in ROWS]


def test_every_operation_of_the_document_is_fuzzed(site: Site) -> None:
    found = {operation.ok().label for operation in site.schema.get_all_operations()}
    assert found == SHARE.keys()
    assert sum(part for modes in SHARE.values() for part in modes.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "mode"), ROWS, ids=IDS)
def test_an_operation_answers_as_the_document_says(site: Site, name: str, mode: GenerationMode) -> None:
    fuzz(site, name, mode, max(1, round(SHARE[name][mode] * CASES / 3)))


@pytest.mark.prove
@pytest.mark.parametrize(("name", "mode"), ROWS, ids=IDS)
def test_an_operation_answers_fifty_thousand_as_the_document_says(
    site: Site, name: str, mode: GenerationMode
) -> None:
    fuzz(site, name, mode, max(1, round(SHARE[name][mode] * PROVE_CASES / 3)))
