"""What is combined is trusted no more than its parts, and known to nobody whom one of them is kept from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.labels import NOBODYS, USERS, Audience, Integrity, Label, join, own

NAMES = st.sampled_from(["user:ann", "user:bob", "group:everyone", "group:board", ""])
GRANTS = st.frozensets(NAMES, max_size=4)
AUDIENCES = st.builds(Audience, GRANTS, GRANTS, NAMES)
LABELS = st.builds(Label, st.sampled_from(Integrity), st.frozensets(AUDIENCES, max_size=3))


@given(st.lists(LABELS, max_size=5))
def test_a_whole_is_trusted_as_its_least_trusted_part(parts: list[Label]) -> None:
    assert join(parts).integrity == min([Integrity.USER, *(part.integrity for part in parts)])


@given(st.lists(LABELS, max_size=5), GRANTS)
def test_a_whole_is_known_to_whom_every_part_may_be_known(parts: list[Label], grants: frozenset[str]) -> None:
    assert join(parts).admits(grants) == all(part.admits(grants) for part in parts)


@given(st.lists(LABELS, max_size=5), GRANTS, NAMES)
def test_a_whole_is_kept_from_whom_one_part_is_kept_from(
    parts: list[Label], grants: frozenset[str], caller: str
) -> None:
    assert join(parts).keeps(grants, caller) == any(part.keeps(grants, caller) for part in parts)


@given(LABELS, LABELS, LABELS)
def test_the_order_of_parts_does_not_matter(a: Label, b: Label, c: Label) -> None:
    assert join([a, join([b, c])]) == join([join([c, a]), b]) == join([a, a, b, c])


@given(LABELS, GRANTS, NAMES)
def test_whoever_is_admitted_is_not_kept_out(label: Label, grants: frozenset[str], caller: str) -> None:
    if label.admits(grants):
        assert not label.keeps(grants, caller)


@given(LABELS, GRANTS)
def test_nobody_in_particular_releases_nothing(label: Label, grants: frozenset[str]) -> None:
    assert label.keeps(grants) == (not label.admits(grants))


def test_a_denial_outweighs_every_entry_that_allows() -> None:
    audience = Audience(frozenset({"group:everyone"}), frozenset({"user:bob"}))
    assert audience.admits(frozenset({"group:everyone", "user:ann"}))
    assert not audience.admits(frozenset({"group:everyone", "user:bob"}))


def test_an_owner_lets_others_know_what_is_their_own_and_nobody_else_does() -> None:
    mail = Label(audiences=frozenset({own("user:ann")}))
    assert not mail.admits(frozenset({"user:bob"}))
    assert not mail.keeps(frozenset({"user:bob"}), "user:ann")
    assert mail.keeps(frozenset({"user:bob"}), "user:bob")


def test_an_owner_cannot_let_others_know_what_is_also_of_somebody_else() -> None:
    both = Label(audiences=frozenset({own("user:ann"), own("user:bob")}))
    assert both.keeps(frozenset({"user:eve"}), "user:ann")


def test_what_nobody_owns_is_nobodys_to_release_though_the_caller_has_no_name() -> None:
    assert Label(audiences=frozenset({own("")})).keeps(frozenset({"user:bob"}), "")


@given(GRANTS, NAMES)
def test_of_what_nothing_is_known_nobody_is_told(grants: frozenset[str], caller: str) -> None:
    assert not NOBODYS.trusted
    assert NOBODYS.keeps(grants, caller)


@given(LABELS)
def test_a_constant_changes_nothing_that_it_stands_beside(label: Label) -> None:
    assert join([label, USERS]) == label
    assert join([]) == USERS
