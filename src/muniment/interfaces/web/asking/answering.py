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
from muniment.interfaces.web.asking.views import AnswerView, ClaimView, ModelChoice
from muniment.interfaces.web.rendering import say

if TYPE_CHECKING:
    from muniment.app import Workspace


def worded_events(workspace: Workspace, caller: Caller) -> Callable[[Event], ServerEvent]:
    """Return what turns an answer's events into those of the page; each claim brings its cards."""
    evidence = _evidence(workspace, caller)

    def worded(event: Event) -> ServerEvent:
        match event:
            case Started():
                return ServerEvent("started", {"id": event.answer_id})
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


def model_choices(workspace: Workspace, principal: Principal, chosen: str | None) -> list[ModelChoice]:
    """Return the models that a person may ask, the default one chosen unless another is."""
    wanted = chosen or workspace.catalog.default
    return [
        ModelChoice(one.name, say("ask.model_quotes") if one.name == QUOTES else one.name, one.name == wanted)
        for one in usable_models(workspace, principal)
    ]
