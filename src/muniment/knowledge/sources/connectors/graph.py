"""SharePoint sites and OneDrives, through Microsoft Graph.

Access and content have a delta feed each. A whole pass over access asks for the permissions of those items that have
their own, and puts the others into the scope of the folder above; later passes ask for what changed, and begin anew
where a folder moved or has other readers, where a grant ended by itself, and every `whole_seconds`. Where the service
does not say which items inherit, every item is asked for its permissions.

Not seen, and so not for libraries that rely on it: what denies beyond permissions, such as restricted access control,
information barriers, conditional access, encryption by labels, and drafts that only their authors see.

Narrower than the source in what graph_permissions says, and for groups that a site keeps itself: with a certificate
their members are read as graph_site_groups says, without one nobody is in them.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from muniment.foundation.errors import BadInput
from muniment.knowledge.sources.connector import (
    AccessPage,
    Checked,
    Content,
    ContentPage,
    Gone,
    Item,
    Notice,
    People,
    Unreadable,
)
from muniment.knowledge.sources.connectors.graph_access import SHARING, AccessFeed
from muniment.knowledge.sources.connectors.graph_content import ContentFeed
from muniment.knowledge.sources.connectors.graph_credentials import by_certificate
from muniment.knowledge.sources.connectors.graph_drives import SERVICE, Drives, site_of
from muniment.knowledge.sources.connectors.graph_item import part
from muniment.knowledge.sources.connectors.graph_people import people
from muniment.knowledge.sources.connectors.graph_place import Drive
from muniment.knowledge.sources.connectors.graph_site_groups import site_groups
from muniment.knowledge.sources.http_api import (
    GrantedToken,
    HttpApi,
    Malformed,
    Refusal,
    client_credentials,
    object_of,
    objects_in,
    origin_for_secrets,
    text_in,
)
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings

_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_MOST_TOKEN_CHARACTERS = 4096


class Settings(SourceSettings):
    """Of this kind."""

    site: str = Field(min_length=1)
    """Address of the site, such as `https://contoso.sharepoint.com/sites/team`; a person's OneDrive is one too."""
    drives: tuple[str, ...] = ()
    """Names or ids of its libraries; none: all. With exactly one, paths begin within it, else with its name."""
    tenant: Annotated[str, StringConstraints(pattern=_GUID)]
    """Id of the Entra tenant."""
    client_id: str = Field(min_length=1)
    client_secret: str = ""
    """Reference; or a certificate."""
    certificate: str = ""
    """Reference to a certificate with its key, in PEM; only with one SharePoint tells who is in a site's groups."""
    graph: str = "https://graph.microsoft.com/v1.0"
    login: str = "https://login.microsoftonline.com"
    download_hosts: tuple[str, ...] = ()
    """Hosts besides the site's own that Graph may send us to for content; we go there without our token."""
    hierarchical_sharing: Literal["confirmed", "assumed"] = "confirmed"
    """`assumed`: take it that the service says which items inherit, though it does not confirm that."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Name of a sensitivity label there to the sensitivity here; items with another label are nobody's."""
    whole_seconds: int = Field(default=21600, ge=60, le=604800)
    """How long passes over access may build on the last whole one."""
    client_state: str = ""
    """Reference to what calls of the service must carry; empty: none is taken."""
    private_network: bool = False

    @field_validator("site")
    @classmethod
    def _is_site(cls, stated: str) -> str:
        try:
            site_of(stated)
        except BadInput as error:
            raise ValueError(error.public) from error
        return stated

    @model_validator(mode="after")
    def _proves_itself(self) -> Settings:
        if bool(self.client_secret) == bool(self.certificate):
            raise ValueError("state either client_secret or certificate")
        return self


def connect(settings: SourceSettings, doors: Doors) -> Graph:
    """Return a connection."""
    if not isinstance(settings, Settings):
        raise BadInput("These are settings of another kind.")
    return Graph(settings, doors)


class Graph:
    """Fills `Connector` and `Notifies`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        site = origin_for_secrets(settings.site, "site")
        self._downloads = [site, *(_download_origin(one) for one in settings.download_hosts)]
        named = [origin_for_secrets(settings.graph, "graph"), origin_for_secrets(settings.login, "login")]
        self._egress = doors.egress([*named, *self._downloads], settings.private_network)
        self._api = self._api_at(settings.graph, SERVICE)
        self._site_api = self._api_at(site, "SharePoint") if settings.certificate else None
        chosen, whole = settings.drives, settings.whole_seconds
        self._drives = Drives(self._api, settings.site, chosen, bool(settings.labels))
        assumed = settings.hierarchical_sharing == "assumed"
        self._access = AccessFeed(self._drives, doors.clock, settings.tenant, settings.labels, assumed, whole)
        # A feed of its own: what it met before is its own too.
        drives = Drives(self._api, settings.site, chosen, False)
        self._content = ContentFeed(drives, doors.clock, len(chosen) == 1, whole)

    def check(self) -> Checked:
        drives = self._drives.names()
        first = next(iter(drives))
        accounts = objects_in(self._api.get("/users", {"$select": "id", "$top": 1}), "value")
        self._api.get("/groups", {"$select": "id", "$top": 1})
        self._api.get(f"/drives/{part(first)}/root/permissions")
        reply, _ = self._drives.delta(Drive(first), SHARING)
        warnings: list[str] = []
        if not self._access.tells_who_inherits(reply):
            warnings.append(
                "The service does not confirm `hierarchicalsharing`, so that every item is asked for its "
                "permissions. Grant the application Sites.FullControl.All."
            )
        if self._site_api is None:
            warnings.append("Without a certificate nobody is in the groups that the site keeps itself.")
        else:
            list(site_groups(self._site_api, site_of(self._settings.site)[1], self._settings.tenant))
        if not accounts:
            warnings.append("No accounts are to be seen. Grant the application User.Read.All.")
        return Checked([f"{len(drives)} libraries: {', '.join(drives.values())}"[:300]], warnings)

    def people(self) -> Iterable[People]:
        yield from people(self._api)
        if self._site_api is not None:
            path = site_of(self._settings.site)[1]
            yield People(teams=list(site_groups(self._site_api, path, self._settings.tenant)))

    def access(self, cursor: str) -> AccessPage:
        return self._access.page(cursor)

    def changes(self, cursor: str) -> ContentPage:
        return self._content.page(cursor)

    def fetch(self, item: Item) -> Content:
        drive, _, name = item.id.partition("/")
        try:
            reply = self._api.content(
                f"/drives/{part(drive)}/items/{part(name)}/content",
                self._doors.max_file_bytes,
                elsewhere=self._downloads,
            )
        except Refusal as error:
            if error.status in (404, 410):
                raise Gone("It is no more.") from error
            if error.status == 401:
                raise
            why = "refused" if error.status == 403 else "unreachable"
            raise Unreadable(f"{SERVICE} answered {error.status}.", why=why) from error
        return Content(reply.body)

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        expected = self._doors.secret(self._settings.client_state, "client_state")
        if expected is None:
            return None
        token = query.get("validationToken", "")
        if token:
            short = len(token) <= _MOST_TOKEN_CHARACTERS
            return Notice(200, token, access=False, content=False) if short else None
        try:
            told = objects_in(object_of(body, SERVICE), "value")
            states = [text_in(one, "clientState") for one in told]
        except Malformed:
            return None
        right = expected.reveal().encode()
        if not states or not all(hmac.compare_digest(one.encode(), right) for one in states):
            return None
        return Notice()

    def _api_at(self, base: str, place: str) -> HttpApi:
        """Return what asks a service, with a token for it."""
        settings, doors = self._settings, self._doors
        url = f"{settings.login.rstrip('/')}/{settings.tenant}/oauth2/v2.0/token"
        scope = f"https://{urlsplit(base).hostname}/.default"
        if settings.certificate:
            form = by_certificate(
                settings.client_id,
                lambda: doors.secret(settings.certificate, "certificate"),
                url,
                scope,
                doors.clock,
            )
        else:
            form = client_credentials(
                settings.client_id,
                lambda: doors.secret(settings.client_secret, "client_secret"),
                "client_secret",
                scope,
            )
        token = GrantedToken(self._egress, url, form, doors.clock, "The sign-in service")
        return HttpApi(self._egress, base, token, doors.clock, place)

    def close(self) -> None:
        """Nothing is held open."""


def _download_origin(stated: str) -> str:
    return origin_for_secrets(stated if "://" in stated else f"https://{stated}", "download_hosts")
