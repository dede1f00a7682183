"""How an open workspace stands: what is read of it at once, without looking through its log, index or files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.interfaces.examining import machine, network
from muniment.interfaces.examining.check import Check, guarded
from muniment.interfaces.examining.sources import sources
from muniment.interfaces.examining.witnesses import witnesses

if TYPE_CHECKING:
    from muniment.app import Workspace

LEAST_FREE = 1 << 30
_LATE = timedelta(hours=1)


def at_once(workspace: Workspace) -> Iterator[Check]:
    """Yield what a server can look at while it serves; says nothing of how much the library holds."""
    settings, home = workspace.settings, workspace.home
    yield from guarded("database", lambda: _answers(workspace))
    yield from guarded("keys", lambda: _lease(workspace))
    yield from guarded("disk", lambda: disk(home))
    yield from guarded("clock", lambda: machine.clock(workspace))
    yield from guarded("log", lambda: _head(workspace))
    if settings.audit.sinks:
        yield from guarded("copies", lambda: copies(workspace))
    yield from guarded("witnesses", lambda: witnesses(workspace))
    yield from guarded("people", lambda: people(workspace))
    yield from guarded("encryption", lambda: machine.encryption(workspace))
    yield from network.listening(settings, home, workspace.clock.now())
    yield from guarded("index", lambda: index(workspace, counted=False))
    yield from guarded("sources", lambda: sources(workspace, counted=False))
    yield from guarded("models", lambda: models(workspace))
    yield from guarded("stops", lambda: _stopped(workspace))
    yield from guarded("emergency", lambda: emergency(workspace))
    yield from guarded("workflows", lambda: _workflows(workspace))
    yield from guarded("telemetry", lambda: _telemetry(workspace))
    yield machine.workers(settings)


def _answers(workspace: Workspace) -> Check:
    import sqlalchemy as sa

    with workspace.database.read() as connection:
        connection.execute(sa.text("SELECT 1"))
    return Check("database", "ok", "opens and answers")


def _lease(workspace: Workspace) -> Check:
    workspace.lease.check()
    seconds = workspace.lease.seconds
    return Check("keys", "ok", f"the key in {workspace.key_provider.place} was proven within {seconds:g} s")


def _head(workspace: Workspace) -> Check:
    entries, covered, at = workspace.audit.head()
    if not covered:
        return Check(
            "log",
            "ok" if not entries else "warn",
            f"{entries} entries, no checkpoint yet",
            "" if not entries else "Make one with `muniment audit checkpoint`.",
        )
    return Check("log", "ok", f"{entries} entries; the newest checkpoint covers {covered}, of {at[:16]}Z")


def _stopped(workspace: Workspace) -> Check:
    lasting = workspace.stops.lasting()
    with workspace.database.read() as connection:
        held = workspace.incidents.frozen_names(connection)
    said = [" ".join(part for part in (one.kind, one.name) if part) + " is stopped" for one in lasting]
    said += [f"{kind} {name} is frozen" for kind, names in sorted(held.items()) for name in sorted(names)]
    if said:
        fix = "End a stop on the page of tools, a freeze on the page of incidents, once that is safe."
        return Check("stops", "warn", "; ".join(said), fix)
    return Check("stops", "ok", "nothing is stopped and nothing is frozen")


def _workflows(workspace: Workspace) -> Check:
    if not workspace.can_run_workflows:
        return Check("workflows", "ok", "not installed: the extra `workflows` brings them")
    if "workflows" not in workspace.__dict__:
        return Check("workflows", "ok", "not begun in this process yet")
    depths = [(" ".join(one.labels), int(one.value)) for one in workspace.workflows.depths() if one.value]
    said = ", ".join(f"{count} {name}" for name, count in depths)
    return Check("workflows", "ok", said or "nothing runs and nothing waits")


def _telemetry(workspace: Workspace) -> Check:
    stated = workspace.settings.telemetry
    if stated.otlp is None:
        return Check("telemetry", "ok", "counts at /metrics alone; no collector is named")
    return Check("telemetry", "ok", f"counts at /metrics, and all of it to {stated.otlp.endpoint}")


def disk(home: Path) -> Check:
    """Say how much space is left."""
    place = next((p for p in (home, *home.resolve().parents) if p.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    says = f"{free / (1 << 30):.1f} GB free"
    return Check("disk", "ok", says) if free > LEAST_FREE else Check("disk", "warn", says, "Free some space.")


def index(workspace: Workspace, counted: bool = True) -> Check:
    """Say which model the vectors of searches are of; `counted` says of how many documents, too."""
    found = workspace.reembed.models()
    live = next((one for one in found if one.state == "in use"), None)
    build = next((one for one in found if one.state == "building"), None)
    says = "no vectors yet: search is by words alone" if live is None else f"searches use {live.model.name}"
    if build is not None:
        says += f"; {build.model.name} is being built"
        says += f", {build.done} of {build.total} documents" if counted else ""
    if not workspace.settings.retrieval.vectors:
        return Check(
            "index", "ok", says if live is None else f"made with {live.model.name}, which is switched off"
        )
    if live is not None and not live.present:
        return Check("index", "warn", f"{says}, which is not present: search is by words alone", live.fix)
    if build is not None:
        return Check(
            "index",
            "ok" if build.present else "warn",
            says,
            f"Go on with `muniment index reembed {build.model.name}` unless it runs."
            if build.present
            else build.fix,
        )
    return Check("index", "ok", says)


def people(workspace: Workspace) -> Check:
    """Say whether the log can name people."""
    with workspace.database.read() as connection:
        state = workspace.subjects.state(connection)
    if state == "missing":
        says = "keys/subjects.key is missing or another workspace's, so nothing about people can be logged"
        return Check("people", "fail", says, "Put the newest copy back (docs/guide/privacy.md).")
    return Check(
        "people", "ok", "the names that the log may know are there: keep keys/subjects.key apart, too"
    )


def copies(workspace: Workspace) -> Check:
    """Say how far the copies of the log are."""
    found = workspace.copies.standing()
    late = [one for one in found if one.behind or one.failure]
    if not late:
        return Check("copies", "ok", f"of the log: {len(found)} keep up")
    one = late[0]
    says = f"{one.name} lacks {one.backlog} entries of the log: {one.failure or 'nothing copies there'}"
    return Check("copies", "warn", says, "Mend that place, then run `muniment audit copy`.")


def emergency(workspace: Workspace) -> Check:
    """Say which emergency access is in force or waits."""
    found = workspace.emergencies.listing()
    lasting = [
        f"{one.subject} is {one.role} until {one.expires_at}" for one in found if one.state == "in force"
    ]
    waiting = [one for one in found if one.state == "waiting"]
    says = "; ".join([*lasting, *([f"{len(waiting)} waiting for approval"] if waiting else [])])
    if says:
        return Check("emergency", "warn", says, "See `muniment emergency list`; end what is not needed.")
    return Check("emergency", "ok", "no emergency access is in force or waits")


def models(workspace: Workspace) -> Check:
    """Name the endpoints, and those whose key is not set."""
    found = workspace.catalog.endpoints()
    names = ", ".join(endpoint.name for endpoint in found)
    says = f"{names} (default {workspace.catalog.default})"
    missing = [f"{one.name} ({reference})" for one in found if (reference := one.missing_key)]
    if missing:
        fix = "Set it where muniment starts, or change api_key in the settings."
        return Check("models", "warn", f"{says}; the key is not set of {', '.join(missing)}", fix)
    return Check("models", "ok", says)


def loops() -> Check:
    """Say how searches loop."""
    from muniment.knowledge.retrieval import compiled

    if compiled.available():
        return Check("loops", "ok", "a server compiles the loops of its searches")
    return Check(
        "loops",
        "ok",
        "searches use array operations; with the extra `speed` a server compiles loops for large libraries",
    )
