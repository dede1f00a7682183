"""eval draft, accept: cases drafted from the corpus, and a person's word on each."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator, counting
from muniment.interfaces.cli.eval import app as group
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.suite_places import places
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.app import Workspace
    from muniment.assurance.evaluation.suites.accepting import Draft
    from muniment.assurance.evaluation.suites.model_questions import ModelQuestions

SuiteName = Annotated[
    str, typer.Argument(metavar="SUITE", help="A folder, or the name of a suite.", show_default=False)
]
app = typer.Typer()


def register(parent: typer.Typer) -> None:
    """Add the commands to the group `eval`."""
    group.add_typer(app)


@app.command(epilog=example("muniment eval draft support --as bob --count 30"))
def draft(
    name: SuiteName,
    as_: Annotated[
        list[str],
        typer.Option("--as", metavar="USER", help="Whose documents, and who asks; several share the count."),
    ],
    count: Annotated[int, typer.Option(help="At most so many.")] = 50,
    seed: Annotated[int, typer.Option(help="Another one picks other documents.")] = 0,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The endpoint that writes the questions.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log; else as the suite says.")] = "",
    by: Evaluator = None,
) -> None:
    """Draft cases from what somebody may read now; they count for nothing until `eval accept`."""
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.evaluation.suites.drafting import Drafting

    place = places().find(name).writable()
    with TERMINAL.workspace() as workspace, counting("Drafting") as on_progress:
        drafting = Drafting(
            database=workspace.database,
            policy=workspace.policy,
            gate=workspace.gate,
            audit=workspace.audit,
            directory=workspace.directory,
            reading=workspace.reading,
        )
        found = drafting.draft(
            place,
            as_,
            count,
            Commission(reason, *acting(workspace, by)),
            seed=seed,
            model=None if model is None else _writer(workspace, model),
            on_progress=on_progress,
        )
    if TERMINAL.json:
        TERMINAL.document(
            {
                "suite": place.name,
                "drafted": [one.id for one in found.cases],
                "by_template": found.by_template,
                "documents_without_facts": found.without,
            }
        )
        return
    TERMINAL.show(f"{len(found.cases)} drafts in {visible(str(place.drafts))}.")
    if found.by_template:
        TERMINAL.show(
            f"{found.by_template} have their document's own words, which makes them easy to find: "
            "put them as people would ask."
        )
    if found.cases:
        TERMINAL.show(f"Next: muniment eval accept {visible(name)}")


@app.command(epilog=example("muniment eval accept support", "muniment eval accept support c001 c002 --edit"))
def accept(
    name: SuiteName,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which; absent: show all.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Each that waits.")] = False,
    edit: Annotated[
        bool, typer.Option("--edit", help="Open them in $EDITOR first; a line taken out waits on.")
    ] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Throw them away instead.")] = False,
) -> None:
    """Show drafts, and take those named over into the suite."""
    from muniment.assurance.evaluation.suites import accepting
    from muniment.foundation.errors import BadInput

    place = places().find(name)
    if (every and ids) or (edit and reject):
        raise BadInput("These do not go together.", fix="Give ids or --all, and --edit or --reject.")
    drafts = accepting.chosen(place, ids) if ids else accepting.waiting(place)
    done: list[str] = []
    if not TERMINAL.json:
        _show(drafts)
    if ids or every:
        if reject:
            accepting.reject(place, drafts)
            done = [one.case.id for one in drafts]
        else:
            taken = accepting.accept(place, drafts, _edited if edit else lambda text: text)
            done = [case.id for case in taken]
    if TERMINAL.json:
        shown = [{"id": one.case.id, "note": one.note, "line": one.line} for one in drafts]
        TERMINAL.document({"suite": place.name, "drafts": shown, "rejected" if reject else "accepted": done})
    elif ids or every:
        TERMINAL.show(f"{len(done)} {'thrown away' if reject else 'accepted'}.")
    elif drafts:
        TERMINAL.show(f"{len(drafts)} wait. Name those to take, or give --all; --reject throws away.")
    else:
        TERMINAL.show("No drafts wait.")


def _writer(workspace: Workspace, model: str) -> ModelQuestions:
    from muniment.assurance.evaluation.suites.model_questions import ModelQuestions
    from muniment.foundation.ids import Ids

    return ModelQuestions(
        database=workspace.database,
        policy=workspace.policy,
        gateway=workspace.gateway,
        live=workspace.prompts.live,
        ids=Ids(),
        model=model,
    )


def _edited(text: str) -> str:
    """Return what the editor leaves of a text; raises BadInput where there is none or it fails."""
    from muniment.foundation.errors import BadInput
    from muniment.settings import process_environment

    around = process_environment()
    editor = around.get("VISUAL") or around.get("EDITOR")
    if not editor:
        raise BadInput("There is no editor.", fix="Set $EDITOR, or change the file of drafts itself.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "drafts.jsonl"
        file.write_text(text, "utf-8")
        try:
            failed = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode != 0
        except OSError:
            failed = True
        if failed:
            raise BadInput(f"{editor} failed.", fix="Nothing was changed. Set $EDITOR to one that is there.")
        return file.read_text("utf-8")


def _show(drafts: Sequence[Draft]) -> None:
    from muniment.interfaces.cli.render import facts_table

    for one in drafts:
        case = one.case
        shown: dict[str, object] = {
            "id": case.id,
            "asker": case.asker,
            "question": case.question,
            "fact": "; ".join(" | ".join(fact) for fact in case.facts),
            "document": ", ".join(case.gains),
            "stands in": one.note,
        }
        TERMINAL.show(facts_table({key: value for key, value in shown.items() if value}), "")
