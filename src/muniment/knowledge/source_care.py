"""Looking after a connected source: pausing it, reading again what failed, removing it.

Invariants:
- only whom policy lets `ingest` into the source, and a refusal is on record; a source that may not be looked at is
  none;
- nothing here adds a source or changes its settings: these name files, variables and addresses of this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.knowledge.syncing import connection as connections

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.knowledge.syncing.sources import Sources

    class _Removes(Protocol):
        def remove(self, name: str, by: Actor, on_step: Callable[[str, int, int], None]) -> object: ...


class SourceCare:
    """Care for the connected sources of one workspace."""

    def __init__(
        self, database: Database, policy: Policy, gate: Gate, sources: Callable[[], Sources]
    ) -> None:
        self._database = database
        self._policy = policy
        self._gate = gate
        self._sources = sources

    def pause(self, name: str, who: Principal, by: Actor) -> None:
        """Read a source no more; raises NotFound, NotPermitted, Conflict."""
        self._check(name, who, by)
        self._sources().pause(name, by)

    def resume(self, name: str, who: Principal, by: Actor) -> None:
        """Read it again; raises NotFound, NotPermitted, Conflict."""
        self._check(name, who, by)
        self._sources().resume(name, by)

    def retry(self, name: str, who: Principal, by: Actor) -> int:
        """Have all that was given up read again; return how many items. Raises NotFound, NotPermitted."""
        self._check(name, who, by)
        return self._sources().retry(name, None, by)

    def remove(self, name: str, repeated: str, who: Principal, by: Actor) -> None:
        """Take a source from every reader; a server goes on with removing it.

        Raises NotFound, NotPermitted, Conflict, and BadInput where its name was not repeated.
        """
        self._check(name, who, by)
        if repeated != name:
            raise BadInput("That is not the name of this source.", fix="Write it as it stands above.")
        sources = cast("_Removes", self._sources())
        try:
            sources.remove(name, by, _stop)
        except _Withdrawn:
            return

    def _check(self, name: str, who: Principal, by: Actor) -> None:
        source = Resource("Source", name)
        with self._gate.recorded(by), self._database.read() as connection:
            known = connections.connected(connection, name) if storable(name) else None
            looks = self._policy.standing(connection, who).decide("read_source", source)
            if known is None or not looks.allowed:
                raise NotFound("No source of this name.")
            self._gate.check(connection, who, "ingest", source)


class _Withdrawn(Exception):
    pass


def _stop(_step: str, _done: int, _total: int) -> None:
    """End a removal after its first transaction: nobody reads the source any more, and the rest takes long."""
    raise _Withdrawn
