"""Who somebody is: tokens, keys, certificates, providers and sessions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.app.opened import Opened
from muniment.foundation.errors import Denied
from muniment.governance.identity.claimed import LOCAL, GroupRule
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.tenant_part import TenantIds

if TYPE_CHECKING:
    from muniment.governance.identity.api_keys import ApiKeys
    from muniment.governance.identity.client_certificates import ClientCertificates
    from muniment.governance.identity.code_flow import CodeFlow
    from muniment.governance.identity.delegation import Delegation
    from muniment.governance.identity.key_places import KeyPlaces
    from muniment.governance.identity.principal import VerifiesTokens
    from muniment.governance.identity.provisioning import Provisioning
    from muniment.governance.identity.published import Published
    from muniment.governance.identity.sessions import Sessions
    from muniment.governance.identity.tokens import Tokens


class Identified(Opened):
    """A home that knows whom it deals with."""

    @cached_property
    def tokens(self) -> Tokens:
        """Short-lived tokens of its own; raises Denied where people sign in through a provider."""
        from muniment.governance.identity.tokens import Tokens

        if self.settings.identity.mode == "oidc":
            raise Denied(
                "This workspace signs no tokens: it takes those of the identity provider.",
                fix='Get a token there, or set identity.mode = "local".',
            )
        return Tokens(self.keyring, self.directory, self.clock, self.ids)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """Keys of services."""
        from muniment.governance.identity.api_keys import ApiKeys

        return ApiKeys(self.database, self.audit, self.clock, self.ids, self.repeats, self.tenant_part)

    @cached_property
    def key_places(self) -> KeyPlaces:
        """From where keys of services are used."""
        from muniment.governance.identity.key_places import KeyPlaces

        return KeyPlaces(self.database, self.audit, self.clock)

    @cached_property
    def client_certificates(self) -> ClientCertificates:
        """Certificates of services."""
        from muniment.governance.identity.client_certificates import ClientCertificates

        known = self.settings.identity.client_certificates
        return ClientCertificates(known, self.directory, self.audit, self.clock)

    @cached_property
    def provisioning(self) -> Provisioning:
        """What identity providers provision."""
        from muniment.governance.identity.provisioning import Provisioning

        identity = self.settings.identity
        guarded = frozenset(identity.admin_groups) - frozenset(identity.scim_admin_groups)
        claimed = identity.claimed_groups
        return Provisioning(self.database, self.audit, self.clock, self.ids, guarded, claimed)

    @cached_property
    def issuers(self) -> list[Published]:
        """The identity providers whose word is taken; none in local use."""
        from muniment.foundation.egress import Egress
        from muniment.governance.identity.published import LONGEST_REPLY, Published

        if self.settings.identity.mode != "oidc":
            return []
        known = settings_file.issuers(self.settings, self.home)
        private = [origin for one in known if one.private_network for origin in one.origins]
        door = Egress(
            [origin for one in known for origin in one.origins],
            private,
            LONGEST_REPLY,
            purpose="identity",
            rules=self._egress_rules,
            on_refused=self._egress_refused,
        )
        return [Published(one, door, self.clock) for one in known]

    @cached_property
    def bearer(self) -> VerifiesTokens:
        """What bearer tokens are verified by."""
        from muniment.governance.identity.access_tokens import AccessTokens

        if self.settings.identity.mode == "oidc":
            return AccessTokens(self.issuers, self.directory, self.clock)
        return self.tokens

    @property
    def _trusted(self) -> dict[str, GroupRule]:
        """Whose word is taken for who somebody is, and which groups each gives."""
        return {one.issuer.url: one.issuer.group_rule for one in self.issuers} or {LOCAL: GroupRule()}

    @cached_property
    def delegation(self) -> Delegation:
        """Tokens by which services act for people."""
        from muniment.governance.identity.delegation import Delegation

        return Delegation(
            self.keyring,
            self.directory,
            self.bearer,
            self.api_keys,
            self._trusted,
            self.audit,
            self.repeats,
            self.clock,
            self.ids,
        )

    @cached_property
    def sessions(self) -> Sessions:
        """Browser sessions, and in local use one-time sign-in links."""
        from muniment.governance.identity.sessions import Sessions

        ids = TenantIds(self.ids, self.tenant_part)
        return Sessions(self.database, self.directory, self.audit, self.clock, ids, self._trusted)

    @cached_property
    def code_flow(self) -> CodeFlow:
        """How people sign in through a provider; in local use there is none to choose."""
        from muniment.governance.identity.attempts import Attempts
        from muniment.governance.identity.code_flow import CodeFlow

        attempts = Attempts(self.database, self.clock, TenantIds(self.ids, self.tenant_part))
        return CodeFlow(self.issuers, attempts, self.sessions, self.audit, self.clock)

    def require_identity(self) -> None:
        """Refuse to go on where nobody could be told apart; raises BadInput naming the setting."""
        _ = self.bearer
        self.directory.require_one_source()

    def principal(self, as_: str | Principal) -> Principal:
        """Return the principal named; raises BadInput for an unknown name."""
        return as_ if isinstance(as_, Principal) else self.directory.principal(as_)
