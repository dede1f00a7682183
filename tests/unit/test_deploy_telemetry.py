"""The dashboards and alert rules that are shipped ask Prometheus for what is counted, in its own language."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from muniment.foundation.telemetry.instruments import KNOWN

ROOT = Path(__file__).resolve().parents[2]
BOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8"))
GUIDE = (ROOT / "docs" / "guide" / "telemetry.md").read_text("utf-8")
OF_PROMETHEUS = {"up": {"job"}}
NAMES = r"\b((?:muniment|gen_ai|http_server)_[a-z_]+|up)\b"


def counted() -> dict[str, set[str]]:
    """The names that Prometheus knows, each with its labels, of all that this code counts."""
    for file in (ROOT / "src" / "muniment").rglob("*.py"):
        if "telemetry.instruments import" in file.read_text("utf-8"):
            module = ".".join(file.relative_to(ROOT / "src").with_suffix("").parts)
            importlib.import_module(module)
    found: dict[str, set[str]] = dict(OF_PROMETHEUS)
    for name, one in KNOWN.instruments.items():
        if not name.startswith("test."):
            labels = {label.name.replace(".", "_") for label in one.labels}
            suffixes = ("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",)
            found |= {one.exposed_name + suffix: labels for suffix in suffixes}
    return found


def expressions() -> Iterator[tuple[str, str, str]]:
    """Every expression, where it stands, and what is shown with it."""
    for path in BOARDS:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"], target["legendFormat"]
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"], rule["annotations"]["summary"]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    return counted()


@pytest.mark.parametrize(("where", "expression", "said"), list(expressions()), ids=lambda one: str(one)[:40])
def test_what_is_asked_for_is_counted(
    known: dict[str, set[str]], where: str, expression: str, said: str
) -> None:
    promql_parser.parse(expression.replace("$__rate_interval", "1m"))
    names = set(re.findall(NAMES, re.sub(r"\{.*?\}|by \(.*?\)|ignoring \(.*?\)", "", expression)))
    assert names and names <= set(known), where
    labels = set.union(*(known[name] for name in names)) | {"le"}
    for group in re.findall(r"(?:by|ignoring) \((.*?)\)", expression):
        assert set(re.split(r",\s*", group)) <= labels, where
    for selector in re.findall(r"\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= labels, where
    assert set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", said)) <= labels, where


def test_every_rule_says_how_bad_it_is_and_what_happened() -> None:
    rules: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    assert all(rule["labels"]["severity"] in ("page", "ticket") for rule in rules)


def test_boards_have_panels_and_ids_of_their_own() -> None:
    boards = [json.loads(path.read_text("utf-8")) for path in BOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) >= 2
    for board in boards:
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_guide_names_everything_that_is_counted(known: dict[str, set[str]]) -> None:
    exposed = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known} - set(OF_PROMETHEUS)
    named = set(re.findall(r"^\| `([a-z_]+)` \|", GUIDE, re.MULTILINE))
    assert named == exposed
