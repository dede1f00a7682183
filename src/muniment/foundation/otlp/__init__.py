"""Spans and counts on their way to a collector, as OpenTelemetry says it (OTLP over HTTP)."""
