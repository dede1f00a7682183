"""Rungs 1 and 2: a model by itself, in words or held to a schema. It is sent nothing but the case's own words."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.assistant.alone import FILL, REPLY, Said
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation
from muniment.assurance.release.ladder.asking import Asking, Workspace
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import Principal
from muniment.inference.catalog import Endpoint

PLAIN: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["known", "answer"],
    "properties": {"known": {"type": "boolean"}, "answer": {"type": "string"}},
}
"""What a question without a schema of its own is answered in: an answer, or that it is not known."""
UNKNOWN = "i do not know"


def prompt_alone(workspace: Workspace, endpoint: Endpoint, by: Actor) -> Asking:
    """Return a model that is told the question and answers in words."""

    def ask(case: Case, asker: Principal) -> Observation:
        said = workspace.alone.reply(asker, case.question, case.earlier, by, endpoint.name)
        silent = said.text.strip(" .").casefold() == UNKNOWN
        # Whether what stands in the words keeps to the case's schema is for its graders.
        result = said.result if case.schema is not None else None
        return _observed(said, silent, said.text, result)

    prompt = workspace.prompts.live(REPLY, endpoint.name).version
    return Asking(workspace, "prompt", by, {"model": endpoint.version, "prompt": prompt}, ask)


def structured(workspace: Workspace, endpoint: Endpoint, by: Actor) -> Asking:
    """Return a model that is held to the case's schema, or to that of an answer which may be none."""
    prompt = workspace.prompts.live(FILL, endpoint.name).version
    lineage = {"model": endpoint.version, "prompt": prompt}
    return Asking(
        workspace, "structured", by, lineage, lambda case, asker: filled(workspace, endpoint, by, case, asker)
    )


def filled(workspace: Workspace, endpoint: Endpoint, by: Actor, case: Case, asker: Principal) -> Observation:
    """Ask one case in its schema."""
    form = PLAIN if case.schema is None else case.schema
    said = workspace.alone.fill(asker, case.question, case.earlier, form, by, endpoint.name)
    if case.schema is not None:
        return _observed(said, silent=False, text=said.text, result=said.result)
    fields = said.result if said.keeps_form and isinstance(said.result, Mapping) else {}
    answer = str(fields.get("answer", ""))
    return _observed(said, fields.get("known") is not True or not answer.strip(), answer, None)


def _observed(said: Said, silent: bool, text: str, result: Json) -> Observation:
    return Observation(
        "abstained" if silent else "answered",
        answer="" if silent else text,
        result=result,
        prompt_tokens=said.usage.prompt_tokens,
        completion_tokens=said.usage.completion_tokens,
        cost=said.usage.cost,
        endpoint=said.model,
    )
