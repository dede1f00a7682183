"""doctor: is this workspace well? Each check is one line: ok, warn or fail, and the fix."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from muniment.foundation.errors import MunimentError, Unavailable
from muniment.interfaces.cli import doctor_machine, doctor_network, doctor_tenants, doctor_witnesses
from muniment.interfaces.cli.check import Check
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.settings import Settings

LEAST_FREE = 1 << 30


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
        yield _failed("settings", error)
        return
    yield Check(
        "settings",
        "ok",
        f"{home / settings_file.FILE_NAME}" if (home / settings_file.FILE_NAME).exists() else "defaults",
    )
    yield doctor_machine.versions()
    yield from _guarded("disk", lambda: _disk(home))
    yield doctor_machine.workers(settings)
    yield from doctor_network.listening(settings, home, Clock().now())
    yield from doctor_network.outbound(settings, home)
    yield from _guarded("isolation", lambda: _isolation(settings))
    yield from _guarded("weights", lambda: _weights(settings))
    try:
        workspace = composition.open(home, settings=settings)
    except MunimentError as error:
        yield _failed("workspace", error)
        return
    try:
        yield Check(
            "keys",
            "ok",
            f"tenant {workspace.keyring.tenant}: the key in {workspace.key_provider.place} opens every data key",
        )
        yield from _guarded("encryption", lambda: doctor_machine.encryption(workspace))
        yield from _guarded("clock", lambda: doctor_machine.clock(workspace))
        yield from _guarded("database", lambda: _database(workspace))
        yield from _guarded("segments", lambda: _segments(workspace))
        yield from _guarded("index", lambda: _index(workspace))
        if settings.ingestion.labels:
            yield from _guarded("labels", lambda: _labels(workspace))
        yield from _guarded("policy", lambda: _policy(workspace))
        yield from _guarded("emergency", lambda: _emergency(workspace))
        yield from _guarded("log", lambda: _log(workspace))
        yield from _guarded("people", lambda: _people(workspace))
        if settings.audit.sinks:
            yield from _guarded("copies", lambda: _copies(workspace))
        yield from _guarded("witnesses", lambda: doctor_witnesses.witnesses(workspace))
        yield from _guarded("models", lambda: _models(workspace))
        yield from _guarded("identity", lambda: _identity(workspace))
        if not workspace.settings.database.url:
            yield from _guarded("loops", _loops)
        yield from doctor_tenants.checks(home)
    finally:
        workspace.close()


def _guarded(name: str, work: Callable[[], Check]) -> Iterator[Check]:
    try:
        yield work()
    except MunimentError as error:
        yield _failed(name, error)
    except OSError as error:
        yield Check(name, "fail", f"{error.filename or ''}: {error.strerror}".strip(": "))


def _failed(name: str, error: MunimentError) -> Check:
    return Check(name, "fail", error.public, error.fix)


def _disk(home: Path) -> Check:
    place = next((p for p in (home, *home.resolve().parents) if p.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    says = f"{free / (1 << 30):.1f} GB free"
    return Check("disk", "ok", says) if free > LEAST_FREE else Check("disk", "warn", says, "Free some space.")


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


def _index(workspace: Workspace) -> Check:
    found = workspace.reembed.models()
    live = next((one for one in found if one.state == "in use"), None)
    build = next((one for one in found if one.state == "building"), None)
    says = "no vectors yet: search is by words alone" if live is None else f"searches use {live.model.name}"
    if build is not None:
        says += f"; {build.model.name} is being built, {build.done} of {build.total} documents"
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


def _people(workspace: Workspace) -> Check:
    with workspace.database.read() as connection:
        state = workspace.subjects.state(connection)
    if state == "missing":
        says = "keys/subjects.key is missing or another workspace's, so nothing about people can be logged"
        return Check("people", "fail", says, "Put the newest copy back (docs/guide/privacy.md).")
    return Check(
        "people", "ok", "the names that the log may know are there: keep keys/subjects.key apart, too"
    )


def _copies(workspace: Workspace) -> Check:
    found = workspace.copies.standing()
    late = [one for one in found if one.behind or one.failure]
    if not late:
        return Check("copies", "ok", f"of the log: {len(found)} keep up")
    one = late[0]
    says = f"{one.name} lacks {one.backlog} entries of the log: {one.failure or 'nothing copies there'}"
    return Check("copies", "warn", says, "Mend that place, then run `muniment audit copy`.")


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
    found = workspace.emergencies.listing()
    lasting = [
        f"{one.subject} is {one.role} until {one.expires_at}" for one in found if one.state == "in force"
    ]
    waiting = [one for one in found if one.state == "waiting"]
    says = "; ".join([*lasting, *([f"{len(waiting)} waiting for approval"] if waiting else [])])
    if says:
        return Check("emergency", "warn", says, "See `muniment emergency list`; end what is not needed.")
    return Check("emergency", "ok", "no emergency access is in force or waits")


def _models(workspace: Workspace) -> Check:
    names = ", ".join(endpoint.name for endpoint in workspace.catalog.endpoints())
    return Check("models", "ok", f"{names} (default {workspace.catalog.default})")


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


def _loops() -> Check:
    from muniment.knowledge.retrieval import compiled

    if compiled.available():
        return Check("loops", "ok", "a server compiles the loops of its searches")
    return Check(
        "loops",
        "ok",
        "searches use array operations; with the extra `speed` a server compiles loops for large libraries",
    )


def _show(check: Check) -> None:
    from rich.text import Text

    from muniment.interfaces.cli.render import BAD, GOOD, WARN

    line = Text()
    line.append(f"{check.state:<5}", style={"ok": GOOD, "warn": WARN, "fail": BAD}[check.state])
    line.append(f"{check.name:<11} {visible(check.says)}")
    if check.fix:
        line.append(f"  {visible(check.fix)}", style="bold")
    TERMINAL.show(line)
