"""Which part of the system most likely made a metric worse.

What changed and can reach the metric comes first, in the order below: the parts nearest to it lead. A loss of answers
or evidence beside a loss of retrieval is put down to retrieval, for an answer is no better than what was found.
Where nothing is known to have changed, the part that the metric judges is named.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from muniment.assurance.evaluation.metric import Metric, Stage

_BY_STAGE: dict[Stage, tuple[str, ...]] = {
    "access": ("access", "policy", "corpus", "code"),
    "retrieval": ("embedding", "retrieval", "reranker", "chunking", "corpus", "access", "policy", "code"),
    "freshness": ("corpus", "retrieval", "embedding", "chunking", "code"),
    "evidence": ("answers", "prompts", "endpoints", "chunking", "code"),
    "answer": ("prompts", "endpoints", "answers", "tools", "policy", "code"),
    "tools": ("tools", "policy", "prompts", "endpoints", "code"),
    "operations": (
        "endpoints",
        "reranker",
        "retrieval",
        "prompts",
        "answers",
        "tools",
        "embedding",
        "chunking",
    ),
}
_BY_METRIC: dict[str, tuple[str, ...]] = {
    "recall@20": ("retrieval", "embedding", "chunking", "corpus", "access", "policy", "code"),
    "abstained": ("answers", "prompts", "endpoints", "code"),
    "no_forbidden_calls": ("policy", "tools", "prompts", "endpoints", "code"),
    "search_ms": ("reranker", "retrieval", "embedding", "chunking", "corpus", "access", "policy", "code"),
}
_FAILING = ("endpoints", "tools", "code", "prompts", "answers", "retrieval", "reranker", "embedding")
_PARTS: dict[Stage, str] = {
    "access": "access filter",
    "retrieval": "search",
    "freshness": "index",
    "evidence": "citation gate",
    "answer": "prompt or model",
    "tools": "tools",
    "operations": "model",
}
_PART_OF: dict[str, str] = {
    "abstained": "abstention threshold",
    "no_forbidden_calls": "tool policy",
    "search_ms": "search",
}
_UPSTREAM: dict[Stage, tuple[Stage, ...]] = {
    "retrieval": ("freshness",),
    "evidence": ("freshness", "retrieval"),
    "answer": ("freshness", "retrieval"),
}
"""Stages whose loss is the cause of a loss in a later one, the first of them that lost."""
_OWN = ("abstained", "format", "no_forbidden_facts")
"""What a better search would not have mended."""
_TASK = "task_success"
"""Needs an answer as well as calls."""


def cause(metric: Metric, lost: Collection[Stage], changed: Sequence[str]) -> str:
    """Return the component of `changed` that most likely made a metric worse, or else the part of the system.

    `lost` are the stages that are worse; names in `changed` may go on after the component, as `prompts/brief` does.
    """
    components = _components(changed)
    for one in _reasons(metric, lost):
        if one in components:
            return components[one]
    return _only(components) or part(metric, lost)


def cause_of_failures(changed: Sequence[str]) -> str:
    """Return the component of `changed` that most likely made cases fail; empty where none is known to have."""
    components = _components(changed)
    for one in _FAILING:
        if one in components:
            return components[one]
    return _only(components)


def part(metric: Metric, lost: Collection[Stage]) -> str:
    """Return the part of the system that a metric judges, or that an earlier loss points to."""
    return _PART_OF.get(metric.name) or _PARTS[_origin(metric, lost)]


def _components(changed: Sequence[str]) -> dict[str, str]:
    return {re.split(r"[^a-z]", name)[0]: name for name in reversed(changed)}


def _only(components: Mapping[str, str]) -> str:
    """Return what changed where it is one thing; suites judge answers and make none."""
    names = [name for component, name in components.items() if component != "suites"]
    return names[0] if len(names) == 1 else ""


def _reasons(metric: Metric, lost: Collection[Stage]) -> tuple[str, ...]:
    origin = _origin(metric, lost)
    own = _BY_METRIC.get(metric.name) or _BY_STAGE[metric.stage]
    return own if origin == metric.stage else (*_BY_STAGE[origin], *own)


def _origin(metric: Metric, lost: Collection[Stage]) -> Stage:
    if metric.name in _OWN:
        return metric.stage
    for stage in _UPSTREAM.get("answer" if metric.name == _TASK else metric.stage, ()):
        if stage in lost:
            return stage
    return metric.stage
