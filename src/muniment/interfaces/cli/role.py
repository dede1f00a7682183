"""role: what roles there are, and who holds them."""

from __future__ import annotations

from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="ROLE", show_default=False)]
Member = Annotated[
    str, typer.Argument(metavar="MEMBER", help="alice, service:NAME or group:NAME.", show_default=False)
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="role", help="Roles, and who holds them.")


@app.command("list", epilog=example("muniment role list"))
def list_() -> None:
    """Show each role, what it lets do, and to whom it was given."""
    from muniment.governance.policy.roles import ROLES

    with TERMINAL.workspace() as workspace:
        given = workspace.roles.listing()
    members = {role: [one.member for one in given if one.role == role] for role in ROLES}
    if TERMINAL.json:
        TERMINAL.document(
            {
                "roles": [
                    {"role": role, "lets": lets, "members": members[role]} for role, lets in ROLES.items()
                ]
            }
        )
        return
    from muniment.interfaces.cli.render import table

    rows = [(role, lets, ", ".join(members[role]) or "nobody") for role, lets in ROLES.items()]
    TERMINAL.show(table(("role", "lets", "given to"), rows))


@app.command(epilog=example("muniment role show alice"))
def show(member: Member) -> None:
    """Show the roles of a member, and through what each is held."""
    with TERMINAL.workspace() as workspace:
        ref = workspace.roles.member(member)
        given = workspace.roles.listing()
        held: dict[str, tuple[str, ...]]
        if ref.startswith("group:"):
            held = {one.role: (ref,) for one in given if one.member == ref}
        else:
            with workspace.database.read() as connection:
                standing = workspace.policy.standing(connection, workspace.directory.principal(member))
            held = dict(standing.roles)
    why = {(one.role, one.member): one for one in given}
    if TERMINAL.json:
        TERMINAL.document({"member": ref, "roles": {role: list(held[role]) for role in sorted(held)}})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (role, through, visible(found.reason) if (found := why.get((role, through))) else "for a while")
        for role in sorted(held)
        for through in held[role]
    ]
    TERMINAL.show(table(("role", "through", "reason"), rows))


@app.command(epilog=example("muniment role grant auditor alice --reason 'Audit of 2027'"))
def grant(role: Name, member: Member, reason: Reason, as_: AsOfficer = None) -> None:
    """Give a role; refused where it conflicts with one that is held. Felt by the next decision."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.roles.grant(role, member, reason, by, who)
    if TERMINAL.json:
        TERMINAL.document({"role": made.role, "member": made.member, "by": made.by, "at": made.at})
    else:
        TERMINAL.show(f"{made.member} is now {made.role}, from the next decision on.")


@app.command(epilog=example("muniment role first alice --reason 'Runs the pilot'"))
def first(user: Annotated[str, typer.Argument(metavar="USER", show_default=False)], reason: Reason) -> None:
    """Make the first administrator, a security officer who gives all other roles; it works once."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        made = workspace.roles.make_first(user, reason, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"role": made.role, "member": made.member, "by": made.by, "at": made.at})
    else:
        TERMINAL.show(f"{made.member} is now {made.role}, the first administrator of this workspace.")


@app.command(epilog=example("muniment role revoke auditor alice --reason 'The audit is over'"))
def revoke(role: Name, member: Member, reason: Reason, as_: AsOfficer = None) -> None:
    """Take a role back; felt by the next decision."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        workspace.roles.revoke(role, member, reason, by, who)
    if TERMINAL.json:
        TERMINAL.document({"role": role, "member": member, "revoked": True})
    else:
        TERMINAL.show(f"{visible(member)} is no longer {role}, from the next decision on.")
