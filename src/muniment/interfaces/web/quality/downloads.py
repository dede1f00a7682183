"""The report of a run as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from muniment.app.evaluating import run_reading
from muniment.assurance.evaluation.reports.document import document
from muniment.assurance.evaluation.reports.from_summary import report
from muniment.assurance.evaluation.reports.junit import junit
from muniment.assurance.evaluation.reports.markdown import markdown
from muniment.assurance.evaluation.reports.page import page
from muniment.assurance.evaluation.reports.reported import ReportedRun
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.attachment import attachment
from muniment.interfaces.web.shell import admitted

router = APIRouter(include_in_schema=False)

Form = Literal["html", "md", "json", "xml"]
_FORMS: Mapping[Form, tuple[str, Callable[[ReportedRun], str]]] = {
    "html": ("text/html; charset=utf-8", page),
    "md": ("text/markdown; charset=utf-8", markdown),
    "json": ("application/json", lambda run: json.dumps(document(run), ensure_ascii=True, indent=2) + "\n"),
    "xml": ("application/xml", junit),
}


@router.get("/quality/runs/{evaluation_id}/report/{form}")
async def download(
    evaluation_id: str, form: Form, request: Request, session: PageSession, threads: Threads
) -> Response:
    """Give a report to be kept: as a page of its own, as Markdown, JSON or JUnit."""

    def made() -> Response:
        who = admitted(request, session, "quality.runs")
        run = run_reading(workspace_of(request)).read(who.principal, who.actor, evaluation_id).run
        media_type, maker = _FORMS[form]
        return attachment(maker(report(run)), f"{run.suite[:60]}-{run.id}.{form}", media_type)

    return await threads.run(made)
