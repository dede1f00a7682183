"""The entries of a feed of Microsoft Graph, as they are read here."""

from __future__ import annotations

from urllib.parse import quote

from muniment.knowledge.sources.http_api import Object, object_in, objects_in, stated_in, text_in


def latest(page: Object) -> list[Object]:
    """Return the entries of a page; of one that comes twice the last counts."""
    return list({stated_in(one, "id"): one for one in objects_in(page, "value")}.values())


def is_root(one: Object) -> bool:
    """Return whether it is the library itself."""
    return one.get("root") is not None


def is_folder(one: Object) -> bool:
    """Return whether others lie in it."""
    return one.get("folder") is not None or is_root(one)


def is_deleted(one: Object) -> bool:
    """Return whether it is no more."""
    return one.get("deleted") is not None


def is_own(one: Object) -> bool:
    """Return whether permissions begin here: told by a facet that may be empty, and always true of the root."""
    return "shared" in one or is_root(one)


def parent(one: Object) -> str:
    """Return the folder that it lies in, empty for the root."""
    return "" if is_root(one) else stated_in(object_in(one, "parentReference"), "id")


def name_of(one: Object) -> str:
    """Return its name, empty for the root."""
    return "" if is_root(one) else plain(stated_in(one, "name"))


def plain(name: str) -> str:
    """Return a name as one part of a path."""
    return name.replace("/", "_")


def revision(one: Object) -> str:
    """Return what moves when the content does, empty where nothing of it is said or it is not to be read now."""
    if problem(one):
        return ""
    hashes = object_in(object_in(one, "file"), "hashes")
    return text_in(one, "cTag") or text_in(hashes, "quickXorHash") or text_in(one, "eTag")


def size(one: Object) -> int:
    """Return how many bytes it holds, 0 where that is not said."""
    stated = one.get("size", 0)
    return stated if isinstance(stated, int) and stated > 0 else 0


def problem(one: Object) -> str:
    """Return why it cannot be read, empty where it can."""
    if one.get("malware") is not None:
        return "The source found malware in it."
    if one.get("remoteItem") is not None:
        return "It is a link to another place, which has to be added by itself."
    if one.get("package") is not None:
        return "It is a package, such as a notebook, which has no file to be read."
    if text_in(object_in(one, "publication"), "level").lower() not in ("", "published"):
        return "It is checked out or a draft: we would see what its readers do not."
    return "" if one.get("file") is not None else "It is of a kind that is not known."


def whole_id(drive: str, name: str) -> str:
    """Return the id by which it is known here: one of its library is no other's."""
    return f"{drive}/{name}"


def part(name: str) -> str:
    """Return an id as a part of an address."""
    return quote(name, safe="!,")
