"""AP2 and AP3 at full size: ten thousand changes after an approval, two hundred racers for each of five hundred."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa
from tests.attacks.test_ap2_ap6_nothing_changed_is_carried_out import MUTATED
from tests.simulators.office import ALICE, Office, approved

from muniment.actions.tables import action, action_decision
from muniment.foundation.errors import MunimentError
from muniment.governance.identity.principal import OPERATOR

CHANGES = 10_000
RACERS, RACES = 200, 500
DECIDED = ("digest", "seal", "since", "on_behalf_of", "decision", "at", "seconds", "person")


def changed(stored: object, chance: random.Random) -> object:
    """Return another value of the same kind: one number off, or one character changed, left out or put in."""
    if isinstance(stored, int):
        return stored + chance.choice((-1, 1, 1000))
    text = str(stored)
    at = chance.randrange(len(text) + 1)
    other = chance.choice('0aA:\u0430 "{')
    made = chance.choice(
        (text[:at] + other + text[at:], text[:at] + other + text[at + 1 :], text[:at] + text[at + 1 :])
    )
    return made if made != text else text + other


@pytest.mark.prove
def test_of_ten_thousand_changes_after_an_approval_none_is_carried_out(office: Office) -> None:
    chance = random.Random(20261127)
    made = approved(office)
    office.shop.effects.clear()
    tables = ((action, action.c.id, MUTATED), (action_decision, action_decision.c.action, DECIDED))
    for _ in range(CHANGES):
        table, key, names = tables[chance.random() < 0.4]
        name = chance.choice(names)
        with office.workspace.database.write() as connection:
            stored = connection.execute(sa.select(table.c[name]).where(key == made.id)).scalar_one()
            connection.execute(sa.update(table).where(key == made.id).values({name: changed(stored, chance)}))
        with pytest.raises(MunimentError):
            office.workspace.execution.run(made.id, OPERATOR)
        with office.workspace.database.write() as connection:
            connection.execute(sa.update(table).where(key == made.id).values({name: stored}))
            connection.execute(sa.update(action).where(action.c.id == made.id).values(state="approved"))
    assert office.effects() == []
    assert office.workspace.execution.run(made.id, OPERATOR).state == "done"


@pytest.mark.prove
def test_of_two_hundred_racers_for_each_of_five_hundred_actions_one_wins(
    office: Office,
) -> None:
    def run(made: str) -> bool:
        with suppress(MunimentError):
            office.workspace.execution.run(made, OPERATOR)
            return True
        return False

    with ThreadPoolExecutor(RACERS) as pool:
        for n in range(RACES):
            made = approved(office, amount=f"{n + 1}.00")
            office.clock.advance(minutes=1)
            assert sum(pool.map(run, [made.id] * RACERS)) == 1
    assert len(office.effects()) == RACES and len({key for _, key, _ in office.shop.effects}) == RACES
    assert len(office.workspace.actions.mine(ALICE, 1000)) == RACES
