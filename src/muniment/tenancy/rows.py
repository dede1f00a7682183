"""The rows of a tenant in a schema of a Postgres server: outside its folder, and not guarded by its key.

Invariant: only a schema that bears the mark of the tenant's own keys is dropped, whatever its settings name by then.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from muniment import app
from muniment.foundation.errors import MunimentError
from muniment.foundation.key_provider import KeyProvider
from muniment.settings import Settings

_UNPROVEN = "nobody could prove that it is this tenant's"


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a tenant's rows lie, as its own keys prove."""

    schema: str
    mark: str
    """What tells the schema from one of other keys; empty where its key or its server could not be asked."""
    kept: str
    """Why muniment cannot drop the schema; empty where it can."""


def found(place: Path, settings: Settings, provider: KeyProvider | None) -> Rows | None:
    """Return the rows of the tenant whose home is `place`, None where all of it lies there; changes nothing."""
    if not settings.database.url:
        return None
    if provider is None:
        return Rows(_schema(settings), "", _UNPROVEN)
    try:
        with closing(app.rows_elsewhere(place, settings, provider)) as database:
            return Rows(database.schema, database.mark, database.why_kept())
    except MunimentError as error:
        return Rows(_schema(settings), "", error.public)


def taken_away(place: Path, settings: Settings, mark: str) -> str:
    """Drop the schema that bears this mark; return what is left to do, or nothing."""
    if not settings.database.url:
        return ""
    if not mark:
        return left(settings, _UNPROVEN)
    try:
        with closing(app.rows_elsewhere(place, settings)) as database:
            database.drop(mark)
    except MunimentError as error:
        return left(settings, error.public)
    return ""


def left(settings: Settings, why: str) -> str:
    """Return what an administrator has to do, and why muniment does not."""
    return (
        "its rows in Postgres, which muniment does not encrypt: "
        f'DROP SCHEMA "{_schema(settings)}" CASCADE ({why.rstrip(".")})'
    )


def _schema(settings: Settings) -> str:
    from muniment.foundation.postgres import schema_of

    return schema_of(settings.workspace.tenant)
