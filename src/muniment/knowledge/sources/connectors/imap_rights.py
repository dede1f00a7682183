"""Who reads a mail folder by its access list (RFC 4314).

Servers differ in whether what several identifiers give is added up, or only the closest counts. Whoever reads by one
of these readings and not by the other does not read here. An identifier that is neither a listed account nor one of
its groups gives nothing, and what it withholds counts for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from muniment.knowledge.sources.connector import EVERYONE_THERE, UNREADABLE, Stated, account, readers

READ = b"r"
ANYONE = "anyone"
_OVERRIDE = "!"
"""Before a group that goes before the user's own entry, as Dovecot writes it."""
_GLOBAL = "#"
"""Before an identifier that the administrator listed, as Dovecot writes it."""
RESERVED = ("-", _GLOBAL, _OVERRIDE, "$")
"""What no name of an account begins with."""
Groups = Mapping[str, frozenset[str]]
"""By account, the identifiers of the groups that it is in."""


def stated(entries: Iterable[tuple[bytes, bytes]], groups: Groups) -> Stated:
    """Return who reads, of these accounts."""
    gives: dict[str, bool] = {}
    takes: set[str] = set()
    for identifier, rights in entries:
        name = identifier.decode("utf-8", "backslashreplace")
        reads = READ in rights
        if name.startswith("-"):
            if reads:
                takes.add(name[1:].removeprefix(_GLOBAL))
        else:
            name = name.removeprefix(_GLOBAL)
            gives[name] = reads and gives.get(name, True)
    known = {ANYONE, *groups, *frozenset[str]().union(*groups.values())}
    withheld = {name for name, reads in gives.items() if not reads}
    if takes - known or any(name.startswith(_OVERRIDE) for name in withheld - known):
        return UNREADABLE
    if gives.get(ANYONE) and not takes and not withheld:
        return readers([EVERYONE_THERE])
    doubt = bool(withheld - known)
    found = [
        one
        for one, own in groups.items()
        if _reads(one, own, gives, doubt) and not takes & {ANYONE, one, *own}
    ]
    return readers(account(one) for one in found) if found else UNREADABLE


def _reads(one: str, own: frozenset[str], gives: Mapping[str, bool], doubt: bool) -> bool:
    """Return whether the closest entry about an account lets it read; with `doubt`, only its own entry."""
    overriding = [gives[name] for name in own if name in gives and name.startswith(_OVERRIDE)]
    if not all(overriding):
        return False
    if one in gives:
        return gives[one]
    if doubt:
        return False
    grouped = [gives[name] for name in own if name in gives and not name.startswith(_OVERRIDE)]
    return any(grouped) if grouped else gives.get(ANYONE, False)
