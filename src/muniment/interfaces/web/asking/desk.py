"""The ask page, with what it shows besides the question box: an answer, a conversation, or what was asked before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from fastapi import Request

from muniment.assistant.answer import LONGEST_QUESTION
from muniment.assistant.conversations import LONGEST_TITLE
from muniment.assistant.dialogue import NEW
from muniment.assistant.feedback import LONGEST_REASON, LONGEST_RIGHT_ANSWER
from muniment.foundation.errors import Denied, NotFound
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import Caller, workspace_of
from muniment.interfaces.web.asking.answering import model_choices
from muniment.interfaces.web.asking.evidence import address
from muniment.interfaces.web.asking.limits import offered
from muniment.interfaces.web.asking.views import BLANK_CARD, BLANK_TURN, TalkItem, TalkView, TurnView
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import person
from muniment.interfaces.web.wording import day

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.assistant.conversation import Conversation, Summary, Turn

LISTED = 8
"""Conversations that the ask page lists."""


def desk(request: Request, session: Session, title: str, **shown: object) -> str:
    """Return the ask page."""
    model = shown.pop("model", None)
    fields = cast("Mapping[str, str]", shown.pop("limits", {}))
    values: dict[str, object] = {
        "here": "asking",
        "answer": None,
        "trouble": "",
        "asked": "",
        "typed": "",
        "items": (),
        "talk": None,
        "conversation": NEW,
        "said": None,
        "shares": (),
        "not_shared": "",
        **shown,
        "person": person(request, session),
        "models": model_choices(workspace_of(request), session.principal, str(model) if model else None),
        "longest": LONGEST_QUESTION,
        "longest_title": LONGEST_TITLE,
        "longest_name": LONGEST_TITLE - len("group:"),
        "longest_reason": LONGEST_REASON,
        "longest_right_answer": LONGEST_RIGHT_ANSWER,
        "limits": offered(workspace_of(request), session.principal, fields),
        "blank": BLANK_CARD,
        "blank_turn": BLANK_TURN,
    }
    return render("asking/ask.html", title, **values)


def items(workspace: Workspace, who: Caller) -> tuple[TalkItem, ...]:
    """Return the conversations that a person may open, last changed first; none where policy lets them have none."""
    try:
        found = workspace.conversations.listing(who.principal, who.actor, LISTED)
    except Denied:
        return ()
    return tuple(item(one) for one in found)


def item(one: Summary, excerpt: str = "") -> TalkItem:
    """Return a conversation as a line of a list."""
    whose = "" if one.mine else say("talk.of", owner=one.owner.partition(":")[2])
    return TalkItem(one.id, one.title or say("talk.untitled"), one.changed, day(one.changed), whose, excerpt)


def instead(standalone: str) -> str:
    """Return what says which question was answered in the place of a follow-up; empty where none was."""
    return say("talk.instead", question=standalone) if standalone else ""


def talk_view(whole: Conversation, up_to: str = "") -> TalkView:
    """Return a conversation, newest turn first; with `up_to`, the turns before that answer."""
    turns = list(whole.turns)
    if up_to:
        turns = turns[: next(at for at, turn in enumerate(turns) if turn.answer_id == up_to)]
    about = whole.summary
    return TalkView(
        id=about.id,
        title=about.title or say("talk.untitled"),
        mine=about.mine,
        owner="" if about.mine else say("talk.of", owner=about.owner.partition(":")[2]),
        turns=tuple(_turn_view(turn, about.mine) for turn in reversed(turns)),
    )


def earlier(workspace: Workspace, who: Caller, conversation: str) -> tuple[TurnView, ...]:
    """Return the turns of a conversation as far as a person may read them now; none of a new one."""
    if conversation == NEW:
        return ()
    try:
        return talk_view(workspace.conversations.read(who.principal, conversation, who.actor)).turns
    except (NotFound, Denied):
        return ()


def _turn_view(turn: Turn, mine: bool) -> TurnView:
    return TurnView(
        question=turn.question,
        instead=instead(turn.standalone),
        answer=turn.answer,
        href=f"/answers/{turn.answer_id}" if mine else "",
        sources=tuple((address(one), f"[{one.n}] {one.title}") for one in turn.citations),
    )
