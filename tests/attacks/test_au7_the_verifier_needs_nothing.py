"""AU7: the offline verifier needs no server, no secret and nothing of muniment."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from muniment.app import Workspace
from muniment.governance.audit import verify
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR


def run(script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd="/")


def test_it_imports_python_and_cryptography_alone() -> None:
    tree = ast.parse(Path(verify.__file__).read_text())
    found = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert found - {"cryptography"} <= set(sys.stdlib_module_names)


def test_it_checks_exports_and_proofs_in_an_empty_environment_without_the_home(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.audit.record([Entry("x", OPERATOR, {"n": n}) for n in range(30)])
    old = workspace.audit.checkpoint()
    workspace.audit.record([Entry("x", OPERATOR, {"n": n}) for n in range(7)])
    out = tmp_path / "out"
    workspace.audit.export(out)
    for name, text in (
        ("old", old.text),
        ("entry", workspace.proofs.inclusion(11)),
        ("growth", workspace.proofs.consistency(old.size)),
    ):
        (tmp_path / name).write_text(text)
    workspace.close()
    workspace.home.rename(tmp_path / "gone")
    script, key = out / "verify.py", out / "public-key.txt"
    assert run(script, out, "--checkpoint", tmp_path / "old").returncode == 0
    assert run(script, "--proof", tmp_path / "entry", "--key", key).stdout == "The proof holds.\n"
    growth = ("--proof", tmp_path / "growth", "--key", key)
    assert run(script, *growth, "--checkpoint", tmp_path / "old").returncode == 0
    assert run(script, *growth).returncode == 1
    assert run(script, "--proof", tmp_path / "entry").returncode == 2
    (tmp_path / "entry").write_text((tmp_path / "entry").read_text().replace("index 11", "index 12"))
    told = run(script, "--proof", tmp_path / "entry", "--key", key)
    assert (told.returncode, told.stdout) == (1, "entry 12 is not in the log of this checkpoint\n")
