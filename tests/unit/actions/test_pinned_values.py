"""A pinned call is as trusted as its values, whatever the model has seen."""

from __future__ import annotations

import pytest

from muniment.actions.decide import Facts, Proposed, decide
from muniment.actions.labels import USERS, Integrity, Label
from muniment.actions.manifest_file import manifest_of
from muniment.actions.risk import read_risk
from muniment.governance.policy.decision import Decision

UNTRUSTED = Label(Integrity.UNTRUSTED)
NOTE = manifest_of(
    {
        "name": "add_note",
        "says": "Adds a note.",
        "effect": "write",
        "reversible": "always",
        "sensitivity": "internal",
        "allowed_groups": ["everyone"],
        "arguments": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "additionalProperties": False,
        },
        "roles": {"text": "content"},
        "seen_by": "caller",
        "result": {"type": "object"},
        "runs": {"kind": "python", "function": "notes:add"},
    }
)


@pytest.mark.parametrize(
    ("context", "pinned", "outcome"),
    [
        (USERS, None, "auto"),
        (USERS, USERS, "auto"),
        (UNTRUSTED, USERS, "auto"),
        (UNTRUSTED, None, "approval"),
        (UNTRUSTED, UNTRUSTED, "approval"),
        (USERS, UNTRUSTED, "approval"),
    ],
)
def test_text_of_others_takes_an_approver_also_where_only_a_plan_brought_it(context, pinned, outcome):
    risk = read_risk('[[rule]]\nid = "all"\neffects = ["write"]\nclass = "auto"\n')
    facts = Facts(Decision("allow", ("test",), "v1"), risk)
    proposed = Proposed("add_note", NOTE, {"text": "x"}, "user:emma", context, pinned)
    assert decide(proposed, facts).outcome == outcome
