"""approvals: people decide on what waits, each action after being shown it. Who decides comes from a token alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import Reason
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.actions.action import Action
    from muniment.actions.approvals import Approver
    from muniment.actions.delegations import Delegation
    from muniment.app import Workspace

app = typer.Typer(no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="Of an action.", show_default=False)]
Token = Annotated[
    str, typer.Option("--token", metavar="TOKEN", help="Whose decision it is; else $MUNIMENT_TOKEN.")
]
NotAs = Annotated[str | None, typer.Option("--as", hidden=True)]
Digest = Annotated[
    str | None,
    typer.Option(
        "--digest", metavar="sha256:…", help="What `approvals show` showed, where nobody can be asked."
    ),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="approvals", help="What waits for people: show, approve, reject, stand in.")


@app.command("list", epilog=example("muniment approvals list"))
def list_(token: Token = "", as_: NotAs = None) -> None:
    """Show what waits for you, oldest first."""
    with TERMINAL.workspace() as workspace:
        found = workspace.approvals.inbox(_decider(workspace, token, as_).principal)
    if TERMINAL.json:
        TERMINAL.document({"approvals": [_named(one) for one in found]})
        return
    if not found:
        TERMINAL.show("Nothing waits for you.")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            one.id,
            one.bound.tool,
            one.bound.requester,
            one.risk,
            one.created_at[:16],
            one.bound.expires_at[:16],
        )
        for one in found
    ]
    TERMINAL.show(table(("action", "tool", "asked by", "class", "since", "until"), rows))


@app.command(epilog=example("muniment approvals show ACTION"))
def show(id: Id, token: Token = "", as_: NotAs = None) -> None:
    """Show all that a decision on an action rests on, with its digest."""
    with TERMINAL.workspace() as workspace:
        who = _decider(workspace, token, as_)
        found = workspace.actions.examine(id, who.principal, who.by)
    if TERMINAL.json:
        TERMINAL.document(found)
    else:
        _show(found)


@app.command(
    epilog=example("muniment approvals approve ACTION", "muniment approvals approve ACTION --digest sha256:…")
)
def approve(id: Id, digest: Digest = None, token: Token = "", as_: NotAs = None) -> None:
    """Approve exactly what is shown; with the last approval that it needs it is carried out."""
    with TERMINAL.workspace() as workspace:
        who = _decider(workspace, token, as_)
        shown = _agreed(workspace, id, who, digest, "Approve exactly this?")
        found = workspace.actions.approve(id, str(shown["digest"]), str(shown["ticket"]), who)
    _decided(found)
    if found.state in ("failed", "unknown"):
        raise typer.Exit(1)


@app.command(epilog=example("muniment approvals reject ACTION --reason 'Paid last week'"))
def reject(id: Id, reason: Reason, digest: Digest = None, token: Token = "", as_: NotAs = None) -> None:
    """Reject it for good, and say why."""
    with TERMINAL.workspace() as workspace:
        who = _decider(workspace, token, as_)
        shown = _agreed(workspace, id, who, digest, "Reject this?")
        found = workspace.approvals.reject(id, str(shown["digest"]), str(shown["ticket"]), reason, who)
    _decided(found)


@app.command(epilog=example("muniment approvals withdraw ACTION"))
def withdraw(id: Id, token: Token = "", as_: NotAs = None) -> None:
    """Take a request of your own back."""
    with TERMINAL.workspace() as workspace:
        who = _decider(workspace, token, as_)
        found = workspace.approvals.withdraw(id, who.principal, who.by)
    _decided(found)


@app.command(epilog=example("muniment approvals delegate --to carol --for 7d"))
def delegate(
    to: Annotated[str, typer.Option("--to", metavar="USER", help="Who stands in.", show_default=False)],
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="1m to 60d.", show_default=False)],
    token: Token = "",
    as_: NotAs = None,
) -> None:
    """Let another person be asked in your place for a while; they need the right to approve themselves."""
    from muniment.foundation.duration import parsed

    with TERMINAL.workspace() as workspace:
        who = _decider(workspace, token, as_)
        other = workspace.directory.principal(to)
        made = workspace.delegations.make(who.principal, other, parsed(for_), who.by)
    _show_delegation(made, f"{made.to_person} is asked in your place until {made.until}.")


@app.command(epilog=example("muniment approvals undelegate DELEGATION"))
def undelegate(
    id: Annotated[str, typer.Argument(metavar="ID", help="Of a delegation.", show_default=False)],
    token: Token = "",
    as_: NotAs = None,
) -> None:
    """End a delegation of your own now."""
    with TERMINAL.workspace() as workspace:
        who = _decider(workspace, token, as_)
        made = workspace.delegations.end(id, who.principal, who.by)
    _show_delegation(made, f"{made.id} has ended.")


@app.command(epilog=example("muniment approvals delegations"))
def delegations(token: Token = "", as_: NotAs = None) -> None:
    """Show who decides in your place, and in whose place you do."""
    with TERMINAL.workspace() as workspace:
        found = workspace.delegations.of(_decider(workspace, token, as_).principal)
    if TERMINAL.json:
        TERMINAL.document({"delegations": [asdict(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    rows = [(one.id, one.from_person, one.to_person, one.until, one.ended_at or "") for one in found]
    TERMINAL.show(table(("", "in the place of", "decides", "until", "ended"), rows))


@app.command(epilog=example("muniment approvals figures"))
def figures() -> None:
    """Show how each person decides: how often, how often yes, and after how long a look."""
    with TERMINAL.workspace() as workspace:
        found = workspace.approvals.figures()
    if TERMINAL.json:
        TERMINAL.document({"people": [asdict(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            one.person,
            str(one.decided),
            f"{one.approved / one.decided * 100:.0f} %",
            f"{one.median_seconds:.0f}",
        )
        for one in found
    ]
    TERMINAL.show(table(("person", "decided", "approved", "median seconds looked at"), rows))


def _decider(workspace: Workspace, token: str, as_: str | None) -> Approver:
    """Return who decides, by a token that holds; raises BadInput for a mere name."""
    from datetime import UTC, datetime

    from muniment import settings
    from muniment.actions.approvals import Approver
    from muniment.foundation.errors import BadInput, Unauthenticated
    from muniment.governance.audit.entry import Actor

    if as_ is not None:
        raise BadInput(
            "--as is not taken here: whoever opens the keys could name anybody, and a decision is a person's own.",
            fix="Set MUNIMENT_TOKEN to a token of whoever decides.",
        )
    given = token or settings.bearer_token()
    if not given:
        raise Unauthenticated(
            "Nothing says who decides.", fix="Set MUNIMENT_TOKEN to a token of whoever decides."
        )
    subject = workspace.bearer.subject(given)
    signed_in = datetime.fromtimestamp(subject.signed_in, UTC)
    return Approver(subject.principal, Actor(subject.principal.ref, "cli"), signed_in)


def _agreed(
    workspace: Workspace, id: str, who: Approver, digest: str | None, question: str
) -> Mapping[str, object]:
    """Return what was shown to whoever agreed to it: on a terminal now, else by its digest."""
    import sys

    from muniment.actions.approvals import parse_digest
    from muniment.foundation.errors import BadInput, Conflict

    if digest is None and (TERMINAL.json or not sys.stdin.isatty()):
        raise BadInput(
            "Nobody was shown this action.",
            fix=f"Look at `muniment approvals show {id}`, then add the --digest that it shows.",
        )
    shown = workspace.actions.examine(id, who.principal, who.by)
    if digest is not None:
        if parse_digest(digest) != shown["digest"]:
            raise Conflict("That is not the action that you were shown.", fix="Look at it again.")
        return shown
    _show(shown)
    if not typer.confirm(question, err=True):
        raise typer.Abort()
    return shown


def _show(shown: Mapping[str, object]) -> None:
    from muniment.interfaces.cli.render import facts_table, table

    tool = cast("Mapping[str, object]", shown["tool"])
    facts = {
        "action": shown["id"],
        "tool": f"{tool['name']}: {tool['says']}",
        "effect": f"{tool['effect']}, taken back: {tool['reversible']}"
        + (f" (by {shown['undo']})" if shown["undo"] else ""),
        "asked by": shown["requester"],
        "moves": shown["amount"] or "nothing",
        "record": _record(cast("Mapping[str, object]", shown["record"])),
        "read before": _CONTEXT[str(shown["context"])],
        "planned before": "yes" if shown["planned"] else "no",
        "agent": ", ".join(str(one) for one in cast("Mapping[str, object]", shown["agent"]).values() if one)
        or "none named",
        "class": f"{shown['class']}, approvers: {shown['approvers']}",
        "asked are": ", ".join(cast("Sequence[str]", shown["assigned"])) or "any approver",
        "decided": "; ".join(
            f"{one['decision']} by {one['person']}" for one in cast("Sequence[Any]", shown["decisions"])
        )
        or "nobody yet",
        "evidence": "; ".join(
            f"{one['title']} ({one['document']}, version {one['version']})" if one["title"] else "withheld"
            for one in cast("Sequence[Any]", shown["evidence"])
        )
        or "none",
        "state": shown["state"],
        "until": shown["expires_at"],
        "manifest": tool["manifest"],
        "digest": shown["digest"],
    }
    TERMINAL.show(facts_table(facts), "", "Exactly these arguments:")
    rows = [
        (visible(str(one["place"])), _spelled(one), str(one["role"]), _whose(one))
        for one in cast("Sequence[Any]", shown["values"])
    ]
    TERMINAL.show(table(("place", "value", "for", "whose word"), rows))


_CONTEXT = {
    "user": "nothing but the requester's own words",
    "system": "nothing but words of systems of record",
    "untrusted": "perhaps text of others, which could have shaped this",
}


def _record(record: Mapping[str, object]) -> str:
    if not record["kind"]:
        return "none"
    version = f", version {record['version']}" if record["version"] else ""
    return f"{record['kind']} {record['id']}{version}"


def _spelled(one: Mapping[str, object]) -> str:
    """Return a value with its ends seen where it is a text, and what could be taken for something else."""
    shown = str(one["shown"])
    text = f'"{shown}"' if isinstance(one["value"], str) else shown
    return visible("\n".join([text, *(f"({said})" for said in cast("Sequence[str]", one["remarks"]))]))


def _whose(one: Mapping[str, object]) -> str:
    source = visible(f" ({one['source']})") if one["source"] else ""
    return f"{one['integrity']}{source}"


def _named(one: Action) -> dict[str, object]:
    whole = one.as_json()
    names = ("id", "tool", "requester", "class", "approvers", "approved_by", "created_at", "expires_at")
    return {name: whole[name] for name in names}


def _decided(found: Action) -> None:
    approved = [one.person for one in found.decisions if one.decision == "approve"]
    if TERMINAL.json:
        TERMINAL.document(
            {
                "id": found.id,
                "state": found.state,
                "approvers": found.bound.approvers,
                "approved_by": approved,
            }
        )
        return
    more = f", {len(approved)} of {found.bound.approvers} approved" if found.state == "waiting" else ""
    TERMINAL.show(f"{found.id} is {found.state}{more}.")


def _show_delegation(made: Delegation, said: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(asdict(made))
    else:
        TERMINAL.show(said)
