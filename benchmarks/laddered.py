"""Whether the ladder chooses the rung that is known to be right, for three sets of tasks of the sample company.

`python -m benchmarks.laddered [--limit N] [--weights] [--json]`, in a checkout. Searches rank by words alone, or with
`--weights` by vectors too where they are present; only then is there a rung with reranking.

The sets lie in evals/; which rung is right was laid down when they were written: a form needs a schema, a written
rule needs a search that quotes, and orders need tools. The language model is a simulator that reads what it is sent
and knows nothing of the right answers (tests/simulators/task_minds.py); requests, search, tools and the systems
behind them are real.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bars import Bar, Progress, bar
from muniment import app
from muniment.actions.manifest_folder import manifest_texts
from muniment.app.laddered import laddered
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.release.ladder import tell
from muniment.assurance.release.ladder.ladder import Ladder, climb
from muniment.assurance.release.ladder.rungs import rungs_of
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import NotSetUp
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.cli.demo.systems import running, write_settings
from muniment.interfaces.cli.shipped import shipped

RIGHT = {"classification": "structured", "policy-questions": "quotes", "orders": "tools"}
"""The right rung of each set."""
ROOT = Path(__file__).resolve().parents[1]
_PRICES = {"prompt_price": 1.0, "completion_price": 4.0}
"""Of a million tokens, so that rungs differ in cost as they would."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the ladder made of one set."""

    suite: str
    right: str
    ladder: Ladder

    @property
    def ok(self) -> bool:
        """Return whether the right rung was recommended."""
        return self.ladder.recommendation.name == self.right


def bars(progress: Progress, limit: int | None = None, weights: bool = False) -> list[Bar]:
    """Return in how many of the sets the right rung is chosen, and what each rung came to."""
    found = chosen(progress, limit, weights)
    made = [
        bar(
            f"sets of tasks for which the ladder chooses the right rung, of {len(found)}",
            len(found),
            sum(one.ok for one in found),
            "",
            True,
        )
    ]
    for one in found:
        for rung in one.ladder.rungs:
            if rung.figures is not None:
                quality = rung.figures.quality
                said = f"{quality.low * 100:.1f} to {quality.high * 100:.1f}, {quality.cases} cases"
                made.append(
                    bar(f"{one.suite}: {rung.rung.title} ({said})", None, quality.value * 100, "% quality")
                )
    return made


def chosen(progress: Progress, limit: int | None = None, weights: bool = False) -> list[Chosen]:
    """Return what the ladder makes of each set, with `limit` cases of each; raises NotSetUp outside a checkout."""
    found: list[Chosen] = []
    with company(weights) as workspace:
        for name, right in RIGHT.items():
            progress(f"climbing the ladder: {name}")
            suite = read_suite(shipped(f"evals/{name}"))
            ways = rungs_of(laddered(workspace), suite, OPERATOR)
            made = climb(suite, ways, OPERATOR.ref, lambda: timestamp(workspace.clock.now()), limit)
            found.append(Chosen(name, right, made))
    return found


@contextmanager
def company(weights: bool) -> Generator[app.Workspace]:
    """The sample company with its documents, its systems, its tools and a simulated model."""
    serving, server, mind = _simulated()
    acme = shipped("examples/acme")
    with tempfile.TemporaryDirectory() as folder, serving(mind, wire=server) as model:
        home = Path(folder) / "home"
        with closing(app.create(home)) as made:
            key = made.call_credentials.public_jwk()
        with running(acme / "systems", home / "systems", key) as systems:
            write_settings(home, systems)
            _settings(home, model.url, weights)
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


def _simulated() -> tuple:
    if not (ROOT / "tests" / "simulators" / "task_minds.py").exists():
        raise NotSetUp("The simulated model is part of a checkout only.", fix="Run this in a checkout.")
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from tests.simulators.openai_server import serving
    from tests.simulators.task_minds import TaskServer, middling

    return serving, TaskServer, middling


def main() -> None:
    """Print what was chosen."""
    limit = int(sys.argv[sys.argv.index("--limit") + 1]) if "--limit" in sys.argv else None
    found = chosen(lambda line: print(line, file=sys.stderr), limit, "--weights" in sys.argv)
    if "--json" in sys.argv:
        print(json.dumps([tell.as_json(one.ladder) for one in found], indent=1))
        return
    for one in found:
        print(f"{one.suite}: {one.ladder.recommendation.name or 'none'} (right: {one.right})")
        for rung in one.ladder.rungs:
            if rung.figures is None:
                print(f"  {rung.rung.title}: not available: {rung.rung.missing}")
                continue
            figures = rung.figures
            means = ", ".join(
                f"{name} {est.value * 100:.1f} ({est.low * 100:.1f}-{est.high * 100:.1f}, {est.cases})"
                for name in one.ladder.targets
                if (est := figures.metrics.get(name)) is not None
            )
            print(
                f"  {rung.rung.title}: {means}; cost {figures.cost:.5f}, p50 {figures.p50_ms:.0f} ms, "
                f"p95 {figures.p95_ms:.0f} ms"
            )
        print(*(f"  {line}" for line in tell.said(one.ladder)), sep="\n")


if __name__ == "__main__":
    main()
