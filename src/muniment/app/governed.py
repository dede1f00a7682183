"""Who may do what: the policy in force, roles, emergency access and the key above all keys."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.app.identified import Identified
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.governance.account_changes import AccountChanges
    from muniment.governance.audit.cosigning import CoSigning
    from muniment.governance.audit.proofs import Proofs
    from muniment.governance.audit.serving import Serving
    from muniment.governance.audit.sinks.copies import Copies
    from muniment.governance.audit.witnesses import Witnesses
    from muniment.governance.audit_proof import AuditProof
    from muniment.governance.audit_reading import AuditReading
    from muniment.governance.directory_pages import DirectoryPages
    from muniment.governance.key_changes import KeyChanges
    from muniment.governance.key_custody import KeyCustody
    from muniment.governance.occurrences import Occurrences
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
    def key_changes(self) -> KeyChanges:
        """Keys changed by people whom policy lets."""
        from muniment.governance.key_changes import KeyChanges

        return KeyChanges(self.database, self.audit, self.gate, self.key_custody, self.api_keys)

    @cached_property
    def occurrences(self) -> Occurrences:
        """What happened lately to the installation."""
        from muniment.governance.occurrences import Occurrences

        return Occurrences(self.database, self.audit, self.gate)

    @cached_property
    def copies(self) -> Copies:
        """The copies of the log in other places."""
        from muniment.app.copying import places_of
        from muniment.governance.audit.sinks.copies import Copies

        places = places_of(self.home, self.settings, self.keyring.tenant, self.clock, self._egress_refused)
        return Copies(database=self.database, audit=self.audit, places=places, clock=self.clock)

    @cached_property
    def serving(self) -> Serving:
        """What is put on record of a server's runs."""
        from muniment.foundation.version import VERSION, source_digest
        from muniment.governance.audit.serving import Serving, differing

        now, shipped = settings_file.described(self.settings), settings_file.described(Settings())
        stated = differing(now, shipped, self.audit.commitment)
        return Serving(self.audit, VERSION, source_digest(), stated)

    @cached_property
    def proofs(self) -> Proofs:
        """Proofs about the log."""
        from muniment.governance.audit.proofs import Proofs

        return Proofs(self.database, self.audit)

    @cached_property
    def audit_reading(self) -> AuditReading:
        """The log as auditors read it."""
        from muniment.governance.audit_reading import AuditReading

        return AuditReading(self.database, self.audit, self.gate, self.proofs)

    @cached_property
    def audit_proof(self) -> AuditProof:
        """The proof of the log as auditors see to it."""
        from muniment.governance.audit_proof import AuditProof

        return AuditProof(
            database=self.database,
            audit=self.audit,
            gate=self.gate,
            proofs=self.proofs,
            witnesses=self.witnesses,
            copies=self.copies,
            clock=self.clock,
        )

    @cached_property
    def witnesses(self) -> Witnesses:
        """Who outside holds checkpoints of the log."""
        from muniment.app.witnessing import witnesses_of
        from muniment.governance.audit.witnesses import Witnesses

        makers = witnesses_of(self.home, self.settings, self.keyring.tenant, self.clock, self._egress_refused)
        allowed = self.settings.audit.witness_minutes * 60.0
        return Witnesses(self.database, self.audit, self.proofs, self.clock, makers, allowed)

    @cached_property
    def cosigning(self) -> CoSigning:
        """This workspace as a witness of other logs."""
        from muniment.governance.audit.checkpoint import origin
        from muniment.governance.audit.cosignature import read_key
        from muniment.governance.audit.cosigning import CoSigning

        logs = {key.name: key for key in map(read_key, self.settings.audit.logs)}
        name = f"{origin(self.keyring.tenant)}/witness"
        return CoSigning(self.database, self.audit, name, self.keyring.witness_key(), self.clock, logs)

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

    @cached_property
    def directory_pages(self) -> DirectoryPages:
        """The directory as it is shown."""
        from muniment.governance.directory_pages import DirectoryPages

        claimed = self.settings.identity.claimed_groups
        return DirectoryPages(self.database, self.audit, self.policy, self.gate, self.clock, claimed)

    @cached_property
    def account_changes(self) -> AccountChanges:
        """Switching accounts off and on."""
        from muniment.governance.account_changes import AccountChanges

        return AccountChanges(self.database, self.audit, self.directory, self.gate)
