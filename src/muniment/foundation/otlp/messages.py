"""Spans and counts as OTLP messages, by OpenTelemetry's own message definitions; needs the extra `telemetry`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from muniment.foundation.errors import NotSetUp
from muniment.foundation.telemetry.instruments import Family, Point
from muniment.foundation.telemetry.tracing import ERROR_TYPE, Span, Value

Signal = Literal["traces", "metrics"]
_SCOPE = "muniment"
_KINDS = {"internal": 1, "server": 2, "client": 3}
_ERROR = 2
_CUMULATIVE = 2


class Messages:
    """Makes the bodies of requests to a collector."""

    def __init__(self, version: str, instance: str) -> None:
        """`instance` tells this process from others; raises NotSetUp where the extra is not installed."""
        try:
            from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
            from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
        except ImportError as error:
            raise NotSetUp(
                "telemetry.otlp is set, and what makes its messages is not installed.",
                fix="pip install 'muniment[telemetry]', or remove telemetry.otlp.",
            ) from error
        self._metrics: Any = metrics
        self._traces: Any = traces
        self._version = version
        self._of = {"service.name": "muniment", "service.version": version, "service.instance.id": instance}

    def traces(self, spans: Sequence[Span]) -> bytes:
        """Return a request that hands over spans."""
        made = self._traces.ExportTraceServiceRequest()
        whole = made.resource_spans.add()
        self._say(whole.resource.attributes, self._of)
        scope = whole.scope_spans.add()
        scope.scope.name, scope.scope.version = _SCOPE, self._version
        for one in spans:
            found = scope.spans.add(
                trace_id=bytes.fromhex(one.trace),
                span_id=bytes.fromhex(one.id),
                parent_span_id=bytes.fromhex(one.parent),
                name=one.name,
                kind=_KINDS[one.kind],
                start_time_unix_nano=one.start,
                end_time_unix_nano=one.end,
            )
            self._say(found.attributes, one.attributes)
            if one.error:
                found.status.code = _ERROR
                self._say(found.attributes, {ERROR_TYPE.name: one.error})
        return bytes(made.SerializeToString())

    def metrics(self, families: Iterable[Family], since: int, now: int) -> bytes:
        """Return a request that hands over all counts since a time, both in nanoseconds since 1970."""
        made = self._metrics.ExportMetricsServiceRequest()
        whole = made.resource_metrics.add()
        self._say(whole.resource.attributes, self._of)
        scope = whole.scope_metrics.add()
        scope.scope.name, scope.scope.version = _SCOPE, self._version
        for family in families:
            if family.points:
                self._family(scope.metrics.add(), family, since, now)
        return bytes(made.SerializeToString())

    def _family(self, metric: Any, family: Family, since: int, now: int) -> None:
        one = family.instrument
        metric.name, metric.description, metric.unit = one.name, one.said, one.unit
        if one.kind == "histogram":
            metric.histogram.aggregation_temporality = _CUMULATIVE
        if one.kind == "counter":
            metric.sum.aggregation_temporality = _CUMULATIVE
            metric.sum.is_monotonic = True
        at = {"histogram": metric.histogram, "counter": metric.sum, "gauge": metric.gauge}[one.kind]
        for point in family.points:
            made = at.data_points.add(time_unix_nano=now)
            if one.kind != "gauge":
                made.start_time_unix_nano = since
            names = [label.name for label in one.labels]
            self._say(made.attributes, dict(zip(names, point.labels, strict=True)))
            self._numbers(made, one.bounds, point)

    @staticmethod
    def _numbers(made: Any, bounds: Sequence[float], point: Point) -> None:
        if not bounds:
            made.as_double = point.numbers[0]
            return
        buckets = [int(number) for number in point.numbers[:-1]]
        made.explicit_bounds.extend(bounds)
        made.bucket_counts.extend(buckets)
        made.count, made.sum = sum(buckets), point.numbers[-1]

    @staticmethod
    def _say(attributes: Any, said: Mapping[str, Value]) -> None:
        for name, value in said.items():
            found = attributes.add(key=name).value
            if isinstance(value, bool):
                found.bool_value = value
            elif isinstance(value, int):
                found.int_value = value
            elif isinstance(value, float):
                found.double_value = value
            else:
                found.string_value = value
