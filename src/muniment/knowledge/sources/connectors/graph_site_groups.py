"""Groups that a SharePoint site keeps itself, which only SharePoint's own interface tells the members of.

Narrower than the source: a person who is put into such a group by name is not in it here, for SharePoint tells people
by an address that may be given to another; groups of Entra ID in it are. The groups behind links to share are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from muniment.knowledge.sources.connector import Team
from muniment.knowledge.sources.connectors.graph_permissions import SITE_GROUP, claimed
from muniment.knowledge.sources.http_api import HttpApi, Malformed, Object, objects_in, text_in

_PLAIN = {"accept": "application/json;odata=nometadata"}
_LINKS = ("SharingLinks.", "Limited Access System Group")


def site_groups(api: HttpApi, path: str, tenant: str) -> Iterator[Team]:
    """Return the groups of the site at a path, their members being groups or everyone."""
    base = f"{quote(path)}/_api/web/sitegroups"
    for page in api.pages(base, {"$select": "Id,Title"}, _next, _PLAIN):
        for one in objects_in(page, "value"):
            number, title = one.get("Id"), text_in(one, "Title")
            if not isinstance(number, int):
                raise Malformed("A group of the site has no number.")
            if title.startswith(_LINKS):
                continue
            yield Team(
                f"{SITE_GROUP}{number}", sorted(_members(api, f"{base}/getbyid({number})", tenant)), title
            )


def _members(api: HttpApi, group: str, tenant: str) -> set[str]:
    found: set[str] = set()
    for page in api.pages(f"{group}/users", {"$select": "LoginName"}, _next, _PLAIN):
        found |= {claimed(text_in(one, "LoginName"), "", tenant) for one in objects_in(page, "value")}
    return found - {""}


def _next(page: Object) -> str:
    return text_in(page, "odata.nextLink") or text_in(page, "@odata.nextLink")
