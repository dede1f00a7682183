"""A problem as a page for a person."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from muniment.foundation.errors import NotFound
from muniment.interfaces.problems import Problem
from muniment.interfaces.web.rendering import render, say


def problem_page(problem: Problem) -> Response:
    """Return the page; the one for what is not found is the same for everything."""
    if problem.status == NotFound.status:
        heading, why = say("problem.missing"), say("problem.missing_why")
    else:
        heading = say("problem.failed") if problem.status >= 500 else say("problem.refused")
        why = f"{problem.title} {problem.detail}".strip()
    return HTMLResponse(render("problem.html", heading, heading=heading, why=why), problem.status)
