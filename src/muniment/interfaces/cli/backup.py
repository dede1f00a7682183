"""backup and restore: a copy of the workspace that is proven whole, and a workspace made of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.background import step_back
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.progress import progress
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.backup.manifest import Manifest
    from muniment.assurance.backup.restore import Restored
    from muniment.assurance.backup.verify import Checked
    from muniment.foundation.keys import Keyring

app = typer.Typer(no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)]
Kek = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The key file that opens its keyring.", show_default=False),
]
NewKeyring = Annotated[
    Path | None,
    typer.Option(
        "--keyring", metavar="FILE", help="A newer keyring.json, after a rotation.", show_default=False
    ),
]
OtherSettings = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="Settings instead of the backup's.", show_default=False),
]

_RESTORES = example(
    "muniment --home ./new restore ./backup --kek ./kek",
    "muniment --tenant acme restore ./backup-of-acme --kek ./kek",
)


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(
        app, name="backup", help="Encrypted copies of the workspace: `backup TO`, `backup verify`."
    )
    parent.command(epilog=_RESTORES)(restore)


@app.command(epilog=example("muniment backup /mnt/backups/2026-11-27"))
def make(
    to: Annotated[Path, typer.Argument(metavar="TO", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be copied.")] = False,
) -> None:
    """Copy the workspace, while it goes on working, to a new folder TO; `backup TO` is short for it."""
    from muniment.governance.identity.principal import OPERATOR

    if dry_run:
        _show_plan(to)
        return
    TERMINAL.interrupted = "muniment: Stopped. No backup was made."
    with TERMINAL.workspace() as workspace, progress() as stage:
        step_back(workspace)
        made = workspace.backups.make(to, OPERATOR, stage("Copying segments"))
    if TERMINAL.json:
        TERMINAL.document({"folder": str(to), "bytes": made.bytes, **_plain(made.manifest)})
        return
    TERMINAL.show(
        f"Made {made.manifest.id} in {to}: {len(made.manifest.files)} files, {made.bytes} bytes.",
        *_not_in(made.manifest),
        f"Check it: muniment backup verify {to}",
    )


@app.command(epilog=example("muniment backup verify ./backup", "muniment backup verify ./backup --kek ./kek"))
def verify(
    folder: Folder,
    kek: Kek = None,
    keyring: NewKeyring = None,
    settings: OtherSettings = None,
    hashes_only: Annotated[
        bool, typer.Option("--hashes-only", help="Be content with digests, which show damage but no forgery.")
    ] = False,
) -> None:
    """Check a backup to the last piece; exit 1 where it is not what was written, 4 where no key opens it."""
    from muniment.app import check_backup

    keys, why = (None, "") if hashes_only else _keys(folder, kek, keyring, settings)
    with progress() as stage:
        found = check_backup(folder, keys, stage("Checking files"))
    _show(found, why)
    if found.findings:
        raise typer.Exit(1)
    if keys is None and not hashes_only:
        raise typer.Exit(4)


def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", show_default=False)],
    kek: Kek = None,
    keyring: NewKeyring = None,
    settings: OtherSettings = None,
    revoke_keys: Annotated[
        bool, typer.Option("--revoke-keys", help="End every API key, and the tokens of services.")
    ] = False,
    subjects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="keys/subjects.key as of now; else beside --kek.", show_default=False
        ),
    ] = None,
    without_subjects: Annotated[
        bool, typer.Option("--without-subjects", help="Go on where that file is lost.")
    ] = False,
) -> None:
    """Make a workspace of a backup, in a home that does not exist; all is checked before anything is written."""
    home = TERMINAL.new_home()
    TERMINAL.interrupted = f"muniment: Stopped. Nothing was left at {home}."
    made = _restored(source, home, kek, keyring, settings, revoke_keys, subjects, without_subjects)
    ended = made.ended
    if TERMINAL.json:
        about = {"sessions": ended.sessions, "signins": ended.signins, "emergencies": ended.emergencies}
        TERMINAL.document(
            {
                "home": str(home),
                **_plain(made.manifest),
                "checks": list(made.checks),
                "ended": {**about, "api_keys": ended.keys},
                "api_keys_that_work": ended.keys_left,
                "erased_again": made.erased,
            }
        )
        return
    TERMINAL.show(
        f"Restored {made.manifest.id} of {made.manifest.at} to {home}.",
        *(f"  ok  {visible(line)}" for line in made.checks),
        f"Ended: {ended.sessions} sessions, {ended.signins} sign-ins, {ended.emergencies} emergency accesses, "
        f"{ended.keys} API keys, and every token of a person.",
        f"Erased again: {made.erased} people who were erased after the backup.",
        "",
        "What changed after the backup is not in it. Before you serve:",
        "  accounts  import the newest directory file, or let the identity provider provision again",
        f"  API keys  {ended.keys_left} work again, also where they were revoked since: muniment api-key list",
        "  log       compare with the newest checkpoint kept elsewhere: entries after the backup are missing",
        *_not_in(made.manifest),
    )


def _restored(
    source: Path,
    home: Path,
    kek: Path | None,
    keyring: Path | None,
    settings: Path | None,
    revoke_keys: bool,
    subjects: Path | None,
    without_subjects: bool,
) -> Restored:
    from muniment import app as workspaces
    from muniment.governance.identity.principal import OPERATOR
    from muniment.tenancy import restoring

    if TERMINAL.tenant is None:
        with progress() as stage:
            on_progress = stage("Checking files")
            return workspaces.restore(
                source,
                home,
                on_progress,
                kek,
                keyring,
                settings,
                revoke_keys,
                subjects=subjects,
                without_subjects=without_subjects,
            )
    with TERMINAL.host_of_tenant() as own, progress() as stage:
        on_progress = stage("Checking files")
        return restoring.restore(
            own,
            TERMINAL.tenant,
            source,
            OPERATOR,
            on_progress,
            kek,
            keyring,
            settings,
            revoke_keys,
            subjects,
            without_subjects,
        )


def _show_plan(to: Path) -> None:
    with TERMINAL.workspace() as workspace:
        planned = workspace.backups.plan(to)
    if TERMINAL.json:
        TERMINAL.document(
            {"dry_run": True, "segments": planned.segments, "bytes": planned.bytes, "free": planned.free}
        )
        return
    TERMINAL.show(
        f"About {planned.bytes} bytes would be copied, {planned.segments} index segments among them; "
        f"{planned.free} are free."
    )


def _keys(
    folder: Path, kek: Path | None, keyring: Path | None, settings: Path | None
) -> tuple[Keyring | None, str]:
    """Return the keys of a backup, or why they do not open; a key that was named must open."""
    from muniment.app import backup_keys
    from muniment.assurance.backup.manifest import read
    from muniment.foundation.errors import MunimentError

    read(folder)
    try:
        return backup_keys(folder, TERMINAL.new_home(), kek, keyring, settings), ""
    except MunimentError as error:
        if kek is not None or keyring is not None or settings is not None:
            raise
        return None, str(error)


def _show(found: Checked, why: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(
            {
                "ok": not found.findings,
                "authentic": found.authentic,
                "checks": list(found.checks),
                "findings": list(found.findings),
                "without_keys": why,
                **_plain(found.manifest),
            }
        )
        return
    for line in found.checks:
        TERMINAL.show(f"  ok    {visible(line)}")
    for line in found.findings:
        TERMINAL.show(f"  fail  {visible(line)}")
    if found.findings:
        TERMINAL.show("This is not the backup that was written.")
    elif found.authentic:
        TERMINAL.show(
            f"{visible(found.manifest.id)} of {visible(found.manifest.at)} is whole and can be restored."
        )
    else:
        TERMINAL.show(
            "Digests were compared and nothing else: whoever can write the folder could have forged them."
        )
        if why:
            TERMINAL.show(f"  its keys do not open: {visible(why)}")


def _plain(manifest: Manifest) -> dict[str, object]:
    return {
        "backup": manifest.id,
        "tenant": manifest.tenant,
        "made_at": manifest.at,
        "files": len(manifest.files),
        "checkpoint": manifest.checkpoint.text,
        "not_in_it": list(manifest.left_out),
    }


def _not_in(manifest: Manifest) -> list[str]:
    names = ", ".join(manifest.left_out)
    return [visible(f"Not in it, keep it apart: {names}")] if names else []
