"""OU1: hostile markup in documents, titles, names, questions, answers and arguments runs and fetches nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.attacks.hostile_markup import COUNT, payloads

ROOT = Path(__file__).resolve().parents[2]


def tried(folder: Path, count: int) -> dict[str, object]:
    """Return what came of the first `count` payloads, in a network namespace of their own."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root and iproute2 for a network namespace of its own")
    command = [
        "unshare",
        "--net",
        sys.executable,
        "-m",
        "tests.attacks.hostile_pages",
        str(folder),
        str(count),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800)
    if "Skipped" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_there_are_five_hundred_of_them() -> None:
    assert len(set(payloads())) == COUNT == 500


@pytest.mark.parametrize("count", [6, pytest.param(COUNT, marks=pytest.mark.prove)])
def test_no_script_runs_and_no_packet_leaves(tmp_path: Path, count: int) -> None:
    found = tried(tmp_path, count)
    assert found["happened"] == []
    assert found["packets"] == 0
    control = found["control"]
    assert isinstance(control, dict) and control["packets"] > 0 and control["happened"] > 0, (
        "the check sees nothing"
    )
