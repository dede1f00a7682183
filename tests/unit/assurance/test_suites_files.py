"""Where suites lie, and how their files change: whole or not at all, for their owner alone, never what ships."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suite_file import as_line, read_cases, read_suite
from muniment.assurance.evaluation.suites.case_file import append, next_id, remove
from muniment.assurance.evaluation.suites.new import EXAMPLE, about, new_suite
from muniment.assurance.evaluation.suites.places import Place, Places
from muniment.foundation.errors import BadInput, Conflict, NotFound


def line(name: str) -> str:
    return as_line(Case(name, "alice", f"What of {name}?", gains={"a.md": 1}))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    shipped = tmp_path / "shipped"
    for name in ("sample", "other"):
        new_suite(Place(shipped / name, "given"), about(name), [line("c1")])
    return Places(tmp_path / "home", shipped)


def test_a_path_comes_before_the_home_and_the_home_before_what_ships(places: Places, tmp_path: Path) -> None:
    assert places.find("sample").kind == "shipped"
    new_suite(places.new("sample"), about("sample"))
    assert places.find("sample").kind == "home"
    assert places.find(str(tmp_path / "shipped" / "sample")).kind == "given"
    assert [(one.name, one.kind) for one in places.all()] == [
        ("sample", "home"),
        ("other", "shipped"),
        ("sample", "shipped"),
    ]


def test_an_unknown_name_tells_which_are_known(places: Places) -> None:
    with pytest.raises(NotFound, match="other, sample"):
        places.find("smaple")


@pytest.mark.parametrize(
    "name", ["../keys", "..", ".hidden", "a/../../keys", "", "x" * 65, "x" * 5000, "a\0b"]
)
def test_no_name_leads_out_of_the_folder_of_suites(name: str, places: Places, tmp_path: Path) -> None:
    (tmp_path / "home" / "evals").mkdir(parents=True)
    (tmp_path / "home" / "keys").mkdir()
    if name != "..":
        with pytest.raises(NotFound):
            places.find(name)
    if "/" not in name:
        with pytest.raises(BadInput):
            places.new(name)


def test_what_ships_stays_as_it_is(places: Places) -> None:
    with pytest.raises(BadInput, match="ships with muniment"):
        places.find("sample").writable()


def test_a_new_suite_in_the_home_is_its_owners_alone_and_overwrites_nothing(places: Places) -> None:
    place = places.new("mine")
    new_suite(place, about("mine", reason="To see", documents="docs"), [EXAMPLE])
    assert {path.name: path.stat().st_mode & 0o777 for path in place.path.iterdir()} == {
        "suite.toml": 0o600,
        "cases.jsonl": 0o600,
        "README.md": 0o600,
    }
    assert place.path.stat().st_mode & 0o777 == place.path.parent.stat().st_mode & 0o777 == 0o700
    suite = read_suite(place.path)
    assert (suite.name, suite.reason, suite.version, suite.corpus) == (
        "mine",
        "To see",
        1,
        {"documents": "docs"},
    )
    with pytest.raises(Conflict):
        new_suite(place, about("mine"))
    assert read_suite(place.path) == suite


def test_any_name_and_words_are_read_back_from_the_description(tmp_path: Path) -> None:
    odd = 'He said "no" \\ [x]\n= # \u2028 ü'
    new_suite(Place(tmp_path / "odd", "given"), about(odd, description=odd, reason=odd), [EXAMPLE])
    suite = read_suite(tmp_path / "odd")
    assert (suite.name, suite.description, suite.reason) == (odd, odd, odd)


def test_a_line_that_is_no_case_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(line("c1"))
    file.chmod(0o640)
    before = file.read_bytes()
    for bad in ("{}", "no", line("c1")):
        with pytest.raises(BadInput):
            append(file, [line("c2"), bad])
        assert file.read_bytes() == before
    append(file, [line("c2")])
    assert [case.id for case in read_cases(file)] == ["c1", "c2"]
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.jsonl"]


def test_other_lines_stay_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    kept = '{"note": "ours",  "id":"c1","asker":"alice","question":"Why?","abstain":true}'
    file.write_text(f"{kept}\n\n{line('c2')}\n")
    remove(file, {"c2"})
    assert file.read_text() == f"{kept}\n"


def test_two_who_add_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    threads = [threading.Thread(target=append, args=(file, [line(f"c{at}")])) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {case.id for case in read_cases(file)} == {f"c{at}" for at in range(8)}


@pytest.mark.parametrize(
    ("known", "free"),
    [([], "c001"), (["q099", "q100", "x7"], "q101"), (["a-9"], "a-10"), (["alpha"], "c001"), (["7"], "8")],
)
def test_ids_are_counted_on_as_the_others_are(known: list[str], free: str) -> None:
    assert next_id(known) == free
