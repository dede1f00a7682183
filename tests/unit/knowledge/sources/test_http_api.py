"""What every connector to a hosted service may rely on when it asks for JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from muniment.foundation.clock import FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.connector import Throttled, Unreadable
from muniment.knowledge.sources.http_api import (
    FixedToken,
    GrantedToken,
    HttpApi,
    Malformed,
    NameAndPassword,
    Refusal,
    client_credentials,
    object_in,
    object_of,
    objects_in,
    origin_for_secrets,
    seconds_of,
    stated_in,
    text_in,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Answer = tuple[int, dict[str, str], bytes]


class Service:
    """A server that gives what it was told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.asked.append((self.path, headers, self.rfile.read(size)))
                given = service.answers.get(self.path, [(404, {}, b"{}")])
                status, more, body = given.pop(0) if len(given) > 1 else given[0]
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def gives(self, path: str, *answers: object, status: int = 200, **headers: str) -> None:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = [
            one if isinstance(one, tuple) else (status, more, json.dumps(one).encode()) for one in answers
        ]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Service, Service]]:
    made = (Service(), Service())
    yield made
    for one in made:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def service(servers: tuple[Service, Service]) -> Service:
    for one in servers:
        one.answers, one.asked = {}, []
    return servers[0]


@pytest.fixture
def other(servers: tuple[Service, Service], service: Service) -> Service:
    return servers[1]


def api_of(service: Service, *more: Service) -> HttpApi:
    egress = Egress([one.url for one in (service, *more)])
    token = FixedToken(lambda: Secret("quiet-token"), "token")
    return HttpApi(egress, service.url, token, FixedClock(), "The service")


def following(page: object) -> str:
    assert isinstance(page, dict)
    return str(page.get("next", ""))


def test_a_request_carries_its_query_and_its_token(service: Service) -> None:
    service.gives("/a?b=1+2", {"found": "yes"})
    assert api_of(service).get("/a", {"b": "1 2"}) == {"found": "yes"}
    assert service.asked[0][1]["authorization"] == "Bearer quiet-token"


def test_pages_are_followed_to_the_last(service: Service) -> None:
    service.gives("/a", {"next": f"{service.url}/a?p=2", "at": 1})
    service.gives("/a?p=2", {"at": 2})
    assert [page["at"] for page in api_of(service).pages("/a", None, following)] == [1, 2]


def test_a_link_to_another_origin_gets_no_request_at_all(service: Service, other: Service) -> None:
    for link in (f"{other.url}/a", "//evil.example/a", "file:///etc/passwd", "a", "http://[", "\x00"):
        service.gives("/a", {"next": link})
        with pytest.raises(Malformed):
            list(api_of(service, other).pages("/a", None, following))
    assert other.asked == []


def test_pages_that_go_round_in_circles_end(service: Service) -> None:
    service.gives("/a", {"next": f"{service.url}/b"})
    service.gives("/b", {"next": f"{service.url}/a"})
    with pytest.raises(Malformed, match="circles"):
        list(api_of(service).pages("/a", None, following))


@pytest.mark.parametrize(
    ("status", "stated", "seconds"),
    [
        (429, "17", 17.0),
        (503, "17", 17.0),
        (429, "Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        (429, "Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        (429, "soon", 0.0),
        (429, "", 0.0),
    ],
)
def test_patience_is_as_long_as_was_asked_for(
    service: Service, status: int, stated: str, seconds: float
) -> None:
    service.gives("/a", {}, status=status, retry_after=stated)
    api = HttpApi(
        Egress([service.url]),
        service.url,
        FixedToken(lambda: Secret("t"), "token"),
        FixedClock(NOW),
        "The service",
    )
    with pytest.raises(Throttled) as caught:
        api.get("/a")
    assert caught.value.seconds == seconds


def test_a_failure_of_the_service_is_no_answer(service: Service) -> None:
    for status in (500, 502, 503):
        service.gives("/a", {}, status=status)
        with pytest.raises(Unavailable) as caught:
            api_of(service).get("/a")
        assert not isinstance(caught.value, (Refusal, Throttled))


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_a_refusal_tells_its_status_and_nothing_of_its_body(service: Service, status: int) -> None:
    service.gives("/a", {"error": "secret-detail"}, status=status)
    with pytest.raises(Refusal) as caught:
        api_of(service).get("/a")
    assert caught.value.status == status
    assert "secret-detail" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b'"a"', b"null", b'{"a": ', b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        object_of(body, "The service")


def test_fields_of_another_shape_are_malformed() -> None:
    for ask in (
        lambda: objects_in({}, "value"),
        lambda: objects_in({"value": None}, "value"),
        lambda: objects_in({"value": ["a"]}, "value"),
        lambda: object_in({"a": []}, "a"),
        lambda: text_in({"a": 1}, "a"),
        lambda: stated_in({"a": ""}, "a"),
        lambda: stated_in({}, "a"),
        lambda: stated_in({"a": "b\0c"}, "a"),
        lambda: stated_in({"a": "b\ud800c"}, "a"),
    ):
        with pytest.raises(Malformed):
            ask()
    assert text_in({"a": "b\0\ud800"}, "a") == "b\ufffd?"


def test_an_answer_that_is_too_large_is_none(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muniment.knowledge.sources.http_api.MAX_JSON_BYTES", 100)
    service.gives("/a", {"a": "x" * 200})
    with pytest.raises(Malformed):
        api_of(service).get("/a")
    with pytest.raises(Unreadable) as caught:
        api_of(service).content("/a", 100)
    assert caught.value.why == "size"


def test_nobody_there_is_unavailable() -> None:
    egress = Egress(["http://127.0.0.1:9"])
    api = HttpApi(egress, "http://127.0.0.1:9", FixedToken(lambda: Secret("t"), "t"), FixedClock(), "It")
    with pytest.raises(Unavailable):
        api.get("/a")
    shut = HttpApi(Egress([]), "http://127.0.0.1:9", FixedToken(lambda: Secret("t"), "t"), FixedClock(), "It")
    with pytest.raises(Unavailable):
        shut.get("/a")


def test_a_download_elsewhere_goes_there_without_the_token(service: Service, other: Service) -> None:
    service.gives("/a", (302, {"location": f"{other.url}/file"}, b""))
    other.gives("/file", (200, {}, b"what it holds"))
    reply = api_of(service, other).content("/a", 1000, elsewhere=[other.url])
    assert reply.body == b"what it holds"
    assert "authorization" not in other.asked[0][1]


def test_a_download_to_a_host_that_is_not_allowed_is_not_followed(service: Service, other: Service) -> None:
    service.gives("/a", (302, {"location": f"{other.url}/file"}, b""))
    with pytest.raises(Unavailable, match="may not"):
        api_of(service, other).content("/a", 1000)
    assert other.asked == []


def test_the_token_does_not_come_back_after_a_detour(service: Service, other: Service) -> None:
    service.gives("/a", (302, {"location": f"{other.url}/b"}, b""))
    other.gives("/b", (302, {"location": f"{service.url}/c"}, b""))
    service.gives("/c", (200, {}, b"x"))
    api_of(service, other).content("/a", 1000, elsewhere=[other.url])
    assert "authorization" not in service.asked[-1][1]


def test_redirects_that_lead_on_and_on_end(service: Service) -> None:
    service.gives("/a", (302, {"location": "/a"}, b""))
    with pytest.raises(Malformed):
        api_of(service).content("/a", 1000)


def granted(service: Service, clock: FixedClock) -> HttpApi:
    egress = Egress([service.url])
    form = client_credentials("us", lambda: Secret("hush"), "secret", "all")
    token = GrantedToken(egress, f"{service.url}/token", form, clock, "The service")
    return HttpApi(egress, service.url, token, clock, "The service")


def test_a_granted_token_is_kept_until_shortly_before_its_end(service: Service) -> None:
    clock = FixedClock()
    api = granted(service, clock)
    grant = {"access_token": "one", "token_type": "Bearer", "expires_in": 3600}
    service.gives("/token", grant, {**grant, "access_token": "two"})
    service.gives("/a", {})
    for _ in range(3):
        api.get("/a")
    clock.advance(seconds=3541)
    api.get("/a")
    tokens = [headers["authorization"] for path, headers, _ in service.asked if path == "/a"]
    assert tokens == ["Bearer one"] * 3 + ["Bearer two"]
    assert service.asked[0][2] == b"grant_type=client_credentials&client_id=us&client_secret=hush&scope=all"


def test_a_token_that_is_refused_is_fetched_anew_once(service: Service) -> None:
    api = granted(service, FixedClock())
    service.gives("/token", {"access_token": "one", "token_type": "Bearer", "expires_in": 3600})
    service.gives("/a", (401, {}, b"{}"), (200, {}, b'{"a": 1}'))
    assert api.get("/a") == {"a": 1}
    service.gives("/a", {}, status=401)
    with pytest.raises(Refusal):
        api.get("/a")
    assert len([path for path, _, _ in service.asked if path == "/a"]) == 4


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"access_token": "one"},
        {"access_token": "one", "token_type": "mac"},
        {"access_token": "one", "token_type": "Bearer", "expires_in": "soon"},
    ],
)
def test_what_is_no_grant_is_no_token(service: Service, grant: object) -> None:
    service.gives("/token", grant)
    with pytest.raises(Malformed):
        granted(service, FixedClock()).get("/a")


def test_a_refused_grant_says_what_to_look_at_and_not_the_secret(service: Service) -> None:
    service.gives("/token", {"error": "invalid_client"}, status=401)
    with pytest.raises(Refusal) as caught:
        granted(service, FixedClock()).get("/a")
    assert "client" in caught.value.fix
    assert "hush" not in str(caught.value)


def test_a_secret_that_is_missing_names_its_setting() -> None:
    with pytest.raises(BadInput, match="api_token"):
        FixedToken(lambda: None, "api_token").header()


def test_a_name_and_a_password_make_a_basic_header() -> None:
    assert NameAndPassword("a", lambda: Secret("b\n"), "password").header() == "Basic YTpi"


def test_credentials_do_not_travel_in_clear() -> None:
    with pytest.raises(BadInput, match="site"):
        origin_for_secrets("http://files.example", "site")
    assert origin_for_secrets("http://127.0.0.1:80/a", "site") == "http://127.0.0.1:80"
    assert origin_for_secrets("https://files.example/a", "site") == "https://files.example:443"


def test_a_date_without_a_zone_is_utc() -> None:
    assert seconds_of("Sun, 01 Mar 2026 12:00:09 -0000", FixedClock(NOW)) == 9.0
