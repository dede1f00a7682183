"""AU9: the log, and what is exported of it, holds no content: no text, title, path, question, answer or key."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from muniment.app import Workspace
from muniment.foundation.errors import MunimentError
from muniment.foundation.keys import PURPOSES
from muniment.governance.audit.verify import verify_export
from muniment.governance.identity.principal import OPERATOR

CANARIES = {
    "text": "quaggatext",
    "title": "quaggatitle",
    "heading": "quaggaheading",
    "file": "quaggafile",
    "folder": "quaggafolder",
    "sensitivity": "quaggalabel",
    "question": "quaggaquestion",
    "person": "quaggaperson",
    "failing file": "quaggabroken",
}
DIRECTORY = f"""
[users.alice]
name = "Alice {CANARIES["person"]}"
groups = ["staff"]
[users.bob]
[groups.staff]
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    folder = tmp_path / "documents" / CANARIES["folder"]
    folder.mkdir(parents=True)
    (folder / "access.toml").write_text(
        f'allow = ["group:staff"]\nsensitivity = "{CANARIES["sensitivity"]}"\n'
    )
    (folder / f"{CANARIES['file']}.md").write_text(
        f"# The {CANARIES['title']} plan\n\n## About {CANARIES['heading']}\n\n"
        f"The {CANARIES['text']} plan costs 40 crowns and ends in May.\n"
    )
    (folder / f"{CANARIES['failing file']}.pdf").write_bytes(b"%PDF-1.7 broken")
    return tmp_path / "documents"


def entries(workspace: Workspace) -> Iterator[str]:
    for entry in workspace.audit.query(limit=10_000):
        yield json.dumps([entry.kind, entry.actor, entry.via, entry.about], ensure_ascii=False)


def use_everything(workspace: Workspace, planted: Path) -> None:
    """Do all that writes entries: ingest, search, ask, read, explain, access by hand, refusals, sign-in."""
    workspace.ingest(planted, "docs")
    (planted / CANARIES["folder"] / f"{CANARIES['file']}2.md").write_text(f"A second {CANARIES['text']}.\n")
    workspace.ingest(planted, "docs")
    question = f"What does the {CANARIES['text']} plan cost, {CANARIES['question']}?"
    found = workspace.search(f"{CANARIES['text']} {CANARIES['question']}", "alice").passages
    answer = workspace.ask(question, "alice")
    assert found and answer.answer
    answered = workspace.ask(f"What does the {CANARIES['text']} plan cost?", "alice")
    assert answered.status == "answered", answered
    workspace.lineage.explain(workspace.principal("alice"), answer.id)
    workspace.search(question, "bob")
    workspace.access.set(
        f"docs/{CANARIES['folder']}", ["group:staff"], ["user:bob"], OPERATOR, CANARIES["sensitivity"]
    )
    workspace.access.clear(f"docs/{CANARIES['folder']}", OPERATOR)
    (planted / CANARIES["folder"] / f"{CANARIES['file']}.md").rename(planted / f"{CANARIES['file']}3.md")
    (planted / CANARIES["folder"] / f"{CANARIES['file']}2.md").unlink()
    workspace.ingest(planted, "docs")
    for refused in (
        lambda: workspace.search(CANARIES["question"], "bob", k=0),
        lambda: workspace.ask(question, "alice", model=CANARIES["question"]),
        lambda: workspace.lineage.explain(workspace.principal("bob"), answer.id),
        lambda: workspace.access.show(CANARIES["file"]),
    ):
        with pytest.raises(MunimentError):
            refused()
    workspace.directory.remove_member("staff", "alice", OPERATOR)


def test_no_canary_is_in_the_log_or_in_its_export(
    make_workspace: Callable[..., Workspace], planted: Path, tmp_path: Path
) -> None:
    workspace = make_workspace(directory=DIRECTORY)
    use_everything(workspace, planted)
    log = "\n".join(entries(workspace))
    kinds = {entry.kind for entry in workspace.audit.query(limit=10_000)}
    assert {"ingest.file_failed", "retrieval.chunk", "answer.claim", "access.set", "lineage.read"} <= kinds
    workspace.audit.export(tmp_path / "export")
    exported = b"".join(path.read_bytes() for path in (tmp_path / "export").iterdir())
    for what, canary in CANARIES.items():
        assert canary not in log.lower(), what
        for spelled in (canary.encode(), canary.encode("utf-16-le"), base64.b64encode(canary.encode())[:-4]):
            assert spelled not in exported.lower(), what
    assert verify_export(tmp_path / "export")["ok"]


def test_no_key_or_sign_in_secret_is_in_the_export(
    make_workspace: Callable[..., Workspace], planted: Path, tmp_path: Path
) -> None:
    workspace = make_workspace(directory=DIRECTORY)
    alice = workspace.principal("alice")
    link = workspace.sessions.create_link(alice, OPERATOR)
    session = workspace.sessions.redeem(link)
    token = workspace.tokens.issue(alice)
    workspace.audit.export(tmp_path / "export")
    exported = b"".join(path.read_bytes() for path in (tmp_path / "export").iterdir())
    secrets = [workspace.keyring.data_key(purpose) for purpose in PURPOSES]
    spelled = [form for key in secrets for form in (key, key.hex().encode(), base64.b64encode(key)[:40])]
    for secret in [*spelled, link.encode(), session.secret.encode(), session.csrf.encode(), token.encode()]:
        assert secret not in exported


def test_the_log_still_tells_one_question_from_another(
    make_workspace: Callable[..., Workspace], planted: Path
) -> None:
    workspace = make_workspace(directory=DIRECTORY)
    workspace.ingest(planted, "docs")
    for query in (CANARIES["text"], CANARIES["text"], CANARIES["title"]):
        workspace.search(query, "alice")
    asked = [entry.about["query"] for entry in workspace.audit.query(kind="search.request")]
    assert asked[0] == asked[1] == workspace.audit.commitment(CANARIES["text"])
    assert asked[2] != asked[0]
