"""Builds the binary documents of the sample company from the readable text in content/.

Run `python examples/authoring/build.py`. The same content gives the same bytes: dates inside the files are fixed, and
archives are written again with fixed times and order. `--check` builds elsewhere and fails when a committed file differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import decks
import letters
import pages
import sheets
from source import documents

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "acme" / "documents"
WRITERS = {".pdf": pages.write, ".docx": letters.write, ".pptx": decks.write, ".xlsx": sheets.write}


def build(target: Path) -> list[str]:
    """Write every binary document below target and return their paths."""
    paths: list[str] = []
    for path, blocks in documents(HERE / "content"):
        out = target / path
        out.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[out.suffix](out, blocks)
        paths.append(path)
    return paths


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, change nothing"
    )
    if not parser.parse_args().check:
        print(f"{len(build(TARGET))} documents written to {TARGET}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        differing = [
            path
            for path in build(scratch)
            if not (TARGET / path).is_file() or (TARGET / path).read_bytes() != (scratch / path).read_bytes()
        ]
    for path in differing:
        print(f"differs: {path}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
