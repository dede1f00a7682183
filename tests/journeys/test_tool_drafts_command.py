"""Drafts on the command line, from the sample company's own document: written, unfinished, and none replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.command import Command

from muniment.actions.manifest_file import read_manifest
from muniment.foundation.errors import BadInput

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "paths": {
        "/orders/{order}": {
            "get": {
                "operationId": "get_order",
                "summary": "Give an order.",
                "parameters": [
                    {"name": "order", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "object"}}}}},
            }
        }
    },
}


@pytest.fixture
def run(tmp_path: Path) -> Command:
    return Command(tmp_path / "home").with_people()


def test_a_draft_of_each_operation_is_written_and_cannot_be_added(run: Command, tmp_path: Path) -> None:
    document, drafts = tmp_path / "openapi.json", tmp_path / "drafts"
    document.write_text(json.dumps(DOCUMENT))
    given = ("tools", "import", str(document), "--base", "https://orders.example", "--to", str(drafts))
    made = run(*given)
    assert made.code == 0 and "get_order" in made.out and "left to say" in made.out
    draft = drafts / "get_order.toml"
    with pytest.raises(BadInput):
        read_manifest(draft.read_text())
    assert run("tools", "add", str(draft)).code == 2
    again = run(*given)
    assert again.code == 1 and "there already" in again.err


def test_one_thing_is_imported_at_a_time(run: Command, tmp_path: Path) -> None:
    for words in (
        ("--to", "x"),
        ("a.json", "--to", "x"),
        ("a.json", "--base", "u", "--server", "s", "--to", "x"),
    ):
        assert run("tools", "import", *words).code == 2


def test_a_document_that_states_no_tool_of_ours_shows_no_drift(run: Command, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(DOCUMENT))
    found = run("tools", "drift", str(document))
    assert found.code == 0 and "as it was" in found.out
