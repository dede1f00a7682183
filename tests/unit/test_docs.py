"""The documents and the product agree: what they name exists, and every command and setting is documented."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from muniment import settings
from muniment.actions.notification_settings import SmtpSettings, WebhookSettings
from muniment.actions.tool_settings import RemoteServerSettings
from muniment.foundation.limit_settings import TeamLimits
from muniment.foundation.network_settings import AllowSettings
from muniment.foundation.telemetry_settings import OtlpSettings
from muniment.governance.audit.audit_settings import WitnessSettings
from muniment.governance.identity.issuer_settings import IssuerSettings
from muniment.governance.privacy.sensitive_settings import PromptSettings, ShownSettings
from muniment.inference.endpoint_settings import ModelSettings
from muniment.interfaces.cli.main import app, arranged

ROOT = Path(__file__).resolve().parents[2]
DOCS = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "ARCHITECTURE.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMANDS = (ROOT / "docs" / "guide" / "commands.md").read_text("utf-8")
SETTINGS = (ROOT / "docs" / "guide" / "settings.md").read_text("utf-8")
GLOBAL = {"--home", "--json", "--debug", "--version", "--help", "--install-completion", "--show-completion"}


def commands() -> dict[str, set[str]]:
    """Every command's full name, and its options."""
    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        below = getattr(command, "commands", {})
        for word, child in below.items():
            walk(child, f"{name} {word}".strip())
        if not below or (name and getattr(command, "invoke_without_command", False)):
            found[name] = {option for param in command.params for option in param.opts}  # type: ignore[attr-defined]

    walk(get_command(app), "")
    return found


def code_lines(text: str) -> Iterator[str]:
    """Lines of code blocks and inline code that begin with `muniment `."""
    for block in re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if re.match(r"(.*&& )?muniment ", line):
                yield re.sub(r"\s+#.*$", "", line[line.index("muniment ") :])
    yield from re.findall(r"`(muniment [^`\n]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("path", [path for path in DOCS if path.exists()], ids=lambda path: path.name)
def test_every_command_in_the_docs_exists_with_its_options(path: Path) -> None:
    known = commands()
    for line in code_lines(path.read_text("utf-8")):
        if "COMMAND" in line:
            continue
        words = shlex.split(line.replace("[", "").replace("]", ""))[1:]
        words = [word for word in arranged(words) if word not in ("--json", "--debug")]
        if words[0] == "--tenant":
            words = words[2:]
        if not words or words[0] in GLOBAL:
            continue
        name = max((n for n in known if words[: len(n.split())] == n.split()), key=len, default=None)
        assert name is not None, f"{path.name}: {line}"
        given = {word.partition("=")[0] for word in words if word.startswith("-") and word != "--"}
        if name != "bench":
            assert given <= known[name] | GLOBAL, f"{path.name}: {line}"


def test_every_command_is_in_the_guide() -> None:
    missing = [name for name in commands() if f"`muniment {name}`" not in COMMANDS]
    assert not missing


def test_the_guide_names_no_command_that_is_gone() -> None:
    named = set(re.findall(r"^\| `muniment ([a-z -]+)`", COMMANDS, re.MULTILINE))
    assert named == set(commands())


def setting_names() -> dict[str, set[str]]:
    return {
        section: set(field.annotation.model_fields)  # type: ignore[union-attr]
        for section, field in settings.Settings.model_fields.items()
        if section not in ("models", "embedding")
    }


def test_every_setting_is_in_the_guide_and_nothing_else() -> None:
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", SETTINGS)) - {"settings.toml"}
    assert named == {f"{section}.{name}" for section, names in setting_names().items() for name in names}


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("models", ModelSettings),
        ("embedding", settings.EmbeddingSettings),
        ("identity.issuers", IssuerSettings),
    ],
)
def test_every_setting_of_a_model_is_in_the_guide_and_nothing_else(
    section: str, kind: type[ModelSettings | settings.EmbeddingSettings | IssuerSettings]
) -> None:
    block = re.search(rf"\[{re.escape(section)}\.[a-z0-9-]+\]\n(.*?)```", SETTINGS, re.DOTALL)
    assert block is not None
    named = set(re.findall(r"^([a-z0-9_]+) =", block[1], re.MULTILINE))
    assert named == set(kind.model_fields)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("keys.vault", settings.VaultSettings),
        ("keys.aws", settings.AwsSettings),
        ("network.allow", AllowSettings),
        ("telemetry.otlp", OtlpSettings),
        ("notifications.smtp", SmtpSettings),
        ("notifications.webhook", WebhookSettings),
        ("limits.teams.sales", TeamLimits),
        ("sensitive.prompts", PromptSettings),
        ("sensitive.answers", ShownSettings),
        ("tools.servers.shop", RemoteServerSettings),
        ("audit.witnesses.sister", WitnessSettings),
    ],
)
def test_every_setting_of_a_section_below_another_is_in_the_guide_and_nothing_else(
    section: str,
    kind: type[
        settings.VaultSettings
        | settings.AwsSettings
        | AllowSettings
        | OtlpSettings
        | SmtpSettings
        | WebhookSettings
        | TeamLimits
        | PromptSettings
        | ShownSettings
        | RemoteServerSettings
        | WitnessSettings
    ],
) -> None:
    block = re.search(rf"\[{section}\]\n(.*?)```", SETTINGS, re.DOTALL)
    assert block is not None
    assert set(re.findall(r"^([a-z0-9_]+) =", block[1], re.MULTILINE)) == set(kind.model_fields)


@pytest.mark.parametrize("path", [path for path in DOCS if path.exists()], ids=lambda path: path.name)
def test_every_make_target_in_the_docs_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", path.read_text("utf-8"), re.MULTILINE))
    assert named <= targets


def test_links_between_the_docs_lead_somewhere() -> None:
    for path in DOCS:
        if path.exists():
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
