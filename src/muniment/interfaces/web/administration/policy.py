"""Pages of the policy: what is in force, what was, and trying a draft before it is put in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import POLICY
from muniment.governance.policy.replay import Change
from muniment.governance.policy.roles import LONGEST_REASON
from muniment.governance.policy.trials import Tried
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.differences import differences
from muniment.interfaces.web.administration.refusal import Refusal, refusal_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, caller, person, proving_anew
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

HERE = "administration.policy"
PAGE = "/administration/policy"
LISTED = 50
"""Activations of the history."""
LONGEST = 32_000
"""Characters of a draft that a form carries; longer ones are put in force by command."""
SHOWN = 20
"""Kinds of decisions that would change."""
DAYS = (1, 7, 30)


@router.get(PAGE)
async def policy(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show the policy in force, and what was in force before."""

    def shown() -> Response:
        admitted(request, session, HERE)
        return _overview(request, session)

    return await threads.run(shown)


@router.get(f"{PAGE}/versions/{{version_id}}")
async def version(version_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show a version beside the one in force."""

    def shown() -> Response:
        admitted(request, session, HERE)
        return _version(request, session, version_id)

    return await threads.run(shown)


@router.get(f"{PAGE}/draft")
async def draft(request: Request, session: PageSession, threads: Threads) -> Response:
    """Begin a draft with the text in force."""
    workspace = workspace_of(request)

    def shown() -> Response:
        admitted(request, session, HERE)
        now = workspace.policies.show()
        return _draft(request, session, now.policies, now.cases)

    return await threads.run(shown)


@router.post(f"{PAGE}/draft")
async def trial(request: Request, session: PageSession, threads: Threads) -> Response:
    """Test a draft."""
    fields = await _form(request, session)

    def shown() -> Response:
        admitted(request, session, HERE)
        return _tried(request, session, fields)

    return await threads.run(shown)


@router.post(f"{PAGE}/activate")
async def activate(request: Request, session: PageSession, threads: Threads) -> Response:
    """Put in force what was tested."""
    fields = await _form(request, session)

    def done() -> Response:
        who = admitted(request, session, HERE)
        if anew := proving_anew(request, session, f"{PAGE}/draft"):
            return anew
        try:
            workspace_of(request).policy_trials.activate(
                fields["policies"],
                fields["cases"],
                fields["tested"],
                fields["reason"],
                who.principal,
                who.actor,
            )
        except MunimentError as error:
            return _tried(request, session, fields, refusal_of(error))
        return RedirectResponse(PAGE, 303)

    return await threads.run(done)


@router.post(f"{PAGE}/rollback")
async def rollback(request: Request, session: PageSession, threads: Threads) -> Response:
    """Put an earlier version in force again."""
    fields = await form_of(request, "csrf", "version", "upon", "reason")
    check_change(request, session, fields.get("csrf"))

    def done() -> Response:
        who, back_to = admitted(request, session, HERE), fields.get("version", "")
        if anew := proving_anew(request, session, PAGE):
            return anew
        try:
            workspace_of(request).policies.rollback(
                back_to, fields.get("reason", ""), who.actor, who.principal, fields.get("upon", "")
            )
        except MunimentError as error:
            return _version(request, session, back_to, refusal_of(error))
        return RedirectResponse(PAGE, 303)

    return await threads.run(done)


async def _form(request: Request, session: Session) -> dict[str, str]:
    """Return the fields of a draft's form, with the line ends that texts have here."""
    names = ("policies", "cases", "days", "reason", "tested")
    fields = await form_of(request, "csrf", *names)
    check_change(request, session, fields.get("csrf"))
    return {name: fields.get(name, "").replace("\r\n", "\n") for name in names}


def _overview(request: Request, session: Session) -> Response:
    workspace = workspace_of(request)
    now, history = workspace.policies.show(), workspace.policies.history(LISTED)
    values = {
        "here": HERE,
        "now": now,
        "history": history,
        # They are numbered from one, and none is ever taken away.
        "older": history[-1].number - 1 if history else 0,
        "activates": _activates(request, session),
        "minute": minute,
    }
    page = render(
        "administration/policy.html", say("policy.title"), person=person(request, session), **values
    )
    return HTMLResponse(page)


def _version(request: Request, session: Session, named: str, refused: Refusal | None = None) -> Response:
    workspace, told = workspace_of(request), refused or Refusal()
    try:
        found, now = workspace.policies.show(named), workspace.policies.show()
    except BadInput as absent:
        raise NOTHING_HERE from absent
    values = {
        "here": HERE,
        "found": found,
        "now": now,
        "lines": differences(now.policies, found.policies),
        "activates": _activates(request, session),
        "longest": LONGEST_REASON,
        "trouble": told.said,
    }
    page = render(
        "administration/policy_version.html",
        say("policy.version"),
        person=person(request, session),
        **values,
    )
    return HTMLResponse(page, told.status)


def _tried(
    request: Request, session: Session, fields: dict[str, str], refused: Refusal | None = None
) -> Response:
    """Show what testing a draft finds, beside what stood in the way of putting it in force."""
    who, told = caller(session), refused or Refusal()
    policies, cases = fields["policies"], fields["cases"]
    tried: Tried | None = None
    try:
        if len(policies) + len(cases) > LONGEST:
            raise BadInput(
                f"Text and cases have more than {LONGEST:,} characters.",
                fix="Use `muniment policy test` and `muniment policy activate` where Muniment runs.",
            )
        span = timedelta(days=_days(fields["days"]))
        tried = workspace_of(request).policy_trials.of(policies, cases, span, who.principal, who.actor)
    except MunimentError as error:
        told = refusal_of(error) if refused is None else refused
    return _draft(request, session, policies, cases, fields, tried, told)


def _draft(
    request: Request,
    session: Session,
    policies: str,
    cases: str,
    fields: dict[str, str] | None = None,
    tried: Tried | None = None,
    told: Refusal | None = None,
) -> Response:
    now = workspace_of(request).policies.show()
    given, refused = fields or {}, told or Refusal()
    values = {
        "here": HERE,
        "policies": policies,
        "cases": cases,
        "days": given.get("days") or str(DAYS[1]),
        "all_days": DAYS,
        "reason": given.get("reason", ""),
        "tried": tried,
        "now": now,
        "lines": differences(now.policies, policies) if tried else [],
        "changes": _alike(tried.replayed.changes) if tried and tried.replayed else [],
        "shown": SHOWN,
        "longest": LONGEST_REASON,
        "trouble": refused.said,
        "minute": minute,
    }
    page = render(
        "administration/policy_draft.html", say("policy.draft"), person=person(request, session), **values
    )
    return HTMLResponse(page, refused.status)


def _alike(changes: Sequence[Change]) -> list[tuple[Change, int]]:
    """Return one change of each kind and how often it is there, the most frequent first."""
    kinds = Counter((one.principal, one.action, one.resource, one.after) for one in changes)
    first = {(one.principal, one.action, one.resource, one.after): one for one in reversed(changes)}
    return [(first[kind], times) for kind, times in kinds.most_common()]


def _activates(request: Request, session: Session) -> bool:
    """Return whether a form to put something in force is of any use to this person; the change asks again."""
    workspace = workspace_of(request)
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, session.principal)
    return standing.decide("activate_policy", POLICY).allowed


def _days(text: str) -> int:
    known = {str(one): one for one in DAYS}
    if text not in known:
        raise BadInput("There is no such stretch of days.", fix=f"Choose {', '.join(known)}.")
    return known[text]
