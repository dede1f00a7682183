"""doctor: is this workspace well? Each check is one line: ok, warn or fail, and the fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from muniment.foundation.errors import MunimentError, Unavailable
from muniment.interfaces.cli import doctor_tenants
from muniment.interfaces.cli.terminal import TERMINAL, visible
from muniment.interfaces.examining import machine, network, standing
from muniment.interfaces.examining.check import Check, failed, guarded
from muniment.interfaces.examining.sources import sources
from muniment.interfaces.examining.witnesses import witnesses

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.settings import Settings


def doctor() -> None:
    """Check settings, machine, network, keys, database, segments, log, providers and weights; exit 1 on a fail."""
    home = TERMINAL.home_folder()
    found: list[Check] = []
    for check in checks(home):
        found.append(check)
        if not TERMINAL.json:
            _show(check)
    good = all(check.state != "fail" for check in found)
    if TERMINAL.json:
        TERMINAL.document(
            {
                "ok": good,
                "home": str(home),
                "checks": [{"name": c.name, "state": c.state, "says": c.says, "fix": c.fix} for c in found],
            }
        )
    if not good:
        raise typer.Exit(
            4 if any(c.state == "fail" and c.name in ("workspace", "keys") for c in found) else 1
        )


def checks(home: Path) -> Iterator[Check]:
    """Run the checks in order; the later ones are skipped where the workspace does not open."""
    from muniment import app as composition
    from muniment import settings as settings_file
    from muniment.foundation.clock import Clock

    try:
        settings = settings_file.load(home)
    except MunimentError as error:
        yield failed("settings", error)
        return
    yield Check(
        "settings",
        "ok",
        f"{home / settings_file.FILE_NAME}" if (home / settings_file.FILE_NAME).exists() else "defaults",
    )
    yield machine.versions()
    yield from guarded("disk", lambda: standing.disk(home))
    yield machine.workers(settings)
    yield from network.listening(settings, home, Clock().now())
    yield from network.outbound(settings, home)
    yield from guarded("isolation", lambda: _isolation(settings))
    yield from guarded("weights", lambda: _weights(settings))
    try:
        workspace = composition.open(home, settings=settings)
    except MunimentError as error:
        yield failed("workspace", error)
        return
    try:
        yield Check(
            "keys",
            "ok",
            f"tenant {workspace.keyring.tenant}: the key in {workspace.key_provider.place} opens every data key",
        )
        yield from guarded("encryption", lambda: machine.encryption(workspace))
        yield from guarded("clock", lambda: machine.clock(workspace))
        yield from guarded("database", lambda: _database(workspace))
        yield from guarded("segments", lambda: _segments(workspace))
        yield from guarded("index", lambda: standing.index(workspace))
        yield from guarded("sources", lambda: sources(workspace))
        if settings.ingestion.labels:
            yield from guarded("labels", lambda: _labels(workspace))
        if settings.ingestion.sensitivity:
            yield from guarded("sensitivity", lambda: _sensitivity(workspace))
        yield from guarded("policy", lambda: _policy(workspace))
        yield from guarded("emergency", lambda: _emergency(workspace))
        yield from guarded("log", lambda: _log(workspace))
        yield from guarded("people", lambda: standing.people(workspace))
        if settings.audit.sinks:
            yield from guarded("copies", lambda: standing.copies(workspace))
        yield from guarded("witnesses", lambda: witnesses(workspace))
        yield from guarded("models", lambda: standing.models(workspace))
        yield from guarded("identity", lambda: _identity(workspace))
        if not workspace.settings.database.url:
            yield from guarded("loops", standing.loops)
        yield from doctor_tenants.checks(home)
    finally:
        workspace.close()


def _isolation(settings: Settings) -> Check:
    from muniment.knowledge.ingestion.parser import Parser

    mode = settings.ingestion.isolation
    parser = Parser(isolation=mode)
    try:
        parser.start()
    finally:
        parser.close()
    if mode == "required":
        return Check("isolation", "ok", "parsers run in a child without files, network or new programs")
    return Check(
        "isolation", "warn", "parsers run under limits alone", 'Set ingestion.isolation = "required".'
    )


def _weights(settings: Settings) -> Check:
    from muniment.inference import weights
    from muniment.settings import weight_folders

    if not settings.retrieval.vectors:
        return Check(
            "weights",
            "warn",
            "vectors are switched off: search is by words alone",
            "Set retrieval.vectors = true.",
        )
    found = weights.find(weights.EMBEDDING, weight_folders(settings))
    if found is None:
        return Check("weights", "warn", "none: search is by words alone", "Run `muniment models fetch`.")
    for file in found.weights.files:
        found.read(file.name)
    return Check("weights", "ok", f"{found.weights.name} verified in {found.folder}")


def _database(workspace: Workspace) -> Check:
    found = workspace.database.examine()
    if found.warning:
        return Check("database", "warn", f"{found.says}: {found.warning}", found.fix)
    return Check("database", "ok", found.says)


def _segments(workspace: Workspace) -> Check:
    if workspace.settings.database.url:
        return Check("segments", "ok", workspace.index.examine())
    found = workspace.upkeep.check()
    damaged = [f"{one.name} ({one.problem})" for one in found if one.problem]
    if damaged:
        says = f"{len(damaged)} of {len(found)} index segments are damaged: {', '.join(damaged)}"
        return Check("segments", "fail", says, "Run `muniment index repair`.")
    says = f"{len(found)} index segments, every byte as written"
    kept = len(list(workspace.segments.quarantined.glob("*.segment")))
    if kept:
        return Check(
            "segments",
            "warn",
            f"{says}; {kept} damaged files in {workspace.segments.quarantined}",
            "Find out how they came to be, then delete them.",
        )
    return Check("segments", "ok", says)


def _sensitivity(workspace: Workspace) -> Check:
    outdated = workspace.relabelling.outdated()
    if outdated:
        says = f"{outdated} documents were judged by other rules of sensitivity"
        return Check("sensitivity", "warn", says, "Run `muniment sources relabel`, or the next ingest.")
    return Check("sensitivity", "ok", "every document was judged by the rules of sensitivity in force")


def _labels(workspace: Workspace) -> Check:
    from muniment.interfaces.cli.ingest import pieces

    workspace.labelling.require()
    left = workspace.labelling.lacking()
    if left:
        return Check(
            "labels", "warn", f"{pieces(left)} without labels of names", "Run `muniment sensitive label`."
        )
    return Check("labels", "ok", "names of persons and places are labelled in every piece")


def _log(workspace: Workspace) -> Check:
    found = workspace.audit.verify()
    if found.ok:
        return Check("log", "ok", f"{found.entries} entries, {found.checkpoints} signed checkpoints, whole")
    return Check(
        "log", "fail", found.findings[0], "Compare with an export and its checkpoint; call your auditor."
    )


def _policy(workspace: Workspace) -> Check:
    found = workspace.policies.show()
    trial = workspace.policies.trial(found.policies)
    if trial.passed:
        return Check("policy", "ok", f"{found.version[:19]} in force, passes {trial.cases} cases")
    lifted = [f"it lacks or changes the rule {name}" for name in trial.lifted]
    wrong = next(iter((*trial.problems, *lifted, *map(str, trial.failures))))
    return Check("policy", "fail", f"{found.version[:19]}: {wrong}", "Run `muniment policy rollback`.")


def _emergency(workspace: Workspace) -> Check:
    workspace.emergencies.end_overdue()
    return standing.emergency(workspace)


def _identity(workspace: Workspace) -> Check:
    """Asks each provider for its keys, as the first request would."""
    workspace.directory.require_one_source()
    if not workspace.issuers:
        return Check("identity", "ok", "local: one-time links, and tokens of its own")
    says, silent = list[str](), list[str]()
    for one in workspace.issuers:
        try:
            keys = len(one.documents().keys.keys)
        except Unavailable as error:
            silent.append(error.detail)
            says.append(f"{one.issuer.name} ({one.issuer.url})")
        else:
            says.append(f"{one.issuer.name} ({one.issuer.url}, {keys} {'key' if keys == 1 else 'keys'})")
    claimed = workspace.settings.identity.claimed_groups
    given = f"; tokens give {len(claimed)} of the groups" if claimed else ""
    text = f"oidc: {', '.join(says)}{given}"
    if silent:
        fix = "Mend the settings of identity.issuers, or wait until the provider answers."
        return Check("identity", "fail", f"{text}; {'; '.join(silent)}", fix)
    return Check("identity", "ok", text)


def _show(check: Check) -> None:
    from rich.text import Text

    from muniment.interfaces.cli.render import BAD, GOOD, WARN

    line = Text()
    line.append(f"{check.state:<5}", style={"ok": GOOD, "warn": WARN, "fail": BAD}[check.state])
    line.append(f"{check.name:<11} {visible(check.says)}")
    if check.fix:
        line.append(f"  {visible(check.fix)}", style="bold")
    TERMINAL.show(line)
