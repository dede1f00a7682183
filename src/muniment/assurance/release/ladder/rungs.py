"""Every rung of a workspace: ready to be asked, or listed with what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.observation import Subject
from muniment.assurance.release.ladder.alone import filled, prompt_alone, structured
from muniment.assurance.release.ladder.answering import Answering
from muniment.assurance.release.ladder.asking import Asking, Workspace
from muniment.assurance.release.ladder.rung import NAMES, Name, Rung, needs_of
from muniment.assurance.release.ladder.tools import with_tools
from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.audit.entry import Actor
from muniment.inference.catalog import QUOTES, Endpoint

NO_MODEL = "a language model: set one up under [models.NAME], or name one with --model"
NO_RERANKER = "the weights of the reranker: run `muniment models fetch`"
NO_TUNED = "no endpoint is named as tuned: name one with --tuned"
NO_TOOLS = "tools that the suite's askers may use: none has one"
DOCUMENTS = "documents"


def rungs_of(
    workspace: Workspace, suite: Suite, by: Actor, model: str | None = None, tuned: str | None = None
) -> tuple[Rung, ...]:
    """Return every rung in rising complexity; raises BadInput for an unknown endpoint."""
    endpoint, lacks = _model(workspace, model)
    quotes = workspace.catalog.get(QUOTES)

    def answering(name: Name, one: Endpoint, rerank: bool) -> Callable[[], Subject]:
        return lambda: Answering(workspace, one, by, rerank).asking(name)

    made = [
        _rung("prompt", endpoint, lacks, (), lambda one: lambda: prompt_alone(workspace, one, by)),
        _rung("structured", endpoint, lacks, (), lambda one: lambda: structured(workspace, one, by)),
        Rung("quotes", (DOCUMENTS,), answering("quotes", quotes, False)(), endpoint=quotes),
        _rung("retrieval", endpoint, lacks, (DOCUMENTS,), lambda one: answering("retrieval", one, False)),
        _rung(
            "reranked",
            endpoint,
            lacks or ("" if workspace.cross_encoder else NO_RERANKER),
            (DOCUMENTS, "weights of the reranker"),
            lambda one: answering("reranked", one, True),
        ),
        _rung(
            "tools",
            endpoint,
            lacks or _no_tools(workspace, suite),
            ("tools", "people to approve"),
            lambda one: lambda: with_tools(workspace, one, by),
        ),
        _tuned(workspace, by, tuned),
    ]
    return tuple(made)


def chosen(rungs: Iterable[Rung], names: Iterable[str]) -> tuple[Rung, ...]:
    """Return the rungs of these names, all where none is named; raises BadInput for an unknown name."""
    wanted = tuple(names)
    for name in wanted:
        if name not in NAMES:
            raise BadInput(f"There is no rung {name!r}.", fix=f"Known: {', '.join(NAMES)}.")
    return tuple(one for one in rungs if not wanted or one.name in wanted)


def named_model(workspace: Workspace, name: str) -> tuple[Endpoint, str]:
    """Return an endpoint, and what it lacks on this machine; raises BadInput for an unknown name."""
    endpoint = workspace.catalog.get(name)
    if endpoint.kind == "local":
        try:
            workspace.local_models.process(endpoint)
        except MunimentError as error:
            return endpoint, str(error)
    return endpoint, ""


def _model(workspace: Workspace, name: str | None) -> tuple[Endpoint | None, str]:
    asked = workspace.catalog.default if name is None else name
    endpoint, lacks = named_model(workspace, asked)
    if endpoint.kind == QUOTES:
        if name is not None:
            raise BadInput("`quotes` is no language model.", fix="It is the rung `quotes` anyway.")
        return None, NO_MODEL
    return endpoint, lacks


def _rung(
    name: Name,
    endpoint: Endpoint | None,
    lacks: str,
    needs: tuple[str, ...],
    subject: Callable[[Endpoint], Callable[[], Subject]],
) -> Rung:
    if endpoint is None:
        return Rung(name, ("language model", *needs), missing=lacks)
    needed = (*needs_of(endpoint), *needs)
    if lacks:
        return Rung(name, needed, missing=lacks, endpoint=endpoint)
    return Rung(name, needed, subject(endpoint)(), endpoint=endpoint)


def _tuned(workspace: Workspace, by: Actor, name: str | None) -> Rung:
    needs = ("a tuned language model", DOCUMENTS)
    if name is None:
        return Rung("tuned", needs, missing=NO_TUNED)
    endpoint, lacks = named_model(workspace, name)
    if endpoint.kind == QUOTES:
        raise BadInput("`quotes` is no language model.", fix="Name the tuned one with --tuned.")
    if lacks:
        return Rung("tuned", needs, missing=lacks, endpoint=endpoint)
    answering = Answering(workspace, endpoint, by, rerank=False)

    def subject() -> Asking:
        searching = answering.asking("tuned")
        # A form that no document fills is filled by the model itself.
        return Asking(
            workspace,
            "tuned",
            by,
            searching.lineage,
            lambda case, asker: (
                filled(workspace, endpoint, by, case, asker)
                if case.schema is not None and not case.relevant
                else answering.ask(case, asker)
            ),
        )

    return Rung("tuned", (*needs_of(endpoint)[1:], *needs), subject(), endpoint=endpoint)


def _no_tools(workspace: Workspace, suite: Suite) -> str:
    askers = dict.fromkeys(case.asker for case in suite.cases)
    for asker in askers:
        try:
            if any(one.enabled for one in workspace.usable_tools.of(workspace.principal(asker))):
                return ""
        except MunimentError:
            continue
    return NO_TOOLS
