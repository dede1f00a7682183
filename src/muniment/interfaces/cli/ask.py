"""search, ask and explain: what one person may know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import (
    After,
    AsUser,
    Author,
    Before,
    Folder,
    Sensitivity,
    Source,
    Type,
    example,
)
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from muniment.app import Workspace
    from muniment.assistant.lineage import Explanation
    from muniment.assistant.values import Answer, Event
    from muniment.governance.audit.entry import Actor
    from muniment.governance.identity.principal import Principal
    from muniment.knowledge.passage import Retrieval


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=example('muniment search "parental leave" --as alice'))(search)
    app.command(epilog=example('muniment ask "How long is parental leave?" --as alice'))(ask)
    app.command(epilog=example("muniment explain ANSWER-ID --as alice"))(explain)


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", show_default=False)],
    as_: AsUser,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Most passages.")] = 10,
    source: Source = None,
    folder: Folder = None,
    type_: Type = None,
    author: Author = None,
    sensitivity: Sensitivity = None,
    after: After = None,
    before: Before = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say of each passage why it is there.")] = False,
    why_not: Annotated[
        str | None,
        typer.Option(
            metavar="DOCUMENT",
            help="Say instead why this document (id or SOURCE/PATH) is not shown to USER.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Find passages that USER may read; nothing else takes part in the ranking."""
    filters = _filters(source, folder, type_, author, sensitivity, after, before)
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        if why_not is not None:
            _show_absence(workspace, principal, query, why_not, k, filters)
            return
        found = workspace.search(query, principal, k, _by(principal), filters, explain)
    if TERMINAL.json:
        TERMINAL.document(search_document(found))
        return
    from muniment.interfaces.cli.render import passages

    TERMINAL.show(*passages(found))


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", show_default=False)],
    as_: AsUser,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="See `muniment models list`.", show_default=False)
    ] = None,
    source: Source = None,
    folder: Folder = None,
    type_: Type = None,
    author: Author = None,
    sensitivity: Sensitivity = None,
    after: After = None,
    before: Before = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A JSON Schema: answer with JSON that keeps to it.", show_default=False
        ),
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option(
            metavar="ID|new",
            help="Go on with a conversation of USER's own, or begin one: a follow-up is understood.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Answer from what USER may read, with quotes that were checked; or say that nothing was found."""
    from muniment.knowledge.retrieval.filters import of

    filters = of(_filters(source, folder, type_, author, sensitivity, after, before))
    form = None if schema is None else _read_schema(schema)
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        by = _by(principal)
        thread = workspace.dialogue.resume(principal, conversation, question, by) if conversation else None
        if thread is None:
            events = workspace.assistant.stream(principal, question, by, model, filters, form)
        else:
            events = workspace.dialogue.stream(principal, thread, by, model, filters, form)
        answer = _last(events, say=not TERMINAL.json and form is None)
    if TERMINAL.json:
        TERMINAL.document(answer.as_json())
        return
    if form is not None:
        _show_result(answer)
    _show_evidence(answer)
    if answer.conversation:
        _show_conversation(answer)


def explain(
    answer_id: Annotated[str, typer.Argument(metavar="ANSWER-ID", show_default=False)],
    as_: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="USER", help="Who reads it; default: whoever asked.", show_default=False
        ),
    ] = None,
) -> None:
    """Show how an answer came about, as far as the reader may read its evidence now."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_) if as_ else workspace.lineage.owner(answer_id)
        explanation = workspace.lineage.explain(principal, answer_id, _by(principal))
        state = workspace.lineage.revisions(answer_id)
    if TERMINAL.json:
        TERMINAL.document({**explanation.as_json(), "revisions": state})
    else:
        TERMINAL.show(*explained(explanation))
        TERMINAL.show(f"Rights as of: {_state(state)}")


def _state(revisions: Mapping[str, int] | None) -> str:
    if revisions is None:
        return "not recorded"
    return ", ".join(f"{name} {value}" for name, value in revisions.items())


def search_document(found: Retrieval) -> dict[str, object]:
    """Return a search as the public contract spells it."""
    return {
        "passages": [
            {
                "document": p.document,
                "title": p.title,
                "version": p.version,
                "chunk": p.chunk,
                "page": p.page,
                "span": list(p.span),
                "score": p.score,
                "text": p.text,
                "sensitivity": p.sensitivity,
                "twins": [twin.as_json() for twin in p.twins],
                "why": p.why.as_json() if p.why else None,
            }
            for p in found.passages
        ],
        "decision": found.decision(),
        "took_ms": round(found.took_ms, 1),
    }


def explained(explanation: Explanation) -> list[RenderableType]:
    """Return an explanation for a person."""
    from rich.padding import Padding
    from rich.text import Text

    from muniment.interfaces.cli.render import QUIET, facts_table

    head, _, rest = explanation.text().partition("Passages considered:")
    considered, _, made_by = rest.partition("\nModel: ")
    facts = [line.partition(": ") for line in f"Model: {made_by}".splitlines()]
    return [
        Text(visible(head).rstrip()),
        Text("Passages considered, best first:", style="bold"),
        Padding(Text(visible(considered).strip("\n"), style=QUIET), (0, 0, 0, 0)),
        Text("Made by:", style="bold"),
        Padding(facts_table({name: value for name, _, value in facts}), (0, 0, 0, 2)),
    ]


def _show_absence(
    workspace: Workspace,
    principal: Principal,
    query: str,
    document: str,
    k: int,
    filters: dict[str, object],
) -> None:
    from muniment.governance.identity.principal import OPERATOR
    from muniment.knowledge.retrieval.filters import of

    found = workspace.retriever.why_not(principal, query, document, OPERATOR, k, of(filters))
    if TERMINAL.json:
        TERMINAL.document(
            {
                "document": found.document,
                "source": found.source,
                "path": found.path,
                "shown": found.shown,
                "reasons": list(found.reasons),
                "revisions": {
                    "directory": found.revisions.directory,
                    "access": found.revisions.access,
                    "content": found.revisions.content,
                },
            }
        )
        return
    TERMINAL.show(visible(f"{found.source}/{found.path}, searched as {principal.ref}:"))
    for reason in found.reasons:
        TERMINAL.show(visible(f"  {reason}"))
    state = found.revisions
    TERMINAL.show(f"  As of directory {state.directory}, access {state.access}, content {state.content}.")


def _filters(
    source: list[str] | None,
    folder: list[str] | None,
    type_: list[str] | None,
    author: list[str] | None,
    sensitivity: list[str] | None,
    after: str | None,
    before: str | None,
) -> dict[str, object]:
    stated = {"source": source, "folder": folder, "type": type_, "author": author, "sensitivity": sensitivity}
    return {**stated, "after": after, "before": before}


def _by(principal: Principal) -> Actor:
    from muniment.governance.audit.entry import Actor

    return Actor(principal.ref, "cli")


def _last(events: Iterable[Event], say: bool) -> Answer:
    """Print each claim as it is released; return the answer."""
    from muniment.assistant.values import INFERRED, Claim, Finished
    from muniment.foundation.errors import Unavailable

    answer: Answer | None = None
    # To its very end: a stream that is dropped early is recorded as stopped.
    for event in events:
        if isinstance(event, Claim) and say:
            marks = "".join(f"[{citation.n}]" for citation in event.citations)
            inferred = INFERRED if event.inferred else ""
            TERMINAL.show(visible(event.text) + inferred + (f" {marks}" if marks else ""))
        elif isinstance(event, Finished):
            if say and event.answer.status != "answered":
                TERMINAL.show(visible(event.answer.answer))
            answer = event.answer
    if answer is None:
        raise Unavailable("The answer did not come to its end.")
    return answer


def _read_schema(path: Path) -> object:
    """Return the JSON of a file; raises BadInput naming it."""
    from muniment.foundation.errors import BadInput

    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read ({error.strerror}).", fix="Name a file that is there."
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON: {error}.", fix="Give a JSON Schema.") from error


def _show_result(answer: Answer) -> None:
    """Print the result, and behind each of its values the citations that prove it."""
    from muniment.assistant.values import INFERRED

    if answer.result is None:
        TERMINAL.show(visible(answer.answer))
        return
    TERMINAL.show(visible(json.dumps(answer.result, ensure_ascii=False, indent=2)))
    for claim in answer.claims:
        marks = "".join(f"[{n}]" for n in dict.fromkeys(citation.n for citation in claim.citations))
        TERMINAL.show(f"  {visible(claim.text)}{INFERRED if claim.inferred else ''} {marks}")


def _show_conversation(answer: Answer) -> None:
    from rich.text import Text

    from muniment.interfaces.cli.render import QUIET

    if answer.standalone:
        TERMINAL.show(Text(f"Answered as: {visible(answer.standalone)}", style=QUIET))
    TERMINAL.show(Text(f"Go on: muniment ask QUESTION --conversation {answer.conversation}", style=QUIET))


def _show_evidence(answer: Answer) -> None:
    from rich.text import Text

    from muniment.interfaces.cli.render import QUIET, citation

    if answer.citations:
        TERMINAL.show("", *(citation(one) for one in answer.citations))
    if answer.nearest:
        TERMINAL.show(Text("Closest of what you may open:", style=QUIET))
        TERMINAL.show(*(Text(f"  {visible(one.title)}") for one in answer.nearest))
    for note in answer.notes:
        TERMINAL.show(Text(f"Note: {visible(note)}", style=QUIET))
    TERMINAL.show(
        Text(f"\n{answer.took_ms:.0f} ms; how it came about: muniment explain {answer.id}", style=QUIET)
    )
