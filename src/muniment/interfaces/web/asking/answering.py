"""Answers as pages and as the events that the ask page reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from muniment.assistant import sending
from muniment.assistant.lineage import WITHHELD, Explanation
from muniment.assistant.unused import unused
from muniment.assistant.values import WITHDRAWN, Claim, Event, Finished, Nearest, Started
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import Principal
from muniment.inference.catalog import QUOTES
from muniment.interfaces.authenticate import Caller
from muniment.interfaces.rest.events import ServerEvent
from muniment.interfaces.rest.models import usable_models
from muniment.interfaces.web.asking.evidence import Evidence, distinct
from muniment.interfaces.web.asking.limits import said
from muniment.interfaces.web.asking.results import tabled
from muniment.interfaces.web.asking.views import AnswerView, ClaimView, ModelChoice, TurnView, UnusedView
from muniment.interfaces.web.rendering import say

if TYPE_CHECKING:
    from muniment.app import Workspace


def worded_events(
    workspace: Workspace,
    caller: Caller,
    question: str,
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
                left, notes = _told(workspace, caller.principal, made.lineage, made.notes)
                asked = made.standalone or question
                cited = made.citations if made.status == "answered" else ()
                whys = [{"n": one.n, "why": evidence.why(one, made.lineage, asked)} for one in cited]
                return ServerEvent(
                    "finished",
                    {
                        "status": made.status,
                        "said": "" if made.status == "answered" else made.answer,
                        "notes": list(notes),
                        "unused": None if left is None else asdict(left),
                        "whys": whys,
                        "nearest": [{"href": h, "title": title} for h, title in nearest_links(made.nearest)],
                        "href": f"/answers/{made.id}",
                        "conversation": made.conversation,
                        "instead": say("talk.instead", question=made.standalone) if made.standalone else "",
                    },
                )

    return worded


def _evidence(workspace: Workspace, caller: Caller) -> Evidence:
    not_names = workspace.settings.sensitive.not_names
    return Evidence(
        workspace.reading,
        workspace.provenances,
        caller.principal,
        caller.actor,
        workspace.shown_in_answers,
        not_names,
    )


def _told(
    workspace: Workspace, principal: Principal, lineage: Mapping[str, Json], notes: Sequence[str]
) -> tuple[UnusedView | None, tuple[str, ...]]:
    """Return what the model was not sent, and the other notes, after what the answer was limited to."""
    limited = said(lineage.get("filters"))
    kept = (*((limited,) if limited else ()), *notes)
    found = unused(workspace.database, workspace.policy, workspace.gateway, principal, lineage)
    if found is None:
        return None, kept
    already = sending.withheld(found.count, found.model)
    fix = say("unused.choose", models="; ".join(map(_label, found.others)))
    fix = fix if found.others else say("unused.none")
    one = say("unused.one", model=found.model)
    told = one if found.count == 1 else say("unused.several", count=found.count, model=found.model)
    return UnusedView(told, fix), tuple(note for note in kept if note != already)


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
    cited = {citation.n: citation for claim in claims for citation in claim.citations}
    whys = {n: evidence.why(one, found.lineage, found.question) for n, one in cited.items()}
    left, notes = _told(workspace, caller.principal, found.lineage, found.notes)
    result = None if found.result is None or not views else tabled(found.result, views)
    if views and found.withheld:
        views = (*views, ClaimView(WITHHELD, quoted=False, cited=()))
    return AnswerView(
        id=found.id,
        question=found.question,
        status=found.status,
        said="" if views else found.answer,
        claims=views,
        sources=tuple(replace(card, why=whys.get(int(card.n), "")) for card in distinct(views)),
        notes=notes,
        nearest=nearest_links(found.nearest),
        unused=left,
        result=result,
    )


def nearest_links(nearest: Iterable[Nearest]) -> tuple[tuple[str, str], ...]:
    """Return addresses and titles of the documents that come closest."""
    return tuple((f"/documents/{one.document}", one.title) for one in nearest)


def model_choices(workspace: Workspace, principal: Principal, chosen: str | None) -> list[ModelChoice]:
    """Return the models that a person may ask, the default one chosen unless another is."""
    wanted = chosen or workspace.catalog.default
    return [
        ModelChoice(one.name, _label(one.name), one.name == wanted)
        for one in usable_models(workspace, principal)
    ]


def _label(name: str) -> str:
    return say("ask.model_quotes") if name == QUOTES else name
