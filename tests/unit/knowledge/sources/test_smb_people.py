"""The file of accounts and groups says who holds which SID, and nothing is guessed that it does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connectors.nt_rights import AUTHENTICATED, EVERYONE, GUESTS
from muniment.knowledge.sources.connectors.smb_people import Directory, directory_of

SID = "S-1-5-21-1-2-3"
FILE = f"""
[users.alice]
sid = "{SID}-1001"
groups = ["eng", "{SID}-513"]
also = ["{SID}-77"]

[users.bob]
sid = "{SID}-1002"

[users.gina]
sid = "{SID}-1003"
guest = true

[users.left]
sid = "{SID}-1004"
groups = ["eng"]
active = false

[groups.eng]
sid = "{SID}-1201"
members = []

[groups.staff]
sid = "{SID}-1202"
members = ["eng", "bob", "S-1-5-21-9-9-9-5"]
"""
ALICE, BOB, GINA = (f"{SID}-{number}" for number in (1001, 1002, 1003))


def of(tmp_path: Path, text: str = FILE) -> Directory:
    (tmp_path / "people.toml").write_text(text)
    return directory_of(tmp_path / "people.toml")


def test_an_account_holds_its_groups_through_all_nesting(tmp_path: Path) -> None:
    known = of(tmp_path)
    assert known.accounts == {ALICE, BOB, GINA}
    assert known.holding(f"{SID}-1201") == {ALICE}
    assert known.holding(f"{SID}-1202") == {ALICE, BOB}
    assert known.holding(f"{SID}-77") == known.holding(f"{SID}-513") == {ALICE}
    assert [one.name for one in known.people.accounts] == ["alice", "bob", "gina", "left"]
    assert set(known.people.teams[1].members) == {f"account:{BOB}", f"team:{SID}-1201"}


def test_a_group_of_which_the_file_does_not_say_all_may_hold_anybody(tmp_path: Path) -> None:
    known = of(tmp_path)
    assert known.perhaps_holding(f"{SID}-1202") == {ALICE, BOB}
    assert known.perhaps_holding(f"{SID}-513") == known.accounts
    assert known.perhaps_holding("S-1-5-32-544") == known.accounts


def test_guests_are_not_among_authenticated_users(tmp_path: Path) -> None:
    known = of(tmp_path)
    assert known.holding(EVERYONE) == {ALICE, BOB, GINA}
    assert known.holding(AUTHENTICATED) == {ALICE, BOB}
    assert known.perhaps_holding(AUTHENTICATED) == known.accounts
    assert known.holding(GUESTS) == known.perhaps_holding(GUESTS) == {GINA}


def test_a_circle_of_groups_adds_nobody(tmp_path: Path) -> None:
    circle = f'[users.a]\nsid = "{SID}-1"\ngroups = ["x"]\n' + "".join(
        f'[groups.{one}]\nsid = "{SID}-{n}"\nmembers = ["{other}"]\n'
        for one, other, n in (("x", "y", 2), ("y", "x", 3))
    )
    known = of(tmp_path, circle)
    assert known.holding(f"{SID}-2") == known.holding(f"{SID}-3") == {f"{SID}-1"}


def test_names_of_settings_are_those_of_the_file_or_well_known(tmp_path: Path) -> None:
    known = of(tmp_path)
    assert known.named(["staff", "Guests"], "share_readers") == {ALICE, BOB, GINA}
    assert known.named([f"{SID}-1002"], "share_readers") == {BOB}
    with pytest.raises(BadInput, match="share_readers: no account or group is called 'sales'"):
        known.named(["sales"], "share_readers")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "cannot be read"),
        ("", "users: Field required"),
        (FILE.replace('"eng", "bob"', '"eng", "bert"'), "groups.staff.members: 'bert'"),
        (FILE.replace(f"{SID}-1002", f"{SID}-1001"), "stated twice"),
        (FILE.replace(f"{SID}-1201", EVERYONE), "everybody holds"),
        (FILE.replace("users.bob", "users.eng"), "both a user and a group"),
        (FILE.replace(f"{SID}-1002", "1002"), "users.bob.sid: Value error, must be a SID"),
        (FILE.replace("guest = true", "guests = true"), "users.gina.guests"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Unavailable, match=says):
        of(tmp_path, text)
