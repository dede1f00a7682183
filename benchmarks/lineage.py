"""Whether `lineage diff` names what was changed between two answers, and nothing else.

Run by `muniment bench lineage`. A small workspace answers one question; then one component is really changed, and it
answers again: a prompt, the model endpoint, a parameter of it, the size of chunks, a document, the policy, the
embedding model, whether a reranker takes part, settings, ranking settings. Embedding and reranking models are small
ones made here, and the language model is a server on this machine that quotes: what is measured is the naming.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, Progress, bar
from benchmarks.machine import described
from benchmarks.options import checked
from muniment import app
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.embedding import EmbeddingModel, Vectors
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.versions import Constants, Learned
from muniment.settings import parse

QUESTION = "How many days of parental leave are there, and what is the notice period?"
READER = "alice"
_SOURCE = "papers"
_LEAVE = "# Leave\n\nThere are {} days of parental leave for each parent. {}\n"
_MORE = (
    "Parental leave is asked for in writing, and whoever leads the team answers within ten days. "
    "Days that are not taken in the first year of a child may be taken until it is three years old. "
)
_PAPERS = {
    "access.toml": 'allow = ["group:everyone"]\n',
    "leave.md": _LEAVE.format(120, _MORE * 8),
    "notice.md": "# Notice\n\nThe notice period is three months, and four after ten years.\n",
    "canteen.md": "# Canteen\n\nThe canteen opens at eight. It has a notice board.\n",
}
_PROMPT = (
    "---\nname: brief\npurpose: answer\ninputs: question text, passages passages\noutput: claims\n---\n{}\n"
)
_PASSAGE = re.compile(r"<<<(\S+) passage (\d+)>>>\nTitle: .*?\n(.*?)\n<<<\1 end \2>>>", re.DOTALL)
_DIMENSIONS = 32

Settings = dict[str, dict[str, object]]


@dataclass(frozen=True)
class Named:
    """A change, and what was named between the answers before and after it."""

    change: str
    expected: str
    found: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Return whether it was named, and nothing else was."""
        return self.found == (self.expected,)


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars."""
    checked(options)
    with tempfile.TemporaryDirectory() as folder:
        named = changes(Path(folder), progress)
    bars: list[Bar] = [
        bar("changes of one component that are named", len(named), sum(one.right for one in named), "", True),
        bar("other components named", 0, sum(len(set(one.found) - {one.expected}) for one in named), ""),
    ]
    listed = [{"change": one.change, "expected": one.expected, "named": list(one.found)} for one in named]
    return {"name": "lineage", "machine": described(), "changes": listed, "bars": bars}


def changes(root: Path, progress: Progress = lambda _: None) -> list[Named]:
    """Make each change in a workspace below `root`; return what was named."""
    with _model() as address:
        house = _House(root, address)
        try:
            return [
                house.named(name, expected, change) for name, expected, change in _changes(house, progress)
            ]
        finally:
            house.workspace.close()


def _changes(house: _House, progress: Progress) -> Iterator[tuple[str, str, Callable[[], object]]]:
    for name, expected, change in (
        ("a document", f"document {_SOURCE}/leave.md", house.edit),
        ("a new document", f"document {_SOURCE}/overtime.md", house.add),
        ("the prompt", "prompt brief", lambda: house.promote("Be brief.")),
        ("the model endpoint", "model", lambda: house.set("answers", model="second")),
        (
            "a parameter of the model",
            "parameter second.temperature",
            lambda: house.model("second", temperature=0.5),
        ),
        ("the address of the model", "setting models.second.base_url", house.move_model),
        ("the size of chunks", "chunking", house.cut),
        ("the policy", "policy", house.govern),
        ("the weights of embedding", "embedding", house.reembed),
        ("a reranker", "setting retrieval.rerank", lambda: house.set("retrieval", rerank=True)),
        ("a setting of answers", "setting answers.passages", lambda: house.set("answers", passages=2)),
        ("what is done about e-mail addresses", "setting sensitive.answers.email", house.mask),
        ("ranking settings", "ranking settings", house.tune),
    ):
        progress(name)
        yield name, expected, change


class _House:
    """A workspace in which one thing after the other is changed."""

    def __init__(self, root: Path, address: str) -> None:
        self._home, self._papers = root / "home", root / "papers"
        self._address = address
        model = {"base_url": address, "model": "quoting", "hosting": "self-managed"}
        self._settings: Settings = {
            "models": {"first": {**model}, "second": {**model}},
            "answers": {"model": "first"},
        }
        self._embedders = (Words("one"), Words("two"))
        self._papers.mkdir()
        for path, text in _PAPERS.items():
            (self._papers / path).write_text(text)
        self.workspace = app.create(
            self._home, settings=parse(self._settings), embedder=lambda: self._embedders
        )
        people = root / "people.toml"
        people.write_text(f"[users.{READER}]\n")
        self.workspace.directory.import_file(people, OPERATOR)
        self.promote("Answer from the passages.")
        self._ingest()
        self._last = self._ask()

    def named(self, name: str, expected: str, change: Callable[[], object]) -> Named:
        """Make a change, ask again, and return what `lineage diff` names."""
        change()
        before, self._last = self._last, self._ask()
        who = self.workspace.directory.principal(READER)
        found = self.workspace.comparing.compare(who, before, self._last, OPERATOR)
        named = [f"{one.component} {one.name}".strip() for one in found.differences]
        return Named(name, expected, (*named, *found.not_recorded))

    def edit(self) -> None:
        """Change one document."""
        (self._papers / "leave.md").write_text(_LEAVE.format(140, _MORE * 8))
        self._ingest()

    def add(self) -> None:
        """Bring one document more."""
        (self._papers / "overtime.md").write_text("# Overtime\n\nOvertime has a notice period of two days.\n")
        self._ingest()

    def promote(self, text: str) -> None:
        """Bring a prompt live."""
        prompts = self._home / "prompts"
        prompts.mkdir(exist_ok=True)
        (prompts / "brief.md").write_text(_PROMPT.format(text))
        for _ in range(2):
            self.workspace.prompts.promote("brief", "It is measured.", OPERATOR)

    def set(self, section: str, **values: object) -> None:
        """Open the workspace again with other settings."""
        self._settings[section] = {**self._settings.get(section, {}), **values}
        self._reopen()

    def model(self, name: str, **values: object) -> None:
        """Open the workspace again with other settings of a model."""
        models = self._settings["models"]
        models[name] = {**models[name], **values}  # pyright: ignore[reportGeneralTypeIssues]
        self._reopen()

    def move_model(self) -> None:
        """Let the model be reached in another way."""
        self.model("second", base_url=self._address.replace("127.0.0.1", "localhost"))

    def cut(self) -> None:
        """Cut all documents anew."""
        self.set("ingestion", chunk_characters=600)
        self._ingest()

    def govern(self) -> None:
        """Put another policy in force."""
        text = self.workspace.policies.show().policies
        self.workspace.policies.activate(f"{text}\n// Read again.\n", "It is measured.", OPERATOR)

    def reembed(self) -> None:
        """Go over to the other embedding model."""
        reembed, two = self.workspace.reembed, self._embedders[1]
        reembed.run(two, OPERATOR)

    def mask(self) -> None:
        """Mask another class of values."""
        self.set("sensitive", answers={"email": "redact"})

    def tune(self) -> None:
        """Use ranking settings that were learned."""
        base = self.workspace.rankings.in_use()
        learned = Learned(Constants(FusionSettings(0.5)), "measured", "sha256:0", {})
        self.workspace.rankings.apply(learned, base, OPERATOR)

    def _reopen(self) -> None:
        self.workspace.close()
        self.workspace = app.open(
            self._home, settings=parse(self._settings), embedder=lambda: self._embedders
        )
        self.workspace.__dict__["cross_encoder"] = _Overlap()

    def _ingest(self) -> None:
        self.workspace.ingest(self._papers, _SOURCE)

    def _ask(self) -> str:
        return self.workspace.ask(QUESTION, READER).id


class Words:
    """An embedding model that adds up one direction for each word."""

    def __init__(self, name: str) -> None:
        self.model = EmbeddingModel(f"words-{name}", f"sha256:{name}", _DIMENSIONS)
        self._name = name

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text."""
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question."""
        total = np.zeros(_DIMENSIONS, np.float32)
        total[0] = 1e-3
        for term in wording.question(text).terms:
            seed = int.from_bytes(hashlib.sha256(f"{self._name} {term}".encode()).digest()[:8], "big")
            total += np.random.default_rng(seed).standard_normal(_DIMENSIONS).astype(np.float32)
        return (total / np.linalg.norm(total)).astype(np.float32)

    def embed_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return one row per sentence."""
        return self.embed_documents(texts)


class _Overlap:
    """A reranker that counts shared words."""

    name, side_by_side = "overlap@sha256:1", 4

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return one score per text."""
        asked = set(wording.question(query).terms)
        return np.array([len(asked & set(wording.question(text).terms)) for text in texts], np.float32)


@contextmanager
def _model() -> Iterator[str]:
    """Yield the address of a model that quotes a line of each passage."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            with suppress(ConnectionError):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                claims = [
                    {"quotes": [{"passage": int(n), "quote": line}], "text": line, "inferred": False}
                    for _, n, text in _PASSAGE.findall(body["messages"][-1]["content"])
                    if (line := text.strip().split("\n")[-1].partition(". ")[0])
                ]
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                self._event({"choices": [{"index": 0, "delta": {"content": json.dumps({"claims": claims})}}]})
                self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, fields: dict[str, object]) -> None:
            whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields}
            self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
