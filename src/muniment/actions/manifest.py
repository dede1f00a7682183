"""What somebody who answers for a tool says of it: what it does, what its arguments are for, whose word it gives.

Without a manifest a tool does not exist. Its digest is part of every proposal, so another word in it is another tool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Literal

from muniment.actions.labels import Integrity
from muniment.foundation.canonical import exact
from muniment.foundation.checked_schema import CheckedSchema

Effect = Literal["read", "write", "send", "pay", "grant", "delete"]
"""What it does in the world. Whatever makes a request to an address of a caller's choosing sends."""
Reversible = Literal["always", "by-tool", "never"]
Role = Literal["target", "reference", "amount", "content", "free"]
"""Who or what it reaches, which record it is about, how much, what it says, or what changes nothing of these."""
Readers = Literal["anyone", "company", "caller", "owner"]
"""Who may know a field: everybody, every account, the caller alone, or the caller and whom they let know."""
Namespace = Literal["email", "account", "outside"]
"""What a target is spelled as: a mail address, an account (`user:NAME` or its name), or nobody of ours."""


SeenBy = Literal["caller", "company", "outside"]
"""Who sees what a call changed, beside whom it reaches: the caller alone, any account, or somebody outside."""


@dataclass(frozen=True, slots=True)
class FieldLabel:
    """What is known of a field of the results."""

    integrity: Integrity = Integrity.UNTRUSTED
    readers: Readers = "owner"
    author: bool = False
    """Whether it names whoever added the row, as the system knows them: nobody can add a row in another's name."""


@dataclass(frozen=True, slots=True)
class Money:
    """Where a call says how much it moves."""

    amount: str
    """Place of the amount."""
    currency: str = ""
    """Place of the currency; empty where it is always the same."""
    always: str = ""
    """ISO 4217 code of the currency that it always is."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How often, and how much; None: no limit of its own."""

    per_minute: int | None = None
    per_day: int | None = None
    most: Decimal | None = None
    """Of one call, in its currency."""
    most_per_day: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """The call that takes an effect back."""

    tool: str
    arguments: Mapping[str, object]
    """Its arguments; `{"$from": "result", "path": ["id"]}` and `{"$from": "arguments", ...}` stand for values."""


@dataclass(frozen=True, slots=True)
class Touches:
    """The record that a call is about, whose version has to be the same when it is carried out."""

    kind: str
    reference: str
    """Place of its identifier in the arguments."""
    tool: str = ""
    """A reading tool that gives it, by the same identifier; empty: the record has no versions."""
    argument: str = ""
    """What that tool calls the identifier."""
    version: str = ""
    """Place of the version in what that tool gives."""


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """Runs a function of an installed package, in a process of its own."""

    function: str
    """`package.module:name`."""


@dataclass(frozen=True, slots=True)
class HttpOperation:
    """Calls one operation of a web interface."""

    method: str
    url: str
    """With `{name}` where an argument stands in the path."""
    query: tuple[str, ...] = ()
    """Arguments that go into the query; the others are the JSON body, unless the path holds them."""
    version_header: str = ""
    """Header by which the server checks the record's version, such as `If-Match`."""
    dry_run: str = ""
    """Query that asks what would happen, such as `dry_run=true`."""
    audience: str = ""
    """Whom the credential of a call is for; empty: none is sent."""
    definition: str = ""
    """Digest of the operation as its document stated it when this manifest was written."""


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """Calls a tool of an MCP server."""

    server: str
    tool: str
    definition: str
    """Digest of the definition that the server gave when this manifest was written."""


Runs = PythonFunction | HttpOperation | RemoteTool


@dataclass(frozen=True)
class Manifest:
    """One tool, as somebody who answers for it describes it."""

    name: str
    says: str
    """One sentence, for models and people."""
    effect: Effect
    reversible: Reversible
    sensitivity: str
    """Of what it reads or changes: one of LEVELS."""
    allowed_groups: frozenset[str]
    arguments: Mapping[str, object]
    """JSON Schema of an object; every object in it is closed."""
    roles: Mapping[str, Role]
    """Of each place that an argument can have."""
    result: Mapping[str, object]
    """JSON Schema of what it gives."""
    runs: Runs
    labels: Mapping[str, FieldLabel] = field(default_factory=dict[str, FieldLabel])
    """Of places in the result; `lines[]` also tells who decides which rows there are. Others are untrusted."""
    recipients: Mapping[str, Namespace] = field(default_factory=dict[str, Namespace])
    """Each target that is told what the call says: of a tool that acts, all of them."""
    seen_by: SeenBy = "caller"
    """They are told what the call says, as its recipients are."""
    money: Money | None = None
    limits: CallLimits = field(default_factory=CallLimits)
    undo: Undo | None = None
    touches: Touches | None = None
    scope: str = ""
    """What the credential of one call may be used for."""
    seconds: float = 20.0
    """How long a call may take."""
    most_bytes: int = 1 << 20
    """Of a result."""
    stated: Mapping[str, object] = field(default_factory=dict[str, object])
    """All of it, as it was written."""
    source: str = ""
    """The text that it was read from."""

    @property
    def acts(self) -> bool:
        """Return whether a call changes anything or lets anybody know anything."""
        return self.effect != "read"

    @cached_property
    def digest(self) -> str:
        """`sha256:` and the digest of all that was written, each name and text byte for byte."""
        return "sha256:" + hashlib.sha256(exact(self.stated)).hexdigest()

    @cached_property
    def takes(self) -> CheckedSchema:
        """The schema of its arguments, ready to check them."""
        return CheckedSchema(dict(self.arguments))

    @cached_property
    def gives(self) -> CheckedSchema:
        """The schema of its result, ready to check it."""
        return CheckedSchema(dict(self.result))
