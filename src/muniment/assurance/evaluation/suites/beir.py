"""Cases from a BEIR folder, a usual form of public collections: questions, documents, and which answer which.

Folder: corpus.jsonl[.gz], queries.jsonl[.gz] and qrels_SPLIT.tsv or qrels/SPLIT.tsv. It is read line by line: of the
corpus no more than its ids is ever held.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suites.imported import Imported, OnProgress, Refused
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.whole_folder import refuse_taken

_LONGEST = 120
"""Characters of a file's name."""
_OFTEN = 1000


def read_beir(folder: Path, split: str, asker: str, on_progress: OnProgress) -> Imported:
    """Return one case for each question of a split; raises BadInput naming what is missing.

    What answers a question has the path that `write_corpus` gives it, and its grade.
    """
    refused: list[Refused] = []
    wanted = _grades(_one_of(folder, (f"qrels_{split}.tsv", f"qrels/{split}.tsv")), refused)
    corpus, queries = _named(folder, "corpus"), _named(folder, "queries")
    known = {item["_id"] for _, item in _items(corpus, refused, on_progress)}
    cases: list[Case] = []
    asked: set[str] = set()
    for line, item in _items(queries, refused, on_progress):
        name, question = item["_id"], item.get("text", "")
        if name not in wanted or name in asked:
            if name in asked:
                refused.append(Refused(f"{queries.name}:{line}", f"The query {name} is there twice."))
            continue
        asked.add(name)
        gains = wanted[name]
        missing = sorted(gains.keys() - known)
        if missing:
            why = f"Its document {missing[0]} is not in {corpus.name}."
        elif not any(gains.values()):
            why = "No document answers it."
        elif not question.strip():
            why = "It has no text."
        else:
            paths = {file_name(one): gain for one, gain in gains.items()}
            cases.append(Case(name, asker, question, gains=paths, source=f"{folder.name}/{split}"))
            continue
        refused.append(Refused(f"{queries.name}:{line}, query {name}", why))
    refused += (
        Refused(f"query {name}", f"It is not in {queries.name}.") for name in wanted if name not in asked
    )
    return Imported(tuple(cases), tuple(refused))


def write_corpus(folder: Path, target: Path, readers: str, on_progress: OnProgress) -> int:
    """Write every document as a file that these may read, to a new folder; return how many.

    Raises Conflict where something lies there, BadInput for a line that is no document, Unavailable.
    """
    refuse_taken(target)
    refused: list[Refused] = []
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise Unavailable(f"{target} cannot be made ({error.strerror}).") from error
    try:
        made.chmod(0o755)
        (made / "access.toml").write_text(f"allow = {json.dumps([readers])}\n", "utf-8")
        for _, item in _items(_named(folder, "corpus"), refused, on_progress):
            title = " ".join(item.get("title", "").split())
            text = f"# {title}\n\n{item.get('text', '')}\n" if title else f"{item.get('text', '')}\n"
            (made / file_name(item["_id"])).write_text(text, "utf-8")
            count += 1
        if refused:
            raise BadInput(f"{refused[0].where}: {refused[0].why}", fix="Mend that line.")
        if target.exists():
            target.rmdir()
        made.rename(target)
    except OSError as error:
        raise Unavailable(f"{target} cannot be written ({error.strerror}).") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return count


def file_name(document: str) -> str:
    """Return the name of a document's file: its id, where that can be one."""
    plain = quote(document, safe=" !'()+,;=@").replace("~", "%7E")
    if plain.startswith("."):
        plain = f"%2E{plain[1:]}"
    if len(plain) > _LONGEST:
        plain = f"{plain[: _LONGEST - 33]}-{hashlib.sha256(document.encode()).hexdigest()[:32]}"
    return f"{plain}.md"


def _grades(path: Path, refused: list[Refused]) -> Mapping[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with open(path, encoding="utf-8") as lines:
        for line, text in enumerate(lines, 1):
            cells = text.split()
            if not cells or (line == 1 and not cells[-1].lstrip("-").isdecimal()):
                continue
            if len(cells) not in (3, 4) or not cells[-1].isdecimal():
                why = "It is not query, document, grade from 0."
                refused.append(Refused(f"{path.name}:{line}", why))
                continue
            found.setdefault(cells[0], {})[cells[-2]] = int(cells[-1])
    return found


def _items(
    path: Path, refused: list[Refused], on_progress: OnProgress
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the objects of a file with their lines; what is none is refused."""
    size = path.stat().st_size
    with ExitStack() as stack:
        raw = stack.enter_context(open(path, "rb"))
        lines = cast("IO[bytes]", stack.enter_context(gzip.open(raw, "rb")) if path.suffix == ".gz" else raw)
        try:
            for line, text in enumerate(lines, 1):
                if line % _OFTEN == 0:
                    on_progress(raw.tell(), size)
                item = _item(text)
                if item is not None:
                    yield line, item
                elif text.strip():
                    refused.append(Refused(f"{path.name}:{line}", "It is no object with an _id and texts."))
        except (OSError, EOFError) as error:
            raise BadInput(f"{path} cannot be read ({error}).", fix="Fetch it again.") from error
    on_progress(size, size)


def _item(text: bytes) -> Mapping[str, str] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    item = cast("dict[str, object]", found)
    kept = {key: value for key in ("_id", "title", "text") if isinstance(value := item.get(key, ""), str)}
    return kept if len(kept) == 3 and kept["_id"] else None


def _named(folder: Path, name: str) -> Path:
    return _one_of(folder, (f"{name}.jsonl", f"{name}.jsonl.gz"))


def _one_of(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise BadInput(f"{folder} has no {' or '.join(names)}.", fix="Give a BEIR folder, and its --split.")
