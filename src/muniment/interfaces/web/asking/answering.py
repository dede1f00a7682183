"""Answers as pages and as the events that the ask page reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from muniment.assistant.lineage import WITHHELD, Explanation
from muniment.assistant.values import WITHDRAWN, Claim, Event, Finished, Nearest, Started
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.identity.principal import Principal
from muniment.inference.catalog import QUOTES
from muniment.interfaces.authenticate import Caller
from muniment.interfaces.rest.events import ServerEvent
from muniment.interfaces.rest.models import usable_models
from muniment.interfaces.web.asking.evidence import Evidence, distinct
from muniment.interfaces.web.asking.facts import facts
from muniment.interfaces.web.asking.views import AnswerView, Beside, ClaimView, Fact, ModelChoice, TurnView
from muniment.interfaces.web.rendering import say
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.app import Workspace


def worded_events(
    workspace: Workspace,
    caller: Caller,
    still: Callable[[], object],
    turns: Callable[[], tuple[TurnView, ...]],
) -> Callable[[Event], ServerEvent]:
    """Return what turns an answer's events into those of the page; each claim brings its cards.

    The first brings the `turns` before it, as they may be read now. `still` raises before any event of whoever is
    signed in no more.
    """
    evidence = _evidence(workspace, caller)

    def worded(event: Event) -> ServerEvent:
        still()
        match event:
            case Started():
                before = [asdict(turn) for turn in turns()]
                return ServerEvent("started", {"href": f"/answers/{event.answer_id}", "turns": before})
            case Claim():
                return _claim(evidence, event)
            case Finished():
                made = event.answer
                return ServerEvent(
                    "finished",
                    {
                        "status": made.status,
                        "said": "" if made.status == "answered" else made.answer,
                        "notes": list(made.notes),
                        "nearest": [{"href": h, "title": title} for h, title in nearest_links(made.nearest)],
                        "href": f"/answers/{made.id}",
                        "conversation": made.conversation,
                        "instead": say("talk.instead", question=made.standalone) if made.standalone else "",
                    },
                )

    return worded


def _evidence(workspace: Workspace, caller: Caller) -> Evidence:
    not_names = workspace.settings.sensitive.not_names
    return Evidence(workspace.reading, caller.principal, caller.actor, workspace.shown_in_answers, not_names)


def _claim(evidence: Evidence, claim: Claim) -> ServerEvent:
    try:
        view = evidence.claim(claim)
    except NotFound as error:
        raise Denied(WITHDRAWN) from error
    sources = [asdict(card) for card in view.cited]
    told = {"text": view.text, "quoted": view.quoted, "inferred": view.inferred, "sources": sources}
    return ServerEvent("claim", told)


def stored_view(workspace: Workspace, caller: Caller, found: Explanation) -> AnswerView:
    """Return an earlier answer as its owner may read it now."""
    evidence = _evidence(workspace, caller)
    claims = found.claims if found.status == "answered" else ()
    views = tuple(evidence.claim(claim) for claim in claims)
    if views and found.withheld:
        views = (*views, ClaimView(WITHHELD, quoted=False, cited=()))
    return AnswerView(
        id=found.id,
        question=found.question,
        status=found.status,
        said="" if views else found.answer,
        claims=views,
        sources=distinct(views),
        notes=found.notes,
        nearest=nearest_links(found.nearest),
    )


def nearest_links(nearest: Iterable[Nearest]) -> tuple[tuple[str, str], ...]:
    """Return addresses and titles of the documents that come closest."""
    return tuple((f"/documents/{one.document}", one.title) for one in nearest)


def lineage_facts(workspace: Workspace, principal: Principal, found: Explanation) -> tuple[Fact, ...]:
    """Return how an answer came about, for its owner."""
    passages = found.lineage.get("passages")
    named = (
        {str(one.get("document")) for one in passages if isinstance(one, dict)}
        if isinstance(passages, list)
        else set()
    )
    titles: dict[str, str] = {}
    with workspace.database.read() as connection:
        sees = visible(connection, principal)
        for document_id in named:
            row = library.get_document(connection, document_id)
            if row is not None and sees.may_read(row):
                titles[document_id] = row.title
    return facts(found, workspace.directory.title(principal), titles)


def beside(workspace: Workspace, caller: Caller, answer_id: str, other: str) -> Beside:
    """Return what took part in another answer of the person's and is another in this one."""
    try:
        found = workspace.comparing.compare(caller.principal, other, answer_id, caller.actor)
    except NotFound as error:
        return Beside(other, str(error.public))
    return Beside(other, "", tuple(one.text for one in found.differences), found.remarks)


def model_choices(workspace: Workspace, principal: Principal, chosen: str | None) -> list[ModelChoice]:
    """Return the models that a person may ask, the default one chosen unless another is."""
    wanted = chosen or workspace.catalog.default
    return [
        ModelChoice(one.name, say("ask.model_quotes") if one.name == QUOTES else one.name, one.name == wanted)
        for one in usable_models(workspace, principal)
    ]
