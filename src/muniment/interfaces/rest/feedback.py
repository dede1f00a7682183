"""Saying of an answer of one's own whether it was useful, and what would have been right."""

from __future__ import annotations

from fastapi import APIRouter, Request

from muniment.assistant.feedback import Opinion
from muniment.interfaces.authenticate import workspace_of
from muniment.interfaces.rest.answers import Asker, Threads
from muniment.interfaces.rest.bodies import FeedbackRequest, FeedbackResponse

router = APIRouter(tags=["answers"])


@router.post("/v1/feedback")
async def feedback(
    body: FeedbackRequest, request: Request, caller: Asker, threads: Threads
) -> FeedbackResponse:
    """Say whether an answer of yours was useful; again replaces what you said before."""
    workspace = workspace_of(request)
    opinion = Opinion(body.useful, body.reason or "", body.right_answer or "")
    at = await threads.run(
        lambda: workspace.feedback.give(caller.principal, body.answer, opinion, caller.actor)
    )
    return FeedbackResponse(answer=body.answer, useful=body.useful, at=at)
