"""The libraries of a site, and their feeds of changes, as Microsoft Graph gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from muniment.foundation.egress import Reply
from muniment.foundation.errors import BadInput
from muniment.knowledge.sources.connector import CursorLost
from muniment.knowledge.sources.connectors.graph_item import part
from muniment.knowledge.sources.connectors.graph_people import next_link
from muniment.knowledge.sources.connectors.graph_place import Drive, Place
from muniment.knowledge.sources.http_api import (
    HttpApi,
    Malformed,
    Object,
    Refusal,
    object_of,
    objects_in,
    origin_for_secrets,
    stated_in,
    text_in,
)

SERVICE = "Microsoft Graph"
LABEL = "sensitivityLabel"
_SELECT = (
    "id,name,parentReference,file,folder,package,remoteItem,root,deleted,shared,malware,publication,size,cTag,eTag,"
    "lastModifiedDateTime,webUrl,createdBy"
)
_PAGE = 200


def site_of(address: str) -> tuple[str, str]:
    """Return host and path of a site; raises ValueError for what is no address of one, or one in clear."""
    parts = urlsplit(address)
    origin_for_secrets(address, "site")
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("Write https://HOST/sites/NAME.")
    return parts.hostname, parts.path.rstrip("/")


class Drives:
    """The libraries that are read."""

    def __init__(self, api: HttpApi, site: str, chosen: Sequence[str], labels: bool) -> None:
        """`chosen` are names or ids, none: all. With `labels`, those of sensitivity are asked for."""
        self.api = api
        self._site = site
        self._chosen = chosen
        self._select = f"{_SELECT},{LABEL}" if labels else _SELECT
        self._known: dict[str, str] | None = None
        self._links: set[str] = set()

    def names(self) -> Mapping[str, str]:
        """Return the names of the libraries by id, in the order of ids; raises BadInput where one is missing."""
        if self._known is None:
            host, path = site_of(self._site)
            url = f"/sites/{host}:{quote(path)}" if path else f"/sites/{host}"
            site = stated_in(self.api.get(url, {"$select": "id"}), "id")
            listed: dict[str, str] = {}
            for page in self.api.pages(f"/sites/{part(site)}/drives", {"$select": "id,name"}, next_link):
                listed |= {stated_in(one, "id"): text_in(one, "name") for one in objects_in(page, "value")}
            self._known = self._those(listed)
        return self._known

    def _those(self, listed: Mapping[str, str]) -> dict[str, str]:
        for one in self._chosen:
            if one not in listed and one not in listed.values():
                raise BadInput(
                    f"drives: the site has no library {one}.", fix=f"It has {', '.join(listed.values())}."
                )
        wanted = {*self._chosen} or {*listed}
        found = {name: listed[name] for name in sorted(listed) if wanted & {name, listed[name]}}
        if not found:
            raise BadInput(
                "site: no library is to be seen there.", fix="See that the application may read it."
            )
        return found

    def delta(self, drive: Drive, headers: Mapping[str, str]) -> tuple[Reply, Object]:
        """Return the next page of a library's feed; raises CursorLost."""
        first = f"/drives/{part(drive.id)}/root/delta?$select={self._select}&$top={_PAGE}"
        try:
            reply = self.api.reply("GET", drive.link or first, headers)
        except Refusal as error:
            if error.status == 410:
                raise CursorLost("The feed does not go back that far.") from error
            raise
        return reply, object_of(reply.body, SERVICE)

    def go_on(self, place: Place, drive: Drive, page: Object) -> bool:
        """Keep where a feed goes on from; return whether the pass does."""
        onward, ended = next_link(page), text_in(page, "@odata.deltaLink")
        if place.whole and not drive.link and place.at == 0:
            self._links.clear()
        if bool(onward) == bool(ended) or onward in self._links or (onward and onward == drive.link):
            raise Malformed(f"The feed of {SERVICE} does not say how it goes on, or goes round in circles.")
        drive.link = self.api.address(onward or ended)
        if onward:
            self._links.add(onward)
            return True
        place.at += 1
        if place.at < len(place.drives):
            return True
        place.at, place.whole = 0, False
        self._links.clear()
        return False
