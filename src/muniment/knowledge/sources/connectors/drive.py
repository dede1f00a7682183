"""Google Drive: shared drives and stated folders, with who may read what there, through its API v3.

Whoever reads is one account of the Workspace, for which a service account acts: it sees what that account sees, and
has to be a manager of the shared drives. Access and content have a feed of changes each; where a folder changed, a
grant ended by itself, or `whole_seconds` went by, everything is listed anew.

Narrower than the source in what drive_permissions and drive_people say. Files in several folders are not read. Not
seen: rules of the organisation that deny beyond permissions, such as trust rules and context-aware access.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

from pydantic import Field, model_validator

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
from muniment.knowledge.sources.connectors.drive_access import AccessFeed
from muniment.knowledge.sources.connectors.drive_api import GoogleApi, entries, part
from muniment.knowledge.sources.connectors.drive_content import ContentFeed
from muniment.knowledge.sources.connectors.drive_credentials import by_service_account
from muniment.knowledge.sources.connectors.drive_feed import Feed
from muniment.knowledge.sources.connectors.drive_labels import LABELS, asked
from muniment.knowledge.sources.connectors.drive_people import people
from muniment.knowledge.sources.http_api import (
    Credentials,
    FixedToken,
    GrantedToken,
    HttpApi,
    origin_for_secrets,
    text_in,
)
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings


class Settings(SourceSettings):
    """Of this kind."""

    workspace: str = Field(min_length=1)
    """Domain of the organisation; it names the source in listings."""
    drives: tuple[str, ...] = ()
    """Ids of shared drives."""
    folders: tuple[str, ...] = ()
    """Ids of folders, in shared drives or in what the account sees besides. With one drive or folder in all, paths
    begin within it, else with its id."""
    service_account: str = ""
    """Reference to the JSON key of a service account with domain-wide delegation; or a token."""
    subject: str = ""
    """Mail address of the account that it acts for: an administrator who may read accounts and groups."""
    token: str = ""
    """Reference to an access token, for trials: it ends within the hour."""
    customer: str = "my_customer"
    """Id of the organisation in its directory."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Sensitivity here by id of a label there, or by `LABEL/CHOICE`."""
    whole_seconds: int = Field(default=21600, ge=60, le=604800)
    """How long passes may build on the last whole one."""
    channel_token: str = ""
    """Reference to what calls of the service must carry; empty: none is taken."""
    api: str = "https://www.googleapis.com/drive/v3"
    directory: str = "https://admin.googleapis.com/admin/directory/v1"
    login: str = "https://oauth2.googleapis.com/token"
    private_network: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Settings:
        if not self.drives and not self.folders:
            raise ValueError("state drives or folders")
        if set(self.drives) & set(self.folders):
            raise ValueError("what is in drives is no folder")
        if bool(self.service_account) == bool(self.token):
            raise ValueError("state either service_account or token")
        if bool(self.service_account) != bool(self.subject):
            raise ValueError("state subject with service_account, and only with it")
        return self


def connect(settings: SourceSettings, doors: Doors) -> Drive:
    """Return a connection."""
    if not isinstance(settings, Settings):
        raise BadInput("These are settings of another kind.")
    return Drive(settings, doors)


class Drive:
    """Fills `Connector` and `Notifies`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        origins = [
            origin_for_secrets(settings.api, "api"),
            origin_for_secrets(settings.directory, "directory"),
            origin_for_secrets(settings.login, "login"),
        ]
        egress = doors.egress(origins, settings.private_network)
        if settings.token:
            credentials: Credentials = FixedToken(lambda: doors.secret(settings.token, "token"), "token")
        else:
            form = by_service_account(
                lambda: doors.secret(settings.service_account, "service_account"),
                settings.subject,
                settings.login,
                doors.clock,
            )
            credentials = GrantedToken(egress, settings.login, form, doors.clock, "Google's sign-in")
        place = "Google Drive"
        self._api = GoogleApi(HttpApi(egress, settings.api, credentials, doors.clock, place), place)
        place = "Google's directory"
        self._directory = GoogleApi(
            HttpApi(egress, settings.directory, credentials, doors.clock, place), place
        )
        fields = f"permissions,{LABELS}" if settings.labels else "permissions"
        self._feed = self._feed_of(fields, asked(settings.labels))
        self._access = AccessFeed(self._feed, doors.clock, settings.labels)
        # A feed of its own: what it met before is its own too.
        self._content = ContentFeed(self._feed_of("", ()), doors.clock, doors.max_file_bytes)

    def _feed_of(self, fields: str, labels: Iterable[str]) -> Feed:
        stated = self._settings
        return Feed(self._api, stated.drives, stated.folders, stated.whole_seconds, fields, list(labels))

    def check(self) -> Checked:
        says, warnings = list[str](), list[str]()
        for one in self._feed.corpora():
            if one:
                said = self._api.get(f"/drives/{part(one)}", {"fields": "name"})
                says.append(f"The shared drive {text_in(said, 'name')}.")
                query: dict[str, str | int] = {"supportsAllDrives": "true", "pageSize": 1}
                self._api.get(f"/files/{part(one)}/permissions", query)
            else:
                says.append("What the account sees outside of shared drives.")
        customer = self._settings.customer
        first = self._directory.get("/users", {"customer": customer, "maxResults": 1})
        self._directory.get("/groups", {"customer": customer, "maxResults": 1})
        if not entries(first, "users"):
            warnings.append("No accounts are to be seen: let the account read the directory.")
        if self._settings.token:
            warnings.append("A token ends within the hour: use a service account.")
        return Checked(says, warnings)

    def people(self) -> Iterable[People]:
        return people(self._directory, self._settings.customer, self._settings.accounts)

    def access(self, cursor: str) -> AccessPage:
        return self._access.page(cursor)

    def changes(self, cursor: str) -> ContentPage:
        return self._content.page(cursor)

    def fetch(self, item: Item) -> Content:
        return self._content.fetch(item)

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        expected = self._doors.secret(self._settings.channel_token, "channel_token")
        if expected is None or not expected.reveal().strip():
            return None
        sent = {name.lower(): value for name, value in headers.items()}
        token = sent.get("x-goog-channel-token", "")
        if not hmac.compare_digest(token.encode(), expected.reveal().strip().encode()):
            return None
        is_change = sent.get("x-goog-resource-state", "") != "sync"
        return Notice(200, access=is_change, content=is_change)

    def close(self) -> None:
        """Nothing is held open."""
