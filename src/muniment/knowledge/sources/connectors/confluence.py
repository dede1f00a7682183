"""Confluence, of Atlassian's cloud or a Data Center of one's own.

Every pass lists everything, of access and of content: a change of restrictions moves nothing that the service has a
feed of, and what is no more is known by its absence.

Narrower than the source:
- where restrictions or the permissions of a space cannot be read or understood, the pages are nobody's;
- spaces open to visitors are everybody's only with `anonymous`, and never a guest's by that alone;
- access by roles, by public links and through an app counts for nothing;
- accounts of Data Center of which it is not said that they are current, and those in no group with a licence, are
  not active.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from muniment.foundation.errors import BadInput
from muniment.knowledge.sources.connector import (
    AccessPage,
    Checked,
    Content,
    ContentPage,
    Item,
    Notice,
    People,
)
from muniment.knowledge.sources.connectors.atlassian_accounts import credentials, is_signed, people
from muniment.knowledge.sources.connectors.confluence_access import AccessFeed
from muniment.knowledge.sources.connectors.confluence_api import SERVICE, Space, Wiki
from muniment.knowledge.sources.connectors.confluence_content import ContentFeed
from muniment.knowledge.sources.http_api import HttpApi, origin_for_secrets
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings


class Settings(SourceSettings):
    """Of this kind."""

    site: str = Field(min_length=1)
    """Its address, such as `https://acme.atlassian.net/wiki` or `https://wiki.acme.example`."""
    edition: Literal["cloud", "datacenter"] = "cloud"
    spaces: tuple[str, ...] = ()
    """Their keys; none: all. With exactly one, paths begin within it, else with its key."""
    user: str = ""
    """Mail address of the account whose API token it is (Cloud); empty: a personal access token."""
    token: str = Field(min_length=1)
    """Reference to the token."""
    licensed_groups: tuple[str, ...] = Field(min_length=1)
    """Names of the groups whose members may use Confluence; whoever is in none of them reads nothing."""
    guest_groups: tuple[str, ...] = ()
    """Names of the groups of guests, who read only what was given to them or a group of theirs."""
    anonymous: bool = False
    """Whether spaces open to visitors are everybody's: only where visitors are let in at all."""
    download_hosts: tuple[str, ...] = ()
    """Hosts to which Confluence sends for what is attached (Cloud: `api.media.atlassian.com`); without our token."""
    webhook_secret: str = ""
    """Reference to the secret that calls are signed with; empty: none is taken."""
    private_network: bool = False


def connect(settings: SourceSettings, doors: Doors) -> Confluence:
    """Return a connection."""
    if not isinstance(settings, Settings):
        raise BadInput("These are settings of another kind.")
    return Confluence(settings, doors)


class Confluence:
    """Fills `Connector` and `Notifies`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        self._downloads = [
            origin_for_secrets(one if "://" in one else f"https://{one}", "download_hosts")
            for one in settings.download_hosts
        ]
        origins = [origin_for_secrets(settings.site, "site"), *self._downloads]
        proof = credentials(settings.user, lambda: doors.secret(settings.token, "token"))
        api = HttpApi(
            doors.egress(origins, settings.private_network), settings.site, proof, doors.clock, SERVICE
        )
        self._wiki = Wiki(api, settings.site, settings.edition == "cloud", settings.anonymous)
        self._spaces: list[Space] | None = None
        self._access = AccessFeed(self._wiki, self._known)
        self._content = ContentFeed(self._wiki, self._known, settings.site, len(settings.spaces) == 1)

    def check(self) -> Checked:
        spaces = self._wiki.spaces(self._settings.spaces)
        accounts = next(iter(self.people())).accounts
        active = sum(one.active for one in accounts)
        says = [f"{len(spaces)} spaces", f"{active} of {len(accounts)} accounts may sign in"]
        warnings = [
            f"Who may see the space {one.key} cannot be read: it is nobody's."
            for one in spaces[:20]
            if not self._wiki.readers(one)
        ]
        if not active:
            warnings.append("No account is known to be active, so that nobody will read anything.")
        return Checked(says, warnings)

    def people(self) -> Iterable[People]:
        return people(self._wiki.groups(), self._settings.licensed_groups, self._settings.guest_groups)

    def access(self, cursor: str) -> AccessPage:
        self._begin(cursor)
        return self._access.page(cursor)

    def changes(self, cursor: str) -> ContentPage:
        self._begin(cursor)
        return self._content.page(cursor)

    def fetch(self, item: Item) -> Content:
        return self._content.fetch(item, self._doors.max_file_bytes, self._downloads)

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        secret = self._doors.secret(self._settings.webhook_secret, "webhook_secret")
        return Notice() if is_signed(headers, body, secret) else None

    def close(self) -> None:
        """Nothing is held open."""

    def _begin(self, cursor: str) -> None:
        if not cursor:
            self._spaces = None

    def _known(self) -> Sequence[Space]:
        if self._spaces is None:
            self._spaces = self._wiki.spaces(self._settings.spaces)
        return self._spaces
