"""Carries out what was approved: reads the record's version, claims, calls once, records what came of it.

Invariant: whatever goes wrong after the claim, the call is not made again by itself; unless it is sure that nothing
was done, its outcome is `unknown`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from datetime import timedelta

from muniment.actions.action import Action, Refused
from muniment.actions.bound import Bound
from muniment.actions.calling import Calling
from muniment.actions.claims import Claims
from muniment.actions.manifest import Manifest
from muniment.actions.proposals import Versions
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.foundation.errors import MunimentError
from muniment.foundation.repeating import repeated
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal

LOOK_SECONDS = 5.0
"""How often a server looks for what time has ended, and for what was left."""
LEFT_AFTER = timedelta(seconds=15)
"""How long an approved action may wait for whoever approved it to carry it out."""
_ITSELF = Actor("muniment", "python")


class Execution:
    """Carries out the actions of one workspace."""

    def __init__(self, claims: Claims, calling: Calling, versions: Versions) -> None:
        self._claims = claims
        self._calling = calling
        self._versions = versions

    def run(self, made: str, by: Actor) -> Action:
        """Carry out an approved action and return it with its outcome.

        Raises Refused where what was approved no longer holds, Conflict where it is not approved or claimed already,
        Unavailable where it cannot be begun now: it then stays approved.
        """
        bound, manifest = self._claims.peek(made)
        version = self._version(made, bound, manifest, by)
        claimed = self._claims.claim(made, version, by)
        call = ToolCall(
            claimed.manifest, bound.arguments, bound.requester, claimed.digest, claimed.bound.record.version
        )
        try:
            result = self._calling.run(call)
        except ToolFailed as error:
            return self._claims.settle(
                claimed, "failed" if error.certain else "unknown", by, reason=error.public
            )
        except BaseException as error:
            reason = error.public if isinstance(error, MunimentError) else "It ended in an error of ours."
            self._claims.settle(claimed, "unknown", by, reason=reason)
            raise
        return self._claims.settle(claimed, "done", by, result)

    def _version(self, made: str, bound: Bound, manifest: Manifest | None, by: Actor) -> str:
        if manifest is None or not bound.record.version:
            return bound.record.version
        kind, _, name = bound.requester.partition(":")
        principal = Principal("service" if kind == "service" else "user", name)
        try:
            return self._versions(principal, by, manifest, bound.arguments)
        except MunimentError as error:
            if not error.final:
                # Such as a disk that is full for a while: it stays approved, and is tried again.
                raise
            self._claims.refuse(made, "the record cannot be read", by)
            raise Refused(f"{made} was not carried out: the record cannot be read.", fix=error.fix) from error

    def take_up(self) -> int:
        """Carry out what was approved and then left by a process that ended; return how many were begun."""
        begun = 0
        for made in self._claims.left(LEFT_AFTER):
            # Of several that take it up one claims it, and what no longer holds is refused on record.
            with suppress(MunimentError):
                self.run(made, _ITSELF)
                begun += 1
        return begun

    def watched(self) -> AbstractContextManager[None]:
        """Put on record what time has ended and take up what was left, every few seconds, while the block runs."""
        return repeated("actions", LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._claims.overdue()
        self.take_up()
