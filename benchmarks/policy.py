"""How long one decision takes: 200 policies, a caller in 100 groups, alone and with the store's read included.

Run by `muniment bench policy`. Beside it, in the same run and turn about: the least that the engine takes for any
decision, the same decision with texts parsed each time, and a text whose every rule is about the action asked for.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.bars import Bar, bar, p50, p95
from benchmarks.machine import described
from muniment import app
from muniment.governance.identity.directory import grants
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.policy.decision import WORKSPACE, Resource
from muniment.governance.policy.rules import Rules, Standing, shipped
from muniment.governance.policy.vocabulary import actions, schema

POLICIES = 200
CHAINS, DEPTH = 10, 10
"""Groups nest in so many chains of so many; the caller is at the bottom of each."""
ROUNDS = 400
CALLER = Principal("user", "caller")
ASKED = (
    ("search", WORKSPACE),
    ("ingest", Resource("Source", "s")),
    ("approve", Resource("Approval", "a", {"requester": "user:another"})),
    ("use_model", Resource("Model", "m", {"allowed_groups": frozenset({"group:everyone"})})),
)


def run(options: Mapping[str, object], progress: Callable[[str], None]) -> dict[str, object]:
    """Return the bars; option `rounds` says how often each is measured."""
    rounds = int(str(options.get("rounds") or ROUNDS))
    with tempfile.TemporaryDirectory(prefix="muniment-policy-") as temporary:
        workspace = app.create(Path(temporary) / "home", embedder=lambda: None)
        file = Path(temporary) / "directory.toml"
        file.write_text(_directory())
        workspace.directory.import_file(file, OPERATOR)
        spread, heaped = _policies(spread=True), _policies(spread=False)
        progress(f"activating {POLICIES} policies")
        workspace.policies.activate(spread, "measured", OPERATOR)
        with workspace.database.read() as connection:
            standing = workspace.policy.standing(connection, CALLER)
        if len(standing.groups) != CHAINS * DEPTH + 2:
            raise RuntimeError(f"the caller holds {len(standing.groups)} groups")
        least = Standing(CALLER, frozenset(), Rules('@id("x") permit(principal, action, resource);'))
        heap = Standing(CALLER, standing.groups, Rules(heaped), standing.roles)

        def from_store(action: str, resource: Resource) -> object:
            with workspace.database.read() as connection:
                return workspace.policy.standing(connection, CALLER).decide(action, resource)

        def groups(_action: str, _resource: Resource) -> object:
            with workspace.database.read() as connection:
                return grants(connection, CALLER)

        ways: dict[str, Callable[[str, Resource], object]] = {
            "alone": standing.decide,
            "from the store": from_store,
            "the least": least.decide,
        }
        worked_out = [standing.rules, least.rules, heap.rules]
        beside: dict[str, Callable[[str, Resource], object]] = {
            "heaped": lambda _action, _resource: heap.decide(*ASKED[1]),
            "groups": groups,
        }
        progress(f"{rounds} decisions in each way")
        times = _timed(ways, rounds, worked_out) | _timed(beside, rounds, worked_out)
        again = _timed({"again": standing.decide, "again from the store": from_store}, rounds)
        parsing = _timed({"parsed": _parsed_each_time(spread, standing)}, max(3, rounds // 40))["parsed"]
        workspace.close()
    alone = p50(times["alone"])
    bars: list[Bar] = [
        bar(f"decision, {POLICIES} policies, {CHAINS * DEPTH} groups, p50", 0.4, alone, "ms"),
        bar("the same with the store's read, p50", 2.0, p50(times["from the store"]), "ms"),
        bar("a decision asked for before, p50", None, p50(again["again"]), "ms"),
        bar("the same with the store's read, p50", None, p50(again["again from the store"]), "ms"),
        bar("processor time of a decision, p50", None, p50(times["alone, worked"]), "ms"),
        bar("processor time with the store's read, p50", None, p50(times["from the store, worked"]), "ms"),
        bar("decision, p95", None, p95(times["alone"]), "ms"),
        bar("with the store's read, p95", None, p95(times["from the store"]), "ms"),
        bar("of that, the look-up of the caller's groups, p50", None, p50(times["groups"]), "ms"),
        bar("the least that the engine takes: one rule, no groups, p50", None, p50(times["the least"]), "ms"),
        bar("decision over that least", None, alone / p50(times["the least"]), "ratio"),
        bar(
            "every rule about the action asked for, every group named, p50", None, p50(times["heaped"]), "ms"
        ),
        bar("texts parsed each time, p50", None, p50(parsing), "ms"),
        bar("parsed each time over parsed once", 10, p50(parsing) / alone, "ratio", least=True),
    ]
    return {"name": "policy", "machine": described(), "bars": bars}


def _timed(
    ways: Mapping[str, Callable[[str, Resource], object]], rounds: int, anew: Sequence[Rules] = ()
) -> dict[str, list[float]]:
    """Take each way in turn, so that a busy machine is as busy for all of them; some rules remember nothing."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for at in range(rounds + len(ASKED)):
        action, resource = ASKED[at % len(ASKED)]
        for name, decide in ways.items():
            for rules in anew:
                rules.forget()
            started, worked = time.perf_counter(), time.thread_time()
            decide(action, resource)
            if at >= len(ASKED):
                times[name].append(time.perf_counter() - started)
                times[f"{name}, worked"].append(time.thread_time() - worked)
    return dict(times)


def _parsed_each_time(policies: str, standing: Standing) -> Callable[[str, Resource], object]:
    import cedarpy

    def decide(action: str, resource: Resource) -> object:
        uid = {"type": "User", "id": standing.principal.name}
        target = {"type": resource.kind, "id": resource.id}
        attributes = {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in resource.attributes.items()
        }
        parents = [{"type": "Group", "id": group[6:]} for group in standing.groups if group[:6] == "group:"]
        request = {
            "principal": uid,
            "action": {"type": "Action", "id": action},
            "resource": target,
            "context": {"principal": standing.principal.ref, "groups": sorted(standing.groups)},
        }
        entities = [
            {"uid": uid, "attrs": {}, "parents": parents},
            {"uid": target, "attrs": attributes, "parents": []},
        ]
        return cedarpy.is_authorized(request, policies, entities, schema())

    return decide


def _policies(spread: bool) -> str:
    """Return as many rules as are wanted: the shipped ones, and others that each name two groups."""
    names = [one.name for one in actions().values() if one.kinds]
    shipped_rules = shipped().count("@id(")
    rules = [shipped()]
    for n in range(POLICIES - shipped_rules):
        action = names[n % len(names)] if spread else "ingest"
        one, other = _group(n), _group(n * 7 + 3)
        rules.append(
            f'@id("extra-{n}") permit (principal in Group::"{one}", action == Action::"{action}", resource) '
            f'when {{ context.groups.contains("group:{other}") && context.groups.contains("group:absent") }};'
        )
    return "\n".join(rules)


def _group(n: int) -> str:
    return f"g{n % CHAINS}-{n // CHAINS % DEPTH}"


def _directory() -> str:
    bottom = ", ".join(f'"g{chain}-0"' for chain in range(CHAINS))
    lines = [f"[users.caller]\ngroups = [{bottom}]"]
    for chain in range(CHAINS):
        for depth in range(DEPTH):
            lines.append(f"[groups.g{chain}-{depth}]")
            if depth + 1 < DEPTH:
                lines.append(f'members_of = ["g{chain}-{depth + 1}"]')
    return "\n".join(lines) + "\n"
