"""prompts: what models are told, as versions: see, compare, try, promote, go back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator, counting_cases, suite_folder
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.evaluation.observation import Subject
    from muniment.inference.messages import NumberedPassage
    from muniment.inference.prompt_file import Prompt
    from muniment.inference.prompt_registry import Promotion, Staged

app = typer.Typer(no_args_is_help=True)
Which = Annotated[
    str,
    typer.Argument(metavar="PROMPT", help="NAME, NAME@HASH8 or digits of a digest.", show_default=False),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="prompts", help="What models are told: see, compare, try, promote, go back.")


@app.command("list", epilog=example("muniment prompts list"))
def list_() -> None:
    """List every prompt with its stage: draft (a file), candidate, live, retired."""
    with TERMINAL.workspace() as workspace:
        found = workspace.prompts.all()
    if TERMINAL.json:
        TERMINAL.document({"prompts": [_plain(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        [
            visible(p.version),
            visible(p.purpose),
            one.stage,
            visible(p.owner),
            visible(p.where),
            visible(p.about),
        ]
        for one in found
        for p in [one.prompt]
    ]
    TERMINAL.show(table(("prompt", "purpose", "stage", "owner", "file", "about"), rows))


@app.command(epilog=example("muniment prompts show answer > prompts/mine.md"))
def show(prompt: Which) -> None:
    """Show a prompt's file."""
    with TERMINAL.workspace() as workspace:
        found = workspace.prompts.find(prompt)
    if TERMINAL.json:
        TERMINAL.document({**_plain(found), "content": found.prompt.content})
        return
    # The file alone on standard output, so that a draft can be made of it.
    TERMINAL.say(f"muniment: {found.prompt.version} is {found.stage}.")
    TERMINAL.out.print(visible(found.prompt.content), soft_wrap=True, end="")


@app.command(epilog=example("muniment prompts diff mine", "muniment prompts diff answer@0f3a9c11 answer"))
def diff(
    prompt: Which,
    other: Annotated[
        str | None, typer.Argument(metavar="[FROM]", help="Compared with; absent: the live one.")
    ] = None,
) -> None:
    """Show how a prompt differs from the live one of its purpose, or from another."""
    import difflib

    with TERMINAL.workspace() as workspace:
        new = workspace.prompts.find(prompt).prompt
        old = workspace.prompts.live(new.purpose) if other is None else workspace.prompts.find(other).prompt
    lines = list(
        difflib.unified_diff(
            old.content.splitlines(), new.content.splitlines(), old.version, new.version, lineterm=""
        )
    )
    if TERMINAL.json:
        TERMINAL.document({"from": old.version, "to": new.version, "diff": lines})
    else:
        TERMINAL.show(
            *(visible(line) for line in lines or [f"{new.version} and {old.version} are the same."])
        )


@app.command(
    epilog=example("muniment prompts render answer --input question='How long?' --input passages=some.jsonl")
)
def render(
    prompt: Which,
    given: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME=VALUE", help="A text; for passages a file of JSON lines."),
    ] = None,
) -> None:
    """Show what a model would be sent; sends nothing."""
    from muniment.foundation.errors import BadInput
    from muniment.foundation.ids import Ids
    from muniment.inference import prompts
    from muniment.inference.prompt_file import check_inputs, fits

    with TERMINAL.workspace() as workspace:
        found = workspace.prompts.find(prompt).prompt
        fits(found, frozenset(one.name for one in workspace.catalog.endpoints()))
    kinds = dict(found.inputs)
    values: dict[str, object] = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not equals or name in values:
            raise BadInput(
                f"'{one}' is not NAME=VALUE, once each.", fix="Such as --input question='How long?'."
            )
        values[name] = _passages(Path(value)) if kinds.get(name) == "passages" else value
    check_inputs(found, values)
    question, passages = str(values["question"]), values["passages"]
    made = prompts.request(found, question, passages, Ids().new("fence"))  # pyright: ignore[reportArgumentType]
    if TERMINAL.json:
        document = {"prompt": made.prompt, "instructions": made.instructions, "user": prompts.user_text(made)}
        TERMINAL.document(document)
    else:
        TERMINAL.show(visible(made.instructions), "", visible(prompts.user_text(made)))


@app.command("test", epilog=example("muniment prompts test mine --model house --reason 'Shorter sentences'"))
def try_(
    prompt: Which,
    suite: Annotated[
        str, typer.Option(metavar="SUITE", help="A folder, a file of cases, or a shipped suite.")
    ] = "sample",
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The endpoint that answers.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log; else as the suite says.")] = "",
    by: Evaluator = None,
) -> None:
    """Ask a suite with a prompt and with the live one, and show both; exit 1 where it does worse."""
    from muniment.app.evaluating import runner, subject
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.evaluation.prompt_trial import tried
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.inference.prompt_file import fits

    read = read_suite(suite_folder(suite))
    with TERMINAL.workspace() as workspace, counting_cases("Asking") as on_progress:
        found = workspace.prompts.find(prompt).prompt
        fits(found, frozenset(one.name for one in workspace.catalog.endpoints()))
        live = workspace.prompts.live(found.purpose)
        pair = [found] if live.digest == found.digest else [found, live]
        commission = Commission(reason, *acting(workspace, by))
        endpoint = model or workspace.catalog.default
        live_prompt = workspace.prompts.live

        def subject_with(one: Prompt) -> Subject:
            def given(purpose: str, model: str | None) -> Prompt:
                return one if purpose == one.purpose else live_prompt(purpose, model)

            return subject(workspace, commission.by, endpoint, given)

        figures = tried(runner(workspace), subject_with, pair, read, commission, endpoint, on_progress)
    new, old = figures[0], figures[-1]
    worse = new.forbidden > 0 or any(
        getattr(new, name) < getattr(old, name) for name in ("answered", "abstained", "facts", "cited")
    )
    if TERMINAL.json:
        TERMINAL.document(
            {"model": endpoint, "suite": suite, "worse": worse, "figures": [f.as_json() for f in figures]}
        )
    else:
        from muniment.interfaces.cli.render import table

        rows = [
            [
                f"{visible(one.prompt)}{' (live)' if one is old and len(figures) > 1 else ''}",
                *(f"{share * 100:.1f} %" for share in (one.answered, one.abstained, one.facts, one.cited)),
                str(one.claims),
                str(one.unverified),
                str(one.forbidden),
            ]
            for one in figures
        ]
        head = ("prompt", "answered", "abstained where it must", "all facts", "right document cited")
        TERMINAL.show(table((*head, "statements", "without evidence", "forbidden shown"), rows))
    if worse:
        raise typer.Exit(1)


@app.command(epilog=example("muniment prompts promote mine --reason 'Shorter sentences'"))
def promote(prompt: Which, reason: Reason, as_: AsOfficer = None) -> None:
    """Bring a prompt one stage further: a draft becomes a candidate, a candidate live from the next question on."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.prompts.promote(prompt, reason, by, who)
    _show_promotion(made)


@app.command(epilog=example("muniment prompts rollback --reason 'Answers got longer'"))
def rollback(
    reason: Reason,
    purpose: Annotated[str, typer.Argument(metavar="[PURPOSE]", help="What for.")] = "answer",
    as_: AsOfficer = None,
) -> None:
    """Make the prompt live again that was so before."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.prompts.rollback(purpose, reason, by, who)
    _show_promotion(made)


@app.command(epilog=example("muniment prompts history"))
def history() -> None:
    """Show what came to which stage, newest first, and why."""
    from dataclasses import asdict

    with TERMINAL.workspace() as workspace:
        found = workspace.prompts.history()
    if TERMINAL.json:
        TERMINAL.document({"history": [asdict(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    if not found:
        TERMINAL.show("The prompts that ship are live; nothing else ever was.")
        return
    rows = [
        [str(one.number), one.at[:19], one.how, one.stage, one.version, one.by, visible(one.reason)]
        for one in found
    ]
    TERMINAL.show(table(("", "at", "how", "stage", "prompt", "by", "reason"), rows))


def _show_promotion(made: Promotion) -> None:
    from dataclasses import asdict

    if TERMINAL.json:
        TERMINAL.document(asdict(made))
    elif made.stage == "candidate":
        TERMINAL.show(
            f"{made.version} is a candidate.",
            f"Next: muniment prompts test {made.version}, then promote it again to make it live",
        )
    else:
        TERMINAL.show(f"{made.version} is live from the next question on.")


def _plain(one: Staged) -> dict[str, object]:
    p: Prompt = one.prompt
    return {
        "prompt": p.version,
        "digest": p.digest,
        "purpose": p.purpose,
        "stage": one.stage,
        "about": p.about,
        "inputs": dict(p.inputs),
        "output": p.output,
        "models": list(p.models),
        "owner": p.owner,
        "file": p.where,
    }


def _passages(file: Path) -> tuple[NumberedPassage, ...]:
    from muniment.foundation.errors import BadInput
    from muniment.inference.messages import NumberedPassage

    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
        return tuple(
            NumberedPassage(n, str(row.get("title", "")), str(row.get("heading", "")), str(row["text"]))
            for n, row in enumerate(rows, 1)
        )
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read.", fix="Name a file of JSON lines.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fix = 'Each line is such as {"title": "…", "text": "…"}.'
        raise BadInput(f"{file} holds no passages.", fix=fix) from error
