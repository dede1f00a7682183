"""A collector gets what OpenTelemetry's own definitions read; one that is down holds up nothing and is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.simulators.otlp_collector import OtlpCollector, collecting

from muniment.foundation.clock import Clock
from muniment.foundation.egress import Egress
from muniment.foundation.egress_rules import EgressRules
from muniment.foundation.otlp import sending
from muniment.foundation.otlp.messages import Messages
from muniment.foundation.otlp.sending import DROPPED, FAILED, Collector, Sending
from muniment.foundation.secret import Secret
from muniment.foundation.telemetry import tracing
from muniment.foundation.telemetry.instruments import KNOWN, Instrument, Read
from muniment.foundation.telemetry.labels import Label
from muniment.foundation.telemetry.traceparent import Parent
from muniment.foundation.telemetry.tracing import TRACER, Attribute, Span, Stage, Value

WORD = Attribute("test.word", Label("test.word", "known"))
NUMBER, TEXT = Attribute("test.number"), Attribute("test.text")


def to(address: str, ratio: float = 1.0, rules: EgressRules | None = None) -> Sending:
    collector = Collector(address, {"authorization": Secret("Bearer sesame")}, 0.05, ratio)
    egress = Egress({address}, purpose="telemetry", rules=rules or EgressRules())
    return Sending(collector, egress, Messages("9.9", "proc_x"), Clock(), list[Read])


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    with collecting() as found:
        yield found


def counted(instrument: Instrument, *labels: str) -> float:
    family = next(one for one in KNOWN.collect() if one.instrument is instrument)
    return sum(point.numbers[0] for point in family.points if point.labels == labels)


def work(parent: Parent | None = None) -> tracing.Trace:
    trace, token = tracing.begin(parent)
    with Stage("retrieve") as stage:
        stage.note(WORD, "known")
        stage.note(NUMBER, 7)
    tracing.end(token)
    return trace


def span() -> Span:
    return Span("ab" * 16, "cd" * 8, "", "x", "internal", 1, 2, {})


def test_spans_and_counts_are_read_by_opentelemetrys_own_definitions(collector: OtlpCollector) -> None:
    with to(collector.address).running():
        before = time.time_ns()
        trace = work()
        with pytest.raises(ValueError), Stage("check"):
            raise ValueError("secret")
        error_trace, token = tracing.begin()
        with pytest.raises(ValueError), Stage("check"):
            raise ValueError("secret")
        tracing.end(token)
    spans = {one.name: one for one in collector.spans()}
    retrieved = spans["retrieve"]
    assert (retrieved.trace_id.hex(), retrieved.parent_span_id.hex()) == (trace.id, trace.span)
    assert before <= retrieved.start_time_unix_nano <= retrieved.end_time_unix_nano <= time.time_ns()
    said = {one.key: one.value for one in retrieved.attributes}
    assert said["test.word"].string_value == "known" and said["test.number"].int_value == 7
    assert spans["check"].trace_id.hex() == error_trace.id and spans["check"].status.code == 2
    assert [one.value.string_value for one in spans["check"].attributes] == ["ValueError"]
    stages = collector.metrics()["muniment.stage.duration"]
    assert stages.unit == "s" and stages.histogram.aggregation_temporality == 2
    assert all(one.count == sum(one.bucket_counts) for one in stages.histogram.data_points)
    assert collector.headers[0]["authorization"] == "Bearer sesame"
    assert b"secret" not in collector.everything()


def test_a_span_says_numbers_and_words_of_its_sets_alone() -> None:
    values: list[tuple[Attribute, Value, Value]] = [
        (WORD, "secret", "other"),
        (TEXT, "secret", 0),
        (NUMBER, 1.5, 1.5),
    ]
    assert [one.said(value) for one, value, _ in values] == [wanted for *_, wanted in values]


@pytest.mark.parametrize(("ratio", "least", "most"), [(0.0, 0, 0), (0.5, 700, 1_300), (1.0, 2_000, 2_000)])
def test_the_share_that_is_set_is_sampled(ratio: float, least: int, most: int) -> None:
    TRACER.ratio, TRACER.take = ratio, lambda _: None
    try:
        found = sum(tracing.begin()[0].sampled for _ in range(2_000))
    finally:
        TRACER.take = None
    assert least <= found <= most


def test_a_trusted_caller_decides_whether_its_trace_is_sampled() -> None:
    TRACER.ratio, TRACER.take = 0.0, lambda _: None
    try:
        found = [work(Parent("ab" * 16, "cd" * 8, sampled)) for sampled in (True, False)]
    finally:
        TRACER.take = None
    assert [one.sampled for one in found] == [True, False]
    assert {one.id for one in found} == {"ab" * 16} and found[0].parent == "cd" * 8


def test_nothing_is_kept_where_nobody_takes_it() -> None:
    assert not work().sampled


def test_a_collector_that_is_down_holds_up_nobody_and_what_is_dropped_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "MOST_WAITING", 100)
    made = to("http://127.0.0.1:9")
    full, failed = counted(DROPPED, "full"), counted(FAILED, "traces", "unreached")
    began = time.perf_counter()
    for _ in range(5_000):
        made.take(span())
    assert time.perf_counter() - began < 0.5
    made.send(1.0)
    assert counted(DROPPED, "full") - full == 4_900
    assert counted(FAILED, "traces", "unreached") - failed == 1
    assert len(made._waiting) == 100


def test_what_a_collector_could_not_take_is_sent_again_in_order(collector: OtlpCollector) -> None:
    made = to(collector.address)
    collector.status = 503
    made.take(span())
    made.send(1.0)
    made.take(Span("ab" * 16, "ef" * 8, "", "later", "internal", 1, 2, {}))
    collector.status = 200
    made.send(1.0)
    assert [one.name for one in collector.spans()] == ["x", "later"]


def test_what_a_collector_will_never_take_is_dropped(collector: OtlpCollector) -> None:
    made = to(collector.address)
    collector.status, dropped = 400, counted(DROPPED, "refused")
    made.take(span())
    made.send(1.0)
    assert counted(DROPPED, "refused") - dropped == 1 and not made._waiting


def test_a_collector_that_hangs_is_waited_for_no_longer_than_said(collector: OtlpCollector) -> None:
    collector.hangs = 1.0
    made, began = to(collector.address), time.perf_counter()
    made.take(span())
    made.send(0.1)
    assert time.perf_counter() - began < 0.9
    assert len(made._waiting) == 1


def test_the_rules_for_what_may_leave_hold_for_telemetry(collector: OtlpCollector) -> None:
    made = to(collector.address, rules=EgressRules(lists={"telemetry": frozenset()}))
    dropped = counted(DROPPED, "egress")
    made.take(span())
    made.send(1.0)
    assert not collector.bodies and counted(DROPPED, "egress") - dropped == 1
