"""The door to the network opens to named origins only."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.simulators import key_service
from tests.simulators.openai_server import serving

from muniment.foundation.egress import Egress, Refused, TooLarge, Unreached, origin_of
from muniment.foundation.errors import BadInput


def get(egress: Egress, url: str, **options: object) -> object:
    async def go() -> object:
        async with egress.client(2.0) as client:
            return await client.post(url, json={"messages": [{"content": "hi"}]}, **options)  # type: ignore[arg-type]

    return asyncio.run(go())


def cause_of(error: BaseException, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return False


def test_an_allowed_origin_is_reached() -> None:
    with serving() as server:
        assert get(Egress({server.url}), server.url + "/chat").status_code == 200  # type: ignore[attr-defined]
        assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("http://127.0.0.1", "http://localhost"),
        lambda url: url.replace("http:", "https:"),
        lambda url: url.replace("127.0.0.1", "127.0.0.2"),
        lambda url: "http://127.0.0.1:1/v1",
        lambda url: url.replace("127.0.0.1", "2130706433"),
        lambda url: url.replace("127.0.0.1", "0x7f.1"),
        lambda url: url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        lambda url: "http://169.254.169.254/latest/meta-data",
    ],
)
def test_every_other_origin_is_refused_before_a_connection(change: object) -> None:
    with serving() as server:
        with pytest.raises(Refused):
            get(Egress({server.url}), change(server.url))  # type: ignore[operator]
        assert server.bodies == []


def test_a_redirect_is_not_followed() -> None:
    with serving(fault="redirect") as server:
        response = get(Egress({server.url, "http://127.0.0.1:9"}), server.url + "/chat")
        assert response.status_code == 302  # type: ignore[attr-defined]


def test_a_name_that_leads_inside_is_refused_unless_the_operator_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving() as server:
        port = int(server.url.split(":")[2].split("/")[0])
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        async def resolve(*_: object, **__: object) -> object:
            return answer

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
        url = f"http://models.example:{port}/v1/chat"
        with pytest.raises(Refused):
            get(Egress({url}), url)
        assert server.bodies == []
        assert get(Egress((), {url}), url).status_code == 200  # type: ignore[attr-defined]
        assert server.headers[0]["Host"] == f"models.example:{port}"


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "::ffff:169.254.169.254"]
)
def test_metadata_and_unspecified_addresses_are_refused_even_when_private_ones_may_be(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    with pytest.raises(Refused):
        get(Egress((), {"http://inside.example"}), "http://inside.example/v1")


def test_one_bad_address_among_good_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: object, **__: object) -> object:
        return [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    with pytest.raises(Refused):
        get(Egress({"http://two.example"}), "http://two.example/v1")


def test_a_reply_past_the_bound_is_cut() -> None:
    with serving(fault="huge") as server, pytest.raises(Exception) as caught:
        get(Egress({server.url}, max_reply_bytes=100_000), server.url + "/chat")
    from muniment.foundation.egress import TooLarge

    assert cause_of(caught.value, TooLarge)


@pytest.mark.parametrize(
    "origin", ["ftp://host", "host", "http://", "http://user:pw@host", "file:///etc/passwd"]
)
def test_what_is_no_origin_is_bad_input(origin: str) -> None:
    with pytest.raises(BadInput):
        origin_of(origin)


def test_synchronous_code_follows_no_redirect_and_takes_no_compressed_reply() -> None:
    with serving(fault="redirect") as server:
        assert Egress({server.url}).exchange("POST", server.url, {}, b"{}", 2.0).status == 302
        assert server.headers[0]["accept-encoding"] == "identity"


def test_synchronous_code_gets_a_whole_reply_also_inside_a_loop() -> None:
    async def inside(egress: Egress, url: str) -> int:
        return egress.exchange("POST", url, {}, b"{}", 5.0).status

    with key_service.serving("418 teapot") as service:
        egress = Egress({service.url})
        assert egress.exchange("POST", service.url, {"a": "b"}, b"{}", 5.0).status == 418
        assert service.headers[0]["a"] == "b"
        assert asyncio.run(inside(egress, service.url)) == 418


@pytest.mark.parametrize(("fault", "how"), [("slow", "time"), ("cut", "broken")])
def test_a_reply_that_does_not_end_is_given_up(fault: str, how: str) -> None:
    with key_service.serving(fault) as service, pytest.raises(Unreached) as caught:
        Egress({service.url}).exchange("POST", service.url, {}, b"{}", 0.5)
    assert caught.value.how == how


def test_it_is_told_where_there_was_no_connection_so_that_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Unreached) as caught:
            Egress({url}).exchange("POST", url, {}, b"{}", 5.0)
    assert caught.value.how == "connect"


def test_an_exchange_reaches_no_other_origin() -> None:
    with key_service.serving() as service:
        with pytest.raises(Refused):
            Egress({"https://elsewhere.example"}).exchange("POST", service.url, {}, b"{}", 1.0)
        assert service.paths == []


def test_an_exchange_is_cut_where_the_reply_is_too_large() -> None:
    with key_service.serving("huge") as service:
        for egress, most in (
            (Egress({service.url}, max_reply_bytes=1000), None),
            (Egress({service.url}), 1000),
        ):
            with pytest.raises(Unreached) as caught:
                egress.exchange("POST", service.url, {}, b"{}", 5.0, most)
            assert caught.value.how == "size"


def test_a_client_says_that_a_reply_was_cut() -> None:
    cut: list[str] = []

    async def go(egress: Egress, url: str) -> None:
        async with egress.client(2.0, 1000, lambda: cut.append("cut")) as client:
            with pytest.raises(TooLarge):
                await client.post(url)

    with key_service.serving("huge") as service:
        asyncio.run(go(Egress({service.url}), service.url))
    assert cut == ["cut"]
