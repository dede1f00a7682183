"""The chapter on what is done: it waits for people, happens once, follows no orders of a mail, and can be stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.actions.approvals import Approver
from muniment.actions.bound import Origin
from muniment.actions.context import Context
from muniment.actions.manifest_folder import manifest_texts
from muniment.actions.proposals import Call
from muniment.foundation.errors import MunimentError
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.interfaces.cli.demo.chapters import CLI, Story
from muniment.interfaces.cli.demo.script import ToldCall
from muniment.interfaces.cli.demo.systems import Systems
from muniment.interfaces.cli.render import BAD, QUIET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from muniment.actions.action import Action
    from muniment.actions.proposals import Outcome
    from muniment.actions.view import View
    from muniment.actions.visible import Piece

ROLES = (
    ("tool-user", "group:everyone", "They work with the company's systems"),
    ("approver", "group:support", "They look at what colleagues pay"),
)
MAIL_TOOL = "mail_get"
STOPPED = "Somebody reports odd mails"


def actions(story: Story, systems: Systems) -> Action | None:
    """Chapter 5; returns the action that is left waiting."""
    stage, told, workspace = story.stage, story.script.actions, story.workspace
    stage.chapter(
        5,
        "What is done, and what is not",
        "The company's orders, payments and mail run beside this, as a server with permissions of its own. Code "
        "decides what runs, what waits for people and what never happens; no prompt does.",
    )
    for text in manifest_texts(story.script.company / "tools", {"systems": systems.url}):
        workspace.tools.add(text, None, OPERATOR)
    workspace.directory.import_file(story.script.directory, OPERATOR)
    for role, member, reason in ROLES:
        workspace.roles.grant(role, member, reason, OPERATOR)
    again = (
        f"The directory file is imported again, so {story.who(told.asker)} is in {story.role(told.asker)}."
    )
    stage.say(f"{again} Whoever is in support, as {story.who(told.approver)} is too, may approve.\n", QUIET)
    cast = _Cast(story, systems)
    _one_refund(cast)
    waiting = _orders_of_a_mail(cast)
    _stop(cast)
    return waiting


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who acts, and on what."""

    story: Story
    systems: Systems

    def person(self, name: str) -> tuple[Principal, Actor]:
        principal = self.story.workspace.directory.principal(name)
        return principal, Actor(principal.ref, CLI)

    def propose(self, told: ToldCall, context: Context | None = None) -> Outcome:
        principal, by = self.person(self.story.script.actions.asker)
        origins = {place: Origin("untrusted", MAIL_TOOL) for place in told.of_the_mail}
        call = Call(told.tool, told.arguments, origins=origins)
        return self.story.workspace.actions.propose(principal, by, call, context)

    def approver(self, name: str) -> Approver:
        principal, by = self.person(name)
        return Approver(principal, by, self.story.workspace.clock.now())


def _one_refund(cast: _Cast) -> None:
    story, told, workspace = cast.story, cast.story.script.actions, cast.story.workspace
    who, boss, order = story.who(told.asker), story.who(told.approver), str(told.refund.arguments["order"])
    story.stage.say(f"{who} proposes {told.refund.tool}: {told.refund.words()}", "bold")
    made = cast.propose(told.refund).action
    if made is None or made.state != "waiting":
        story.check(False, "the refund does not wait")
        return
    story.check(not cast.systems.effects(), "it waits for a person; nothing is done in the systems")
    own = _refusal(lambda: workspace.approvals.show(made.id, *cast.person(told.asker)))
    story.check(
        bool(own), f"{who} may approve what others ask; nobody decides on their own: \u201c{own}\u201d"
    )
    approver = cast.approver(told.approver)
    shown = workspace.approvals.show(made.id, approver.principal, approver.by)
    story.stage.boxed(f"{boss} is shown, by code from the exact bytes:", _values(shown.view), QUIET)
    done = workspace.actions.approve(made.id, shown.action.digest, shown.ticket, approver)
    story.check(done.state == "done", f"{boss} approves {done.digest[:19]}\u2026, and it is carried out")
    paid = cast.systems.refunds(order)
    story.check(len(paid) == 1, f"the systems show one refund of {order}: {'; '.join(paid)}")
    again = _refusal(lambda: workspace.actions.approve(made.id, done.digest, shown.ticket, approver))
    rerun = _refusal(lambda: workspace.execution.run(made.id, OPERATOR))
    story.check(
        bool(again and rerun) and cast.systems.refunds(order) == paid,
        f"approved once more, and run once more: \u201c{again}\u201d There is still one refund",
    )
    story.stage.say("")


def _orders_of_a_mail(cast: _Cast) -> Action | None:
    """Show what comes of a mail that gives orders, and return the call that is left waiting."""
    story, told, workspace = cast.story, cast.story.script.actions, cast.story.workspace
    who, boss, before = story.who(told.asker), story.who(told.approver), cast.systems.effects()
    mail = workspace.reads.read(*cast.person(told.asker), MAIL_TOOL, {"mail_id": told.mail})
    body = mail.value.get("body") if isinstance(mail.value, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    story.stage.boxed(f"{who} has a mail read:", str(body).strip(), BAD)  # pyright: ignore[reportUnknownArgumentType]
    story.stage.say(
        "No language model takes part here: the demo itself proposes what an agent would that obeys the mail. Its "
        "runtime knows by the manifest that anybody may have written the mail.\n",
        QUIET,
    )
    seen = Context().saw(mail.label)
    made = [(call, cast.propose(call, seen)) for call in told.orders]
    for call, outcome in made:
        waits = outcome.action is not None and outcome.action.state == "waiting"
        story.stage.say(f"{call.tool}: {call.words()}", "bold")
        story.check(waits, f"waits. {' '.join(outcome.verdict.reasons)}")
    left, refused = (outcome.action for _, outcome in (made[0], made[-1]))
    if left is None or refused is None:
        return None
    approver = cast.approver(told.approver)
    shown = workspace.approvals.show(refused.id, approver.principal, approver.by)
    rejected = workspace.approvals.reject(
        refused.id, refused.digest, shown.ticket, "A mail ordered it", approver
    )
    again = cast.propose(told.orders[-1], seen).verdict
    story.check(
        rejected.state == "rejected" and again.outcome == "denied",
        f"{boss} rejects {told.orders[-1].tool}. Proposed again, it is denied: {' '.join(again.reasons[-1:])}",
    )
    story.check(
        cast.systems.effects() == before, "nothing was paid and nothing left, by the systems' journal"
    )
    story.stage.say("")
    return left


def _stop(cast: _Cast) -> None:
    story, told, stops = cast.story, cast.story.script.actions, cast.story.workspace.stops
    before = cast.systems.effects()
    story.stage.say(f'muniment actions stop everything --reason "{STOPPED}"\n', "bold")
    stop = stops.stop("everything", "", STOPPED, None, OPERATOR)
    held = cast.propose(told.harmless)
    story.check(
        held.verdict.outcome == "denied" and cast.systems.effects() == before,
        f"{told.harmless.tool}, which needs nobody: denied. {' '.join(held.verdict.reasons)}",
    )
    story.stage.say(f"\nmuniment actions resume {stop.id}\n", "bold")
    stops.end(stop.id, None, OPERATOR)
    runs = cast.propose(told.harmless).action
    story.check(
        runs is not None and runs.state == "done" and cast.systems.effects() == before + 1,
        f"{told.harmless.tool} runs by itself again",
    )


def _values(view: View) -> str:
    """Return every value with whose word it is."""
    return "\n".join(
        f"{_text(one.place)}: {_text(one.value.pieces)} ({_WORD[one.provenance.integrity]})"
        for one in view.fields
    )


def _text(found: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in found)


_WORD = {"user": "the asker's word", "system": "a system's word", "untrusted": "anybody's word"}


def _refusal(attempt: Callable[[], object]) -> str:
    """Return what an attempt is refused with; empty where it is not."""
    try:
        attempt()
    except MunimentError as error:
        return error.public
    return ""
