"""Searching for words without asking for an answer: passages as they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment.foundation.errors import BadInput
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.asking.limits import FIELDS, filter_body, offered, said
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person
from muniment.knowledge.passage import Passage
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.retrieve import MAX_QUERY_CHARACTERS

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 10
"""Passages on the page."""
EXCERPT = 340
"""Characters of a passage."""
_PIECE = re.compile(r"\w+|\W+")
_HEADING = re.compile(r"^#{1,6} +", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage in the list."""

    title: str
    href: str
    where: str
    runs: tuple[tuple[str, bool], ...]
    """Its text, and which pieces are words that were looked for."""


@router.get("/search")
async def search_page(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show the box for words."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, {})))


@router.post("/search")
async def search(request: Request, session: PageSession, threads: Threads) -> Response:
    """List the passages in which words stand, of those that the person may read."""
    fields = await form_of(request, "csrf", "query", *FIELDS)
    check_change(request, session, fields.get("csrf"))
    workspace, who = workspace_of(request), caller(session)
    query = fields["query"] = fields.get("query", "").strip()

    def found() -> Response:
        try:
            limits = filter_body(fields).filters()
            made = workspace.retriever.retrieve(
                who.principal, query, LISTED, who.actor, "search", filters=limits
            )
        except BadInput as error:
            told = problem_of(error)
            trouble = f"{told.title} {told.detail}".strip()
            return HTMLResponse(_page(request, session, fields, trouble=trouble), told.status)
        passages = tuple(_found(one, query) for one in made.passages)
        notes = tuple(one for one in (said(made.filters), *made.notes) if one)
        return HTMLResponse(_page(request, session, fields, passages=passages, searched=True, notes=notes))

    return await threads.run(found)


def _page(request: Request, session: Session, fields: dict[str, str], **shown: object) -> str:
    values: dict[str, object] = {"passages": (), "searched": False, "notes": (), "trouble": "", **shown}
    values |= {"query": fields.get("query", ""), "longest": MAX_QUERY_CHARACTERS, "listed": LISTED}
    values["limits"] = offered(workspace_of(request), session.principal, fields)
    values["here"] = "asking"
    return render("asking/search.html", say("search.title"), person=person(request, session), **values)


def _found(one: Passage, query: str) -> FoundPassage:
    wanted = frozenset(wording.parse(query).terms)
    start, end = one.span
    place = f"{one.source}/{one.path}"
    where = say("search.on_page", path=place, page=one.page) if one.page is not None else place
    href = f"/documents/{one.document}?version={one.version}&at={start}-{end}#quote"
    return FoundPassage(one.title, href, where, _runs(one.text, wanted))


def _runs(text: str, wanted: frozenset[str]) -> tuple[tuple[str, bool], ...]:
    """Return the part of a text around the first word that is looked for, and which pieces are such words."""
    flat = " ".join(_HEADING.sub("", text).split())
    pieces = [(one, not wanted.isdisjoint(wording.terms(one))) for one in _PIECE.findall(flat)]
    first = next((at for at, (_, held) in enumerate(pieces) if held), 0)
    begin, room = first, EXCERPT // 3
    while begin and (room := room - len(pieces[begin - 1][0])) > 0:
        begin -= 1
    end, room = begin, EXCERPT
    while end < len(pieces) and (room := room - len(pieces[end][0])) > 0:
        end += 1
    runs = [*((("… ", False),) if begin else ()), *pieces[begin:end]]
    return (*runs, (" …", False)) if end < len(pieces) else tuple(runs)
