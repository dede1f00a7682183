"""A report as one JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from muniment.assurance.evaluation.reports.reported import LatencyRow, ReportedRun
from muniment.governance.audit.entry import Json

FORM = "muniment.evaluation-report/1"
"""Names the keys: another number where one is taken away or means something else."""


def document(run: ReportedRun) -> dict[str, Json]:
    """Return a report as JSON values: all that the other forms say, texts whole."""
    whole = cast("dict[str, Json]", asdict(run))
    whole["latencies"] = [_latency(row) for row in run.latencies]
    whole["lineage"] = dict(run.lineage)
    whole["results"] = [
        cast("dict[str, Json]", asdict(row)) | {"scores": dict(row.scores), "detail": dict(row.detail)}
        for row in run.results
    ]
    return {"form": FORM, "verdict": run.verdict, "ok": run.ok, "complete": run.complete, **whole}


def _latency(row: LatencyRow) -> Json:
    # The times themselves are among the scores of the cases.
    return {"stage": row.stage, "cases": len(row.milliseconds), "p50": row.p50, "p95": row.p95}
