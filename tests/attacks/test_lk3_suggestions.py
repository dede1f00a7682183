"""LK3: whatever proposes something (close names, listings, earlier questions, other versions, contents of a document)
draws on the caller's own set: two companies that differ in everything else answer a caller alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import DIRECTORY
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.web_client import Browser, bearer, client, document_id

from muniment import settings
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.ids import SeededIds

HIDDEN = "quaggaworks"
"""A word in everything of the second company that Carol may not know of: texts, titles, paths, a source, people,
a group, a model."""
MORE_PEOPLE = f"""
[users.{HIDDEN}]
name = "Ina {HIDDEN}"
groups = ["{HIDDEN}"]
[users.carola]
[groups.{HIDDEN}]
"""
NEAR = (HIDDEN, HIDDEN[:-1], f"{HIDDEN} plan", "canteens", "carola", f"group:{HIDDEN}", "doc_absent")
"""What somebody types who hopes to be told the rest."""


def company(make: Callable[..., Workspace], name: str, folder: Path, vectors: bool, more: bool) -> Workspace:
    models = {
        HIDDEN: {"base_url": "http://127.0.0.1:9/v1", "model": HIDDEN, "allowed_groups": [HIDDEN]},
    }
    embedder = HashedEmbedder() if vectors else None
    workspace = make(
        name,
        directory=DIRECTORY + (MORE_PEOPLE if more else ""),
        embedder=lambda: embedder,
        clock=FixedClock(),
        ids=SeededIds(3),
        settings=settings.parse({"models": models if more else {}}),
    )
    workspace.ingest(folder, "docs")
    if more:
        other = folder.parent / f"{name}-other"
        other.mkdir()
        (other / "access.toml").write_text(f'allow = ["group:{HIDDEN}"]\n')
        for number in range(3):
            (other / f"{HIDDEN}-{number}.md").write_text(
                f"# The {HIDDEN} plan {number}\n\nThe canteen opens at {number} for {HIDDEN}.\n"
            )
        workspace.ingest(other, HIDDEN)
    return workspace


@pytest.fixture(params=[False, True], ids=["words", "vectors"])
def pair(
    make_workspace: Callable[..., Workspace], folder: Path, request: pytest.FixtureRequest
) -> tuple[Workspace, Workspace]:
    return (
        company(make_workspace, "plain", folder, request.param, more=False),
        company(make_workspace, "more", folder, request.param, more=True),
    )


def masked(text: str) -> str:
    """Return a response without what is random or a matter of time by its nature."""
    text = re.sub(r"(ans|conv|doc|seg)_[a-z0-9]{20}", r"\1_id", text)
    text = re.sub(r'name="csrf" value="[^"]+"', "csrf", text)
    return re.sub(r'"(took_ms|directory|access|content)": ?[0-9.]+', r"\1", text)


def proposed(workspace: Workspace) -> list[tuple[str, int, str]]:
    """Return everything that Carol is shown where something could be proposed to her."""
    http, headers, browser = (
        client(workspace),
        bearer(workspace, "carol"),
        Browser(workspace).sign_in("carol"),
    )
    mine = document_id(workspace, "all/canteen.txt")
    got = {
        "models": http.get("/v1/models", headers=headers),
        "asking": browser.http.get("/"),
        "answer": browser.ask("When does the canteen open?"),
        "asked before": browser.http.get("/"),
        "document": http.get(f"/v1/documents/{mine}", headers=headers),
        "no such page": http.get(f"/v1/documents/{mine}?page=9", headers=headers),
        "no such version": http.get(f"/v1/documents/{mine}?version=9", headers=headers),
        "document page": browser.http.get(f"/documents/{mine}"),
        "nowhere": http.get("/v1/sources", headers=headers),
    }
    for near in NEAR:
        ask = {"question": "When does the canteen open?", "model": near}
        got |= {
            f"search {near}": http.post("/v1/search", json={"query": near}, headers=headers),
            f"ask {near}": http.post("/v1/answers", json={"question": near}, headers=headers),
            f"ask page {near}": browser.ask(near),
            f"model {near}": http.post("/v1/answers", json=ask, headers=headers),
            f"document {near}": http.get(f"/v1/documents/{near}", headers=headers),
            f"answer {near}": http.get(f"/v1/answers/{near}", headers=headers),
            f"page {near}": browser.http.get(f"/documents/{near}"),
        }
        for field in ("source", "folder", "author", "type", "sensitivity", "after", near):
            body = {"query": "canteen", "filters": {field: [near]}}
            got[f"filter {field} {near}"] = http.post("/v1/search", json=body, headers=headers)
    return [(name, response.status_code, masked(response.text)) for name, response in got.items()]


def test_what_is_proposed_is_the_same_whatever_else_there_is(pair: tuple[Workspace, Workspace]) -> None:
    plain, more = ({name: rest for name, *rest in proposed(one)} for one in pair)
    for name, seen in plain.items():
        assert more[name] == seen, name
        if HIDDEN[:-1] not in name and not name.startswith("ask page"):
            assert HIDDEN not in str(seen), f"{name} names what nobody typed"
    assert "The canteen opens at eight" in str(plain["answer"]) and "quotes" in str(plain["models"])


def test_those_who_may_know_are_shown_it(pair: tuple[Workspace, Workspace]) -> None:
    """The comparison is worth something only if the hidden things would show."""
    _, more = pair
    http, headers = client(more), bearer(more, HIDDEN)
    assert HIDDEN in http.get("/v1/models", headers=headers).text
    assert HIDDEN in http.post("/v1/search", json={"query": "canteen"}, headers=headers).text
