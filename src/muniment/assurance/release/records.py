"""What is stored of releases: each as it was built, and what became of it, read in the caller's transaction.

Invariants:
- a stored release whose hash does not fit its content is not used;
- at most one release is in force, and at most one canary runs: the newest stage says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import sqlalchemy as sa

from muniment.assurance.release.manifest import Manifest, read_manifest
from muniment.assurance.release.tables import release, release_stage
from muniment.foundation.errors import BadInput, Tampered
from muniment.foundation.worded import Worded
from muniment.governance.audit.entry import Json
from muniment.inference.prompt_file import Prompt, parse

Stage = Literal["built", "checked", "asked", "waived", "canary", "promoted", "rolled_back"]
SHORTEST = 6
"""Digits of a hash that name a release."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release as it was built."""

    id: str
    name: str
    manifest: Manifest
    prompts: Mapping[str, Prompt]
    """By purpose, whole: what is promoted is what was built, whatever the files say by then."""
    sections: Mapping[str, str]
    """Keyed digests of the sections of the settings."""
    settings: str
    """The text of settings.toml."""
    at: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Staged:
    """What became of a release, and why."""

    number: int
    release: str
    stage: Stage
    reason: str
    by: str
    at: str
    second: str | None = None
    verdict: Mapping[str, Json] = field(default_factory=dict[str, Json])


def insert(connection: sa.Connection, made: Release) -> None:
    """Store a release."""
    files = {purpose: {"file": one.where, "content": one.content} for purpose, one in made.prompts.items()}
    connection.execute(
        sa.insert(release).values(
            id=made.id,
            name=made.name,
            hash=made.manifest.hash,
            manifest=json.dumps(made.manifest.as_json(), ensure_ascii=False),
            prompts=json.dumps(files, ensure_ascii=False),
            sections=json.dumps(dict(made.sections)),
            settings=made.settings,
            at=made.at,
            by=made.by,
            reason=made.reason,
        )
    )


def enter(
    connection: sa.Connection,
    release_id: str,
    stage: Stage,
    reason: str,
    by: str,
    at: str,
    verdict: Mapping[str, Json],
    second: str | None = None,
) -> Staged:
    """Store what became of a release."""
    number = (connection.execute(_LAST).scalar() or 0) + 1
    made = Staged(number, release_id, stage, reason, by, at, second, verdict)
    connection.execute(
        sa.insert(release_stage).values(
            number=number,
            release=release_id,
            stage=stage,
            reason=reason,
            verdict=json.dumps(dict(verdict), ensure_ascii=False),
            by=by,
            second=second,
            at=at,
        )
    )
    return made


def newest(connection: sa.Connection, limit: int | None = None) -> list[Release]:
    """Return releases, newest first, None for all of them; raises Tampered for an altered one."""
    query = sa.select(release).order_by(release.c.at.desc(), release.c.id).limit(limit)
    rows = connection.execute(query).all()
    return [_release(row) for row in rows]


def of_id(connection: sa.Connection, release_id: str) -> Release:
    """Return a release; raises BadInput for none, Tampered for an altered one."""
    row = connection.execute(sa.select(release).where(release.c.id == release_id)).first()
    if row is None:
        raise _unknown(release_id)
    return _release(row)


def named(connection: sa.Connection, given: str) -> Release:
    """Return the release of a name, an id or the first digits of a hash; raises BadInput for none or several."""
    columns = release.c
    row = connection.execute(
        sa.select(release).where(sa.or_(columns.name == given, columns.id == given))
    ).first()
    if row is not None:
        return _release(row)
    digits = given.removeprefix("sha256:")
    if len(digits) >= SHORTEST and digits.isalnum():
        begins = columns.hash.startswith(f"sha256:{digits}", autoescape=True)
        rows = connection.execute(sa.select(release).where(begins).order_by(columns.at)).all()
        if len(rows) == 1:
            return _release(rows[0])
        if rows:
            several = ", ".join(row.name for row in rows)
            raise BadInput(f"Several releases begin with {given!r}.", fix=f"Name one: {several}.")
    raise _unknown(given)


def stages(connection: sa.Connection, *release_ids: str) -> list[Staged]:
    """Return what became of releases, oldest first; of all of them where none is named."""
    query = _STAGES.order_by(release_stage.c.number)
    if release_ids:
        query = query.where(release_stage.c.release.in_(release_ids))
    return [_staged(row) for row in connection.execute(query)]


def newest_check(connection: sa.Connection) -> tuple[str, Staged] | None:
    """Return the newest check of any release, with the release's name, or None before the first."""
    checks = _STAGES.add_columns(release.c.name).join(release, release.c.id == release_stage.c.release)
    query = checks.where(release_stage.c.stage == "checked").order_by(release_stage.c.number.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else (row[-1], _staged(row[:-1]))


def line(connection: sa.Connection) -> list[str]:
    """Return the ids of the release in force and of those that a way back leads to, the one in force last."""
    way: list[str] = []
    query = _MOVES.order_by(release_stage.c.number)
    for row in connection.execute(query):
        if row.stage == "promoted":
            way.append(row.release)
        elif row.stage == "rolled_back" and way and way[-1] == row.release:
            way.pop()
    return way


def in_force(connection: sa.Connection) -> Release | None:
    """Return the release in force, or None before the first."""
    way = line(connection)
    return of_id(connection, way[-1]) if way else None


def canary_of(connection: sa.Connection) -> Staged | None:
    """Return the canary that runs, or None; one small look, for every request."""
    rows = _NEWEST.rows(connection)
    found = _staged(rows[0]) if rows else None
    return found if found is not None and found.stage == "canary" else None


_LAST = sa.select(sa.func.max(release_stage.c.number))
_STAGES = sa.select(
    *(
        release_stage.c[name]
        for name in ("number", "release", "stage", "reason", "by", "at", "second", "verdict")
    )
)
_MOVES = _STAGES.where(
    sa.or_(*(release_stage.c.stage == one for one in ("canary", "promoted", "rolled_back")))
)
_NEWEST = Worded(_MOVES.order_by(release_stage.c.number.desc()).limit(1))


def _unknown(given: str) -> BadInput:
    return BadInput(f"There is no release {given!r}.", fix="See `muniment release list`.")


def _staged(row: Sequence[Any]) -> Staged:
    *plain, verdict = row
    return Staged(*plain, verdict=json.loads(verdict))


def _release(row: sa.Row[tuple[object, ...]]) -> Release:
    fix = "Build it anew."
    try:
        manifest = read_manifest(json.loads(row.manifest))
        files = cast("Mapping[str, Mapping[str, str]]", json.loads(row.prompts))
        prompts = {purpose: parse(one["content"], one["file"]) for purpose, one in files.items()}
        whole = manifest.hash == row.hash and all(
            one.digest == manifest.prompt(purpose) for purpose, one in prompts.items()
        )
        sections = cast("Mapping[str, str]", json.loads(row.sections))
    except (ValueError, KeyError, TypeError, BadInput) as error:
        raise Tampered(f"The release {row.name} is not as it was built.", fix=fix) from error
    if not whole or set(prompts) != set(manifest.components["prompts"]):
        raise Tampered(f"The release {row.name} is not as it was built.", fix=fix)
    return Release(row.id, row.name, manifest, prompts, sections, row.settings, row.at, row.by, row.reason)
