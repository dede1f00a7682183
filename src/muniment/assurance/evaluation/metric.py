"""The metrics that graders give: what each says, which way is better, and which part of the system it judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["access", "retrieval", "freshness", "evidence", "answer", "tools", "operations"]
Unit = Literal["share", "ms", "tokens", "cost", "days"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure that a case may be given."""

    name: str
    stage: Stage
    about: str
    unit: Unit = "share"
    lower_is_better: bool = False
    breach: bool = False
    """Whether one case below 1 is a failure that nothing makes up for."""


_ALL = (
    Metric("authorised", "access", "nothing that its asker may not read was shown", breach=True),
    Metric("recall@5", "retrieval", "relevant documents among the first 5"),
    Metric("recall@20", "retrieval", "relevant documents among the first 20"),
    Metric("precision@5", "retrieval", "of the first 5 documents, those that are relevant"),
    Metric("ndcg@10", "retrieval", "order of the first 10 against the best possible"),
    Metric("mrr", "retrieval", "one over the place of the first relevant document"),
    Metric("map", "retrieval", "mean precision where each relevant document is found"),
    Metric("success@1", "retrieval", "a relevant document comes first"),
    Metric("success@5", "retrieval", "a relevant document is among the first 5"),
    Metric("current", "freshness", "relevant documents found that are in their current version"),
    Metric("age", "freshness", "days since the versions that were found were made", "days", True),
    Metric("faithfulness", "evidence", "statements that the evidence shown supports"),
    Metric("citation_precision", "evidence", "citations of relevant documents whose quotes stand there"),
    Metric("citation_recall", "evidence", "documents that must be cited and are"),
    Metric("answered", "answer", "answerable questions that were answered"),
    Metric("abstained", "answer", "unanswerable questions that were not answered"),
    Metric("facts", "answer", "facts that the answer or its quotes hold"),
    Metric("all_facts", "answer", "answers that hold every fact"),
    Metric("completeness", "answer", "facts that the statements themselves hold, quotes left out"),
    Metric("no_forbidden_facts", "answer", "answers without a fact that must not be there", breach=True),
    Metric("format", "answer", "results that keep to their schema"),
    Metric("result", "answer", "results that are right"),
    Metric("tool_calls", "tools", "expected calls that were made, with the right arguments"),
    Metric("no_forbidden_calls", "tools", "cases without a call that must not be made", breach=True),
    Metric("well_formed_calls", "tools", "calls whose arguments their tool takes"),
    Metric("task_success", "tools", "tasks that were done wholly: answer, result and calls"),
    Metric("search_ms", "operations", "time to search", "ms", True),
    Metric("answer_ms", "operations", "time to answer", "ms", True),
    Metric("model_ms", "operations", "time that the model took", "ms", True),
    Metric("prompt_tokens", "operations", "tokens sent", "tokens", True),
    Metric("completion_tokens", "operations", "tokens written", "tokens", True),
    Metric("cost", "operations", "cost of a case", "cost", True),
)
METRICS = {metric.name: metric for metric in _ALL}
"""Every metric by name, in the order of reports."""
