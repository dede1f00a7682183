"""sources sync and status: reading connected sources now, and how fresh they are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.source_connections import Name, show_counted
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.governance.audit.entry import Actor
    from muniment.knowledge.syncing.access_pass import AccessReport
    from muniment.knowledge.syncing.connection import Feed
    from muniment.knowledge.syncing.content_pass import ContentReport

_STAGES = {"list": "Listing", "read": "Reading"}


def register(parent: typer.Typer) -> None:
    """Add the commands to their group."""
    parent.command(epilog=example("muniment sources sync files", "muniment sources sync files --access"))(
        sync
    )
    parent.command(epilog=example("muniment sources status", "muniment sources status files"))(status)


def sync(
    name: Name,
    access: Annotated[bool, typer.Option("--access", help="Only who may read.")] = False,
    content: Annotated[bool, typer.Option("--content", help="Only what there is to read.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be read.")] = False,
) -> None:
    """Read a connected source now: who may read, then what is new or changed."""
    from muniment.interfaces.cli.background import step_back
    from muniment.interfaces.cli.progress import progress

    both = access == content
    feeds: tuple[Feed, ...] = ("access", "content") if both else ("access",) if access else ("content",)
    TERMINAL.interrupted = (
        "muniment: Stopped. What was read is kept; run the same command again to go on from there."
    )
    with TERMINAL.workspace() as workspace, progress() as stage:
        step_back(workspace)
        if dry_run:
            _count(workspace, name, feeds)
            return
        who, what = None, None
        if "access" in feeds:
            listing = stage("Reading access")
            who = workspace.sources.sync_access(name, _operator(), lambda r: listing(r.lists, r.lists))
            listing(who.lists, who.lists)
        if "content" in feeds:
            stages = {key: stage(words) for key, words in _STAGES.items()}

            def tell(key: str, report: ContentReport) -> None:
                of = (report.listed, report.listed) if key == "list" else (report.done, report.waiting)
                stages[key](*of)

            what = workspace.sources.sync_content(name, _operator(), tell)
        served = workspace.sources.standing(name).served
    if TERMINAL.json:
        TERMINAL.document(
            {
                "source": name,
                "served": served,
                "access": asdict(who) if who else None,
                "content": asdict(what) if what else None,
            }
        )
        return
    _show(name, who, what)
    if not served:
        TERMINAL.show("Its documents are withheld: read its access (`--access`) to the end.")


def _operator() -> Actor:
    from muniment.governance.identity.principal import OPERATOR

    return OPERATOR


def _count(workspace: Workspace, name: str, feeds: tuple[Feed, ...]) -> None:
    known = workspace.sources.get(name)
    counted = workspace.sources.preview(known.kind, known.stated or {}, feeds, name)
    if TERMINAL.json:
        TERMINAL.document({"source": name, "dry_run": True, "would_read": asdict(counted)})
        return
    TERMINAL.show(f"{visible(name)} would read:")
    show_counted(counted, feeds)


def _show(name: str, who: AccessReport | None, what: ContentReport | None) -> None:
    TERMINAL.show(f"{visible(name)}:")
    if who is not None:
        TERMINAL.show(
            f"  access   {who.accounts} accounts, {who.matched} of them matched to names here; {who.groups} groups; "
            f"{who.lists} lists; changed for {who.documents} documents, felt by the next request"
        )
    if what is None:
        return
    TERMINAL.show(
        f"  content  {what.listed} listed, {what.stored} stored, {what.same} as they were, "
        f"{what.removed} removed; {what.chunks} pieces in {what.seconds:.1f} s"
    )
    if what.failed:
        TERMINAL.show(
            f"{what.failed} could not be read, {what.given_up} of them given up: "
            f"muniment sources failures {visible(name)}"
        )


def status(
    name: Annotated[str | None, typer.Argument(metavar="NAME", show_default=False)] = None,
) -> None:
    """Show how fresh connected sources are: lease, age, what waits, what failed, and when they are read next."""
    from muniment.knowledge.syncing.freshness import freshness

    with TERMINAL.workspace() as workspace:
        every = workspace.sources.listing() if name is None else [workspace.sources.standing(name)]
        now = workspace.clock.now()
        found = [freshness(one.connected, one.lease, one.items, now) for one in every]
    if TERMINAL.json:
        TERMINAL.document({"sources": [one.as_json() for one in found]})
        return
    if not found:
        TERMINAL.show("No source is connected yet. See `muniment sources kinds`.")
        return
    from muniment.interfaces.cli.render import facts_table, table

    if name is not None:
        TERMINAL.show(facts_table({key: _words(value) for key, value in found[0].as_json().items()}))
        return
    rows = [
        (
            visible(one.name),
            one.kind,
            one.state,
            "yes" if one.served else "withheld",
            _seconds(one.age),
            _seconds(one.left),
            str(one.items.get("waiting", 0)),
            str(one.items.get("dead", 0)),
            visible(one.why or one.content.problem),
        )
        for one in found
    ]
    head = ("source", "kind", "state", "served", "access age", "lease left", "waiting", "given up", "why")
    TERMINAL.show(table(head, rows))


def _words(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f} s"
    return "unknown" if value is None else value


def _seconds(value: float | None) -> str:
    return "never read" if value is None else f"{value:,.0f} s"
