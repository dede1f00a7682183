"""AP11: what others wrote never becomes a value that is labelled trusted, whatever chain of moves it goes through.

A canary stands in every field that others can write: of mails, orders, refunds, purchases, calendars, drafts,
documents and the results of a remote tool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.attacks.chains import (
    CANARY,
    PLANTED,
    READS,
    WHO,
    canaries,
    carried_out,
    chains,
)
from tests.simulators.acme_company import Company

from benchmarks.attacker.trusted import trusted_values
from muniment.actions.labels import USERS
from muniment.actions.manifest import Manifest
from muniment.actions.manifest_file import manifest_of
from muniment.actions.paths import leaves
from muniment.actions.reading import Reading, reading
from muniment.governance.identity.principal import OPERATOR, Actor, Principal

PERSON = Principal("user", WHO)
BY = Actor(PERSON.ref, "http")
QUICK = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
FULL = settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
Chain = list[dict[str, Any]]


@pytest.fixture
def company(flow: Company) -> Company:
    flow.planted = PLANTED
    return flow


def read(company: Company) -> list[Reading]:
    """Return a reading of every tool that reads."""
    return [company.workspace.reads.read(PERSON, BY, tool, arguments) for tool, arguments, _ in READS]


def lying(manifest: Manifest, place: str) -> Manifest:
    """Return a manifest that calls a field a system's own."""
    stated: Mapping[str, Any] = manifest.stated
    return manifest_of({**stated, "labels": {**stated.get("labels", {}), place: {"integrity": "system"}}})


def test_a_canary_stands_in_every_text_that_is_labelled_as_anybodys(company: Company) -> None:
    company.begin_again()
    for one in read(company):
        for place, value in leaves(one.value):
            untrusted = place not in one.labels
            if isinstance(value, str) and untrusted:
                assert CANARY in value, f"{one.tool} {place}"


def test_what_a_system_says_does_not_change_with_what_others_write(company: Company) -> None:
    company.begin_again()
    with_canaries = [list(trusted_values(one)) for one in read(company)]
    company.planted = [one for one in PLANTED if one.startswith("INSERT")]
    company.begin_again()
    without = [list(trusted_values(one)) for one in read(company)]
    company.planted = PLANTED
    assert with_canaries == without


@QUICK
@given(chain=chains())
def test_no_chain_of_moves_makes_a_canary_trusted(company: Company, chain: Chain) -> None:
    assert carried_out(company, chain)[1] == []


@pytest.mark.prove
@FULL
@given(chain=chains())
def test_no_chain_of_moves_makes_a_canary_trusted_at_full_size(company: Company, chain: Chain) -> None:
    assert carried_out(company, chain)[1] == []


LOOKS: Chain = [
    {"move": "plan", "calls": [{"step": "s1", "tool": "mail_get", "arguments": {"mail_id": "mail_seed3"}}]},
    {"move": "run"},
    {"move": "read", "tool": "mail_get", "arguments": {"mail_id": "mail_seed3"}},
]


def test_a_label_that_is_wrong_is_found(company: Company) -> None:
    """The canary is found in every field that others write, once its manifest calls it a system's own."""
    company.begin_again()
    manifests = company.manifests(WHO)
    for one in read(company):
        places = {place for place, value in leaves(one.value) if CANARY in json.dumps(value)}
        for place in places - {""}:
            if place.split(".")[0].startswith(CANARY) or '"' in place:
                continue
            told = reading(lying(manifests[one.tool], place), PERSON.ref, one.value, USERS)
            assert place in set(canaries(told)), f"{one.tool} {place}"


def test_a_chain_finds_a_label_that_is_wrong(company: Company) -> None:
    held = company.manifests(WHO)["mail_get"]
    lies = held.source.replace("[labels]", '[labels]\nbody = { integrity = "system" }')
    company.workspace.tools.add(lies, None, OPERATOR)
    found = carried_out(company, LOOKS)[1]
    company.workspace.tools.add(held.source, None, OPERATOR)
    assert found == [
        "a prompt of a system context",
        "mail_get as it is shown without its texts",
        "mail_get body",
    ]
    assert carried_out(company, LOOKS)[1] == []
