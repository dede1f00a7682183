"""LK5: embeddings never leave the API and are encrypted like text: no response, log, export or file holds one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.attacks.test_km5_no_plaintext_at_rest import found_in, spellings
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.web_client import Browser, bearer, client, document_id

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.rest.events import MEDIA_TYPE
from muniment.interfaces.server import create_server
from muniment.knowledge.retrieval import codes

QUESTION = "When does the canteen open?"
_WINDOW = 16
"""Bytes that are looked for at a time: a piece of a vector is found too."""


class Remembering(HashedEmbedder):
    """A working embedder that keeps every vector it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[np.ndarray] = []

    def _embed(self, text: str) -> np.ndarray:
        vector = super()._embed(text)
        self.given.append(vector)
        return vector


def needles(vectors: Sequence[np.ndarray]) -> list[bytes]:
    """Return pieces of vectors as they may lie anywhere: as given and rotated, in each number type, as codes."""
    found: set[bytes] = set()
    for vector in vectors:
        turned = codes.rotation(len(vector)) @ vector.astype(np.float64)
        encoded = codes.encode(vector[None, :].astype(np.float32))
        forms = [
            vector.astype("<f4"),
            vector.astype("<f8"),
            vector.astype("<f2"),
            turned,
            turned.astype("<f4"),
        ]
        for raw in (*(form.tobytes() for form in forms), encoded.codes.tobytes()):
            for start in (0, len(raw) // 2):
                found |= set(spellings(raw[start : start + _WINDOW]))
    return sorted(found)


def printed(vectors: Sequence[np.ndarray]) -> list[str]:
    """Return how a number of each vector would be written, its largest, to six digits."""
    return [f"{abs(float(vector[np.abs(vector).argmax()])):.7f}"[:8] for vector in vectors]


@pytest.fixture
def embedder() -> Remembering:
    return Remembering()


@pytest.fixture
def ready(make_workspace: Callable[..., Workspace], folder: Path, embedder: Remembering) -> Workspace:
    workspace = make_workspace(embedder=lambda: embedder)
    workspace.ingest(folder, "docs")
    return workspace


def test_the_scan_sees_a_vector_that_lies_in_clear(tmp_path: Path) -> None:
    vector = HashedEmbedder().embed_query("canteen opens")
    wanted = needles([vector])
    turned = codes.rotation(64) @ vector.astype(np.float64)
    for raw in (
        b"x" + vector.tobytes(),
        vector.astype(np.float64).tobytes(),
        turned.astype(np.float32).tobytes(),
        codes.encode(vector[None, :]).codes.tobytes(),
        vector[32:].tobytes().hex().encode(),
    ):
        (tmp_path / "file").write_bytes(b"before" + raw + b"after")
        assert found_in(iter([tmp_path / "file"]), wanted)


def test_no_file_of_a_home_holds_a_vector_at_any_moment(
    ready: Workspace,
    folder: Path,
    tmp_path: Path,
    embedder: Remembering,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    found: list[str] = []

    def scan(_: object = None) -> None:
        wanted = needles(embedder.given)
        for place in (ready.home, temporary, tmp_path / "export"):
            found.extend(found_in(place.rglob("*"), wanted))

    for number in range(4):
        (folder / f"all/note{number}.txt").write_text(f"The walrus of evening {number} eats herring.\n")
        ready.ingest(folder, "docs", scan)
    ready.search(QUESTION, "carol")
    ready.ask(QUESTION, "carol")
    file = next(ready.segments.folder.glob("*.segment"))
    file.write_bytes(file.read_bytes()[:-1])
    ready.upkeep.repair(OPERATOR)
    ready.audit.export(tmp_path / "export")
    scan()
    ready.close()
    scan()
    assert (
        embedder.given
        and list(ready.segments.quarantined.iterdir())
        and list((tmp_path / "export").iterdir())
    )
    assert found == []
    said = capfd.readouterr()
    text = said.out + said.err + caplog.text
    assert not any(number in text for number in printed(embedder.given))


def lists_of_numbers(value: Any) -> Iterator[list[float]]:
    """Yield every list of numbers in a JSON document."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from lists_of_numbers(inner)
    elif isinstance(value, list):
        if value and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
            yield value
        for inner in value:
            yield from lists_of_numbers(inner)


def is_span(numbers: list[float]) -> bool:
    return len(numbers) == 2 and all(isinstance(one, int) for one in numbers)


def documents(ready: Workspace) -> Iterator[Any]:
    """Yield every JSON document that Carol and the operator can get out."""
    http, headers = client(ready), bearer(ready, "carol")
    yield http.post("/v1/search", json={"query": QUESTION, "explain": True}, headers=headers).json()
    answer = http.post("/v1/answers", json={"question": QUESTION}, headers=headers).json()
    yield answer
    yield http.get(f"/v1/answers/{answer['id']}", headers=headers).json()
    yield http.get(f"/v1/answers/{answer['id']}/lineage", headers=headers).json()
    streamed = http.post(
        "/v1/answers", json={"question": QUESTION}, headers={**headers, "accept": MEDIA_TYPE}
    ).text
    yield [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: ")]
    mine = document_id(ready, "all/canteen.txt")
    yield http.get(f"/v1/documents/{mine}?start=0&end=20", headers=headers).json()
    yield http.get("/v1/models", headers=headers).json()
    yield http.get("/v1/documents/doc_absent", headers=headers).json()
    yield ready.search(QUESTION, "carol").decision()
    yield [dict(entry.about) for entry in ready.audit.tail(500)]


def test_no_response_and_no_entry_holds_a_list_of_numbers_but_spans(
    ready: Workspace, embedder: Remembering
) -> None:
    seen = spans = 0
    for document in documents(ready):
        seen += 1
        for numbers in lists_of_numbers(document):
            assert is_span(numbers), numbers[:4]
            spans += 1
        assert not any(number in json.dumps(document) for number in printed(embedder.given))
    assert seen == 10 and spans > 2


def test_pages_hold_no_number_of_a_vector(ready: Workspace, embedder: Remembering) -> None:
    carol = Browser(ready).sign_in("carol")
    pages = [carol.ask(QUESTION).text, carol.http.get("/").text]
    pages.append(carol.http.get(f"/documents/{document_id(ready, 'all/canteen.txt')}").text)
    assert "eight" in pages[0]
    assert not any(number in page for page in pages for number in printed(embedder.given))


def arrays_of_numbers(schema: Any, name: str) -> Iterator[str]:
    if isinstance(schema, Mapping):
        inner = [schema.get("items"), *schema.get("prefixItems", [])]
        numeric = any(isinstance(one, Mapping) and one.get("type") in ("number", "integer") for one in inner)
        if schema.get("type") == "array" and numeric and schema.get("maxItems") != 2:
            yield name
        for key, value in schema.items():
            yield from arrays_of_numbers(value, f"{name}.{key}")
    elif isinstance(schema, list):
        for value in schema:
            yield from arrays_of_numbers(value, name)


def test_no_route_is_described_with_a_list_of_numbers_but_spans_and_places_in_the_log(
    ready: Workspace,
) -> None:
    described = create_server(ready).openapi()
    found = [one for one in arrays_of_numbers(described, "") if not one.endswith(".properties.entries")]
    assert found == [] and "/v1/search" in described["paths"]
    vector = {"type": "array", "items": {"type": "number"}}
    assert list(arrays_of_numbers({"components": {"vector": vector}}, "")) == [".components.vector"]
