import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.errors import BadInput
from muniment.knowledge.access import AccessList, nearest
from muniment.knowledge.sources.manifest import parse

ENTRY = st.sampled_from(["user:alice", "group:engineering", "service:helpdesk", "user:Ada Lin"])


def test_a_manifest_states_who_may_read() -> None:
    found = parse(
        b'allow = ["group:eng", "user:bob"]\ndeny = ["user:eve"]\nsensitivity = "internal"', "access.toml"
    )
    assert found == AccessList(frozenset({"group:eng", "user:bob"}), frozenset({"user:eve"}), "internal")


def test_an_empty_manifest_is_nobody() -> None:
    assert not parse(b"", "access.toml").permits(frozenset({"user:alice", "group:everyone"}))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b'allow = ["group:eng"\nfoo', "line 2"),
        (b'alow = ["group:eng"]', "alow"),
        (b'allow = "group:eng"', "allow"),
        (b'allow = ["everyone"]', "everyone"),
        (b"allow = [3]", "allow"),
        (b'allow = ["user:"]', "user:"),
        (b'allow = ["role:admin"]', "role:admin"),
        (b"sensitivity = 3", "sensitivity"),
        (b'allow = ["user:\xff"]', "UTF-8"),
    ],
)
def test_a_wrong_manifest_names_its_file_and_what_is_wrong(content: bytes, named: str) -> None:
    with pytest.raises(BadInput) as error:
        parse(content, "sales/access.toml")
    assert "sales/access.toml" in str(error.value)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@given(allow=st.frozensets(ENTRY), deny=st.frozensets(ENTRY), grants=st.frozensets(ENTRY))
def test_deny_wins_and_nothing_is_granted_unasked(
    allow: frozenset[str], deny: frozenset[str], grants: frozenset[str]
) -> None:
    permitted = AccessList(allow, deny).permits(grants)
    assert permitted == (any(g in allow for g in grants) and all(g not in deny for g in grants))


def test_the_nearest_manifest_replaces_those_above() -> None:
    lists = {"": AccessList(frozenset({"user:a"})), "x/y": AccessList(frozenset({"user:b"}))}
    assert nearest("x/y/z.md", lists) == lists["x/y"]
    assert nearest("x/yy/z.md", lists) == lists[""]
    assert nearest("x", {"x/y": lists["x/y"]}) is None
