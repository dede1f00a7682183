"""bench: measure this installation on this machine, with the figures that the bars name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

_PACKAGE = "benchmarks"
"""What the folder of benchmarks is called when it is imported, wherever it lies."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        epilog=example("muniment bench retrieval --beir ./scifact --split test --json"),
    )(bench)


def bench(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="actions, assembly, audit, citations, control, evaluation, everyday, keys, lineage, parse, "
            "policy, retrieval, scale, schemas, sensitive, sources, web, workflows, or all.",
            show_default=False,
        ),
    ],
) -> None:
    """Run one benchmark; what follows the name goes to it, such as --beir FOLDER --split test --cache FOLDER."""
    given = options(context.args)
    if name == "all":
        results = [_run(each, given, lenient=True) for each in _known()]
        document: object = {"benchmarks": results}
    else:
        results = [_run(name, given, lenient=False)]
        document = results[0]
    if TERMINAL.json:
        TERMINAL.document(document)
    else:
        for result in results:
            _show(result)
    if any(bar.get("ok") is False for result in results for bar in result.get("bars", [])):
        raise typer.Exit(1)


def _run(name: str, given: dict[str, object], lenient: bool) -> dict[str, Any]:
    """Return a benchmark's result; with `lenient`, one that lacks an option says so instead of failing."""
    from muniment.foundation.errors import BadInput

    run = _load(name)
    try:
        return cast("dict[str, Any]", run(given, TERMINAL.say))
    except BadInput as error:
        if not lenient:
            raise
        return {"name": name, "skipped": str(error), "bars": []}


def options(words: Sequence[str]) -> dict[str, object]:
    """Return `--name value`, `--name=value` and `--flag` as a mapping; raises BadInput for anything else."""
    from muniment.foundation.errors import BadInput

    found: dict[str, object] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--") or word == "--":
            raise BadInput(f"{word!r} is not an option.", fix="Write --name VALUE.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            has_value = bool(left) and not left[0].startswith("--")
            found[name.replace("-", "_")] = left.pop(0) if has_value else True
        else:
            found[name.replace("-", "_")] = value
    return found


def _known() -> list[str]:
    from muniment.foundation.shipped import shipped

    files = shipped("benchmarks").glob("*.py")
    return sorted(file.stem for file in files if "\ndef run(" in file.read_text("utf-8"))


def _load(name: str) -> Any:
    import importlib
    import sys
    from importlib.machinery import ModuleSpec
    from importlib.util import module_from_spec

    from muniment.foundation.errors import BadInput
    from muniment.foundation.shipped import shipped

    known = _known()
    if name not in known:
        raise BadInput(f"No benchmark named {name}.", fix=f"Known: {', '.join(known)}, all.")
    if _PACKAGE not in sys.modules:
        spec = ModuleSpec(_PACKAGE, None, is_package=True)
        spec.submodule_search_locations = [str(shipped("benchmarks"))]
        sys.modules[_PACKAGE] = module_from_spec(spec)
    return importlib.import_module(f"{_PACKAGE}.{name}").run


def _show(result: dict[str, Any]) -> None:
    from muniment.interfaces.cli.render import facts_table, table

    rows = [
        (
            visible(str(bar["what"])),
            _figure(bar.get("value")),
            visible(str(bar.get("unit") or "")),
            _figure(bar.get("target")),
            {True: "ok", False: "MISSED"}.get(bar.get("ok"), ""),
        )
        for bar in result.get("bars", [])
    ]
    TERMINAL.show(f"{result.get('name')}:")
    TERMINAL.show(table(("what", "value", "unit", "target", ""), rows))
    others = {key: value for key, value in result.items() if key not in ("name", "bars")}
    for key, value in list(others.items()):
        if _is_table(value):
            head = list(value[0])
            cells = [[visible(_figure(row.get(column))) for column in head] for row in value]
            TERMINAL.show(f"{key}:")
            TERMINAL.show(table([column.replace("_", " ") for column in head], cells))
            del others[key]
    TERMINAL.show(facts_table(others))


def _is_table(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) for row in cast("list[object]", value))
    )


def _figure(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
