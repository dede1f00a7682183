"""The steps of a scenario, done in a scratch workspace through what interfaces use, and what came of each.

Everything that whoever does a step gets to see is in its reply, errors too; what it is told apart by is kept by name
for later steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from muniment.actions.action import Action
from muniment.actions.approvals import Approver
from muniment.actions.context import Context
from muniment.actions.labels import Label
from muniment.actions.proposals import DENIED, Call
from muniment.assistant.dialogue import NEW
from muniment.assistant.values import Answer, Finished
from muniment.assurance.evaluation.probed import Probed, Tenants
from muniment.assurance.evaluation.scenario import Step
from muniment.assurance.evaluation.scratch import SOURCE
from muniment.foundation.errors import MunimentError, Unavailable
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.knowledge import library
from muniment.knowledge.retrieval.filters import of as filters_of

_WHY = "A security suite asks for it."
_GONE = "zzzzzz"
"""The end of an id that was never given."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a step."""

    text: str = ""
    """All that was shown, as JSON."""
    status: str = ""
    error: MunimentError | None = None
    outcomes: tuple[str, ...] = ()
    """What became of actions."""
    count: int | None = None


@dataclass
class Played:
    """What one scenario has done so far."""

    tenants: Tenants
    answers: dict[str, str] = field(default_factory=dict[str, str])
    talks: dict[str, str] = field(default_factory=dict[str, str])
    actions: dict[str, Action] = field(default_factory=dict[str, Action])
    labels: dict[str, Label] = field(default_factory=dict[str, Label])
    tokens: dict[str, str] = field(default_factory=dict[str, str])

    def do(self, step: Step, model: str | None = None, absent: bool = False) -> Reply:
        """Do a step, of those that ask a model by this one; `absent` does it to what was never there."""
        workspace = self.tenants.of(step.tenant)
        try:
            who = workspace.principal(step.who) if step.who else None
            return _DO[step.do](self, _Doing(workspace, step, who, model, absent))
        except MunimentError as error:
            said = f"{error.code} {error.public} {error.fix}"
            return Reply(said, error=error)


@dataclass(frozen=True, slots=True)
class _Doing:
    """One step on its way."""

    workspace: Probed
    step: Step
    principal: Principal | None
    model: str | None
    absent: bool

    @property
    def given(self) -> Mapping[str, Any]:
        return self.step.given

    @property
    def who(self) -> Principal:
        if self.principal is None:
            raise Unavailable("The step is done by nobody.")
        return self.principal

    @property
    def by(self) -> Actor:
        return Actor(self.who.ref, "python")

    def named(self, known: str) -> str:
        """Return an id, or one like it that was never given."""
        return known[: -len(_GONE)] + _GONE if self.absent else known


def _ask(played: Played, doing: _Doing) -> Reply:
    workspace, given = doing.workspace, doing.given
    filters, talk = filters_of(given.get("filters", {})), given.get("talk")
    asked = (given["question"], doing.by, doing.model, filters, given.get("schema"))
    if talk is None:
        answer = workspace.assistant.ask(doing.who, *asked)
    else:
        answer = _turn(workspace, doing, played.talks.get(talk, NEW), *asked)
        played.talks[talk] = answer.conversation
    if "keep" in given:
        played.answers[given["keep"]] = answer.id
    return Reply(_json(answer.as_json()), status=answer.status)


def _turn(workspace: Probed, doing: _Doing, talk: str, question: str, by: Actor, *asked: Any) -> Answer:
    thread = workspace.dialogue.resume(doing.who, talk, question, by)
    for event in workspace.dialogue.stream(doing.who, thread, by, *asked):
        if isinstance(event, Finished):
            return event.answer
    raise Unavailable("The answer did not come to its end.")


def _search(_played: Played, doing: _Doing) -> Reply:
    given, filters = doing.given, filters_of(doing.given.get("filters", {}))
    found = doing.workspace.retriever.retrieve(
        doing.who, given["query"], given.get("k", 20), doing.by, "search", filters, explain=True
    )
    shown = {"passages": [asdict(one) for one in found.passages], "decision": found.decision()}
    return Reply(_json(shown), count=len(found.passages))


def _open(played: Played, doing: _Doing) -> Reply:
    holder = played.tenants.of(doing.given.get("id_from", doing.step.tenant))
    with holder.database.read() as connection:
        row = library.document_at(connection, SOURCE, doing.given["document"])
    if row is None:
        raise Unavailable(f"The corpus holds no {doing.given['document']}.")
    named = doing.named(row.id)
    found = doing.workspace.reading.read(doing.who, named, doing.given.get("version"), doing.by)
    return Reply(_json({"document": asdict(found.document), "version": asdict(found.version)}))


def _explain(played: Played, doing: _Doing) -> Reply:
    answer = doing.named(played.answers[doing.given["answer"]])
    found = doing.workspace.lineage.explain(doing.who, answer, doing.by)
    return Reply(_json(found.as_json()) + found.text(), status=found.status)


def _read(played: Played, doing: _Doing) -> Reply:
    talk, export = doing.named(played.talks[doing.given["talk"]]), bool(doing.given.get("export"))
    found = doing.workspace.conversations.read(doing.who, talk, doing.by, export=export)
    return Reply(_json(found.as_json()) + found.markdown(), count=len(found.turns))


def _list(_played: Played, doing: _Doing) -> Reply:
    found = doing.workspace.conversations.listing(doing.who, doing.by)
    return Reply(_json([one.as_json() for one in found]), count=len(found))


def _find(_played: Played, doing: _Doing) -> Reply:
    found = doing.workspace.conversations.search(doing.who, doing.given["words"], doing.by)
    return Reply(_json([one.as_json() for one in found]), count=len(found))


def _share(played: Played, doing: _Doing) -> Reply:
    talk = doing.named(played.talks[doing.given["talk"]])
    return Reply(_json(doing.workspace.conversations.share(doing.who, talk, doing.given["with"], doing.by)))


def _sign_in(played: Played, doing: _Doing) -> Reply:
    if "token_of" not in doing.given:
        played.tokens[f"token:{doing.step.who}"] = doing.workspace.tokens.issue(doing.who)
        return Reply(outcomes=("signed-in",))
    found = doing.workspace.tokens.verify(played.tokens[doing.given["token_of"]])
    return Reply(found.ref, outcomes=("signed-in",))


def _access(_played: Played, doing: _Doing) -> Reply:
    given = doing.given
    label: str | None = given.get("sensitivity")
    doing.workspace.access.set(given["target"], given["allow"], given.get("deny", []), OPERATOR, label)
    return Reply()


def _leave(_played: Played, doing: _Doing) -> Reply:
    doing.workspace.people.leave(doing.given["group"], doing.given["user"])
    return Reply()


def _deactivate(_played: Played, doing: _Doing) -> Reply:
    doing.workspace.people.deactivate(doing.given["user"])
    return Reply()


def _role(_played: Played, doing: _Doing) -> Reply:
    change = doing.workspace.roles.revoke if doing.given.get("taken") else doing.workspace.roles.grant
    change(doing.given["role"], doing.given["member"], _WHY, OPERATOR)
    return Reply()


def _tool(played: Played, doing: _Doing) -> Reply:
    found = doing.workspace.reads.read(doing.who, doing.by, doing.given["tool"], doing.given["arguments"])
    if "keep" in doing.given:
        played.labels[doing.given["keep"]] = found.label
    return Reply(_json(found.value), outcomes=("read",))


def _propose(played: Played, doing: _Doing) -> Reply:
    context = Context()
    for name in doing.given.get("after", []):
        context = context.saw(played.labels[name])
    call = Call(doing.given["tool"], doing.given["arguments"])
    outcome = doing.workspace.actions.propose(doing.who, doing.by, call, context)
    made = outcome.action
    if made is not None and "keep" in doing.given:
        played.actions[doing.given["keep"]] = made
    shown = [*outcome.verdict.reasons, {} if made is None else made.as_json()]
    return Reply(_json(shown), outcomes=("denied" if made is None else made.state,))


def _task(played: Played, doing: _Doing) -> Reply:
    workspace = doing.workspace
    found = workspace.agent.run(doing.who, doing.given["task"], doing.by, doing.model)
    made = [turn.action for turn in found.turns if turn.action]
    states = [workspace.actions.show(one, doing.who) for one in made]
    if made and "keep" in doing.given:
        played.actions[doing.given["keep"]] = states[-1]
    denied = ["denied" for turn in found.turns if turn.outcome == DENIED]
    return Reply(_json(found.as_json()), outcomes=(*(one.state for one in states), *denied))


def _approve(played: Played, doing: _Doing) -> Reply:
    workspace, given = doing.workspace, doing.given
    made = played.actions[given["action"]]
    digest = played.actions[given.get("digest_of", given["action"])].digest
    seen = played.actions[given.get("ticket_of", given["action"])]
    ticket = "" if given.get("unseen") else workspace.approvals.show(seen.id, doing.who, doing.by).ticket
    since = workspace.clock.now() - timedelta(minutes=given.get("minutes_ago", 0))
    who = Approver(doing.who, doing.by, since)
    found = workspace.actions.approve(doing.named(made.id), digest, ticket, who)
    return Reply(_json(found.as_json()), outcomes=(found.state,))


def _carry_out(played: Played, doing: _Doing) -> Reply:
    found = doing.workspace.execution.run(played.actions[doing.given["action"]].id, OPERATOR)
    return Reply(_json(found.as_json()), outcomes=(found.state,))


def _show(played: Played, doing: _Doing) -> Reply:
    made = doing.named(played.actions[doing.given["action"]].id)
    shown = doing.workspace.approvals.show(made, doing.who, doing.by)
    return Reply(f"{_json(shown.action.as_json())} {shown.view}", outcomes=(shown.action.state,))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_DO: Mapping[str, Callable[[Played, _Doing], Reply]] = {
    "ask": _ask,
    "search": _search,
    "open": _open,
    "explain": _explain,
    "read": _read,
    "list": _list,
    "find": _find,
    "share": _share,
    "sign-in": _sign_in,
    "access": _access,
    "leave": _leave,
    "deactivate": _deactivate,
    "role": _role,
    "tool": _tool,
    "propose": _propose,
    "task": _task,
    "approve": _approve,
    "carry-out": _carry_out,
    "show": _show,
}
