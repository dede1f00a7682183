"""What a server counts and traces, as Prometheus and a collector get it, and who may read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from tests.simulators.hosted import host
from tests.simulators.office import Office
from tests.simulators.openai_server import answering, serving
from tests.simulators.otlp_collector import OtlpCollector, collecting
from tests.simulators.web_client import ORIGIN, api_key, bearer, client

from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Unavailable
from muniment.interfaces.server import create_server
from muniment.settings import parse

QUESTION = "What does the canteen cost?"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PROXY = "10.1.2.3"
Make = Callable[..., Workspace]


def scraped(http: TestClient, **headers: str) -> dict[tuple[str, ...], float]:
    """What Prometheus reads: each sample by its name and the values of its labels."""
    got = http.get("/metrics", headers=headers)
    assert got.status_code == 200 and got.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(got.text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def local(workspace: Workspace, peer: str = "127.0.0.1") -> TestClient:
    return client(workspace, client=(peer, 50_000))


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    with collecting() as found:
        yield found


def otlp(collector: OtlpCollector, **more: object) -> dict[str, Any]:
    return {"otlp": {"endpoint": collector.address, "sample_ratio": 1.0, **more}}


def test_prometheus_reads_requests_stages_answers_and_what_waits(make_workspace: Make, folder: Path) -> None:
    with serving(answering) as server:
        models = {"house": {"base_url": server.url, "model": "m-1", "prompt_price": 1e6}}
        workspace = make_workspace(settings=parse({"models": models, "answers": {"model": "house"}}))
        workspace.ingest(folder, "acme")
        http, alice = local(workspace), bearer(workspace, "alice")
        before = scraped(http)
        assert http.post("/v1/answers", json={"question": QUESTION}, headers=alice).status_code == 200
        http.post("/v1/search", json={"query": "canteen"}, headers=alice)
        http.get("/v1/documents/secret-path", headers=alice)
        http.get("/secret-path")
        after = scraped(http)

    def more(*sample: str) -> float:
        return after.get(sample, 0.0) - before.get(sample, 0.0)

    requests = "http_server_request_duration_seconds_count"
    assert more(requests, "/v1/search", "POST", "200") == 1
    assert more(requests, "/v1/documents/{document_id}", "GET", "404") == 1
    assert more(requests, "other", "GET", "404") == 1
    for stage in (
        "authenticate",
        "decide",
        "retrieve",
        "assemble",
        "model_call",
        "check",
        "release",
        "record",
    ):
        assert more("muniment_stage_duration_seconds_count", stage) >= 1, stage
    assert more("muniment_answers_total", "answered") == 1 and more("muniment_claims_total", "given") >= 1
    assert more("muniment_model_calls_total", "house", "complete") >= 1
    assert more("muniment_model_cost_total", "house") >= 120
    assert more("gen_ai_client_token_usage_sum", "chat", "openai", "m-1", "input") >= 120
    assert more("muniment_audit_commit_duration_seconds_count") >= 1
    assert 0 <= after["muniment_source_feed_age_seconds", "acme"] < 60
    assert 0 <= after[("muniment_audit_checkpoint_age_seconds",)] < 60
    assert after["muniment_approvals_waiting", "one"] == 0
    assert after[("muniment_requests_active",)] == 1
    assert not any("secret" in part for sample in after for part in sample)


def test_a_change_of_access_is_counted_with_how_long_a_request_waited_for_it(
    workspace: Workspace, folder: Path
) -> None:
    workspace.ingest(folder, "acme")
    http = local(workspace)
    workspace.search("canteen", "alice")
    lag = ("muniment_revocation_lag_seconds_count",)
    before = scraped(http)[lag]
    workspace.access.set("acme/all", ["user:bob"], [], workspace_operator())
    workspace.search("canteen", "alice")
    workspace.search("canteen", "alice")
    assert scraped(http)[lag] - before == 1


def workspace_operator() -> Any:
    from muniment.governance.identity.principal import OPERATOR

    return OPERATOR


def test_what_waits_for_people_is_read_and_how_long_it_waited_is_counted(office: Office) -> None:
    http = local(office.workspace)
    decided = ("muniment_approval_duration_seconds_bucket", "approve", "300")
    before = scraped(http).get(decided, 0.0)
    made = office.waiting()
    office.clock.advance(seconds=200)
    waiting = scraped(http)
    assert sum(n for sample, n in waiting.items() if sample[0] == "muniment_approvals_waiting") == 1
    assert waiting[("muniment_approvals_oldest_age_seconds",)] == 200
    office.approve(made)
    after = scraped(http)
    assert after[decided] - before == 1 and after[("muniment_approvals_oldest_age_seconds",)] == 0


def test_an_endpoint_that_keeps_failing_is_counted_as_left_alone(make_workspace: Make, folder: Path) -> None:
    with serving(answering, "500") as server:
        models = {"frail": {"base_url": server.url, "model": "m"}}
        workspace = make_workspace(settings=parse({"models": models, "answers": {"model": "frail"}}))
        workspace.ingest(folder, "acme")
        workspace.gateway._attempts._sleep = lambda _: None
        http, alice = local(workspace), bearer(workspace, "alice")
        for _ in range(3):
            http.post("/v1/answers", json={"question": QUESTION}, headers=alice)
        assert scraped(http)["muniment_model_breaker_open", "frail"] == 1


def test_runs_of_workflows_are_read_once_workflows_are_in_use(workspace: Workspace) -> None:
    http = local(workspace)
    assert not any(name == "muniment_workflows_unfinished" for name, *_ in scraped(http))
    workspace.workflows.prepare()
    assert scraped(http)["muniment_workflows_unfinished", "queued"] == 0


def test_what_is_counted_is_told_also_while_the_database_cannot_be_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = local(workspace)
    assert scraped(http)[("muniment_readings_up",)] == 1

    def failing() -> list[object]:
        raise Unavailable("The database cannot be read.")

    http.app.state.readings = failing
    found = scraped(http)
    assert found[("muniment_readings_up",)] == 0 and ("muniment_requests_active",) in found


def test_the_numbers_of_a_host_with_tenants_are_of_all_and_only_for_the_host(
    make_workspace: Make, tmp_path: Path, folder: Path
) -> None:
    people = tmp_path / "people.toml"
    people.write_text("[users.alice]\n[services.helpdesk]\n")
    hosted = host(make_workspace)
    acme = hosted.add("acme", people, folder)
    try:
        with hosted.served() as (_, http):
            alice = bearer(acme, "alice")
            own = {"authorization": f"Bearer {api_key(hosted.own, 'metrics')}"}
            assert http.post("/v1/search", json={"query": "canteen"}, headers=alice).status_code == 200
            found = scraped(http, **own)
            assert 0 <= found["muniment_source_feed_age_seconds", "docs"] < 60
            theirs = {"authorization": f"Bearer {api_key(acme, 'metrics')}"}
            assert http.get("/metrics", headers=theirs).status_code == 401
    finally:
        hosted.close()


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("10.0.0.7", {}, 401),
        ("testclient", {}, 401),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, 401),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}, 401),
        ("127.0.0.1", {"authorization": "Bearer nonsense"}, 401),
        ("203.0.113.9", {"x-forwarded-for": "127.0.0.1"}, 401),
    ],
)
def test_this_machine_reads_what_is_counted_and_nobody_else_without_a_key(
    workspace: Workspace, peer: str, headers: dict[str, str], status: int
) -> None:
    assert local(workspace, peer).get("/metrics", headers=headers).status_code == status


def test_a_key_with_the_scope_reads_what_is_counted_from_anywhere(workspace: Workspace) -> None:
    http = local(workspace, "10.0.0.7")
    keys = {
        scope: {"authorization": f"Bearer {api_key(workspace, scope)}"} for scope in ("metrics", "search")
    }
    assert scraped(http, **keys["metrics"])
    assert http.get("/metrics", headers=keys["search"]).status_code == 403
    assert http.get("/metrics", headers=bearer(workspace, "alice")).status_code == 403


@pytest.mark.parametrize(("allowed", "status"), [("local", 200), ("key", 401), ("off", 404)])
def test_the_operator_says_who_reads_what_is_counted(make_workspace: Make, allowed: str, status: int) -> None:
    workspace = make_workspace(settings=parse({"telemetry": {"metrics": allowed}}))
    assert local(workspace).get("/metrics").status_code == status


def test_a_collector_gets_one_trace_of_a_request_with_its_stages_and_model_calls(
    make_workspace: Make, folder: Path, collector: OtlpCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTLP_TOKEN", "sesame-" * 4)
    with serving(answering) as server:
        models = {"house": {"base_url": server.url, "model": "m-1"}}
        sent = otlp(collector, headers={"authorization": "env:OTLP_TOKEN"})
        stated = {"models": models, "answers": {"model": "house"}, "telemetry": sent}
        workspace = make_workspace(settings=parse(stated))
        workspace.ingest(folder, "acme")
        with client(workspace) as http:
            got = http.post("/v1/answers", json={"question": QUESTION}, headers=bearer(workspace, "alice"))
    assert got.status_code == 200
    _, trace, root, sampled = got.headers["traceresponse"].split("-")
    mine = [one for one in collector.spans() if one.trace_id.hex() == trace]
    assert sampled == "01" and {one.parent_span_id.hex() for one in mine} == {"", root}
    names = {one.name for one in mine}
    assert names >= {"POST /v1/answers", "authenticate", "decide", "retrieve", "assemble", "check", "release"}
    call = next(one for one in mine if one.name == "chat m-1")
    said = {one.key: one.value for one in call.attributes}
    assert call.kind == 3 and said["gen_ai.operation.name"].string_value == "chat"
    assert said["gen_ai.request.model"].string_value == "m-1"
    assert said["gen_ai.provider.name"].string_value == "openai"
    assert said["gen_ai.usage.input_tokens"].int_value == 120
    assert "gen_ai.client.operation.duration" in collector.metrics()
    assert "muniment.source.feed.age" in collector.metrics()
    assert collector.headers[0]["authorization"] == "sesame-" * 4


def traced(make_workspace: Make, peer: str, headers: dict[str, str]) -> list[str]:
    settings = parse({"network": {"trusted_proxies": [PROXY]}})
    workspace = make_workspace(f"home-{peer}", settings=settings)
    app = create_server(workspace)
    with TestClient(app, base_url=ORIGIN, client=(peer, 1)) as http:
        got = http.get("/healthz", headers=headers)
    return got.headers["traceresponse"].split("-")


def test_only_a_trusted_proxy_says_which_trace_a_request_belongs_to(make_workspace: Make) -> None:
    said = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    assert traced(make_workspace, PROXY, said)[1] == TRACE
    for outsider in ("203.0.113.9", "127.0.0.1"):
        _, trace, span, sampled = traced(make_workspace, outsider, said)
        assert trace != TRACE and span != SPAN and sampled == "00"


def test_a_request_waits_for_no_collector(make_workspace: Make, folder: Path) -> None:
    with collecting() as collector:
        collector.hangs = 5.0
        workspace = make_workspace(settings=parse({"telemetry": otlp(collector, seconds=1)}))
        workspace.ingest(folder, "acme")
        with client(workspace) as http:
            alice = bearer(workspace, "alice")
            began = time.perf_counter()
            for _ in range(20):
                assert http.post("/v1/search", json={"query": "tea"}, headers=alice).status_code == 200
            assert time.perf_counter() - began < 4.0
            collector.hangs = 0.0


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ({"endpoint": "collector:4318"}, "telemetry.otlp.endpoint"),
        ({"endpoint": "http://a:b@collector:4318"}, "telemetry.otlp.endpoint"),
        ({"endpoint": "http://collector", "headers": {"Host": "env:X"}}, "telemetry.otlp.headers"),
        ({"endpoint": "http://collector", "sample_ratio": 2}, "telemetry.otlp.sample_ratio"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(stated: dict[str, object], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        parse({"telemetry": {"otlp": stated}})


def test_a_header_that_is_no_reference_keeps_the_server_from_starting(make_workspace: Make) -> None:
    stated = {"endpoint": "http://127.0.0.1:9", "headers": {"authorization": "the secret itself"}}
    workspace = make_workspace(settings=parse({"telemetry": {"otlp": stated}}))
    with pytest.raises(BadInput, match=r"telemetry\.otlp\.headers\.authorization"), client(workspace):
        pass
