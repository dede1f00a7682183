"""Whether the ladder chooses the rung that is known to be right, for three sets of tasks of the sample company.

Searches rank by words alone, or with weights by vectors too, and only then is there a rung with reranking. The sets
lie in evals/; which rung is right was laid down when they were written: a form needs a schema, a written rule needs a
search that quotes, and orders need tools. The language model is a simulator that reads what it is sent and knows
nothing of the right answers (`task_minds`); requests, search, tools and the systems behind them are real.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bars import Bar, Progress, bar
from benchmarks.task_minds import middling
from benchmarks.task_model import serving
from muniment import app
from muniment.actions.manifest_folder import manifest_texts
from muniment.app.laddered import laddered, putting
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.statistics.interval import Estimate
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.release.ladder.ladder import Ladder, climb
from muniment.assurance.release.ladder.rungs import rungs_of
from muniment.foundation.shipped import shipped
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.cli.demo.systems import running, write_settings

RIGHT = {"classification": "structured", "policy-questions": "quotes", "orders": "tools"}
"""The right rung of each set."""
_PRICES = {"prompt_price": 1.0, "completion_price": 4.0}
"""Of a million tokens, so that rungs differ in cost as they would."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the ladder made of one set."""

    suite: str
    right: str
    ladder: Ladder
    seconds: float

    @property
    def ok(self) -> bool:
        """Return whether the right rung was recommended."""
        return self.ladder.recommendation.name == self.right


def measured(
    progress: Progress, limit: int | None = None, weights: bool = False
) -> tuple[list[Bar], dict[str, object]]:
    """Return for how many sets the right rung is chosen, and tables of the sets and of what each rung came to."""
    found = chosen(progress, limit, weights)
    right = bar(
        f"sets of tasks for which the ladder chooses the right rung, of {len(found)}",
        len(found),
        sum(one.ok for one in found),
        "",
        True,
    )
    sets = [
        {
            "set": one.suite,
            "cases": one.ladder.cases,
            "right": one.right,
            "recommended": one.ladder.recommendation.name or "none",
            "seconds": round(one.seconds, 1),
        }
        for one in found
    ]
    return [right], {
        "sets": sets,
        "rungs": [row for one in found for row in _rows(one)],
        "targets": [row for one in found for row in _targets(one)],
    }


def _rows(one: Chosen) -> list[dict[str, object]]:
    return [
        {
            "set": one.suite,
            "rung": f"{climbed.rung.number} {climbed.rung.name}",
            "quality": _interval(figures.quality),
            "cost": round(figures.cost, 6),
            "p50_ms": round(figures.p50_ms, 1),
            "p95_ms": round(figures.p95_ms, 1),
            "reranked": figures.reranked,
        }
        for climbed in one.ladder.rungs
        if (figures := climbed.figures) is not None
    ]


def _targets(one: Chosen) -> list[dict[str, object]]:
    return [
        {
            "set": one.suite,
            "metric": name,
            "rung": f"{climbed.rung.number} {climbed.rung.name}",
            "mean": _interval(found),
            "cases": found.n,
        }
        for name in one.ladder.targets
        for climbed in one.ladder.rungs
        if climbed.figures is not None and (found := climbed.figures.metrics.get(name)) is not None
    ]


def _interval(found: Estimate) -> str:
    return f"{found.mean * 100:.1f} ({found.low * 100:.1f} to {found.high * 100:.1f})"


def chosen(progress: Progress, limit: int | None = None, weights: bool = False) -> list[Chosen]:
    """Return what the ladder makes of each set, with `limit` cases of each."""
    found: list[Chosen] = []
    why = Commission("To see whether the ladder is right.", OPERATOR)
    with company(weights) as workspace:
        for name, right in RIGHT.items():
            progress(f"climbing the ladder: {name}")
            suite = read_suite(shipped(f"evals/{name}"))
            ways = rungs_of(laddered(workspace), suite, OPERATOR)
            began = time.monotonic()
            made = climb(suite, ways, putting(workspace, why), limit)
            found.append(Chosen(name, right, made, time.monotonic() - began))
    return found


@contextmanager
def company(weights: bool) -> Generator[app.Workspace]:
    """The sample company with its documents, its systems, its tools and a simulated model."""
    acme = shipped("examples/acme")
    with tempfile.TemporaryDirectory() as folder, serving(middling) as url:
        home = Path(folder) / "home"
        with closing(app.create(home)) as made:
            key = made.call_credentials.public_jwk()
        with running(acme / "systems", home / "systems", key) as systems:
            write_settings(home, systems)
            _settings(home, url, weights)
            with closing(app.open(home)) as workspace:
                workspace.directory.import_file(acme / "directory.toml", OPERATOR)
                for role in ("tool-user", "reader"):
                    workspace.roles.grant(role, "group:everyone", "They work here", OPERATOR)
                for text in manifest_texts(acme / "tools", {"systems": systems.url}):
                    workspace.tools.add(text, None, OPERATOR)
                workspace.ingest(acme / "documents", "acme")
                yield workspace


def _settings(home: Path, url: str, weights: bool) -> None:
    prices = "\n".join(f"{name} = {price}" for name, price in _PRICES.items())
    with (home / "settings.toml").open("a", encoding="utf-8") as settings:
        settings.write(
            f'[answers]\nmodel = "helper"\n[models.helper]\nbase_url = "{url}"\nmodel = "middling"\n'
            f'max_output_tokens = 2000\nhosting = "self-managed"\nmax_sensitivity = "any"\n{prices}\n'
            f"[retrieval]\nvectors = {str(weights).lower()}\n"
        )
