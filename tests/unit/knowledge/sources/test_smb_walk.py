"""A share is gone through in the order of its paths, from anywhere, and nothing that leads elsewhere is followed."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.foundation.errors import Unavailable
from muniment.knowledge.sources.connectors.smb_facts import (
    FOLDER,
    HIDDEN,
    LINK,
    Entry,
    Facts,
    Fault,
    entries_in,
)
from muniment.knowledge.sources.connectors.smb_walk import walk

TOP = Facts(1, 0, 0, 0, 0, FOLDER)


def file(number: int, attributes: int = 0) -> Facts:
    return Facts(number, number, 0, 0, 1, attributes)


def folder(number: int, attributes: int = 0) -> Facts:
    return Facts(number, number, 0, 0, 0, FOLDER | attributes)


class Tree:
    """Folders by path; a fault in place of one is what the server says."""

    def __init__(self, held: Mapping[str, Mapping[str, Facts] | Fault]) -> None:
        self._held = held

    def listed(self, path: str) -> list[Entry]:
        found = self._held.get(path, Fault("gone"))
        if isinstance(found, Fault):
            raise found
        return [Entry(name, facts) for name, facts in found.items()]

    def paths(self, hidden: bool = False, after: tuple[str, ...] = ()) -> list[str]:
        return [one.path for one in walk(self.listed, TOP, hidden, after) if not one.problem]

    def problems(self) -> dict[str, str]:
        return {one.path: one.problem for one in walk(self.listed, TOP, False) if one.problem}


def test_what_leads_elsewhere_or_cannot_be_listed_is_told_of_and_not_gone_into() -> None:
    tree = Tree(
        {
            "": {
                "a.txt": file(2),
                "link": folder(3, LINK),
                "shut": folder(4),
                "gone": folder(5),
                "me": folder(6),
            },
            "link": {"x.txt": file(7)},
            "shut": Fault("refused"),
            "me": {"again": folder(6), "b.txt": file(8)},
        }
    )
    assert tree.paths() == ["a.txt", "me/b.txt"]
    assert set(tree.problems()) == {"link", "shut", "me/again"}


@pytest.mark.parametrize("why", ["busy", "odd", "large"])
def test_a_folder_that_cannot_be_listed_now_ends_the_pass(why: str) -> None:
    tree = Tree({"": {"a.txt": file(2), "b": folder(3)}, "b": Fault(why)})  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        tree.paths()


@pytest.mark.parametrize("name", ["..", "", "a/b", "a\\b", "nul\0", "half\ud800"])
def test_a_name_that_cannot_be_one_is_told_of_in_a_form_that_can(name: str) -> None:
    tree = Tree({"": {name: file(2), "z.txt": file(3)}})
    assert tree.paths() == ["z.txt"]
    (told,) = tree.problems()
    assert not {"/", "\\", "\0"} & set(told) and told.encode()


def test_hidden_files_and_folders_are_left_out_unless_they_are_wanted() -> None:
    tree = Tree({"": {"a": file(2, HIDDEN), "b": folder(3, HIDDEN), "c": file(4)}, "b": {"d": file(5)}})
    assert tree.paths() == ["c"]
    assert tree.paths(hidden=True) == ["a", "b/d", "c"]


_NAMES = st.sampled_from(["a", "b", "b.txt", "b0", "c d", "é"])
_TREES = st.recursive(st.none(), lambda below: st.dictionaries(_NAMES, below, max_size=4), max_leaves=14)


def _held(tree: object, at: str, into: dict[str, dict[str, Facts]], numbers: list[int]) -> None:
    if not isinstance(tree, dict):
        return
    into[at] = {}
    for name, below in tree.items():
        numbers[0] += 1
        into[at][name] = folder(numbers[0]) if isinstance(below, dict) else file(numbers[0])
        _held(below, f"{at}/{name}".strip("/"), into, numbers)


@settings(max_examples=40)
@given(_TREES)
def test_a_walk_goes_on_from_any_of_its_files(made: object) -> None:
    held: dict[str, dict[str, Facts]] = {"": {}}
    _held(made, "", held, [1])
    tree = Tree(held)
    paths = tree.paths()
    assert sorted(paths) == sorted(
        f"{at}/{name}".strip("/")
        for at, inside in held.items()
        for name, f in inside.items()
        if not f.attributes
    )
    for number, path in enumerate(paths):
        assert tree.paths(after=tuple(path.split("/"))) == paths[number + 1 :]
        # What was deleted meanwhile does not matter.
        assert tree.paths(after=(*path.split("/"), "z")) == paths[number + 1 :]


def page(*entries: tuple[str, int], last: int = 0) -> bytes:
    """Return a part of a listing, as it goes over the wire."""
    made = b""
    for at, (name, number) in enumerate(entries):
        raw = name.encode("utf-16-le")
        step = last if at == len(entries) - 1 else 104 + len(raw)
        made += struct.pack("<IIQQQQQQIII", step, 0, 9, 0, 8, 7, 6, 0, 0x20, len(raw), 0)
        made += bytes(28) + struct.pack("<Q", number) + raw
    return made


def test_a_listing_is_taken_over_all_its_parts() -> None:
    found = list(entries_in([page((".", 1), ("a.txt", 2)), page(("ü.txt", 3))]))
    assert [(one.name, one.facts.number, one.facts.created, one.facts.size) for one in found] == [
        (".", 1, 9, 6),
        ("a.txt", 2, 9, 6),
        ("ü.txt", 3, 9, 6),
    ]


def test_a_listing_that_goes_in_circles_is_none() -> None:
    with pytest.raises(ValueError, match="does not end"):
        list(entries_in([page(("a", 2)), page(("b", 3)), page(("a", 2))]))


def test_a_listing_that_is_malformed_is_none() -> None:
    whole = page(("a.txt", 2), ("b.txt", 3))
    for cut in (1, 60, 103, 106, len(whole) - 1):
        with pytest.raises((ValueError, struct.error)):
            list(entries_in([whole[:cut]]))
    with pytest.raises((ValueError, struct.error)):
        list(entries_in([page(("a", 2), last=4)]))
