"""What two runs differ in, beside their results."""

from __future__ import annotations

from muniment.assurance.evaluation.results import Run


def changed(baseline: Run, candidate: Run) -> tuple[str, ...]:
    """Return the components whose versions differ; `corpus` is the documents and who may read them."""
    names = sorted({*baseline.lineage, *candidate.lineage})
    differing = [name for name in names if baseline.lineage.get(name) != candidate.lineage.get(name)]
    return (*differing, *(["corpus"] if baseline.corpus != candidate.corpus else []))
