"""models list, check --endpoints and compare: the endpoints that answer, and how they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from muniment.app import Workspace
    from muniment.assistant.values import Answer
    from muniment.governance.identity.principal import Principal
    from muniment.inference.catalog import Endpoint
    from muniment.settings import Settings


def listed(settings: Settings) -> list[dict[str, object]]:
    """Return the endpoints of the settings as JSON objects, ordered by name."""
    from muniment.inference.catalog import Catalog
    from muniment.settings import endpoints

    catalog = Catalog(endpoints(settings, TERMINAL.home_folder()), settings.answers.model)
    return [
        {
            "name": e.name,
            "kind": e.kind,
            "model": e.model,
            "base_url": e.base_url,
            "region": e.region,
            "hosting": e.hosting,
            "max_sensitivity": e.max_sensitivity,
            "context_tokens": e.context_tokens,
            "prompt_price": e.prompt_price,
            "completion_price": e.completion_price,
            "fallbacks": list(e.fallbacks),
            "allowed": " ".join(sorted(e.allowed_groups)),
            "default": e.name == catalog.default,
            "missing_key": e.missing_key,
        }
        for e in catalog.endpoints()
    ]


def list_tables(rows: list[dict[str, object]]) -> list[RenderableType]:
    """Return the endpoints for a person: which they are, and what goes to them."""
    from muniment.interfaces.cli.render import table

    def place(row: dict[str, object]) -> str:
        return " ".join(str(row[name]) for name in ("hosting", "region") if row[name])

    def price(row: dict[str, object]) -> str:
        prices = (row["prompt_price"], row["completion_price"])
        return "" if prices == (0.0, 0.0) else f"{prices[0]:g} / {prices[1]:g}"

    keyless = [
        f"{row['name']}: its key is not set ({row['missing_key']})" for row in rows if row["missing_key"]
    ]

    return [
        table(
            ("endpoint", "kind", "model", "at", "who may use it"),
            [[str(row[k]) for k in ("name", "kind", "model", "base_url", "allowed")] for row in rows],
        ),
        table(
            ("endpoint", "run", "is sent up to", "context", "price of a million", "instead"),
            [
                [
                    str(row["name"]),
                    place(row),
                    str(row["max_sensitivity"]),
                    f"{row['context_tokens']:,}" if row["context_tokens"] else "",
                    price(row),
                    ", ".join(row["fallbacks"]) if isinstance(row["fallbacks"], list) else "",
                ]
                for row in rows
            ],
        ),
        *(visible(line) for line in keyless),
    ]


def checked(workspace: Workspace) -> list[dict[str, object]]:
    """Ask every endpoint but the built-in one; return how each answered."""
    return [
        _checked(workspace, endpoint)
        for endpoint in workspace.catalog.endpoints()
        if endpoint.kind != "quotes"
    ]


def _checked(workspace: Workspace, endpoint: Endpoint) -> dict[str, object]:
    from muniment.foundation.errors import MunimentError
    from muniment.governance.identity.principal import OPERATOR

    try:
        found = workspace.gateway.check(endpoint, OPERATOR, workspace.ids.new("fence"))
    except MunimentError as error:
        return {"name": endpoint.name, "ok": False, "state": str(error)}
    form = "keeps to the form of a reply"
    if not found.keeps_form:
        form = "does not keep to the form of a reply"
        form += ", see its setting `structured`" if endpoint.structured != "none" else ""
    return {
        "name": endpoint.name,
        "ok": True,
        "state": f"answers, {form}",
        "keeps_form": found.keeps_form,
        "seconds": round(found.seconds, 3),
        "prompt_tokens": found.usage.prompt_tokens,
        "completion_tokens": found.usage.completion_tokens,
    }


@dataclass(frozen=True, slots=True)
class Compared:
    """What one endpoint made of a question: an answer, or why there is none."""

    model: str
    answer: Answer | None
    failure: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it as one JSON object."""
        if self.answer is None:
            return {"model": self.model, "error": self.failure}
        return {"model": self.model, **self.answer.as_json()}


def compare(workspace: Workspace, question: str, principal: Principal, models: list[str]) -> list[Compared]:
    """Ask the same of several endpoints in turn; raises BadInput for an unknown one, before any is asked."""
    from muniment.foundation.errors import MunimentError
    from muniment.governance.audit.entry import Actor

    for name in models:
        workspace.catalog.get(name)
    found: list[Compared] = []
    for name in models:
        try:
            answer = workspace.ask(question, principal, name, Actor(principal.ref, "cli"))
            found.append(Compared(name, answer))
        except MunimentError as error:
            found.append(Compared(name, None, str(error)))
    return found


def side_by_side(found: list[Compared]) -> RenderableType:
    """Return the answers as a table with a column for each endpoint."""
    from muniment.interfaces.cli.render import table

    facts = [_facts(one) for one in found]
    rows = [[name, *(visible(one[name]) for one in facts)] for name in facts[0]]
    return table(("", *(one.model for one in found)), rows)


def _facts(one: Compared) -> dict[str, str]:
    answer = one.answer
    if answer is None:
        names = ("status", "answer", "quotes", "answered by", "time", "tokens", "cost", "notes", "id")
        return {**dict.fromkeys(names, ""), "status": "failed", "answer": one.failure}
    usage = answer.usage
    return {
        "status": answer.status,
        "answer": answer.answer,
        "quotes": "\n".join(f'[{c.n}] {c.title}: "{c.quote}"' for c in answer.citations),
        "answered by": str(answer.lineage["model"]),
        "time": f"{answer.took_ms:,.0f} ms",
        "tokens": f"{usage.prompt_tokens:,} + {usage.completion_tokens:,}",
        "cost": f"{usage.cost:,.6f}",
        "notes": "\n".join(answer.notes),
        "id": answer.id,
    }
