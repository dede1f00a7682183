"""Twenty changes that make the sample company's answers worse, and twenty that do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lineage import Words
from benchmarks.reader import Reader
from benchmarks.seeded_home import Change, Home
from muniment.assistant import gate
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.ingestion import chunk, pipeline
from muniment.knowledge.retrieval import fuse, visibility
from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.lexical import LexicalSettings

_OFFICE_FILES = (".docx", ".pptx", ".xlsx", ".pdf")


def changes(good: Reader, slow: Reader) -> Iterator[Change]:
    """Yield every change; `good` is what answers in the baseline, `slow` the same after a pause."""
    yield from _regressions(slow)
    yield from _harmless(good)


def _regressions(slow: Reader) -> Iterator[Change]:
    prompts, endpoints = frozenset({"prompts"}), frozenset({"endpoints"})
    passages = frozenset({"retrieval", "answers"})
    search = frozenset({"retrieval", "search"})
    corpus = frozenset({"corpus", "access"})
    yield _prompt(
        "prompt without its rule to answer with nothing", prompts, _without("If the passages do not")
    )
    yield _prompt("prompt without its rule to copy quotes", prompts, _without("For each claim, first copy"))
    yield _prompt("prompt without the form of the reply", prompts, _without_form)
    yield Change("a model that takes the first sentence", endpoints, lambda home: home.instead("careless"))
    yield Change("replies cut short", endpoints, lambda home: home.model(max_output_tokens=24))
    yield Change("a model that thinks for long", endpoints, lambda home: home.model(base_url=slow.url))
    yield Change(
        "no time for the model", endpoints, lambda home: home.model(base_url=slow.url, timeout_seconds=0.05)
    )
    yield Change("one passage in place of eight", passages, lambda home: home.set("answers", passages=1))
    yield Change("questions embedded by a broken model", search, lambda home: home.embed(_shuffled))
    yield Change(
        "another embedding model, a poor one",
        frozenset({"embedding"}),
        lambda home: home.embed(lambda real: (real, Words("two"))),
        lambda home: home.reembed("words-two"),
    )
    yield Change("titles count for all, text for nothing", search, after=_titles_alone)
    yield Change("words and vectors of other texts", search, after=_mixed_up)
    yield Change(
        "only the beginning of each document indexed",
        frozenset({"chunking", "search"}),
        _beginnings,
        Home.ingest,
    )
    yield Change("documents as they were a year ago", corpus, after=_older)
    yield Change("office files not read", corpus, after=_without_office)
    yield Change("the filter by access taken out", frozenset({"access filter"}), after=_without_filter)
    yield Change("a folder open to everyone", corpus, after=_open_folder)
    yield Change("a group without its members", corpus, after=_no_engineers)
    yield Change("the gate of citations off", frozenset({"citation gate"}), after=_without_gate)
    yield Change("policy forbids some to ask", frozenset({"policy"}), after=_forbidding)


def _harmless(good: Reader) -> Iterator[Change]:
    none: frozenset[str] = frozenset()
    yield _prompt(
        "prompt in other words", none, lambda text: text.replace("a colleague's question", "what was asked")
    )
    yield _prompt(
        "prompt with one sentence more", none, lambda text: text + "\nWrite as the passages are written.\n"
    )
    yield _prompt("prompt with other spaces", none, lambda text: text.replace(". ", ".  "))
    yield Change("ten passages in place of eight", none, lambda home: home.set("answers", passages=10))
    yield Change("seven passages in place of eight", none, lambda home: home.set("answers", passages=7))
    yield Change(
        "passages a tenth longer",
        none,
        lambda home: home.set("ingestion", chunk_characters=1320),
        Home.ingest,
    )
    yield Change(
        "passages a tenth shorter",
        none,
        lambda home: home.set("ingestion", chunk_characters=1080),
        Home.ingest,
    )
    yield Change("longer replies allowed", none, lambda home: home.model(max_output_tokens=1200))
    yield Change("more time for the model", none, lambda home: home.model(timeout_seconds=90))
    yield Change("more requests at one time", none, lambda home: home.model(max_concurrent=64))
    yield Change("a warmer model", none, lambda home: home.model(temperature=0.2))
    yield Change("the model at another address", none, lambda home: home.model(base_url=_elsewhere(good)))
    yield Change("twenty documents more", none, after=_more_documents)
    yield Change("a new user and a new group", none, after=_newcomer)
    yield Change("a remark in the policy", none, after=_remark)
    yield Change("vectors that count a little more", none, after=lambda home: home.rank(FusionSettings(0.8)))
    yield Change("vectors that count a little less", none, after=lambda home: home.rank(FusionSettings(0.7)))
    yield Change("other constants of BM25", none, after=_other_constants)
    yield Change("documents read again from nothing", none, after=_again)
    yield Change("nothing at all", none)


def _prompt(name: str, blames: frozenset[str], change: Callable[[str], str]) -> Change:
    return Change(name, blames, after=lambda home: home.prompt(change))


def _without(beginning: str) -> Callable[[str], str]:
    """Return what takes the paragraph's part out that begins so, up to the end of its paragraph."""
    return lambda text: re.sub(re.escape(beginning) + r".*?(?=\n\n|\Z)", "", text, flags=re.DOTALL)


def _without_form(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if '"claims"' not in line)


def _elsewhere(reader: Reader) -> str:
    return reader.url.replace("127.0.0.1", "localhost")


def _shuffled(real: Any) -> Any:
    """Return an embedder by which the directions of a question mean something else."""
    order = np.random.default_rng(7).permutation(real.model.dimensions)

    class Shuffled:
        model = real.model

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def embed_query(self, text: str) -> Any:
            """Return the vector of a question."""
            return real.embed_query(text)[order]

    return Shuffled()


def _titles_alone(home: Home) -> None:
    home.rank(FusionSettings(0.0), LexicalSettings(title=8.0, heading=0.0, body=0.001))


def _other_constants(home: Home) -> None:
    home.rank(FusionSettings(), LexicalSettings(k1=1.0, b=0.5))


def _mixed_up(home: Home) -> None:
    """Let the fusion of both rankings turn the order of the first half round."""
    real = fuse.stretched
    home.patch(fuse, "stretched", lambda scores: 1 - real(scores))


def _beginnings(home: Home) -> None:
    real = chunk.chunks
    home.patch(pipeline, "chunks", lambda parsed, highest=chunk.HIGHEST: real(parsed, highest)[:1])
    home.set("ingestion", chunk_characters=400)


def _older(home: Home) -> None:
    """Let every figure in the documents be another one, as before they were revised."""
    for path in _texts(home.documents):
        text = path.read_text("utf-8", "surrogateescape")
        path.write_text(
            re.sub(r"\b\d{2,4}\b", lambda found: str(int(found[0]) + 7), text), "utf-8", "surrogateescape"
        )
    home.ingest()


def _without_office(home: Home) -> None:
    for path in home.documents.rglob("*"):
        if path.suffix in _OFFICE_FILES:
            path.unlink()
    home.ingest()


def _without_filter(home: Home) -> None:
    with home.workspace.database.read() as connection:
        everything = frozenset(
            entry for lists in visibility.access_classes(connection).values() for entry in lists.allow
        )
    home.patch(visibility, "grants", lambda connection, principal: everything)
    home.patch(visibility, "clearance", lambda connection, principal: "restricted")


def _open_folder(home: Home) -> None:
    for folder in ("engineering", "support"):
        (home.documents / folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    home.ingest()


def _no_engineers(home: Home) -> None:
    file = home.folder.parent / "directory.toml"
    text = home.directory_text()
    file.write_text(re.sub(r'"platform-oncall", |"support", ', "", text))
    home.workspace.directory.import_file(file, OPERATOR)


def _without_gate(home: Home) -> None:
    def lets_pass(self: object, draft: object, passages: object) -> object:
        made = [
            gate.Evidence(passages[mark.n - 1], passages[mark.n - 1].span, mark.quote) for mark in draft.marks
        ]  # pyright: ignore
        return gate.Verified(draft.text, tuple(made), draft.inferred)  # pyright: ignore

    home.patch(gate.Gate, "check", lets_pass)


def _forbidding(home: Home) -> None:
    rule = '\n@id("seeded")\nforbid (principal in Group::"support", action == Action::"ask", resource);\n'
    home.policy(lambda text: text + rule)


def _more_documents(home: Home) -> None:
    folder = home.documents / "garden"
    folder.mkdir()
    (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    for at in range(20):
        (folder / f"bed-{at}.md").write_text(
            f"# Bed {at}\n\nTulips stand {at + 3} across in the bed by the pond.\n"
        )
    home.ingest()


def _newcomer(home: Home) -> None:
    file = home.folder.parent / "directory.toml"
    file.write_text(
        f'{home.directory_text()}\n[users.zoe]\nname = "Zoe"\ngroups = ["gardeners"]\n[groups.gardeners]\n'
    )
    home.workspace.directory.import_file(file, OPERATOR)


def _remark(home: Home) -> None:
    home.policy(lambda text: f"{text}\n// Read again.\n")


def _again(home: Home) -> None:
    home.workspace.ingest(home.empty(), home.source)
    home.ingest()


def _texts(folder: Path) -> Iterator[Path]:
    for suffix in (".md", ".txt", ".html", ".csv", ".eml"):
        yield from folder.rglob(f"*{suffix}")
