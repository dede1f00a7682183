"""Numbered versions of what search ranks by: made once, never changed, one of them in use.

Version 0 is what this release ships with. Invariants:
- a version and each change of the one in use commit together with their entry in the log;
- a search reads which version is in use in its own snapshot, so a change is felt by the next search;
- a stored version whose digest does not fit its content is not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from muniment.foundation import canonical
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, metadata
from muniment.foundation.errors import BadInput, Conflict, Tampered
from muniment.foundation.revisions import Revisions, bump
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.rank import RankingSettings

if TYPE_CHECKING:
    from muniment.governance.audit.log import AuditLog

ranking_settings = sa.Table(
    "ranking_settings",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("suite_digest", sa.Text, nullable=False),
    sa.Column("figures", sa.Text, nullable=False),
)
ranking_use = sa.Table(
    "ranking_use",
    metadata,
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("used_at", sa.Text, nullable=False),
    sa.Column("used_by", sa.Text, nullable=False),
)

SHIPPED = 0
_COUNTER = "ranking"


@dataclass(frozen=True, slots=True)
class Constants:
    """What tuning may change."""

    fusion: FusionSettings = field(default_factory=FusionSettings)
    lexical: LexicalSettings = field(default_factory=LexicalSettings)

    @property
    def plain(self) -> dict[str, float]:
        """Return the constants as JSON."""
        words = self.lexical
        return {
            "dense": self.fusion.dense,
            "k1": words.k1,
            "b": words.b,
            "title": words.title,
            "heading": words.heading,
            "body": words.body,
        }

    @property
    def digest(self) -> str:
        """Return the digest that names them."""
        return canonical.digest(self.plain)

    def over(self, settings: RankingSettings) -> RankingSettings:
        """Return `settings` with these constants."""
        return replace(settings, fusion=self.fusion, lexical=self.lexical)


@dataclass(frozen=True, slots=True)
class Version:
    """One version, and why it was made."""

    number: int
    constants: Constants = field(default_factory=Constants)
    at: str = ""
    by: str = ""
    suite: str = ""
    suite_digest: str = ""
    figures: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def name(self) -> str:
        """Return the version as lineage records it."""
        return f"{self.number}@{self.constants.digest}" if self.number != SHIPPED else f"{SHIPPED} as shipped"

    def over(self, shipped: RankingSettings) -> RankingSettings:
        """Return what to rank by where `shipped` holds until a version is used."""
        return shipped if self.number == SHIPPED else self.constants.over(shipped)


@dataclass(frozen=True, slots=True)
class Learned:
    """Constants, and from what they were learned."""

    constants: Constants
    suite: str
    suite_digest: str
    figures: Mapping[str, Json]


class InUse:
    """The version in use, read again only after a change; safe to share between threads."""

    def __init__(self) -> None:
        self._last: tuple[int, Version] = (0, Version(SHIPPED))

    def at(self, connection: sa.Connection, revisions: Revisions) -> Version:
        """Return the version in use in this connection's snapshot; raises Tampered for an altered one."""
        revision, version = self._last
        if revision != revisions.ranking:
            version = in_use(connection)
            self._last = revisions.ranking, version
        return version


class RankingVersions:
    """The versions of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def in_use(self) -> Version:
        """Return the version that the next search ranks by."""
        with self._database.read() as connection:
            return in_use(connection)

    def all(self) -> list[Version]:
        """Return every version, the shipped one first."""
        stored = sa.select(ranking_settings).order_by(ranking_settings.c.number)
        with self._database.read() as connection:
            return [Version(SHIPPED), *(_version(row) for row in connection.execute(stored))]

    def apply(self, learned: Learned, base: Version, by: Actor) -> Version:
        """Add a version and use it; raises Conflict unless `base`, against which it was measured, is in use."""
        with self._database.write() as connection:
            before = _number_in_use(connection)
            if before != base.number:
                raise Conflict(
                    f"Ranking settings {before} came into use meanwhile.", fix="Tune again from there."
                )
            last = connection.execute(sa.select(sa.func.max(ranking_settings.c.number))).scalar()
            made = Version(
                (last or SHIPPED) + 1,
                learned.constants,
                timestamp(self._clock.now()),
                by.ref,
                learned.suite,
                learned.suite_digest,
                learned.figures,
            )
            _insert(connection, made)
            about: dict[str, Json] = {
                "number": made.number,
                "digest": made.constants.digest,
                "suite": made.suite_digest,
                "figures": made.figures,
            }
            self._audit.append(connection, [Entry("ranking.made", by, about)])
            self._use(connection, before, made, by)
        return made

    def use(self, number: int, by: Actor) -> Version:
        """Use an earlier version again; raises BadInput for a number that is not there."""
        with self._database.write() as connection:
            before, wanted = _number_in_use(connection), _numbered(connection, number)
            if before != wanted.number:
                self._use(connection, before, wanted, by)
        return wanted

    def _use(self, connection: sa.Connection, before: int, wanted: Version, by: Actor) -> None:
        at = timestamp(self._clock.now())
        revision = bump(connection, _COUNTER)
        connection.execute(
            sa.insert(ranking_use).values(revision=revision, number=wanted.number, used_at=at, used_by=by.ref)
        )
        about = {"number": wanted.number, "digest": wanted.constants.digest, "before": before}
        self._audit.append(connection, [Entry("ranking.used", by, about)])


def in_use(connection: sa.Connection) -> Version:
    """Return the version in use; raises Tampered for an altered one."""
    return _numbered(connection, _number_in_use(connection))


def _number_in_use(connection: sa.Connection) -> int:
    newest = sa.select(ranking_use.c.number).order_by(ranking_use.c.revision.desc()).limit(1)
    number = connection.execute(newest).scalar()
    return SHIPPED if number is None else int(number)


def _numbered(connection: sa.Connection, number: int) -> Version:
    if number == SHIPPED:
        return Version(SHIPPED)
    row = connection.execute(
        sa.select(ranking_settings).where(ranking_settings.c.number == number)
    ).one_or_none()
    if row is None:
        raise BadInput(f"There are no ranking settings {number}.", fix="See `muniment tune list`.")
    return _version(row)


def _insert(connection: sa.Connection, made: Version) -> None:
    connection.execute(
        sa.insert(ranking_settings).values(
            number=made.number,
            digest=made.constants.digest,
            settings=json.dumps(made.constants.plain),
            made_at=made.at,
            made_by=made.by,
            suite=made.suite,
            suite_digest=made.suite_digest,
            figures=json.dumps(made.figures),
        )
    )


def _version(row: sa.Row[tuple[object, ...]]) -> Version:
    try:
        constants = _constants(cast("dict[str, float]", json.loads(row.settings)))
        whole = constants.digest == row.digest
    except (ValueError, TypeError, KeyError, BadInput):
        whole, constants = False, Constants()
    if not whole:
        raise Tampered(
            f"Ranking settings {row.number} are not as they were written.",
            fix=f"Use others: `muniment tune use {SHIPPED}`.",
        )
    figures = cast("dict[str, Json]", json.loads(row.figures))
    return Version(row.number, constants, row.made_at, row.made_by, row.suite, row.suite_digest, figures)


def _constants(plain: Mapping[str, float]) -> Constants:
    words = LexicalSettings(plain["k1"], plain["b"], plain["title"], plain["heading"], plain["body"])
    return Constants(FusionSettings(plain["dense"]), words)
