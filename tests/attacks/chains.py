"""Chains of an agent's moves over a company in which a canary stands wherever others can write.

What the runtime keeps of a run says where a canary got to: its results, its plan's values, the actions that it
proposed, and the prompts that its model was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from tests.simulators.acme_company import Company
from tests.simulators.mcp_server import INPUT, OUTPUT

from muniment.actions.labels import Label
from muniment.actions.paths import under
from muniment.actions.reading import Reading
from muniment.actions.runners.definition import Definition
from muniment.assistant.agent_run import AgentRun, Run
from muniment.assistant.seen import trusted_part
from muniment.foundation.errors import MunimentError

CANARY = "CANARY"
WHO = "niaj"
ORDER = "M-1001"
SAID = "what it was shown"
"""Stands in a move for a canary, once the model has been shown one."""
PLANTED = (
    *(
        f"UPDATE {table} SET {column} = '{CANARY} {column}'"
        for table, columns in {
            "orders": ("customer_name", "note"),
            "refunds": ("reason",),
            "mail": ("sender", "subject", "body"),
            "entries": ("title", "location"),
        }.items()
        for column in columns
    ),
    f"UPDATE orders SET customer_email = lower(id) || '.{CANARY}@post.example'",
    f"UPDATE mail SET recipients = json_array('{CANARY}@post.example'), in_reply_to = '{CANARY}-1'",
    f"INSERT INTO purchases VALUES ('purchase_seed1', 1, 'ordered', '{CANARY} Ltd', '{CANARY}', 100, 'EUR',"
    f" '{CANARY}-1', '{WHO}', '2026-11-20T09:00:00Z')",
    f"INSERT INTO mail VALUES ('mail_draft1', '{WHO}', 'drafts', '{CANARY}', json_array('{CANARY}@post.example'),"
    f" '{CANARY}', '{CANARY}', '{CANARY}-1', '2026-11-20T09:00:00Z')",
)
DOCUMENTS = {
    "access.toml": 'allow = ["group:everyone"]\n',
    f"{CANARY}.md": f"# {CANARY} returns\n\n## {CANARY}\n\nA bracket may be returned. {CANARY} text.\n",
}


def shipment(asked: Mapping[str, Any]) -> dict[str, object]:
    """Return what an MCP server says: the order that it was asked for, and more, also under names of its own."""
    odd = {"id.state": CANARY, "id[]": [CANARY]}
    return {"id": asked["order"], **(odd if asked["order"] == ORDER else {"state": CANARY, CANARY: CANARY})}


_TRACK = Definition("shop", "track", "Tracks an order.", INPUT, OUTPUT, {"readOnlyHint": False})
TRACK = f"""
name = "track"
says = "Tells where an order is."
effect = "read"
sensitivity = "internal"
allowed_groups = ["group:everyone"]
[arguments]
type = "object"
additionalProperties = false
required = ["order"]
properties.order = {{ type = "string", maxLength = 60 }}
[roles]
order = "reference"
[result]
type = "object"
required = ["id"]
[labels]
id = {{ integrity = "system" }}
[runs]
kind = "mcp"
server = "shop"
tool = "track"
definition = "{_TRACK.digest}"
"""
READS: Sequence[tuple[str, Mapping[str, Any], Sequence[Sequence[Any]]]] = (
    (
        "orders_get",
        {"order_id": ORDER},
        (["id"], ["note"], ["customer", "email"], ["customer"], ["total"]),
    ),
    ("orders_list", {"limit": 3}, (["orders", 0, "id"], ["orders", 1, "note"], ["orders"])),
    ("mail_search", {}, (["mails", 0, "id"], ["mails", 0, "subject"], ["mails"])),
    ("mail_get", {"mail_id": "mail_seed3"}, (["id"], ["body"], ["sender"], ["to"], ["at"], [])),
    ("calendar_list", {}, (["entries", 0, "title"], ["entries", 0, "id"], ["entries", 0, "location"])),
    ("drafts_list", {}, (["drafts", 0, "id"], ["drafts", 0, "body"])),
    ("refunds_get", {"refund_id": "refund_seed1"}, (["order"], ["reason"], ["amount"])),
    ("purchases_get", {"purchase_id": "purchase_seed1"}, (["cost_centre"], ["supplier"], ["id"], ["item"])),
    ("grants_list", {}, (["grants"],)),
    ("track", {"order": ORDER}, (["id"], [])),
    ("track", {"order": "M-1002"}, (["id"], ["state"], [])),
)
"""Readings of every tool, and what a plan may take from them."""
_ROWS = {
    "orders_get": ("lines", ("article", "description", "unit_price")),
    "orders_list": ("orders", ("id", "note", "customer.email", "total")),
    "mail_search": ("mails", ("id", "subject", "sender", "at")),
    "calendar_list": ("entries", ("id", "title", "location", "start")),
    "drafts_list": ("drafts", ("id", "subject", "body")),
}
_ACTS: Mapping[str, tuple[str, ...]] = {
    "draft_mail": ("subject", "body"),
    "send_mail": ("subject", "body"),
    "create_entry": ("title", "location"),
}
_GIVEN: Mapping[str, Mapping[str, Any]] = {
    "draft_mail": {"to": ["bob@marrowby.example"], "subject": "One", "body": "Two"},
    "send_mail": {"to": ["bob@marrowby.example"], "subject": "One", "body": "Two"},
    "create_entry": {
        "start": "2026-12-14T09:00:00Z",
        "end": "2026-12-14T09:30:00Z",
        "title": "One",
        "attendees": ["bob"],
        "location": "Two",
    },
}
_TAKES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["v"],
    "properties": {"v": {"type": "string", "maxLength": 40}},
}
_KNOWN = re.compile(r"It gave (r\d+)\.|^\d+\. (?:read|propose) (s\d): It was (?:read|done)\.", re.MULTILINE)
"""Results that a model is told of, by number or by the step of its plan."""


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Return a move that plans: readings, and calls that take values of them."""
    calls: list[dict[str, Any]] = []
    read: dict[str, int] = {}
    for step in (f"s{n}" for n in range(1, draw(st.integers(2, 4)) + 1)):
        if not read or draw(st.booleans()):
            number = draw(st.integers(0, len(READS) - 1))
            tool, arguments, _ = READS[number]
            given = {
                name: draw(_expression(read))
                if read and isinstance(value, str) and draw(st.booleans())
                else value
                for name, value in arguments.items()
            }
            read[step] = number
        else:
            tool = draw(st.sampled_from(sorted(_ACTS)))
            given = {
                **_GIVEN[tool],
                **{name: draw(st.just(SAID) | _expression(read)) for name in _ACTS[tool]},
            }
        calls.append({"step": step, "tool": tool, "arguments": given})
    return {"move": "plan", "calls": calls}


def _expression(read: Mapping[str, int]) -> st.SearchStrategy[Any]:
    """Return values that are taken from earlier steps, one, of rows, or joined to a text."""
    return st.sampled_from(sorted(read)).flatmap(lambda step: _of_step(step, *READS[read[step]]))


def _of_step(step: str, tool: str, _: object, paths: Sequence[Sequence[Any]]) -> st.SearchStrategy[Any]:
    single = st.sampled_from([{"$from": step, "path": list(path)} for path in paths])
    if tool not in _ROWS:
        return st.one_of(single, single.map(lambda one: {"$text": ["About ", one]}))
    at, fields = _ROWS[tool]
    field = st.sampled_from(fields)
    rows = st.one_of(
        st.builds(
            lambda name, by, how: {
                "$one": {
                    "of": step,
                    "at": [at],
                    "where": [[by, how, ORDER if by == "id" else "C"]],
                    "field": name,
                }
            },
            field,
            field,
            st.sampled_from(["=", "starts", "holds"]),
        ),
        field.map(lambda name: {"$count": {"of": step, "at": [at], "where": [[name, "holds", CANARY]]}}),
        field.map(lambda name: {"$most": {"of": step, "at": [at], "by": fields[-1], "field": name}}),
    )
    return st.one_of(single, rows, rows.map(lambda one: {"$text": ["About ", one]}))


def moves() -> st.SearchStrategy[dict[str, Any]]:
    """Return single moves; a result is named by a number, which counts those that there are."""
    reads = st.sampled_from([{"move": "read", "tool": tool, "arguments": given} for tool, given, _ in READS])
    asked = st.sampled_from(
        [
            {"move": "read", "tool": "mail_search", "arguments": {"search": SAID}},
            {"move": "read", "tool": "orders_list", "arguments": {"customer": SAID}},
            {"move": "read", "tool": "track", "arguments": {"order": SAID}},
        ]
    )
    some = st.integers(0, 7)
    return st.one_of(
        reads,
        reads,
        asked,
        st.just({"move": "search", "query": "bracket returned"}),
        some.map(lambda n: {"move": "look", "result": n}),
        some.map(lambda n: {"move": "take", "result": n, "question": "Which?", "schema": _TAKES}),
        st.just({"move": "run"}),
        st.sampled_from(["s1", "s2", "s3"]).map(lambda step: {"move": "propose", "step": step}),
        st.sampled_from(sorted(_ACTS)).map(
            lambda tool: {
                "move": "propose",
                "tool": tool,
                "arguments": {**_GIVEN[tool], **dict.fromkeys(_ACTS[tool], SAID)},
            }
        ),
    )


def chains() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return chains of moves, most with a plan at their beginning, some of these with one that comes too late."""
    rest = st.lists(moves(), min_size=3, max_size=7)
    run = st.just({"move": "run"})
    first = st.builds(lambda plan, others: [plan, *others], plans(), rest)
    whole = st.builds(lambda plan, run, others: [plan, run, *others], plans(), run, rest)
    late = st.builds(lambda read, plan, run, others: [*read, plan, run, *others], rest, plans(), run, rest)
    return st.one_of(first, whole, whole, late)


class Mind:
    """Makes the moves of a chain; it can say a canary only once it has been shown one."""

    def __init__(self, chain: Sequence[Mapping[str, Any]]) -> None:
        self._left = list(chain)
        self._shown = False
        self.asked: list[str] = []
        """The prompts for its moves."""

    def __call__(self, prompt: str) -> str:
        if "\nYour next move?" not in prompt:
            return json.dumps({"v": f"{CANARY} taken"})
        self.asked.append(prompt)
        self._shown = self._shown or CANARY in prompt
        move = self._left.pop(0) if self._left else {"move": "answer", "text": "Finished."}
        if type(move.get("result")) is int:
            known = [one for found in _KNOWN.findall(prompt) for one in found if one] or ["r1"]
            move = {**move, "result": known[move["result"] % len(known)]}
        return json.dumps(move).replace(SAID, CANARY if self._shown else "nothing yet")


def carried_out(company: Company, chain: Sequence[Mapping[str, Any]]) -> tuple[Run, list[str]]:
    """Carry a chain out; return the run, and each trusted place that a canary got to."""
    company.begin_again()
    mind = Mind(chain)
    told = company.do(WHO, "See to it.", mind)
    run = company.runs[-1]
    return run, sorted(
        {*_in_readings(run), *_in_plan(run), *_in_actions(company, run), *_in_prompts(told, mind)}
    )


def _in_readings(run: Run) -> Iterator[str]:
    for one in (*run.results.values(), *run.context.readings.values()):
        yield from (f"{one.tool} {place}" for place in canaries(one))
        if CANARY in trusted_part(one).text:
            yield f"{one.tool} as it is shown without its texts"


def canaries(one: Reading) -> Iterator[str]:
    """Yield each place of a reading whose label calls it trusted though a canary stands in it."""
    for value, place in _parts(one.value, ""):
        if one.of(value, place).trusted and CANARY in json.dumps(value):
            yield place


def _parts(value: object, place: str) -> Iterator[tuple[object, str]]:
    yield value, place
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _parts(inner, under(place, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner, f"{place}[]")


def _in_plan(run: Run) -> Iterator[str]:
    for one in run.context.plan.calls if run.context.plan else ():
        try:
            found = run.context.pinned_arguments(one.step)
        except MunimentError:
            continue
        if found.label.trusted and CANARY in json.dumps(found.value):
            yield f"plan {one.tool} {json.dumps(one.arguments)}"


def _in_actions(company: Company, run: Run) -> Iterator[str]:
    for turn in run.turns:
        if not turn.action:
            continue
        bound = company.workspace.actions.show(turn.action, run.principal).bound
        label: Label = bound.values or bound.context
        if label.trusted and CANARY in json.dumps(bound.arguments):
            yield f"action {bound.tool}"


def _in_prompts(told: AgentRun, mind: Mind) -> Iterator[str]:
    before = ["user", *(turn.integrity for turn in told.turns)]
    shown = [before[0]]
    for prompt in mind.asked[1:]:
        shown.append(before[_turns_in(prompt)])
    for integrity, prompt in zip(shown, mind.asked, strict=True):
        if integrity != "untrusted" and CANARY in prompt:
            yield f"a prompt of a {integrity} context"


def _turns_in(prompt: str) -> int:
    """Return how many turns a prompt tells of; a run of a plan is several."""
    told = prompt.split("Your moves so far:\n")[1].split("\n\nYour next move?")[0]
    return sum(line.split(".")[0].isdigit() for line in told.splitlines())
