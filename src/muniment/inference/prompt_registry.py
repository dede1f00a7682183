"""The prompts of one workspace: drafts in files, candidates and the live one of each purpose in the database.

Invariants:
- of a purpose exactly one prompt is live: what was promoted last, or what ships;
- what is live is what was stored when it was promoted, whatever its file says now;
- a change of stage commits with its entry in the log, and is felt by the next question;
- a stored prompt whose digest does not fit its content is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, Tampered
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.roles import checked_reason
from muniment.inference import prompts
from muniment.inference.prompt_file import PURPOSES, Prompt, fits, parse
from muniment.inference.tables import prompt_stage, prompt_version

if TYPE_CHECKING:
    from muniment.governance.policy.gate import Gate

SHORTEST = 8
"""Digits of a digest that name a prompt."""
Live = Callable[[str, str | None], Prompt]
"""Gives the prompt of a purpose, for an endpoint where one is named; see `Prompts.live`."""
Stage = Literal["draft", "candidate", "live", "retired"]


@dataclass(frozen=True, slots=True)
class Staged:
    """A prompt and where it stands."""

    prompt: Prompt
    stage: Stage


@dataclass(frozen=True, slots=True)
class Promotion:
    """When a prompt came to a stage, and why."""

    number: int
    purpose: str
    version: str
    stage: str
    how: str
    reason: str
    at: str
    by: str


class Prompts:
    """The prompts of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        gate: Gate,
        clock: Clock,
        folder: Path,
        models: Callable[[], frozenset[str]],
    ) -> None:
        """`folder` holds drafts; `models` tells the endpoints that there are."""
        self._database = database
        self._audit = audit
        self._gate = gate
        self._clock = clock
        self._folder = folder
        self._models = models

    def live(self, purpose: str, model: str | None = None) -> Prompt:
        """Return the prompt in use; raises BadInput where it is not written for the endpoint `model`."""
        with self._database.read() as connection:
            found = _live(connection, purpose)
        return for_model(found, model)

    def all(self) -> list[Staged]:
        """Return every prompt once, by name: drafts, what ships, and what was promoted."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(prompt_version).order_by(prompt_version.c.at)).all()
            stored = [_stored(connection, row.digest) for row in rows]
            known = {one.digest: one for one in [*self.drafts(), *prompts.shipped().values(), *stored]}
            return [
                Staged(one, _stage(connection, one))
                for one in sorted(known.values(), key=lambda p: p.version)
            ]

    def history(self, purpose: str | None = None, limit: int | None = None) -> list[Promotion]:
        """Return what came to a stage, newest first, of one purpose or all; None for `limit` is all of it."""
        query = _PROMOTIONS.order_by(prompt_stage.c.number.desc()).limit(limit)
        if purpose is not None:
            query = query.where(prompt_stage.c.purpose == purpose)
        with self._database.read() as connection:
            return [_promotion(row) for row in connection.execute(query)]

    def since(self) -> dict[str, Promotion]:
        """Return by purpose when what is live came to be so; a purpose without one has what ships."""
        newest = sa.select(sa.func.max(prompt_stage.c.number)).where(prompt_stage.c.stage == "live")
        query = _PROMOTIONS.where(prompt_stage.c.number.in_(newest.group_by(prompt_stage.c.purpose)))
        with self._database.read() as connection:
            return {row.purpose: _promotion(row) for row in connection.execute(query)}

    def had_others(self, purpose: str) -> bool:
        """Return whether several prompts were live for a purpose."""
        live = _LIVE.with_only_columns(sa.func.count(prompt_stage.c.digest.distinct()))
        with self._database.read() as connection:
            return connection.execute(live, {"purpose": purpose}).scalar_one() > 1

    def drafts(self) -> list[Prompt]:
        """Return the prompt files of the home, by file name; raises BadInput naming the one that is none."""
        if not self._folder.is_dir():
            return []
        made: dict[str, Prompt] = {}
        for path in sorted(self._folder.glob("*.md")):
            where = f"{self._folder.name}/{path.name}"
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise BadInput(f"{where} cannot be read.", fix="Save it as UTF-8 text.") from error
            if not text:
                # A shell makes the file of `prompts show answer > prompts/mine.md` before the command runs.
                continue
            one = parse(text, where)
            if one.name in made:
                raise BadInput(f"{where} and {made[one.name].where} have one name.", fix="Rename one.")
            made[one.name] = one
        return list(made.values())

    def find(self, given: str) -> Staged:
        """Return what `NAME`, `NAME@HASH8` or the first digits of a digest name; raises BadInput for none or several.

        Of several, a file of the home is meant, else the one that is live.
        """
        everything = self.all()
        in_files = {one.digest for one in self.drafts()}
        digits = given.removeprefix("sha256:")
        ways = (
            [one for one in everything if given in (one.prompt.version, one.prompt.name)],
            [one for one in everything if one.prompt.digest.removeprefix("sha256:").startswith(digits)],
        )
        for found in ways if len(digits) >= SHORTEST else ways[:1]:
            in_file = [one for one in found if one.prompt.digest in in_files]
            best = in_file or [one for one in found if one.stage == "live"] or found
            if len(best) == 1:
                return best[0]
            if best:
                several = ", ".join(f"{one.prompt.version} ({one.prompt.digest[:19]})" for one in best)
                raise BadInput(f"{given!r} is the name of several prompts.", fix=f"Name one: {several}.")
        known = ", ".join(one.prompt.version for one in everything)
        raise BadInput(f"There is no prompt {given!r}.", fix=f"Known: {known}.")

    def promote(self, given: str, reason: str, by: Actor, who: Principal | None = None) -> Promotion:
        """Bring a prompt one stage further: a draft becomes a candidate, a candidate live.

        Raises BadInput for one that cannot serve its purpose, Conflict for the one that is live, NotPermitted
        where policy does not let `who` do it.
        """
        why = checked_reason(reason)
        prompt = self.find(given).prompt
        fits(prompt, self._models())
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "change_prompt", Resource("Prompt", prompt.name))
            stage = _stage(connection, prompt)
            if stage == "live":
                raise Conflict(f"{prompt.version} is live already.", fix="Nothing was changed.")
            before = _live(connection, prompt.purpose)
            self._keep(connection, prompt, by)
            if stage != "draft":
                self._keep_first(connection, prompt.purpose, by)
            to = "candidate" if stage == "draft" else "live"
            made = self._enter(connection, prompt, to, "promote", why, by)
            self._log(connection, "prompt.promoted", made, prompt, before, by, stated)
        return made

    def rollback(
        self,
        purpose: str,
        reason: str,
        by: Actor,
        who: Principal | None = None,
        instead_of: str | None = None,
    ) -> Promotion:
        """Make the prompt live that was so before.

        Raises Conflict where there was none, and where another than that of the digest `instead_of` is live; else as
        `promote`.
        """
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.write() as connection:
            current = _live(connection, purpose)
            stated = self._gate.check(connection, who, "change_prompt", Resource("Prompt", current.name))
            if instead_of not in (None, current.digest):
                raise Conflict("Another prompt is live by now.", fix="Look at what is live, then go back.")
            rows = connection.execute(_LIVE.order_by(prompt_stage.c.number), {"purpose": purpose}).all()
            entered = [
                at for at, row in enumerate(rows) if row.digest == current.digest and row.how == "promote"
            ]
            if not entered:
                raise Conflict("No prompt was live before this one.", fix="See `muniment prompts history`.")
            prompt = _stored(connection, rows[entered[-1] - 1].digest)
            fits(prompt, self._models())
            made = self._enter(connection, prompt, "live", "rollback", why, by)
            self._log(connection, "prompt.rolled_back", made, prompt, current, by, stated)
        return made

    def bring_live(
        self,
        connection: sa.Connection,
        prompt: Prompt,
        how: Literal["promote", "rollback"],
        why: str,
        by: Actor,
        who: Principal | None,
    ) -> bool:
        """Make a prompt live in the caller's write transaction, by every stage before; return whether it was not.

        It need not lie in a file. Raises as `promote` does; the caller records what is refused.
        """
        fits(prompt, self._models())
        stated = self._gate.check(connection, who, "change_prompt", Resource("Prompt", prompt.name))
        before = _live(connection, prompt.purpose)
        if before.digest == prompt.digest:
            return False
        self._keep(connection, prompt, by)
        self._keep_first(connection, prompt.purpose, by)
        draft = _stage(connection, prompt) == "draft"
        kind = "prompt.promoted" if how == "promote" else "prompt.rolled_back"
        for stage in ("candidate", "live") if draft else ("live",):
            made = self._enter(connection, prompt, stage, how, why, by)
            self._log(connection, kind, made, prompt, before, by, stated)
        return True

    def _keep(self, connection: sa.Connection, prompt: Prompt, by: Actor) -> None:
        known = sa.select(prompt_version.c.digest).where(prompt_version.c.digest == prompt.digest)
        if connection.execute(known).first() is None:
            values = {"digest": prompt.digest, "version": prompt.version, "content": prompt.content}
            at = timestamp(self._clock.now())
            row = {**values, "file": prompt.where, "at": at, "by": by.ref}
            connection.execute(sa.insert(prompt_version).values(**row))

    def _keep_first(self, connection: sa.Connection, purpose: str, by: Actor) -> None:
        """Put what ships on record before another takes its place, so that there is a way back to it."""
        if connection.execute(_LIVE, {"purpose": purpose}).first() is None:
            first = _shipped(purpose)
            self._keep(connection, first, by)
            self._enter(connection, first, "live", "shipped", "shipped", by)

    def _enter(
        self, connection: sa.Connection, prompt: Prompt, stage: str, how: str, why: str, by: Actor
    ) -> Promotion:
        last: int = connection.execute(sa.select(sa.func.max(prompt_stage.c.number))).scalar() or 0
        at = timestamp(self._clock.now())
        made = Promotion(last + 1, prompt.purpose, prompt.version, stage, how, why, at, by.ref)
        values = {"number": made.number, "purpose": made.purpose, "digest": prompt.digest, "stage": stage}
        row = {**values, "how": how, "reason": why, "at": at, "by": by.ref}
        connection.execute(sa.insert(prompt_stage).values(**row))
        return made

    def _log(
        self,
        connection: sa.Connection,
        kind: str,
        made: Promotion,
        prompt: Prompt,
        before: Prompt,
        by: Actor,
        stated: dict[str, str],
    ) -> None:
        about = {
            **stated,
            "purpose": made.purpose,
            "prompt": made.version,
            "digest": prompt.digest,
            "stage": made.stage,
            "live_before": before.version,
            "reason": self._audit.commitment(made.reason),
        }
        self._audit.append(connection, [Entry(kind, by, about)])


def for_model(prompt: Prompt, model: str | None) -> Prompt:
    """Return the prompt; raises BadInput where it is not written for the endpoint `model`."""
    if model is not None and prompt.models and model not in prompt.models:
        raise BadInput(
            f"The prompt {prompt.version} is not written for the model {model!r}.",
            fix=f"Ask {' or '.join(prompt.models)}, or promote another prompt.",
        )
    return prompt


_LIVE = sa.select(prompt_stage).where(
    prompt_stage.c.purpose == sa.bindparam("purpose"), prompt_stage.c.stage == "live"
)

_PROMOTIONS = sa.select(prompt_stage, prompt_version.c.version).join(
    prompt_version, prompt_version.c.digest == prompt_stage.c.digest
)


def _promotion(row: sa.Row[tuple[object, ...]]) -> Promotion:
    return Promotion(row.number, row.purpose, row.version, row.stage, row.how, row.reason, row.at, row.by)


def _live(connection: sa.Connection, purpose: str) -> Prompt:
    if purpose not in PURPOSES:
        raise BadInput(f"There is no purpose {purpose!r}.", fix=f"Known: {', '.join(PURPOSES)}.")
    newest = _LIVE.order_by(prompt_stage.c.number.desc()).limit(1)
    row = connection.execute(newest, {"purpose": purpose}).first()
    return _shipped(purpose) if row is None else _stored(connection, row.digest)


def _shipped(purpose: str) -> Prompt:
    return next(one for one in prompts.shipped().values() if one.purpose == purpose)


def _stored(connection: sa.Connection, digest: str) -> Prompt:
    row = connection.execute(sa.select(prompt_version).where(prompt_version.c.digest == digest)).first()
    found = None if row is None else parse(row.content, row.file)
    if found is None or found.digest != digest:
        raise Tampered("A stored prompt is not what was promoted.", fix="Promote it again, or roll back.")
    return found


def _stage(connection: sa.Connection, prompt: Prompt) -> Stage:
    if prompt.purpose in PURPOSES and _live(connection, prompt.purpose).digest == prompt.digest:
        return "live"
    query = sa.select(prompt_stage.c.stage).where(prompt_stage.c.digest == prompt.digest)
    stages = set(connection.execute(query).scalars())
    if "live" in stages:
        return "retired"
    return "candidate" if "candidate" in stages else "draft"
