"""What somebody is shown who decides on an action: made by code from the exact bytes that the digest is of.

Invariants:
- every value of the arguments is shown whole, once, at its place, and nothing else is shown as a value;
- different arguments are shown differently;
- no text of a model stands among the words of the view: what it wrote is a value, marked as its.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

from muniment.actions.action import Action, Decided
from muniment.actions.arguments import Amount
from muniment.actions.bound import Bound, Origin
from muniment.actions.decide import Recipient
from muniment.actions.labels import Integrity
from muniment.actions.lookalikes import Remark, remarks
from muniment.actions.manifest import Effect, Manifest, Reversible, Role
from muniment.actions.risk import Classified
from muniment.actions.visible import Piece, pieces
from muniment.actions.word_diff import changed_words
from muniment.foundation.canonical import canonical

ORDER: tuple[Role, ...] = ("amount", "target", "reference", "content", "free")
"""What an approver has to look at first comes first."""
LONG = 400
"""Characters, beyond which a page may fold a value, and has to have it opened before it is approved."""
LONG_LINES = 8
ValueKind = Literal["text", "number", "truth", "nothing", "list", "object"]
"""`list` and `object` are empty ones."""
Path = tuple[str | int, ...]
_KINDS = frozenset(one.spelled for one in Integrity)


@dataclass(frozen=True, slots=True)
class Value:
    """A value that holds no others, with all of its characters."""

    kind: ValueKind
    pieces: tuple[Piece, ...]
    remarks: tuple[Remark, ...] = ()
    length: int = 0
    lines: int = 1

    @property
    def long(self) -> bool:
        """Return whether a page may fold it."""
        return self.length > LONG or self.lines > LONG_LINES


@dataclass(frozen=True, slots=True)
class Provenance:
    """Whose word a value is."""

    integrity: str
    """`user`, `system` or `untrusted`."""
    source: tuple[Piece, ...] | None = ()
    """None: a document that the reader may not read."""
    stated: bool = True
    """Whether the runtime knew; else it is the least of all that was in the context."""
    document: str = ""
    """The document that it came from, where the reader may read it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the arguments."""

    path: Path
    place: tuple[Piece, ...]
    role: Role | Literal["other"]
    value: Value
    provenance: Provenance
    reaches: Literal["", "ours", "outside"] = ""
    """Of a target: an account, or nobody of ours."""
    by_machine: bool = False
    """It is text that a language model wrote."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place at which the last similar action had something else; None: nothing."""

    place: tuple[Piece, ...]
    before: Value | None
    after: Value | None


@dataclass(frozen=True, slots=True)
class Passage:
    """What the proposal rests on, as far as whoever is shown it may read it; without a title: they may not."""

    document: str = ""
    version: str = ""
    title: tuple[Piece, ...] | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The last similar action that was done."""

    id: str
    at: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Known:
    """What a view shows beyond the action itself, as of one snapshot and for one reader."""

    classified: Classified
    rules_changed: bool
    """The risk rules are others than those that it was proposed under, so it would not be carried out."""
    amount: Amount | None
    recipients: tuple[Recipient, ...]
    passages: tuple[Passage, ...]
    sources: Mapping[str, str | None]
    """Title of each origin that is a document; None: the reader may not read it."""
    earlier: Earlier | None
    age: timedelta


@dataclass(frozen=True, slots=True)
class View:
    """An action as an approver is shown it."""

    id: str
    digest: str
    tool: str
    says: str
    effect: Effect
    reversible: Reversible
    undo: tuple[Piece, ...]
    """Tool and arguments of the call that takes it back; empty: there is none."""
    risk: str
    rules: tuple[str, ...]
    rules_changed: bool
    amount: Amount | None
    fields: tuple[Field, ...]
    record: tuple[Piece, ...]
    version: tuple[Piece, ...]
    requester: str
    model: tuple[Piece, ...]
    prompt: tuple[Piece, ...]
    run: tuple[Piece, ...]
    passages: tuple[Passage, ...]
    created_at: str
    age: timedelta
    expires_at: str
    approvers: int
    assigned: tuple[str, ...]
    """Groups and people who are asked; empty: any approver."""
    escalates_at: str
    escalates_to: tuple[str, ...]
    decisions: tuple[Decided, ...]
    earlier: Earlier | None
    differences: tuple[Difference, ...]

    @property
    def outsiders(self) -> int:
        """Return how many of those whom it reaches have no account."""
        return sum(one.reaches == "outside" for one in self.fields)


def view_of(action: Action, manifest: Manifest, known: Known) -> View:
    """Return what is shown of an action."""
    bound, earlier = action.bound, known.earlier
    undo = manifest.undo
    return View(
        id=action.id,
        digest=action.digest,
        tool=bound.tool,
        says=manifest.says,
        effect=manifest.effect,
        reversible=manifest.reversible,
        undo=() if undo is None else pieces(f"{undo.tool} {canonical(undo.arguments).decode()}"),
        risk=action.risk,
        rules=known.classified.rules,
        rules_changed=known.rules_changed,
        amount=known.amount,
        fields=fields_of(bound, manifest, known.recipients, known.sources),
        record=pieces(f"{bound.record.kind} {bound.record.id}") if bound.record.kind else (),
        version=pieces(bound.record.version),
        requester=bound.requester,
        model=pieces(bound.agent.model),
        prompt=pieces(bound.agent.prompt),
        run=pieces(bound.agent.run),
        passages=known.passages,
        created_at=action.created_at,
        age=known.age,
        expires_at=bound.expires_at,
        approvers=bound.approvers,
        assigned=tuple(sorted(action.assigned)),
        escalates_at=action.escalates_at,
        escalates_to=tuple(sorted(action.escalates_to)),
        decisions=action.decisions,
        earlier=earlier,
        differences=() if earlier is None else differences(earlier.arguments, bound.arguments),
    )


def fields_of(
    bound: Bound,
    manifest: Manifest,
    recipients: Sequence[Recipient] = (),
    sources: Mapping[str, str | None] | None = None,
) -> tuple[Field, ...]:
    """Return every value of the arguments, those first that have to be looked at first.

    `recipients` are those of the manifest's places in order, as `Recipients.of` gives them.
    """
    leaves = list(leaves_of(bound.arguments))
    reached = _reached(manifest, leaves, recipients)
    found = [
        Field(
            path=path,
            place=spelled_place(path),
            role=(role := manifest.roles.get(pattern_of(path), "other")),
            value=value_of(value, exact=role not in ("content", "free")),
            provenance=provenance_of(bound, path, sources or {}),
            reaches=reached.get(path, ""),
            by_machine=bool(bound.agent.model) and role == "content" and isinstance(value, str),
        )
        for path, value in leaves
    ]
    return tuple(sorted(found, key=lambda one: ORDER.index(one.role) if one.role != "other" else -1))


def _compared(before: object, after: object) -> tuple[Value, Value]:
    """Return both values, of two texts with the words marked that only one of them has."""
    if not (isinstance(before, str) and isinstance(after, str)):
        return value_of(before), value_of(after)
    gone, new = changed_words(before, after)
    return value_of(before, marked=gone), value_of(after, marked=new)


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[Difference, ...]:
    """Return the places at which two arguments differ, with both values."""
    old, new = dict(leaves_of(before)), dict(leaves_of(after))
    found: list[Difference] = []
    for path in dict.fromkeys([*new, *old]):
        if path not in old:
            found.append(Difference(spelled_place(path), None, value_of(new[path])))
        elif path not in new:
            found.append(Difference(spelled_place(path), value_of(old[path]), None))
        elif canonical(old[path]) != canonical(new[path]):
            found.append(Difference(spelled_place(path), *_compared(old[path], new[path])))
    return tuple(found)


def listing_of(value: object) -> tuple[tuple[tuple[Piece, ...], Value], ...]:
    """Return every value that another one holds, with its place."""
    return tuple((spelled_place(path), value_of(inner, exact=False)) for path, inner in leaves_of(value))


def value_of(value: object, exact: bool = True, marked: Sequence[tuple[int, int]] = ()) -> Value:
    """Return a value that holds no others as it is shown, with the stretches of a text that are marked."""
    if isinstance(value, str):
        return Value("text", pieces(value, marked), remarks(value, exact), len(value), value.count("\n") + 1)
    kind: ValueKind = "object" if isinstance(value, Mapping) else "list"
    if value is None:
        kind = "nothing"
    elif isinstance(value, bool):
        kind = "truth"
    elif isinstance(value, int | float):
        kind = "number"
    spelled = canonical(value).decode()
    return Value(kind, pieces(spelled), (), len(spelled))


def leaves_of(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield each value that holds no others with its path; of an empty list or object, itself."""
    if isinstance(value, Mapping) and value:
        for name, inner in cast("Mapping[str, object]", value).items():
            yield from leaves_of(inner, (*path, name))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for at, inner in enumerate(cast("Sequence[object]", value)):
            yield from leaves_of(inner, (*path, at))
    else:
        yield path, value


def spelled_place(path: Path) -> tuple[Piece, ...]:
    """Return the name of one place, such as `lines[2].price`; different places have different names."""
    spelled = ""
    for step in path:
        if isinstance(step, int):
            spelled += f"[{step}]"
        elif step.isascii() and step.isidentifier():
            spelled += f".{step}" if spelled else step
        else:
            spelled += f"[{canonical(step).decode()}]"
    return pieces(spelled)


def pattern_of(path: Path) -> str:
    """Return a place as manifests spell it, such as `lines[].price`; no manifest spells a name with these signs."""
    spelled = ""
    for step in path:
        if isinstance(step, int):
            spelled += "[]"
        elif not step or set(step) & set(".[]"):
            return "?"
        else:
            spelled += f".{step}" if spelled else step
    return spelled


def provenance_of(bound: Bound, path: Path, sources: Mapping[str, str | None]) -> Provenance:
    """Return what is stated of the place or of what holds it, the nearest first, else what the context was."""
    for end in range(len(path), -1, -1):
        part = path[:end]
        origin = bound.origins.get("".join(one.text for one in spelled_place(part)))
        origin = origin or bound.origins.get(pattern_of(part))
        if origin is not None:
            return _stated(origin, sources)
    return Provenance((bound.values or bound.context).integrity.spelled, stated=False)


def _stated(origin: Origin, sources: Mapping[str, str | None]) -> Provenance:
    integrity = origin.integrity if origin.integrity in _KINDS else Integrity.UNTRUSTED.spelled
    named = sources.get(origin.source, origin.source)
    if named is None:
        return Provenance(integrity, None)
    return Provenance(integrity, pieces(named), document=origin.source if origin.source in sources else "")


def _reached(
    manifest: Manifest, leaves: Sequence[tuple[Path, object]], recipients: Sequence[Recipient]
) -> dict[Path, Literal["", "ours", "outside"]]:
    given = iter(recipients)
    found: dict[Path, Literal["", "ours", "outside"]] = {}
    for pattern in manifest.recipients:
        for path, _ in leaves:
            if pattern_of(path) == pattern:
                one = next(given, None)
                found[path] = "outside" if one is None or one.grants is None else "ours"
    return found
