"""Who may do what: the policy in force, roles, emergency access and the key above all keys."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.app.identified import Identified

if TYPE_CHECKING:
    from muniment.governance.audit.sinks.copies import Copies
    from muniment.governance.key_custody import KeyCustody
    from muniment.governance.policy.decide import Policy
    from muniment.governance.policy.emergency import Emergencies
    from muniment.governance.policy.gate import Gate
    from muniment.governance.policy.roles import Roles
    from muniment.governance.policy.temporary import TemporaryRoles
    from muniment.governance.policy.versions import Versions


class Governed(Identified):
    """A home that decides."""

    @cached_property
    def key_custody(self) -> KeyCustody:
        """Rotating, re-wrapping, switching off and destroying the key."""
        from muniment.governance.key_custody import KeyCustody

        return KeyCustody(self.database, self.audit, self.key_provider, settings_file.keyring_file(self.home))

    @cached_property
    def copies(self) -> Copies:
        """The copies of the log in other places."""
        from muniment.app.copying import places_of
        from muniment.governance.audit.sinks.copies import Copies

        places = places_of(self.home, self.settings, self.keyring.tenant, self.clock, self._egress_refused)
        return Copies(database=self.database, audit=self.audit, places=places, clock=self.clock)

    @cached_property
    def policy(self) -> Policy:
        """The decision point."""
        from muniment.governance.policy.decide import Policy

        return Policy(frozenset(self.settings.identity.admin_groups), self.temporary_roles)

    @cached_property
    def temporary_roles(self) -> TemporaryRoles:
        """The roles that emergency access gives."""
        from muniment.governance.policy.temporary import TemporaryRoles

        return TemporaryRoles(self.clock)

    @cached_property
    def emergencies(self) -> Emergencies:
        """Emergency access."""
        from muniment.governance.policy.emergency import Emergencies

        return Emergencies(
            self.database,
            self.audit,
            self.policy,
            self.gate,
            self.temporary_roles,
            self.clock,
            self.ids,
        )

    @cached_property
    def gate(self) -> Gate:
        """The way to every change of who may do what."""
        from muniment.governance.policy.gate import Gate

        return Gate(self.policy, self.audit)

    @cached_property
    def policies(self) -> Versions:
        """The policy texts: which is in force, and which were."""
        from muniment.governance.policy.versions import Versions

        return Versions(self.database, self.audit, self.policy, self.gate, self.clock)

    @cached_property
    def roles(self) -> Roles:
        """Who holds which role."""
        from muniment.governance.policy.roles import Roles

        return Roles(self.database, self.directory, self.audit, self.gate, self.clock)
