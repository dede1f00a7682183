"""IN4: addresses that nothing may reach, in every spelling: no connection is opened, whatever names them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.simulators.openai_server import Simulator, serving

from muniment.app import Workspace
from muniment.foundation.egress import Egress, Refusal, Refused, Unreached
from muniment.foundation.egress_rules import EgressRules, Place
from muniment.foundation.errors import BadInput, Unavailable

SPELLINGS = """
127.1 127.0.1 0127.0.0.1 0x7f.0.0.1 0x7f.1 0x7f000001 2130706433 017700000001 00000177.0.0.1 127.0.0.1.
127.0.0.01 0177.0.0.01 127.000.000.001 0x7F.0x0.0x0.0x1 [::ffff:127.0.0.1] [::ffff:7f00:1]
[0:0:0:0:0:ffff:127.0.0.1] 169.254.169.254 169.254.169.254. 2852039166 0xa9fea9fe 0251.0376.0251.0376
0xa9.0xfe.0xa9.0xfe 169.254.43518 169.16689662 0251.254.169.254 0xA9.254.169.254 [::ffff:169.254.169.254]
[::ffff:a9fe:a9fe] [64:ff9b::169.254.169.254] [64:ff9b::a9fe:a9fe] [64:ff9b::7f00:1] [64:ff9b:1::a9fe:a9fe]
[2002:a9fe:a9fe::] [2002:7f00:1::] [2001:0:a9fe:a9fe::1] [::a9fe:a9fe] [::127.0.0.1] [fe80::1] [fe80::a9fe:a9fe]
[fd00:ec2::254] [FD00:EC2::254] [fd00:0ec2:0:0:0:0:0:254] [fd00:ec2::23] 169.254.170.2 169.254.0.1 100.100.100.200
192.0.0.192 168.63.129.16 0.0.0.0 0 0x0 [::] [0:0:0:0:0:0:0:0] [::ffff:0.0.0.0] 224.0.0.1 239.255.255.250
255.255.255.255 [ff02::1] [ff05::2] 240.0.0.1 0.0.0.1 192.0.2.1 127。0。0。1 １２７.0.0.1 ①②⑦.0.0.1 127.0.0.1%00
127.0.0.1#@models.example models.example@127.0.0.1 models.example:80@127.0.0.1 [::1%25lo] [fe80::1%25eth0]
""".split()  # noqa: SIM905
ANSWERS = """
169.254.169.254 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: fd00:ec2::254 fe80::1
fe80::1%1 127.0.0.1 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 10.0.0.1 172.31.255.255 192.168.1.1 100.64.0.1 fd12::1
0.0.0.0 :: 224.0.0.1 ff02::1 255.255.255.255 240.0.0.1 100.100.100.200 168.63.129.16 192.0.0.192 2001:0:a9fe::1
nonsense
""".split()  # noqa: SIM905
USUAL = {"127.0.0.1.", "127。0。0。1", "127.0.0.1#@models.example"}
"""What the rules of URLs make 127.0.0.1 of: refused unless that address is named."""
ALWAYS = [
    one
    for one in ANSWERS
    if not one.startswith(("127", "10.", "172", "192.168", "100.64", "fd12", "::1", "::ffff:127"))
]

_watched: list[list[object]] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _watched:
        _watched[-1].append(arguments[1])


sys.addaudithook(_watch)


@pytest.fixture
def connections() -> Iterator[list[object]]:
    """Return where every address goes that this process tries to connect to."""
    _watched.append([])
    yield _watched[-1]
    _watched.pop()


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    """Return a server on this machine, which an attacker would like to be reached."""
    with serving() as running:
        yield running


def answering(*addresses: str) -> object:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


async def nobody(host: str, _port: int) -> Sequence[str]:
    raise OSError(f"no address for {host}")


def test_there_are_enough_spellings() -> None:
    assert len(set(SPELLINGS)) >= 60


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_is_connected_to_even_where_the_settings_name_it(
    host: str, server: Simulator, connections: list[object]
) -> None:
    url = f"http://{host}:{server.url.split(':')[2].split('/')[0]}/v1"
    if host in USUAL:
        named = Egress({"http://127.0.0.1:9"}, resolve=nobody)
    else:
        try:
            named = Egress({url}, {url}, resolve=nobody)
        except BadInput:
            named = Egress({server.url}, resolve=nobody)
    with pytest.raises((Refused, Unreached)):
        named.exchange("POST", url, {}, b"{}", 2.0)
    assert connections == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_no_name_of_the_settings_leads_there(answer: str, connections: list[object]) -> None:
    url, told = "http://models.example", list[Refusal]()
    door = Egress({url}, resolve=answering(answer), on_refused=told.append)  # type: ignore[arg-type]
    with pytest.raises((Refused, Unreached)):
        door.exchange("POST", url, {}, b"{}", 2.0)
    assert connections == []
    assert answer == "nonsense" or [one.why for one in told] == ["address"]


@pytest.mark.parametrize("answer", ALWAYS)
def test_nor_one_that_may_lie_inside(answer: str, connections: list[object]) -> None:
    url = "http://models.example"
    rules = EgressRules(private=True, lists={"models": frozenset({Place("models.example")})})
    for door in (
        Egress((), {url}, resolve=answering(answer)),  # type: ignore[arg-type]
        Egress((), {url}, rules=rules, resolve=answering("10.0.0.1", answer)),  # type: ignore[arg-type]
    ):
        with pytest.raises((Refused, Unreached)):
            door.exchange("POST", url, {}, b"{}", 2.0)
    assert connections == []


def test_a_name_is_looked_up_once_and_what_was_vetted_is_connected_to(
    server: Simulator, connections: list[object]
) -> None:
    port, asked = int(server.url.split(":")[2].split("/")[0]), list[str]()

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    url = f"http://models.example:{port}"
    door = Egress((), {url}, resolve=rebinding)
    assert (
        door.exchange("POST", url + "/v1/chat", {}, b'{"messages": [{"content": "hi"}]}', 5.0).status == 200
    )
    assert (asked, connections) == (["models.example"], [("127.0.0.1", port)])


def test_a_refusal_asks_no_name_server() -> None:
    async def go() -> None:
        asked = list[str]()

        async def resolve(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return ["93.184.216.34"]

        door = Egress({"https://models.example"}, resolve=resolve)
        for origin in (
            ("https", "secret-words.evil.example", 443),
            ("https", "models.example", 444),
            ("http", "models.example", 443),
        ):
            with pytest.raises(Refused):
                await door.way(origin)
        assert asked == []
        assert len((await door.way(("https", "models.example", 443)))[0]) == 1

    asyncio.run(go())


def test_what_is_not_listed_is_refused_in_words_and_recorded_once_in_a_while(
    make_workspace: Callable[..., Workspace], tmp_path: Path, server: Simulator, connections: list[object]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(
        f'[identity]\nmode = "oidc"\n[identity.issuers.corp]\nissuer = "{server.url}"\naudience = "muniment"\n'
        '[network.allow]\nidentity = ["a.example"]\n'
    )
    workspace = make_workspace()
    with pytest.raises(Unavailable) as refused:
        workspace.issuers[0].documents()
    assert "not on the list" in refused.value.detail
    for _ in range(3):
        with pytest.raises(Refused):
            workspace.issuers[0].egress.exchange("GET", server.url, {}, b"", 2.0)
    workspace.repeats.close()
    about = [dict(entry.about) for entry in workspace.audit.query(kind="egress.refused")]
    port = int(server.url.split(":")[2].split("/")[0])
    first = {"purpose": "identity", "host": "127.0.0.1", "port": port, "reason": "list"}
    assert about == [first, {**first, "further": 3}] and connections == []
