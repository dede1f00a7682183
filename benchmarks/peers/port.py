"""What a peer is given and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Groups = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """The same rows that we hold; a row's folder is its number divided by `folder_rows`."""

    vectors: npt.NDArray[np.float32]
    """Shape (rows, dimensions), in a file."""
    access: Sequence[Groups]
    """By folder, the groups that may read it."""
    texts: Callable[[int], list[str]]
    """The texts of one folder's rows."""
    folder_rows: int
    groups: int
    """How many groups there are."""
    scratch: Path
    """A folder for what is built; removed afterwards."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One way of searching that a peer offers."""

    name: str
    threads: str
    """How many cores it uses, as it comes."""
    search: Callable[[Groups, Vector], Sequence[int]] | Callable[[Groups, Sequence[str]], Sequence[int]]
    """From a reader's groups and what is asked for to the numbers of ten rows, best first."""
