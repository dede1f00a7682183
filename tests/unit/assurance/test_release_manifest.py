"""A manifest names all that answers come from, under one hash that no order changes and every change does."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.assurance.release.manifest import (
    COMPONENTS,
    Manifest,
    changed,
    changes,
    read_manifest,
)
from muniment.foundation.errors import BadInput

VERSIONS = st.dictionaries(
    st.text(min_size=1, max_size=6),
    st.one_of(
        st.text(max_size=6),
        st.integers(-1000, 1000),
        st.booleans(),
        st.dictionaries(st.text(min_size=1, max_size=4), st.text(max_size=4), max_size=3),
    ),
    max_size=4,
)
VARIED = st.dictionaries(st.sampled_from(COMPONENTS), VERSIONS, max_size=3)
"""A few components at a time: what drawing costs grows with all that is drawn."""
WHOLE = VARIED.map(lambda some: {name: {"version": "1"} for name in COMPONENTS} | some)


def shuffled(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    items = [(name, shuffled(one, chance)) for name, one in value.items()]
    chance.shuffle(items)
    return dict(items)


def of(stated: Any) -> Manifest | None:
    """The manifest, or None for names that are the same once Unicode is normalised."""
    try:
        made = Manifest(stated)
        assert made.hash
    except BadInput:
        return None
    return made


@settings(max_examples=60, deadline=None)
@given(WHOLE, st.randoms(use_true_random=False))
def test_the_same_versions_give_the_same_hash_in_any_order(stated: Any, chance: random.Random) -> None:
    made, again = of(stated), of(shuffled(stated, chance))
    if made is None or again is None:
        assert made is again
        return
    assert (made.hash, made.lineage_hash) == (again.hash, again.lineage_hash)
    assert changes(made, again) == ()
    assert read_manifest(json.loads(json.dumps(made.as_json()))).hash == made.hash


@settings(max_examples=60, deadline=None)
@given(WHOLE, st.sampled_from(COMPONENTS))
def test_a_change_anywhere_changes_the_hash_and_is_found_where_it_is(stated: Any, where: Any) -> None:
    made, other = of(stated), of({**stated, where: {**stated[where], "changed": "now"}})
    if made is None or other is None:
        return
    assert made.hash != other.hash and changed(made, other) == {where}
    assert ("changed", "", "now") in [(one.name, one.before, one.after) for one in changes(made, other)]
    assert (made.lineage_hash == other.lineage_hash) == (where == "suites")


def test_a_manifest_that_lacks_a_component_or_was_altered_is_refused() -> None:
    whole: Any = {name: {"version": "1"} for name in COMPONENTS}
    for name in COMPONENTS:
        with pytest.raises(BadInput, match=name):
            Manifest({one: versions for one, versions in whole.items() if one != name})
    with pytest.raises(BadInput, match="colour"):
        Manifest({**whole, "colour": {}})
    stated: Any = json.loads(json.dumps(Manifest(whole).as_json()))
    stated["components"]["policy"]["versions"]["version"] = "2"
    with pytest.raises(BadInput, match="hash"):
        read_manifest(stated)
