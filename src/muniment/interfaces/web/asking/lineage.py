"""Pages of how an answer came about: its chain, the search done again, and another answer beside it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from muniment.assistant.lineage import Explanation
from muniment.assistant.replayed import Replayed
from muniment.foundation.errors import MunimentError, NotFound, Unauthenticated
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.sessions import Session
from muniment.inference.catalog import QUOTES
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.models import check_model
from muniment.interfaces.web.asking.beside import both, marked
from muniment.interfaces.web.asking.chain import Asked, chain
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller as caller_of
from muniment.interfaces.web.shell import person
from muniment.interfaces.web.wording import capitalised, day, minute
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import visible

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LONGEST_ID = 64


@router.get("/answers/{answer_id}/lineage")
async def lineage(answer_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show how an answer of one's own came about, stage by stage."""

    def shown() -> str:
        caller = caller_of(session)
        found = workspace_of(request).lineage.explain(caller.principal, answer_id, caller.actor)
        return _chain(request, session, found)

    return HTMLResponse(await threads.run(shown))


@router.post("/answers/{answer_id}/replay")
async def replay(answer_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Search again for an answer of one's own as of then, and answer again where that was asked for."""
    fields = await form_of(request, "csrf", "ask")
    check_change(request, session, fields.get("csrf"))
    workspace, caller = workspace_of(request), caller_of(session)

    def replayed() -> Response:
        who, by = caller.principal, caller.actor
        found = workspace.lineage.explain(who, answer_id, by)
        try:
            admit = partial(check_model, workspace, caller)
            told = workspace.replaying.replay(who, answer_id, by, fields.get("ask") == "yes", admit)
        except (Unauthenticated, NotFound):
            raise
        except MunimentError as error:
            said = problem_of(error)
            trouble = f"{said.title} {said.detail}".strip()
            return HTMLResponse(_chain(request, session, found, trouble=trouble), said.status)
        return HTMLResponse(_chain(request, session, found, replayed=told))

    return await threads.run(replayed)


@router.get("/answers/{answer_id}/compare")
async def compare(
    answer_id: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    beside: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show another answer of one's own beside this one, or which there are to choose from."""
    workspace, caller = workspace_of(request), caller_of(session)
    other = beside.strip()[:LONGEST_ID]

    def shown() -> Response:
        who, by = caller.principal, caller.actor
        this = workspace.lineage.explain(who, answer_id, by)
        values: dict[str, object] = {
            "here": "asking",
            "this": this,
            "similar": [
                (one.id, one.question, minute(one.at), one.same)
                for one in workspace.comparing.similar(who, answer_id, by)
            ],
            "other": other,
            "both": None,
            "trouble": "",
            "longest": LONGEST_ID,
        }
        status = 200
        if other:
            try:
                compared = workspace.comparing.compare(who, other, answer_id, by)
                values["both"] = both(workspace.lineage.explain(who, other, by), this, compared)
            except NotFound as error:
                values["trouble"], status = f"{error.public} {error.fix}".strip(), error.status
        title = say("compare.title")
        page = render("asking/compare.html", title, person=person(request, session), **values)
        return HTMLResponse(page, status)

    return await threads.run(shown)


def _chain(
    request: Request,
    session: Session,
    found: Explanation,
    *,
    replayed: Replayed | None = None,
    trouble: str = "",
) -> str:
    workspace, caller = workspace_of(request), caller_of(session)
    took = workspace.stages.of(found)
    asked = Asked(
        _as_asked(workspace, caller, found),
        workspace.directory.title(caller.principal),
        titles_of(workspace, caller.principal, found),
    )
    endpoint = found.lineage.get("endpoint")
    values = {
        "here": "asking",
        "found": found,
        "nodes": chain(found, took, asked),
        "lead": say("chain.lead", date=day(found.at), ms=f"{took.ms:,.0f}"),
        "quotes": isinstance(endpoint, dict) and endpoint.get("kind") == QUOTES,
        "replayed": replayed,
        "repeats": replayed is not None and _repeats(replayed),
        "differs": [
            (capitalised(f"{one.component} {one.name}".strip()), *marked(one.before, one.after))
            for one in (replayed.differences if replayed else ())
        ],
        "trouble": trouble,
    }
    return render("asking/lineage.html", say("chain.title"), person=person(request, session), **values)


def _repeats(told: Replayed) -> bool:
    return all(one.state == "same" for one in told.places) and (told.again is None or told.again.same)


def _as_asked(workspace: Workspace, caller: Caller, found: Explanation) -> str:
    """Return the question as the person put it, which a follow-up is answered in the place of."""
    whole = workspace.conversations.around(caller.principal, found.id, caller.actor)
    turns = whole.turns if whole else ()
    return next((turn.question for turn in turns if turn.answer_id == found.id), found.question)


def titles_of(workspace: Workspace, principal: Principal, found: Explanation) -> dict[str, str]:
    """Return the titles of an answer's documents that its reader may read now."""
    passages = found.lineage.get("passages")
    listed = passages if isinstance(passages, list) else []
    named = {str(one.get("document")) for one in listed if isinstance(one, dict) and not one.get("withheld")}
    titles: dict[str, str] = {}
    with workspace.database.read() as connection:
        sees = visible(connection, principal)
        for document_id in named:
            row = library.get_document(connection, document_id)
            if row is not None and sees.may_read(row):
                titles[document_id] = row.title
    return titles
