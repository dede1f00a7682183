"""Jira, of Atlassian's cloud or a Data Center of one's own.

Every issue, and every comment, is an item of its own, so that a comment shown to a role or group is in a scope of its
own too. Passes ask for what was updated; every `whole_seconds` they list everything, which finds what was deleted.

Narrower than the source:
- where a project's permissions, or the members of a security level, cannot be read, its issues are nobody's; Data
  Center does not tell the members of levels to every version;
- holders of Browse that are not known, such as customers of a portal, count for nothing; internal comments of a
  service desk are nobody's;
- whoever is in no group with a licence reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

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
    Team,
    Unreadable,
    account,
)
from muniment.knowledge.sources.connectors.atlassian_accounts import credentials, is_signed, people
from muniment.knowledge.sources.connectors.jira_api import REST, SERVICE, Project, Tracker, part
from muniment.knowledge.sources.connectors.jira_feeds import AccessFeed, ContentFeed, Walk
from muniment.knowledge.sources.connectors.jira_rights import (
    Directory,
    RightsReader,
    group_entry,
    role_id,
)
from muniment.knowledge.sources.http_api import (
    HttpApi,
    Object,
    Refusal,
    TooLarge,
    object_in,
    objects_in,
    origin_for_secrets,
    stated_in,
    text_in,
)
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings


class Settings(SourceSettings):
    """Of this kind."""

    site: str = Field(min_length=1)
    """Its address, such as `https://acme.atlassian.net` or `https://jira.acme.example`."""
    edition: Literal["cloud", "datacenter"] = "cloud"
    projects: tuple[str, ...] = ()
    """Their keys; none: all."""
    attachments: bool = False
    """Whether what is attached to issues is read too."""
    user: str = ""
    """Mail address of the account whose API token it is (Cloud); empty: a personal access token."""
    token: str = Field(min_length=1)
    """Reference to the token."""
    licensed_groups: tuple[str, ...] = Field(min_length=1)
    """Names of the groups whose members may use Jira; whoever is in none of them reads nothing."""
    guest_groups: tuple[str, ...] = ()
    """Names of the groups of guests, who read only what was given to them or a group of theirs."""
    download_hosts: tuple[str, ...] = ()
    """Hosts to which Jira sends for what is attached (Cloud: `api.media.atlassian.com`); without our token."""
    whole_seconds: int = Field(default=3600, ge=0, le=604800)
    """How long passes may build on the last whole one; 0: each lists everything."""
    webhook_secret: str = ""
    """Reference to the secret that calls are signed with; empty: none is taken."""
    private_network: bool = False


def connect(settings: SourceSettings, doors: Doors) -> Jira:
    """Return a connection."""
    if not isinstance(settings, Settings):
        raise BadInput("These are settings of another kind.")
    return Jira(settings, doors)


class Jira:
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
        egress = doors.egress(origins, settings.private_network)
        self._api = HttpApi(egress, settings.site, proof, doors.clock, SERVICE)
        self._tracker = Tracker(self._api, settings.edition == "cloud")
        self._directory = Directory(self._tracker.cloud)
        self._projects: list[Project] | None = None
        walk = Walk(self._tracker, self._known, doors.clock, settings.whole_seconds)
        reader = RightsReader(self._tracker, self._directory)
        self._access = AccessFeed(walk, self._tracker, self._known, reader)
        self._content = ContentFeed(walk, self._tracker, settings.site, self._anew)

    def check(self) -> Checked:
        accounts = next(iter(self.people())).accounts
        active = sum(one.active for one in accounts)
        projects = self._known()
        says = [f"{len(projects)} projects", f"{active} of {len(accounts)} accounts may sign in"]
        reader = RightsReader(self._tracker, self._directory)
        warnings: list[str] = []
        for one in projects[:20]:
            rights = reader.read(one)
            if rights.browse.entries or rights.browse.fields:
                continue
            warnings.append(f"Who may browse {one.key} cannot be read: its issues are nobody's.")
        return Checked(says, warnings)

    def people(self) -> Iterable[People]:
        self._anew()
        self._access.begin()
        parts = list(
            people(self._tracker.groups(), self._settings.licensed_groups, self._settings.guest_groups)
        )
        self._directory.accounts = {one.id: one for found in parts for one in found.accounts}
        for found in parts:
            teams = [replace(one, id=group_entry(one.id).partition(":")[2]) for one in found.teams]
            yield People(found.accounts, teams)
        for project in self._known():
            yield People(teams=list(self._roles(project)))

    def _roles(self, project: Project) -> Iterator[Team]:
        """Return the roles of a project, by id and, as comments speak of them, by name."""
        url = f"{REST}/project/{part(project.key)}/role"
        for address in (self._tracker.optional(url) or {}).values():
            number = address.rstrip("/").rpartition("/")[2] if isinstance(address, str) else ""
            said = self._tracker.optional(f"{url}/{part(number)}") if number.isdecimal() else None
            if said is None:
                continue
            members = sorted({entry for one in objects_in(said, "actors") for entry in self._actor(one)})
            name = text_in(said, "name")
            yield Team(role_id(project.id, number), members, name)
            if name:
                yield Team(role_id(project.id, f"named:{name}"), members, name)

    def _actor(self, one: Object) -> Iterable[str]:
        kind = text_in(one, "type")
        if kind == "atlassian-group-role-actor":
            name = self._tracker.group(object_in(one, "actorGroup"))
            if not name and not self._tracker.cloud:
                name = text_in(one, "name")
            return [group_entry(name)] if name else []
        if kind == "atlassian-user-role-actor":
            told = self._tracker.person(object_in(one, "actorUser"))
            if told or self._tracker.cloud:
                return [account(told)] if told else []
            return self._directory.named(text_in(one, "name"))
        return []

    def access(self, cursor: str) -> AccessPage:
        return self._access.page(cursor, self._settings.attachments)

    def changes(self, cursor: str) -> ContentPage:
        return self._content.page(cursor, self._settings.attachments)

    def fetch(self, item: Item) -> Content:
        issue, _, rest = item.id.partition("/")
        kind, _, name = rest.partition("/")
        try:
            if kind == "attachment":
                return self._attachment(name)
            at = f"{REST}/issue/{part(issue)}"
            if kind == "comment":
                said = self._api.get(f"{at}/comment/{part(name)}")
                return Content(_told(said, "body").encode())
            said = self._api.get(at, {"fields": "summary,description"})
            fields = object_in(said, "fields")
            text = f"{stated_in(said, 'key')} {_told(fields, 'summary')}\n\n{text_in(fields, 'description')}"
            return Content(text.encode())
        except TooLarge as error:
            raise Unreadable("More than can be asked for at once.", why="size") from error
        except Refusal as error:
            if error.status in (404, 410):
                raise Gone("It is no more.") from error
            if error.status == 401:
                raise
            why = "refused" if error.status == 403 else "unreachable"
            raise Unreadable(f"{SERVICE} answered {error.status}.", why=why) from error

    def _attachment(self, name: str) -> Content:
        link = f"{REST}/attachment/content/{part(name)}"
        if not self._tracker.cloud:
            link = stated_in(self._api.get(f"{REST}/attachment/{part(name)}"), "content")
        return Content(self._api.content(link, self._doors.max_file_bytes, elsewhere=self._downloads).body)

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        secret = self._doors.secret(self._settings.webhook_secret, "webhook_secret")
        return Notice() if is_signed(headers, body, secret) else None

    def close(self) -> None:
        """Nothing is held open."""

    def _anew(self) -> Sequence[Project]:
        self._projects = None
        return self._known()

    def _known(self) -> Sequence[Project]:
        if self._projects is None:
            self._projects = self._tracker.projects(self._settings.projects)
        return self._projects


def _told(one: Object, name: str) -> str:
    if name not in one:
        raise Unreadable(f"{SERVICE} gave no {name}.", why="unreachable")
    return text_in(one, name)
