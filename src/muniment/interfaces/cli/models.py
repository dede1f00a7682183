"""models: which models answer, and the weights that search by meaning needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import language
from muniment.interfaces.cli.download import download_bar, outside
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from rich.console import Console

    from muniment.inference.embedders import Offer
    from muniment.settings import Settings

app = typer.Typer(no_args_is_help=True)
OptionalAs = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="Who asks one question: a user's name, or service:NAME."),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="models", help="Models that answer, and weights for search.")


@app.command("list", epilog=example("muniment models list"))
def list_() -> None:
    """List the endpoints that can answer and the weights, with where they lie."""
    from muniment.interfaces.cli.model_endpoints import list_tables, listed

    settings = _settings()
    endpoints = listed(settings)
    weights = _weights(settings, verify=False) + language.rows(settings)
    if TERMINAL.json:
        TERMINAL.document({"endpoints": endpoints, "weights": weights})
        return
    from muniment.interfaces.cli.render import table

    TERMINAL.show(
        *list_tables(endpoints),
        table(
            ("weights", "purpose", "licence", "state"),
            [[str(w[k]) for k in ("name", "purpose", "licence", "state")] for w in weights],
        ),
    )


@app.command(
    epilog=example(
        "muniment models check",
        "muniment models check --endpoints",
        "muniment models check qwen2.5-coder-0.5b",
    )
)
def check(
    name: Annotated[
        str | None,
        typer.Argument(help="A language model: try it, and say how fast it is here.", show_default=False),
    ] = None,
    endpoints: Annotated[
        bool, typer.Option("--endpoints", help="Ask each language model one tiny request too.")
    ] = False,
) -> None:
    """Verify the digests of the weights that are present; exit 1 where one is wrong, or missing for search."""
    from muniment.interfaces.cli.model_endpoints import checked

    settings = _settings()
    if name is not None:
        language.try_out(settings, TERMINAL.home_folder(), name)
        return
    weights = _weights(settings, verify=True) + language.verified_rows(settings)
    asked: list[dict[str, object]] = []
    if endpoints:
        with TERMINAL.workspace() as workspace:
            asked = checked(workspace)
    good = all(one["ok"] for one in (*weights, *asked))
    if TERMINAL.json:
        TERMINAL.document({"ok": good, "weights": weights, **({"endpoints": asked} if endpoints else {})})
    else:
        for entry in (*weights, *asked):
            took = f" ({entry['seconds']} s)" if "seconds" in entry else ""
            state = visible(str(entry["state"]))
            TERMINAL.show(f"{'ok  ' if entry['ok'] else 'fail'}  {entry['name']}: {state}{took}")
        if endpoints and not asked:
            TERMINAL.show("No language model is set up.")
    if not good:
        raise typer.Exit(1)


@app.command(
    epilog=example(
        'muniment models compare "How long is parental leave?" --as alice --models house,quotes',
        "muniment models compare policy-questions --models house,quotes",
    )
)
def compare(
    question: Annotated[
        str,
        typer.Argument(
            metavar="QUESTION|SUITE", help="A question, or without --as a suite.", show_default=False
        ),
    ],
    as_: OptionalAs = None,
    models: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="See `muniment models list`; of a suite, else all.", show_default=False
        ),
    ] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One more of them; may be repeated.", show_default=False),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Ask so many of a suite's cases.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take over what an earlier comparison of the suite answered.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Of a suite, cases at one time.")] = 1,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Of a suite, write a page, Markdown and JSON there.", show_default=False
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why a suite is run; else as it says.")] = "",
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="USER", help="Who runs a suite, if policy lets them; else the operator."
        ),
    ] = None,
) -> None:
    """Ask several models the same: one question as USER, or a suite as its askers, with what each costs."""
    from muniment.foundation.errors import BadInput
    from muniment.interfaces.cli import model_endpoints

    names = list(dict.fromkeys(name.strip() for name in (*models.split(","), *(model or ())) if name.strip()))
    if as_ is None:
        from muniment.interfaces.cli.ladder import compare_on_suite

        compare_on_suite(question, names, limit, reason, by, resume=resume, workers=workers, report=report)
        return
    if not names:
        raise BadInput("--models names no model.", fix="Such as --models house,quotes.")
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        found = model_endpoints.compare(workspace, question, principal, names)
    if TERMINAL.json:
        TERMINAL.document({"question": question, "answers": [one.as_json() for one in found]})
    else:
        TERMINAL.show(model_endpoints.side_by_side(found))
    if not any(one.answer for one in found):
        raise typer.Exit(1)


@app.command(epilog=example("muniment models usage --days 30"))
def usage(
    days: Annotated[int, typer.Option(min=1, max=3660, help="Days, today included.")] = 7,
) -> None:
    """Show what language models were asked for, by day (UTC) and by whom, and what of today's limits is left."""
    from muniment.inference.spending import EVERYBODY, MILLION

    with TERMINAL.workspace() as workspace:
        lines = workspace.spending.lines(days)
        left = workspace.spending.left()
    if TERMINAL.json:
        used = [
            {
                "day": one.day,
                "who": one.who or None,
                "calls": one.calls,
                "prompt_tokens": one.use.prompt_tokens,
                "completion_tokens": one.use.completion_tokens,
                "cost": one.use.cost / MILLION,
            }
            for one in lines
        ]
        today = {"tokens": left.tokens, "cost": None if left.cost is None else left.cost / MILLION}
        TERMINAL.document({"usage": used, "left_today": today})
        return
    from muniment.interfaces.cli.render import table

    TERMINAL.show(
        table(
            ("day", "who", "calls", "tokens sent", "received", "cost"),
            [
                [
                    one.day,
                    "all together" if one.who == EVERYBODY else visible(one.who),
                    f"{one.calls:,}",
                    f"{one.use.prompt_tokens:,}",
                    f"{one.use.completion_tokens:,}",
                    f"{one.use.cost / MILLION:,.4f}",
                ]
                for one in lines
            ],
        )
        if lines
        else "No language model was asked in these days."
    )
    tokens = "no limit" if left.tokens is None else f"{left.tokens:,} tokens"
    cost = "" if left.cost is None else f", {left.cost / MILLION:,.4f} of the cost"
    TERMINAL.show(f"left today for all together: {tokens}{cost}")


@app.command(
    epilog=example(
        "muniment models fetch",
        "muniment models fetch qwen2.5-coder-0.5b",
        "without a network: muniment models fetch --from /media/weights",
    )
)
def fetch(
    name: Annotated[
        str | None,
        typer.Argument(help="A language model; left out: what search needs.", show_default=False),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FOLDER", help="Copy from this folder, not the network.", show_default=False
        ),
    ] = None,
) -> None:
    """Bring the weights for search by meaning, or a language model, into the cache, once, and verify them."""
    TERMINAL.interrupted = "muniment: Stopped. Whole files are kept; run the same command again."
    settings = _settings()
    if name is not None:
        language.fetch(settings, name, from_)
        return
    places = _from_folder(settings, from_) if from_ is not None else fetch_with_bar(settings, TERMINAL.err)
    if TERMINAL.json:
        TERMINAL.document({"weights": [{"name": name, "folder": str(place)} for name, place in places]})
        return
    for name, place in places:
        TERMINAL.show(f"ok  {name}: {place}")
    TERMINAL.show("Run `muniment ingest` again, so that documents taken in without vectors get theirs.")


def fetch_with_bar(settings: Settings, console: Console) -> list[tuple[str, Path]]:
    """Fetch the weights with a progress bar; raises Unavailable where it cannot be done, Denied where it may not."""
    from muniment.inference import weights
    from muniment.settings import process_environment, weight_cache

    outside(settings)

    with download_bar(console) as progress:
        found = weights.fetch(weight_cache(settings), progress, process_environment())
    return [(one.weights.name, one.folder) for one in found]


def _from_folder(settings: Settings, folder: Path) -> list[tuple[str, Path]]:
    from muniment.foundation.errors import BadInput
    from muniment.inference import weights
    from muniment.settings import weight_cache

    cache = weight_cache(settings)
    copied: list[tuple[str, Path]] = []
    for wanted in weights.CATALOGUE:
        found = weights.find(wanted, [folder])
        if found is None:
            names = ", ".join(f"{wanted.name}/{file.name}" for file in wanted.files)
            raise BadInput(f"{folder} lacks the weights {wanted.name}.", fix=f"It must hold {names}.")
        place = cache / wanted.name
        place.mkdir(parents=True, exist_ok=True)
        for file in wanted.files:
            content = found.read(file.name)
            partial = place / f".{file.name}.partial"
            partial.write_bytes(content)
            partial.replace(place / file.name)
        copied.append((wanted.name, place))
    return copied


def _settings() -> Settings:
    from muniment import settings

    return settings.load(TERMINAL.home_folder())


def _weights(settings: Settings, verify: bool) -> list[dict[str, object]]:
    from muniment.foundation.errors import MunimentError
    from muniment.inference import weights
    from muniment.settings import embedding_offers, weight_folders

    rows: list[dict[str, object]] = []
    for wanted in weights.CATALOGUE:
        found = weights.find(wanted, weight_folders(settings))
        state, good = ("missing: run `muniment models fetch`", False) if found is None else ("present", True)
        if found is not None:
            state = f"present in {found.folder}"
            if verify:
                try:
                    for file in wanted.files:
                        found.read(file.name)
                    state = f"verified in {found.folder}"
                except MunimentError as error:
                    state, good = str(error), False
        rows.append(
            {
                "name": wanted.name,
                "purpose": wanted.purpose,
                "licence": wanted.licence,
                "origin": wanted.origin,
                "state": state,
                "ok": good,
            }
        )
    return rows + [_own(offer, verify) for offer in embedding_offers(settings, TERMINAL.home_folder())[1:]]


def _own(offer: Offer, verify: bool) -> dict[str, object]:
    from muniment.foundation.errors import MunimentError

    state, good = ("present", True) if offer.is_present() else (f"missing: {offer.fix}", False)
    if good and verify:
        try:
            offer.load()
            state = "verified"
        except MunimentError as error:
            state, good = str(error), False
    return {
        "name": offer.model.name,
        "purpose": "embedding",
        "licence": "your own",
        "origin": "settings",
        "state": state,
        "ok": good,
    }
