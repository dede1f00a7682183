"""Pages of the log: its entries from the newest back, looked for by what they are, and each of them whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.governance.audit.outcome import OUTCOMES
from muniment.governance.audit.search import Found, Told, Wanted
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.auditing.proof import may_export
from muniment.interfaces.web.auditing.tally import drawn
from muniment.interfaces.web.auditing.words import (
    by_words,
    first_id,
    kind_words,
    lines_of,
)
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import day, second

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 50
"""Entries of one page."""
_PLACE = Annotated[int, Path(ge=0, le=2**53)]
_Text = Annotated[str, Query(max_length=200)]
_NAMES = re.compile(r"[A-Za-z0-9_.:@/+-]{1,200}")
_KIND = re.compile(r"[a-z_]{1,40}(?:\.[a-z_]{1,40}){0,3}(?:\.\*)?")
_NO_PEOPLE = ("operator", "muniment")
"""Who causes entries and is no account."""
_BADGES = {"done": "quiet", "refused": "caution", "failed": "bad"}


@router.get("/audit")
async def entries(
    request: Request,
    session: PageSession,
    threads: Threads,
    kind: _Text = "",
    outcome: _Text = "",
    by: _Text = "",
    names: _Text = "",
    since: _Text = "",
    until: _Text = "",
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> Response:
    """List entries, newest first; people are named in the address by pseudonyms alone."""
    given = {"kind": kind, "outcome": outcome, "by": by, "names": names, "since": since, "until": until}

    def shown() -> Response:
        who = admitted(request, session, "audit.entries")
        try:
            return HTMLResponse(_page(request, session, who, _wanted(given), given, before))
        except BadInput as error:
            return _again(request, session, who, given, error)

    return await threads.run(shown)


@router.post("/audit/search")
async def search(request: Request, session: PageSession, threads: Threads) -> Response:
    """Look for entries, people by their names, which go into no address."""
    fields = await form_of(request, "csrf", "kind", "outcome", "by", "names", "since", "until")
    check_change(request, session, fields.pop("csrf", None))

    def found() -> Response:
        who = admitted(request, session, "audit.entries")
        given = {name: value.strip()[:200] for name, value in fields.items() if value.strip()}
        if ":" not in (name := given.get("by", ":")) and name not in _NO_PEOPLE:
            given["by"] = f"user:{name}"
        try:
            _wanted(given)
            named = {name: _log_name(request, who, given[name]) for name in ("by", "names") if name in given}
        except BadInput as error:
            return _again(request, session, who, given, error)
        return RedirectResponse(_address(given | named), 303)

    return await threads.run(found)


@router.get("/audit/entries/{entry_id}")
async def entry(entry_id: _PLACE, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show one entry with all that it holds and its place in the tree; nothing of it is content."""
    workspace = workspace_of(request)

    def shown() -> str:
        who = admitted(request, session, "audit.entries")
        whole = workspace.audit_reading.entry(entry_id, who.principal, who.actor)
        found = whole.told.entry
        values = {
            "here": "audit.entries",
            "one": found,
            "whole": whole,
            "words": kind_words(found.kind),
            "when": f"{day(found.at)}, {second(found.at)} UTC",
            "who": by_words(found.actor),
            "outcome": _outcome(whole.told),
            "lines": lines_of(found.about),
            "body": json.dumps(json.loads(whole.body), ensure_ascii=False, indent=2, sort_keys=True),
            "address": _address,
            "covered": whole.covered,
            "exports": may_export(request, who),
        }
        title = say("entry.title", number=f"{found.seq:,}")
        return render("auditing/entry.html", title, person=person(request, session), **values)

    return HTMLResponse(await threads.run(shown))


def _page(
    request: Request,
    session: Session,
    who: Caller,
    wanted: Wanted,
    given: Mapping[str, str],
    before: int | None,
    trouble: str = "",
) -> str:
    reading = workspace_of(request).audit_reading
    found = reading.search(wanted, before, LISTED, who.principal, who.actor)
    kept = {name: value for name, value in given.items() if value}
    shown = {**kept, "by": found.asked.by, "names": found.asked.names}
    if trouble:
        shown = dict(given)
    values = {
        "here": "audit.entries",
        "asked": {name: shown.get(name, "") for name in asdict(wanted)},
        "filtered": bool(kept),
        "kinds": [(area, kind_words(area), list(those)) for area, those in groupby(found.kinds, _area)],
        "outcomes": [(name, _outcome_words(name)) for name in OUTCOMES],
        "days": _days(found),
        "drawing": drawn(found.bars),
        "counted": "" if found.all_counted else f"{found.counted:,}",
        "newest": _address(kept) if before is not None else "",
        "older": _address({**kept, "before": str(found.before)}) if found.before is not None else "",
        "kept": kept,
        "address": _address,
        "kind_words": kind_words,
        "badges": _BADGES,
        "outcome_words": _outcome_words,
        "trouble": trouble,
    }
    return render("auditing/entries.html", say("entries.title"), person=person(request, session), **values)


def _again(
    request: Request, session: Session, who: Caller, given: Mapping[str, str], error: BadInput
) -> Response:
    told = problem_of(error)
    said = f"{told.title} {told.detail}".strip()
    return HTMLResponse(_page(request, session, who, Wanted(), given, None, said), told.status)


def _days(found: Found) -> list[tuple[str, list[dict[str, object]]]]:
    """Return the entries by day, as lines."""
    days: list[tuple[str, list[dict[str, object]]]] = []
    for name, those in groupby(found.entries, lambda told: day(told.entry.at)):
        days.append((name, [_line(one) for one in those]))
    return days


def _line(told: Told) -> dict[str, object]:
    one = told.entry
    return {
        "seq": one.seq,
        "at": one.at,
        "time": second(one.at),
        "words": kind_words(one.kind),
        "who": by_words(one.actor),
        "via": one.via.partition(":")[0],
        "about": first_id(one.about),
        "outcome": _outcome(told),
    }


def _outcome(told: Told) -> tuple[str, str]:
    return _BADGES[told.outcome], _outcome_words(told.outcome)


def _outcome_words(outcome: str) -> str:
    return say(f"outcome.{outcome}")


def _area(kind: str) -> str:
    return kind.partition(".")[0]


def _address(asked: Mapping[str, str]) -> str:
    return f"/audit?{urlencode(asked)}" if asked else "/audit"


def _log_name(request: Request, who: Caller, given: str) -> str:
    """Return a person's account as the log spells it; what is none of a person as it is."""
    if not given.startswith("user:"):
        return given
    return workspace_of(request).audit_reading.log_name(given, who.principal, who.actor)


def _wanted(given: Mapping[str, str]) -> Wanted:
    """Return what is asked for; raises BadInput that names the field."""
    kind, outcome = given.get("kind", ""), given.get("outcome", "")
    if kind and not _KIND.fullmatch(kind):
        raise BadInput(say("entries.bad_kind"), fix=say("entries.bad_kind_fix"))
    if outcome and outcome not in OUTCOMES:
        raise BadInput(say("entries.bad_outcome"), fix=say("entries.bad_outcome_fix"))
    for name in ("by", "names"):
        if (value := given.get(name, "")) and not _NAMES.fullmatch(value):
            raise BadInput(say(f"entries.bad_{name}"), fix=say(f"entries.bad_{name}_fix"))
    since, until = _time(given, "since"), _time(given, "until")
    return Wanted(kind, outcome, given.get("by", ""), given.get("names", ""), since, until)


def _time(given: Mapping[str, str], name: str) -> str:
    """Return a time that was given in UTC, to the minute or to the day; the last day is taken whole."""
    value = given.get(name, "")
    if not value:
        return ""
    try:
        at = datetime.fromisoformat(value)
        if len(value) == len("2026-01-01") and name == "until":
            at += timedelta(days=1)
        return timestamp(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise BadInput(say(f"entries.bad_{name}"), fix=say("entries.bad_time_fix")) from error
