"""Evidence of an incident for people outside: checked without us, altered by nobody, without a word of content."""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.journeys.command import Command
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, NotFound, Tampered
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit import verify
from muniment.governance.audit.entry import Actor
from muniment.governance.audit.verify_bundle import FORMAT, read_bundle, verify_bundle, zipped
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.incidents import bundle, sealing
from muniment.governance.incidents.incident import Finding
from muniment.governance.policy.gate import NotPermitted

Files = dict[str, bytes]
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "incidents" / "evidence.md"
CANARIES = (
    "quaggatext",
    "quaggatitle",
    "quaggafile",
    "quaggaquestion",
    "quaggasays",
    "quaggawhy",
    "quaggacame",
)
PAIR, OTHER = sealing.key_pair(b"\x01" * 32), sealing.key_pair(b"\x02" * 32)


def happened(workspace: Workspace, folder: Path) -> str:
    """Let somebody ask, be looked into, frozen and thawed; return the incident."""
    (folder / "papers").mkdir()
    (folder / "papers" / "access.toml").write_text('allow = ["group:everyone"]\n')
    (folder / "papers" / "quaggafile.md").write_text(
        "# Quaggatitle\n\nThe quaggatext plan costs 40 crowns.\n"
    )
    workspace.ingest(folder / "papers", "papers")
    asked = "What does the quaggatext plan cost, quaggaquestion?"
    answer = workspace.ask(asked, "alice", filters={"folder": ["papers"], "author": []})
    workspace.lineage.explain(Principal("user", "alice"), answer.id)
    rests_on = [one.seq for one in workspace.audit.tail(8)]
    made = workspace.incidents.open("user:alice", "high", "quaggasays", None, OPERATOR, rests_on)
    workspace.incidents.freeze(made.id, "user", "alice", "quaggawhy", None, OPERATOR)
    workspace.incidents.freeze(made.id, "source", "papers", "quaggawhy", None, OPERATOR)
    workspace.incidents.thaw("user", "alice", "quaggawhy", None, OPERATOR)
    workspace.incidents.close(made.id, "quaggacame", None, OPERATOR)
    return made.id


@pytest.fixture
def incident(workspace: Workspace, tmp_path: Path) -> str:
    return happened(workspace, tmp_path)


def exported(workspace: Workspace, incident: str, place: Path, **given: bool) -> Files:
    workspace.evidence.export(incident, place, None, OPERATOR, **given)
    return read_bundle(place)


def altered(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def is_found(raw: bytes, place: Path) -> bool:
    place.write_bytes(raw)
    try:
        return bool(verify_bundle(read_bundle(place)))
    except ValueError:
        return True


@BOTH
def test_it_holds_the_entries_their_proofs_and_how_the_answers_came_about(
    workspace: Workspace, tmp_path: Path
) -> None:
    incident = happened(workspace, tmp_path)
    files = exported(workspace, incident, tmp_path / "out.zip")
    assert verify_bundle(files, f"{workspace.audit.public_key()}\n") == []
    told = json.loads(files["incident.json"])
    kinds = [json.loads(line)["kind"] for line in files["entries.jsonl"].splitlines()]
    assert kinds[-5:] == ["incident.opened", *["incident.frozen"] * 2, "incident.thawed", "incident.closed"]
    assert len(kinds) == 13 == sum(name.startswith("proofs/") for name in files)
    alice = told["subject"]
    assert re.fullmatch("subject:[0-9a-f]{32}", alice)
    assert [(one["what"], bool(one["thawed_at"])) for one in told["frozen"]] == [
        (alice, True), ("source:papers", False),
    ]  # fmt: skip
    [name] = [name for name in files if name.startswith("lineage/")]
    lineage = json.loads(files[name])
    assert lineage["principal"] == alice and lineage["filters"] == ["folder"]
    assert lineage["passages"][0]["digest"].startswith("sha256:") and "revisions" not in lineage
    assert workspace.audit.tail(1)[0].kind == "incident.exported"


def test_it_is_checked_in_an_empty_environment_when_the_workspace_is_gone(
    workspace: Workspace, incident: str, tmp_path: Path
) -> None:
    files = exported(workspace, incident, tmp_path / "out.zip")
    (tmp_path / "key").write_text(f"{workspace.audit.public_key()}\n")
    workspace.close()
    workspace.home.rename(tmp_path / "gone")
    for name, content in files.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(content)

    def run(place: str) -> subprocess.CompletedProcess[str]:
        words = [
            sys.executable,
            tmp_path / "out" / "verify_bundle.py",
            tmp_path / place,
            "--key",
            tmp_path / "key",
        ]
        return subprocess.run(words, capture_output=True, text=True, env={}, cwd="/", check=False)

    assert run("out.zip").stdout.startswith(
        "13 entries, all proved: nothing was altered.\nSigned by muniment/"
    )
    assert run("out").returncode == 0
    (tmp_path / "out" / "incident.json").write_bytes(altered(files["incident.json"], 9))
    assert (run("out").returncode, run("out").stdout) == (1, "incident.json was altered\n")


def test_a_byte_changed_anywhere_is_found(workspace: Workspace, incident: str, tmp_path: Path) -> None:
    files = exported(workspace, incident, tmp_path / "out.zip")
    raw, chance = (tmp_path / "out.zip").read_bytes(), random.Random(7)
    for at in chance.sample(range(len(raw)), 150):
        assert is_found(altered(raw, at), tmp_path / "bad.zip"), at
    for name, content in files.items():
        for at in {0, len(content) - 1, chance.randrange(len(content))}:
            assert verify_bundle({**files, name: altered(content, at)}), (name, at)
    manifest = files["manifest.txt"]
    assert all(verify_bundle({**files, "manifest.txt": altered(manifest, at)}) for at in range(len(manifest)))
    story = files["incident.json"].replace(b'"high"', b'"low"')
    digests = [hashlib.sha256(one).hexdigest().encode() for one in (files["incident.json"], story)]
    assert verify_bundle({**files, "incident.json": story, "manifest.txt": manifest.replace(*digests)})


@pytest.mark.prove
def test_every_byte_changed_is_found(workspace: Workspace, incident: str, tmp_path: Path) -> None:
    files = exported(workspace, incident, tmp_path / "out.zip")
    raw = (tmp_path / "out.zip").read_bytes()
    assert all(is_found(altered(raw, at), tmp_path / "bad.zip") for at in range(len(raw)))
    for name, content in files.items():
        assert all(verify_bundle({**files, name: altered(content, at)}) for at in range(len(content))), name


def test_files_and_entries_that_were_left_out_added_or_exchanged_are_found(
    workspace: Workspace, incident: str, tmp_path: Path
) -> None:
    files = exported(workspace, incident, tmp_path / "out.zip")
    for name in files:
        assert verify_bundle({one: content for one, content in files.items() if one != name}), name
    assert verify_bundle({**files, "more.txt": b"x"}) == ["more.txt was added"]
    a, b = [name for name in files if name.startswith("proofs/")][:2]
    assert len(verify_bundle({**files, a: files[b], b: files[a]})) >= 2
    assert is_found((tmp_path / "out.zip").read_bytes() + b"x", tmp_path / "bad.zip")


def test_one_who_signs_it_anew_needs_the_key_of_the_log(
    workspace: Workspace, incident: str, tmp_path: Path
) -> None:
    files = exported(workspace, incident, tmp_path / "out.zip")
    kept, forger = files["public-key.txt"].decode(), Ed25519PrivateKey.generate()
    name = notes.parse(files["checkpoint.txt"].decode()).origin
    forged = {one: content for one, content in files.items() if one != "manifest.txt"}
    forged["public-key.txt"] = f"{notes.verifier_key(name, forger.public_key())}\n".encode()
    (tmp_path / "forged.zip").write_bytes(bundle.finished(incident, forged, name, forger))
    found = read_bundle(tmp_path / "forged.zip")
    assert "believed" in verify_bundle(found, kept)[0]
    assert all("signed by this key" in one for one in verify_bundle(found)) and verify_bundle(found)


def test_what_the_log_signs_for_a_bundle_is_no_checkpoint(
    workspace: Workspace, incident: str, tmp_path: Path
) -> None:
    text = exported(workspace, incident, tmp_path / "out.zip")["manifest.txt"].decode()
    assert text.startswith(f"{FORMAT}\n{incident}\n")
    with pytest.raises(BadInput):
        notes.parse(text)
    with pytest.raises(ValueError, match="checkpoint"):
        verify.log_note(text)


def test_nothing_that_anybody_wrote_and_no_name_is_in_it(
    workspace: Workspace, incident: str, tmp_path: Path
) -> None:
    raw = zipped(exported(workspace, incident, tmp_path / "out.zip")).lower()
    for canary in (*CANARIES, "alice", "moreau", "user:"):
        assert canary.encode() not in raw, canary


def test_names_are_told_where_somebody_says_so(workspace: Workspace, incident: str, tmp_path: Path) -> None:
    files = exported(workspace, incident, tmp_path / "out.zip", names=True)
    told = json.loads(files["incident.json"])
    assert json.loads(files["names.json"]) == {told["subject"]: "user:alice"}
    assert (told["says"], told["outcome"]) == ("quaggasays", "quaggacame")
    assert workspace.audit.tail(1)[0].about["names"] is True


def test_what_a_rule_says_names_nobody(workspace: Workspace, tmp_path: Path) -> None:
    workspace.search("anything", as_="alice")
    made = workspace.incidents.raise_for(
        Finding("denials", "user:alice", "low", "user:alice was refused.", (0,))
    )
    other = workspace.incidents.raise_for(
        Finding("places", "api_key:x", "low", "The key of user:alice.", (0,))
    )
    told = json.loads(exported(workspace, made.id, tmp_path / "a.zip")["incident.json"])
    assert told["says"] == f"{told['subject']} was refused."
    assert json.loads(exported(workspace, other.id, tmp_path / "b.zip")["incident.json"])["says"] == ""


def test_two_exports_differ_by_their_checkpoint_alone(
    workspace: Workspace, incident: str, tmp_path: Path
) -> None:
    a, b = (exported(workspace, incident, tmp_path / f"{name}.zip") for name in "ab")
    differ = {re.sub(r"\d+\.tlog", "N.tlog", name) for name in a if a[name] != b[name]}
    assert a.keys() == b.keys()
    assert differ == {"checkpoint.txt", "incident.json", "manifest.txt", "proofs/N.tlog-proof"}


def test_an_auditor_may_export_and_others_may_not(
    workspace: Workspace, incident: str, tmp_path: Path
) -> None:
    workspace.roles.grant("security-officer", "user:bob", "guards", OPERATOR)
    workspace.roles.grant("auditor", "user:carol", "audits", OPERATOR)
    for name in ("alice", "bob"):
        with pytest.raises(NotPermitted):
            workspace.evidence.export(
                incident, tmp_path / "out", Principal("user", name), Actor(f"user:{name}", "cli")
            )
        assert workspace.audit.tail(1)[0].kind == "policy.refused" and not (tmp_path / "out").exists()
    workspace.evidence.export(
        incident, tmp_path / "out", Principal("user", "carol"), Actor("user:carol", "cli")
    )
    with pytest.raises(Conflict):
        workspace.evidence.export(incident, tmp_path / "out", None, OPERATOR)
    with pytest.raises(NotFound):
        workspace.evidence.export("inc_none", tmp_path / "new", None, OPERATOR)


def test_what_is_sealed_opens_with_the_one_key(workspace: Workspace, incident: str, tmp_path: Path) -> None:
    made = workspace.evidence.export(incident, tmp_path / "out", None, OPERATOR, PAIR[1])
    content = (tmp_path / "out").read_bytes()
    assert made.sealed_to == workspace.audit.tail(1)[0].about["sealed_to"]
    (tmp_path / "zip").write_bytes(sealing.opened(content, PAIR[0]))
    assert verify_bundle(read_bundle(tmp_path / "zip")) == []
    for one, key in (
        (content, OTHER[0]),
        (altered(content, 40), PAIR[0]),
        (b"short", PAIR[0]),
        (b"", PAIR[0]),
    ):
        with pytest.raises(Tampered):
            sealing.opened(one, key)
    for key in (PAIR[1], b"", b"-----BEGIN PRIVATE KEY-----\n"):
        with pytest.raises(BadInput):
            sealing.opened(content, key)
    for key in (PAIR[0], b"x"):
        with pytest.raises(BadInput):
            workspace.evidence.export(incident, tmp_path / "more", None, OPERATOR, key)


def test_the_commands_and_the_script_of_the_guide_do_the_same(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace()
    made = workspace.incidents.open("user:alice", "high", "A laptop was stolen.", None, OPERATOR)
    command = Command(workspace.home, settings="")
    assert command("incident", "key", tmp_path / "key").code == 0
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert command("incident", "key", tmp_path / "key").code == 1
    sealed, script = tmp_path / "sealed", tmp_path / "open.py"
    told = command("incident", "export", made.id, sealed, "--for", tmp_path / "key.pub", "--json").document
    assert told["entries"] == 1 and told["sealed_to"].startswith("sha256:")
    assert command("incident", "export", made.id, tmp_path / "no", "--as", "alice").code == 3
    assert command("incident", "open-bundle", sealed, tmp_path / "key", tmp_path / "a.zip").code == 0
    assert command("incident", "open-bundle", sealed, tmp_path / "key.pub", tmp_path / "c.zip").code == 2
    [text] = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    script.write_text(text)
    words = [sys.executable, script, sealed, tmp_path / "key", tmp_path / "b.zip"]
    assert subprocess.run(words, check=False).returncode == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert verify_bundle(read_bundle(tmp_path / "a.zip"), f"{told['public_key']}\n") == []
