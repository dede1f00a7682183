"""policy: who may do what, and changing that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.governance.audit.entry import Actor
    from muniment.governance.identity.principal import Principal
    from muniment.governance.policy.decision import Resource
    from muniment.governance.policy.explain import Reasoning
    from muniment.governance.policy.versions import Activation

app = typer.Typer(no_args_is_help=True)
Who = Annotated[str, typer.Argument(metavar="PRINCIPAL", help="alice, or service:NAME.", show_default=False)]
What = Annotated[
    str, typer.Argument(metavar="ACTION", help="Such as search or use_model.", show_default=False)
]
About = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="workspace, audit, model:quotes, …", show_default=False)
]
With = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="NAME=VALUE", help="What the resource has, such as requester=user:bob."),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A text of Cedar policies.", show_default=False)]
Cases = Annotated[
    Path | None, typer.Option(metavar="CASES.toml", help="Cases it must pass, in place of those kept.")
]
Reason = Annotated[str, typer.Option(help="Why; kept beside the change.", show_default=False)]
AsOfficer = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="Who does it, if policy lets them; else the operator."),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="policy", help="Who may do what: see, test, put in force, go back.")


@app.command(epilog=example("muniment policy show"))
def show(
    version: Annotated[
        str | None, typer.Option(metavar="H", help="Another version, by its first digits.")
    ] = None,
) -> None:
    """Show the policy in force, or another version."""
    with TERMINAL.workspace() as workspace:
        found = workspace.policies.show(version)
    if TERMINAL.json:
        TERMINAL.document(
            {
                "version": found.version,
                "in_force": found.in_force,
                "policies": found.policies,
                "cases": found.cases,
            }
        )
        return
    # The text alone on standard output, so that `> draft.cedar` makes a draft of it.
    TERMINAL.say(f"muniment: {found.version}{' is in force' if found.in_force else ' is not in force'}.")
    TERMINAL.out.print(visible(found.policies), soft_wrap=True, end="")


@app.command(epilog=example("muniment policy check alice search workspace"))
def check(principal: Who, action: What, resource: About, with_: With = None) -> None:
    """Say whether somebody may do something now; exit 3 where not."""
    found = _reasoned(principal, action, resource, with_)
    decision = found.decision
    if TERMINAL.json:
        TERMINAL.document(
            {
                **decision.stated(),
                "principal": found.standing.principal.ref,
                "reasons": list(decision.reasons),
            }
        )
    else:
        who = visible(f"{found.standing.principal.ref} {decision.action} {decision.resource}")
        TERMINAL.show(f"{decision.effect}: {who} ({', '.join(decision.reasons)})")
    if not decision.allowed:
        raise typer.Exit(3)


@app.command(epilog=example("muniment policy explain alice search workspace"))
def explain(principal: Who, action: What, resource: About, with_: With = None) -> None:
    """Say which rules permit or forbid something, and which roles and groups counted."""
    found = _reasoned(principal, action, resource, with_)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    from muniment.interfaces.cli.render import facts_table

    standing, decision = found.standing, found.decision
    roles = [f"{role} (through {', '.join(through)})" for role, through in sorted(standing.roles.items())]
    TERMINAL.show(
        f"{decision.effect}: {visible(f'{standing.principal.ref} {decision.action} {decision.resource}')}"
    )
    facts: dict[str, object] = {
        "permitted by": ", ".join(found.permitted_by) or "no rule",
        "forbidden by": ", ".join(found.forbidden_by) or "no rule",
        **({"cannot be worked out": "; ".join(decision.reasons)} if decision.failed else {}),
        "roles": "; ".join(roles) or "none",
        "groups": ", ".join(sorted(standing.groups - {standing.principal.ref})),
        "administrator": "yes" if standing.administrator else "no",
        "version": decision.policy,
    }
    TERMINAL.show(facts_table(facts))


@app.command(epilog=example("muniment policy validate draft.cedar"))
def validate(file: File) -> None:
    """Say whether a draft fits: syntax, what the schema knows, an id for each rule; exit 1 where not."""
    from muniment.governance.policy.rules import Rules

    rules = Rules(_text(file))
    problems = rules.problems()
    if TERMINAL.json:
        TERMINAL.document({"valid": not problems, "version": rules.version, "problems": problems})
    elif problems:
        for problem in problems:
            TERMINAL.show(visible(problem))
    else:
        TERMINAL.show(f"It fits. {rules.version}")
    if problems:
        raise typer.Exit(1)


@app.command(epilog=example("muniment policy activate draft.cedar --reason 'Programs ask by role'"))
def activate(file: File, reason: Reason, cases: Cases = None, as_: AsOfficer = None) -> None:
    """Put a draft in force if it fits and passes every case; felt by the next decision."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        tried = None if cases is None else _text(cases)
        made = workspace.policies.activate(_text(file), reason, by, tried, who)
    _show_activation(made, "in force from the next decision on")


@app.command(epilog=example("muniment policy rollback --reason 'Sales was locked out'"))
def rollback(
    reason: Reason,
    version: Annotated[
        str | None, typer.Argument(metavar="[H]", help="Which; absent: the one before.")
    ] = None,
    as_: AsOfficer = None,
) -> None:
    """Put the version before, or another earlier one, in force again."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.policies.rollback(version, reason, by, who)
    _show_activation(made, "in force again from the next decision on")


@app.command(epilog=example("muniment policy history"))
def history() -> None:
    """Show what was put in force, newest first, and why."""
    with TERMINAL.workspace() as workspace:
        found = workspace.policies.history()
        current = workspace.policies.show().version
    if TERMINAL.json:
        TERMINAL.document({"in_force": current, "activations": [_plain(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    if not found:
        TERMINAL.show(f"In force as shipped: {current}. Nothing else ever was.")
        return
    rows = [
        (
            str(one.number),
            one.at,
            one.how,
            one.version[:19],
            one.by,
            visible(one.reason) + (" (in force)" if one.in_force else ""),
        )
        for one in found
    ]
    TERMINAL.show(table(("", "at", "how", "version", "by", "reason"), rows))


def acting(workspace: Workspace, as_: str | None) -> tuple[Actor, Principal | None]:
    """Return who makes a change, for the log and for policy; None is whoever can open the keys."""
    from muniment.governance.audit.entry import Actor
    from muniment.governance.identity.principal import OPERATOR

    if as_ is None:
        return OPERATOR, None
    principal = workspace.directory.principal(as_)
    return Actor(principal.ref, "cli"), principal


def _reasoned(principal: str, action: str, resource: str, with_: list[str] | None) -> Reasoning:
    from muniment.governance.policy.explain import reasoned
    from muniment.governance.policy.vocabulary import action_named

    with TERMINAL.workspace() as workspace:
        who = workspace.directory.principal(principal)
        named = action_named(action)
        target = _resource(workspace, resource, with_ or [])
        with workspace.database.read() as connection:
            standing = workspace.policy.standing(connection, who)
        return reasoned(standing, named, target)


def _resource(workspace: Workspace, text: str, with_: list[str]) -> Resource:
    from muniment.foundation.errors import BadInput
    from muniment.governance.policy.vocabulary import resource_named

    stated: dict[str, str | frozenset[str]] = {}
    for one in with_:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise BadInput(f"'{one}' is not NAME=VALUE.", fix="Such as --with requester=user:bob.")
        stated[name] = frozenset(value.split(",")) if name.endswith("groups") else value
    found = resource_named(text, stated)
    if stated and found.kind != "Model":
        return found
    described = workspace.described(found) or (found if stated else None)
    if described is None:
        raise BadInput(f"There is no {found.kind.lower()} '{found.id}'.", fix="Check its name.")
    return described


def _text(file: Path) -> str:
    from muniment.foundation.errors import BadInput

    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{file} is no UTF-8 text.", fix="Save it as UTF-8.") from None


def _show_activation(made: Activation, says: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(_plain(made))
    else:
        TERMINAL.show(f"{made.version} is {says}.", "Back: muniment policy rollback --reason WHY")


def _plain(one: Activation) -> dict[str, object]:
    return {
        "number": one.number,
        "version": one.version,
        "how": one.how,
        "reason": one.reason,
        "at": one.at,
        "by": one.by,
        "in_force": one.in_force,
    }
