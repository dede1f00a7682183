"""What is said of this machine and of what protects the workspace: versions, clock, encryption."""

from __future__ import annotations

import platform
import ssl
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from muniment.interfaces.examining.check import Check

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.settings import Settings

_BEHIND = timedelta(seconds=5)
_UNSURE = ("", "disable", "allow", "prefer", "require", "verify-ca")


def versions() -> Check:
    """Say which versions are at work."""
    from importlib.metadata import version

    from muniment import __version__

    named = ("cryptography", "sqlcipher3", "uvicorn")
    parts = [f"{name} {version(name)}" for name in named]
    return Check(
        "versions",
        "ok",
        f"muniment {__version__}, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, {', '.join(parts)}",
    )


def workers(settings: Settings) -> Check:
    """Say how many processes serve, beside the processors that they share."""
    from muniment.inference.embedding import cores

    count, has = settings.server.workers, cores()
    says = f"{count} of `muniment serve`, {has} processors"
    if count > has:
        fix = f"Set server.workers to {has} or fewer: more share the processors, and each holds the index."
        return Check("workers", "warn", says, fix)
    return Check("workers", "ok", f"{says}; each holds the index in memory" if count > 1 else says)


def clock(workspace: Workspace) -> Check:
    """Compare the clock with the newest entry of the log: time that ran back makes what expired hold again."""
    now, newest = workspace.clock.now(), workspace.audit.tail(1)
    says = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if newest and datetime.fromisoformat(newest[0].at) - now > _BEHIND:
        return Check(
            "clock",
            "fail",
            f"{says}, but the log's newest entry is of {newest[0].at}",
            "Set this machine's clock right: keys and tokens that have expired could hold again.",
        )
    return Check("clock", "ok", f"{says}, not before the log's newest entry")


def encryption(workspace: Workspace) -> Check:
    """Say what is encrypted with which key."""
    from muniment.foundation.keyring_file import read_head
    from muniment.foundation.keys import ALGORITHM
    from muniment.settings import database_url, keyring_file

    wrapped = read_head(keyring_file(workspace.home)).wrapped
    key = f"{wrapped.provider} key {wrapped.key}" + (f" version {wrapped.version}" if wrapped.version else "")
    algorithm = ALGORITHM.decode().rstrip("\x00")
    by = f"by data keys of tenant {workspace.keyring.tenant} ({algorithm}), wrapped under {key}"
    url = database_url(workspace.settings, workspace.home)
    if url is None:
        return Check("encryption", "ok", f"database, log and segments {by}")
    says = (
        f"sealed values and signatures {by}; texts, vectors, titles and the log lie in Postgres as they are"
    )
    if _travels_unsure(url.reveal()):
        return Check(
            "encryption",
            "warn",
            f"{says}, and the connection to it is not verified",
            "Add sslmode=verify-full to database.url; encrypt the server's volume and backups.",
        )
    return Check("encryption", "warn", says, "Encrypt the server's volume and backups.")


def _travels_unsure(url: str) -> bool:
    import sqlalchemy as sa

    from muniment.foundation.postgres_address import place_of
    from muniment.interfaces.listening import is_local

    place = place_of(url)
    return (
        place is not None
        and not is_local(place[0])
        and str(sa.make_url(url).query.get("sslmode", "")) in _UNSURE
    )
