"""Reads manifests from TOML: whatever is missing, unknown or loose is an error that names the place and the fix."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import cast, get_args

from muniment.actions.labels import Integrity
from muniment.actions.manifest import (
    CallLimits,
    Effect,
    FieldLabel,
    HttpOperation,
    Manifest,
    Money,
    Namespace,
    PythonFunction,
    Readers,
    RemoteTool,
    Reversible,
    Role,
    Runs,
    SeenBy,
    Touches,
    Undo,
)
from muniment.actions.paths import is_pattern
from muniment.actions.schema_places import closed_places, places
from muniment.actions.stated import Stated
from muniment.foundation.canonical import copied
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.errors import BadInput
from muniment.governance.identity.clearance import LEVELS

LONGEST = 128 << 10
"""Bytes of a manifest."""
MOST_SECONDS = 600.0
MOST_BYTES = 16 << 20
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_CHOSEN_HOST = re.compile(r"(?:[A-Za-z][\w+.-]*:)?(?://)?[^/?#]*\{")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_INTEGRITIES = {"untrusted": Integrity.UNTRUSTED, "system": Integrity.SYSTEM}
_FIELDS = frozenset(
    {"name", "says", "effect", "reversible", "sensitivity", "allowed_groups", "arguments", "roles", "result"}
    | {
        "labels",
        "recipients",
        "seen_by",
        "money",
        "limits",
        "undo",
        "touches",
        "scope",
        "seconds",
        "most_bytes",
        "runs",
    }
)


def read_manifest(text: str) -> Manifest:
    """Return the manifest that a TOML text holds; raises BadInput for any that leaves something open."""
    if len(text.encode(errors="surrogatepass")) > LONGEST:
        raise BadInput("The manifest is too long.", fix=f"Use at most {LONGEST >> 10} KiB.")
    try:
        stated = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The manifest is no TOML: {error}.", fix="Mend the line that it names.") from error
    return replace(manifest_of(stated), source=text)


def manifest_of(stated: Mapping[str, object]) -> Manifest:
    """Return the manifest that is stated; raises BadInput for any that leaves something open."""
    stated = _copied(stated)
    table = Stated("", stated)
    table.only(_FIELDS)
    name = table.text("name")
    if not _NAME.fullmatch(name):
        raise table.fault("name", "is no name of a tool", "Use lower-case letters, digits and _; up to 64.")
    effect = cast(Effect, table.one_of("effect", get_args(Effect)))
    arguments = _closed(table)
    made = Manifest(
        name=name,
        says=table.text("says"),
        effect=effect,
        reversible=cast(
            Reversible, table.one_of("reversible", get_args(Reversible), "always" if effect == "read" else "")
        ),
        sensitivity=table.one_of("sensitivity", LEVELS),
        allowed_groups=frozenset(table.texts("allowed_groups")),
        arguments=arguments,
        roles=_roles(table, arguments),
        result=_result(table),
        runs=_runs(table.table("runs")),
        labels=_labels(table),
        recipients=_recipients(table),
        seen_by=cast(SeenBy, table.one_of("seen_by", get_args(SeenBy), "caller")),
        money=_money(table),
        limits=_limits(table),
        undo=_undo(table),
        touches=_touches(table),
        scope=table.text("scope", ""),
        seconds=table.number("seconds", 20.0, MOST_SECONDS),
        most_bytes=int(table.number("most_bytes", float(1 << 20), float(MOST_BYTES))),
        stated=stated,
    )
    _check(made, table)
    return made


def _copied(stated: Mapping[str, object]) -> Mapping[str, object]:
    """Return a copy, so that what the digest tells of cannot change."""
    try:
        return cast("Mapping[str, object]", copied(stated))
    except RecursionError as error:
        raise BadInput("The manifest is nested too deep.", fix="Flatten it.") from error


def _check(made: Manifest, table: Stated) -> None:
    """Refuse what is well formed but does not fit together."""
    _check_targets(made, table)
    _check_money(made, table)
    if made.reversible == "by-tool" and made.undo is None:
        raise table.fault("undo", "is missing", "Name the tool that undoes it, or set reversible to never.")
    if made.undo is not None and made.reversible != "by-tool":
        raise table.fault("undo", "is there but reversible is not by-tool", "Set reversible to by-tool.")
    if made.touches is not None and made.touches.reference not in made.roles:
        raise table.fault("touches.reference", "is no argument", f"Use {', '.join(sorted(made.roles))}.")
    if isinstance(made.runs, HttpOperation):
        _check_operation(made, made.runs, table)


def _check_operation(made: Manifest, runs: HttpOperation, table: Stated) -> None:
    used = {*re.findall(r"\{([^{}]*)\}", runs.url), *runs.query}
    for name in sorted(used - set(_properties(made.arguments))):
        raise table.fault("runs", f"uses {name!r}, which is no argument", "Add it to arguments.")
    if _CHOSEN_HOST.match(runs.url):
        raise table.fault("runs.url", "lets an argument say which server is asked", "Write the server out.")
    if not made.acts and runs.method not in ("GET", "POST"):
        raise table.fault("runs.method", f"is {runs.method}, which changes things", "Say what the effect is.")


def _check_targets(made: Manifest, table: Stated) -> None:
    targets = {place for place, role in made.roles.items() if role == "target"}
    for place in sorted(set(made.recipients) - targets):
        raise table.fault("recipients", f"names {place!r}, which is no target", "Give it the role target.")
    if not made.acts:
        return
    for place in sorted(targets - set(made.recipients)):
        raise table.fault(
            "recipients", f"says nothing of {place!r}", f"Say what it is: {', '.join(get_args(Namespace))}."
        )
    if made.effect == "send" and not targets:
        raise table.fault("roles", "has no target, though the tool sends", "Say which arguments are told.")
    if "content" in made.roles.values() and not targets and "seen_by" not in made.stated:
        raise table.fault(
            "seen_by", "is missing of a tool that writes", f"Use {', '.join(get_args(SeenBy))}."
        )


def _check_money(made: Manifest, table: Stated) -> None:
    if made.money is None:
        if made.effect == "pay" or (made.acts and "amount" in made.roles.values()):
            raise table.fault("money", "is missing of a tool with an amount", "Say where the amount stands.")
        if made.limits.most is not None or made.limits.most_per_day is not None:
            raise table.fault("limits", "holds an amount, though the tool moves none", "State money too.")
        return
    if made.roles.get(made.money.amount) != "amount":
        raise table.fault("money.amount", "is no amount", "Name an argument with the role amount.")
    for place, role in sorted(made.roles.items()):
        if role == "amount" and place != made.money.amount:
            raise table.fault("roles", f"calls {place!r} a second amount", "Have one that holds it all.")
    if made.money.currency and made.money.currency not in made.roles:
        raise table.fault("money.currency", "is no argument", "Name one, or use money.always.")


def _properties(schema: Mapping[str, object]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", schema.get("properties", {}))


def _closed(table: Stated) -> Mapping[str, object]:
    given = table.table("arguments").whole
    schema = CheckedSchema(dict(given)).resolved
    if schema.get("type") != "object":
        raise table.fault("arguments", "is no schema of an object", 'Let it hold type = "object".')
    for place, why in closed_places(schema):
        raise table.fault("arguments", f"{why} at {place or 'its root'}", "Say exactly what may stand there.")
    return schema


def _result(table: Stated) -> Mapping[str, object]:
    return CheckedSchema(dict(table.table("result").whole)).resolved


def _roles(table: Stated, arguments: Mapping[str, object]) -> Mapping[str, Role]:
    roles = table.table("roles", optional=True)
    stated = {place: roles.one_of(place, get_args(Role)) for place in roles.whole}
    wanted = set(places(arguments))
    for place in sorted(wanted - set(stated)):
        raise table.fault(
            "roles", f"says nothing of {place!r}", f"Give it one of {', '.join(get_args(Role))}."
        )
    for place in sorted(set(stated) - wanted):
        raise table.fault("roles", f"names {place!r}, which arguments does not have", "Remove it.")
    return cast("Mapping[str, Role]", stated)


def _labels(table: Stated) -> Mapping[str, FieldLabel]:
    labels = table.table("labels", optional=True)
    found: dict[str, FieldLabel] = {}
    for place in labels.whole:
        if not is_pattern(place):
            raise labels.fault(place, "is no place of a result", "Write it as in lines[].price.")
        one = labels.table(place)
        one.only(frozenset({"integrity", "readers", "author"}))
        integrity = _INTEGRITIES[one.one_of("integrity", tuple(_INTEGRITIES), "untrusted")]
        readers = cast(Readers, one.one_of("readers", get_args(Readers), "owner"))
        author = one.whole.get("author", False)
        if not isinstance(author, bool) or (author and integrity is not Integrity.SYSTEM):
            raise one.fault(
                "author", "is no truth of a system's field", 'Write true beside integrity = "system".'
            )
        found[place] = FieldLabel(integrity, readers, author)
    return found


def _recipients(table: Stated) -> Mapping[str, Namespace]:
    recipients = table.table("recipients", optional=True)
    found = {place: recipients.one_of(place, get_args(Namespace)) for place in recipients.whole}
    return cast("Mapping[str, Namespace]", found)


def _money(table: Stated) -> Money | None:
    if "money" not in table.whole:
        return None
    money = table.table("money")
    money.only(frozenset({"amount", "currency", "always"}))
    found = Money(money.text("amount"), money.text("currency", ""), money.text("always", ""))
    if bool(found.currency) == bool(found.always):
        raise money.fault("currency", "is needed, or always, and not both", 'Write always = "EUR".')
    return found


def _limits(table: Stated) -> CallLimits:
    limits = table.table("limits", optional=True)
    limits.only(frozenset({"per_minute", "per_day", "most", "most_per_day"}))
    return CallLimits(
        limits.count("per_minute"),
        limits.count("per_day"),
        limits.money("most"),
        limits.money("most_per_day"),
    )


def _undo(table: Stated) -> Undo | None:
    if "undo" not in table.whole:
        return None
    undo = table.table("undo")
    undo.only(frozenset({"tool", "arguments"}))
    return Undo(undo.text("tool"), undo.table("arguments").whole)


def _touches(table: Stated) -> Touches | None:
    if "touches" not in table.whole:
        return None
    touches = table.table("touches")
    touches.only(frozenset({"kind", "reference", "tool", "argument", "version"}))
    found = Touches(
        touches.text("kind"),
        touches.text("reference"),
        touches.text("tool", ""),
        touches.text("argument", ""),
        touches.text("version", ""),
    )
    if bool(found.tool) != bool(found.version) or bool(found.tool) != bool(found.argument):
        raise touches.fault("tool", "needs argument and version, and they need it", "Give all three or none.")
    return found


def _runs(table: Stated) -> Runs:
    kind = table.one_of("kind", ("python", "http", "mcp"))
    if kind == "python":
        table.only(frozenset({"kind", "function"}))
        function = table.text("function")
        if not _FUNCTION.fullmatch(function):
            raise table.fault("function", "names no function", "Write package.module:function.")
        return PythonFunction(function)
    if kind == "mcp":
        table.only(frozenset({"kind", "server", "tool", "definition"}))
        return RemoteTool(table.text("server"), table.text("tool"), table.digest("definition"))
    table.only(
        frozenset({"kind", "method", "url", "query", "version_header", "dry_run", "audience", "definition"})
    )
    return HttpOperation(
        method=table.one_of("method", _METHODS),
        url=table.text("url"),
        query=tuple(table.texts("query")),
        version_header=table.text("version_header", ""),
        dry_run=table.text("dry_run", ""),
        audience=table.text("audience", ""),
        definition=table.digest("definition", ""),
    )
