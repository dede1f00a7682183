"""What came to a stage is told whole, by purpose or newest first as far as asked."""

from __future__ import annotations

from collections.abc import Callable

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

FRONT = "---\nname: {name}\npurpose: answer\ninputs: question text, passages passages\noutput: claims\n---\n{text}\n"


def go_live(workspace: Workspace, name: str) -> None:
    (workspace.home / "prompts").mkdir(exist_ok=True)
    (workspace.home / "prompts" / f"{name}.md").write_text(FRONT.format(name=name, text=f"Be {name}."))
    for _ in ("candidate", "live"):
        workspace.prompts.promote(name, f"It is {name}.", OPERATOR)


def test_the_history_ends_where_it_is_told_to(make_workspace: Callable[..., Workspace]) -> None:
    prompts, purpose = (workspace := make_workspace()).prompts, "answer"
    assert prompts.since() == {} and not prompts.had_others(purpose)
    go_live(workspace, "brief")
    go_live(workspace, "plain")
    whole = prompts.history()
    assert [(one.stage, one.how) for one in whole[-3:]] == [
        ("live", "promote"),
        ("live", "shipped"),
        ("candidate", "promote"),
    ]
    assert prompts.history(limit=2) == whole[:2] and prompts.history(purpose, 1) == whole[:1]
    assert prompts.history("rewriting") == []
    assert prompts.since() == {purpose: whole[0]} and prompts.had_others(purpose)
    prompts.rollback(purpose, "Too plain.", OPERATOR)
    assert prompts.since()[purpose].how == "rollback"
