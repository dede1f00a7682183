"""A working stand-in for a system of record: orders with versions, refunds once for each key, and faults."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from muniment.actions.runners.call import Runner, ToolCall, ToolFailed

_COMMON = """
sensitivity = "internal"
allowed_groups = ["group:everyone"]
"""
GET_ORDER = f"""
name = "get_order"
says = "Gives an order."
effect = "read"
{_COMMON}
[arguments]
type = "object"
additionalProperties = false
required = ["order"]
properties.order = {{ type = "string", maxLength = 32 }}
[roles]
order = "reference"
[result]
type = "object"
required = ["id", "total", "version", "note"]
[labels]
id = {{ integrity = "system", readers = "company" }}
total = {{ integrity = "system", readers = "company" }}
version = {{ integrity = "system", readers = "company" }}
[runs]
kind = "python"
function = "shop:get_order"
"""
REFUND = f"""
name = "refund"
says = "Pays money of an order back."
effect = "pay"
reversible = "by-tool"
{_COMMON}
scope = "refunds:write"
seen_by = "company"
seconds = 5
[arguments]
type = "object"
additionalProperties = false
required = ["order", "amount"]
[arguments.properties]
order = {{ type = "string", maxLength = 32 }}
amount = {{ type = "string", pattern = "^[0-9]{{1,9}}[.][0-9]{{2}}$" }}
reason = {{ type = "string", maxLength = 400 }}
[roles]
order = "reference"
amount = "amount"
reason = "content"
[money]
amount = "amount"
always = "EUR"
[touches]
kind = "order"
reference = "order"
tool = "get_order"
argument = "order"
version = "version"
[undo]
tool = "cancel_refund"
arguments = {{ refund = {{ "$from" = "result", path = ["id"] }} }}
[result]
type = "object"
required = ["id"]
properties.id = {{ type = "string" }}
[labels]
id = {{ integrity = "system", readers = "company" }}
[runs]
kind = "python"
function = "shop:refund"
"""
CANCEL = f"""
name = "cancel_refund"
says = "Takes a refund back."
effect = "write"
reversible = "always"
{_COMMON}
[arguments]
type = "object"
additionalProperties = false
required = ["refund"]
properties.refund = {{ type = "string", maxLength = 32 }}
[roles]
refund = "reference"
[result]
type = "object"
[runs]
kind = "python"
function = "shop:cancel_refund"
"""
NOTIFY = f"""
name = "notify"
says = "Sends a message to a colleague."
effect = "send"
reversible = "never"
{_COMMON}
[arguments]
type = "object"
additionalProperties = false
required = ["to", "text"]
[arguments.properties]
to = {{ type = "string", maxLength = 200 }}
text = {{ type = "string", maxLength = 2000 }}
[roles]
to = "target"
text = "content"
[recipients]
to = "account"
[result]
type = "object"
[runs]
kind = "python"
function = "shop:notify"
"""
MANIFESTS = (GET_ORDER, CANCEL, REFUND, NOTIFY)


@dataclass
class Shop:
    """Orders and what was done to them; `fault` is how its next effect goes wrong, after or before it happened."""

    orders: dict[str, dict[str, object]] = field(
        default_factory=lambda: {"A-1": {"id": "A-1", "total": "80.00", "version": 1, "note": "please hurry"}}
    )
    effects: list[tuple[str, str, dict[str, object]]] = field(
        default_factory=list[tuple[str, str, dict[str, object]]]
    )
    replies: dict[str, object] = field(default_factory=dict[str, object])
    gives: dict[str, object] = field(default_factory=dict[str, object])
    """What other reading tools give, by name."""
    fault: str = ""
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def running(self) -> Runner:
        """Return it as what carries out calls."""
        return self

    def run(self, call: ToolCall) -> object:
        """Do what the call says, once for each key."""
        with self.lock:
            self.calls += 1
            name = call.manifest.name
            if name == "get_order":
                found = self.orders.get(str(call.arguments["order"]))
                if found is None:
                    raise ToolFailed("refused", "There is no such order.", certain=True)
                return dict(found)
            if name in self.gives:
                return self.gives[name]
            if self.fault == "refuses":
                raise ToolFailed("refused", "The shop said no.", certain=True)
            if call.key in self.replies:
                return self.replies[call.key]
            reply: object = {"id": f"R-{len(self.effects) + 1}"}
            self.effects.append((name, call.key, dict(call.arguments)))
            self.replies[call.key] = reply
            if self.fault == "breaks after":
                raise ToolFailed("crash", "The connection broke.", certain=False)
            if self.fault == "another type":
                return ["nonsense"]
            if self.fault == "dies":
                raise KeyboardInterrupt
            return reply
