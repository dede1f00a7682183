"""What every provider keeps to, whatever is behind it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

import pytest
from tests.simulators import anthropic_server, azure_server, bedrock_server, openai_server
from tests.simulators.local_models import local, served, stand_in
from tests.simulators.openai_server import Mind, Simulator, Wire, answering, serving

from muniment.foundation.egress import Egress
from muniment.foundation.errors import Unavailable
from muniment.foundation.secret import Secret
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Chunk, Draft, NumberedPassage, Request, TextDelta, Usage
from muniment.inference.providers.provider import Budget, Busy, Provider, RequestRefused
from muniment.inference.providers.quotes import Quotes
from muniment.inference.providers.remote import remote

SECONDS = 10.0
SCHEMA = {
    "type": "object",
    "properties": {"claims_of_the_reply": {"type": "array", "items": {"type": "string"}}},
    "required": ["claims_of_the_reply"],
    "additionalProperties": False,
}


@dataclass
class Behind:
    """A provider, and the server behind it where there is one."""

    provider: Provider
    server: Simulator | None = None
    seconds: float = SECONDS
    real: bool = False
    """Whether a real model writes, which says what it likes."""

    def ask(self, request: Request) -> list[Chunk]:
        return list(self.stream(request))

    def stream(self, request: Request) -> Iterator[Chunk]:
        return iter(self.provider.complete(request, Budget(200, self.seconds)))


Make = Callable[..., AbstractContextManager[Behind]]


@contextmanager
def quotes(**_: object) -> Iterator[Behind]:
    yield Behind(Quotes(None))


def over(wire: type[Wire], plain: Endpoint) -> Make:
    """Return what makes a provider of this endpoint with a server behind it."""

    @contextmanager
    def make(
        fault: str = "",
        mind: Mind = answering,
        seconds: float = SECONDS,
        delay: float = 5.0,
        **other: object,
    ) -> Iterator[Behind]:
        if plain.kind == "anthropic":
            pytest.importorskip("anthropic")
        with serving(mind, fault, delay, wire) as server:
            endpoint = replace(plain, base_url=server.url, timeout_seconds=seconds, **other)  # type: ignore[arg-type]
            yield Behind(remote(endpoint, Egress({endpoint.origin})), server, seconds)

    return make


KEY = Secret("a-key-0123456789")
REMOTE: dict[str, Make] = {
    "openai": over(openai_server.OpenAI, Endpoint("remote", "openai", model="m", api_key=KEY)),
    "azure": over(
        azure_server.Azure,
        Endpoint(
            "remote",
            "azure",
            model=azure_server.DEPLOYMENT,
            api_key=Secret(azure_server.KEY),
            api_version=azure_server.VERSION,
        ),
    ),
    "anthropic": over(
        anthropic_server.Anthropic,
        Endpoint("remote", "anthropic", model="claude-haiku-4-5", api_key=Secret(anthropic_server.KEY)),
    ),
    "bedrock": over(
        bedrock_server.Bedrock,
        Endpoint("remote", "bedrock", model=bedrock_server.MODEL, region=bedrock_server.REGION),
    ),
}


def on_this_machine(make: Callable[[], AbstractContextManager[Provider]], real: bool = True) -> Make:
    """Return what makes a provider of a language model of this machine, which may take its time."""

    @contextmanager
    def made(**_: object) -> Iterator[Behind]:
        with make() as provider:
            yield Behind(provider, seconds=120.0, real=real)

    return made


PROVIDERS = pytest.mark.parametrize(
    "make",
    [
        quotes,
        *REMOTE.values(),
        on_this_machine(stand_in, real=False),
        pytest.param(on_this_machine(local), marks=pytest.mark.prove),
        pytest.param(on_this_machine(served), marks=pytest.mark.prove),
    ],
    ids=["quotes", *REMOTE, "stand-in", "local", "served"],
)
REMOTES = pytest.mark.parametrize("make", REMOTE.values(), ids=list(REMOTE))


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bedrock_server.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bedrock_server.SECRET_KEY)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


def request(*texts: str) -> Request:
    passages = tuple(NumberedPassage(n, "Canteen", "", text) for n, text in enumerate(texts, 1))
    return prompts.request(
        prompts.load("answer"), "When does the canteen open?", passages, "fence_0123456789abcdef"
    )


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta | Draft))


@PROVIDERS
def test_chunks_come_and_usage_comes_last_and_once(make: Make) -> None:
    with make() as behind:
        chunks = behind.ask(request("The canteen opens at eight."))
    assert isinstance(chunks[-1], Usage)
    assert all(isinstance(chunk, Draft | TextDelta) for chunk in chunks[:-1])
    assert "eight" in text_of(chunks)


@PROVIDERS
def test_without_passages_there_is_no_claim(make: Make) -> None:
    with make() as behind:
        chunks = behind.ask(request())
    assert not [chunk for chunk in chunks if isinstance(chunk, Draft)]
    assert behind.real or "quote" not in text_of(chunks)


@PROVIDERS
def test_closing_early_stops_the_call(make: Make) -> None:
    with make() as behind:
        stream = behind.stream(request("The canteen opens at eight."))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "model-call"]


@PROVIDERS
def test_hostile_text_in_passages_raises_nothing(make: Make) -> None:
    hostile = (
        "\x00\ufffd\u202e canteen",
        "| | |\n|---|\n: : :",
        '[1 "canteen"]' * 50,
        "\ud800 <|im_end|>",
        "",
    )
    with make() as behind:
        assert isinstance(behind.ask(request(*hostile))[-1], Usage)


@PROVIDERS
def test_what_is_too_long_is_answered_or_refused_and_nothing_else(make: Make) -> None:
    with make() as behind:
        try:
            end: object = behind.ask(request("canteen " * 5000))[-1]
        except Unavailable as refused:
            end = refused
    assert isinstance(end, Usage) or ("'remote'" in str(end) and "canteen" not in str(end))


@REMOTES
def test_the_whole_reply_comes_as_it_was_written_and_its_tokens_are_counted(make: Make) -> None:
    written = 'Line one. [1 "ä 漢字 🜁"]\n{"a": "b\\n"} ' * 3
    with make(mind=lambda _: written) as behind:
        chunks = behind.ask(request("The canteen opens at eight."))
    assert text_of(chunks) == written
    assert isinstance(chunks[-1], Usage) and chunks[-1].prompt_tokens == 120
    assert chunks[-1].completion_tokens == -(-len(written) // 7)


@REMOTES
def test_closing_early_closes_the_connection(make: Make) -> None:
    with make("endless") as behind:
        stream = behind.stream(request("The canteen opens at eight."))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert behind.server is not None and behind.server.left.wait(3.0)


@REMOTES
@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("429", Busy, "busy or failing"),
        ("500", Busy, "busy or failing"),
        ("cut", Busy, "broke off"),
        ("short", Busy, "broke off"),
        ("401", RequestRefused, "refused the request"),
        ("redirect", Unavailable, "not a"),
        ("malformed", Unavailable, "not a"),
        ("html", Unavailable, "not a"),
        ("empty", Unavailable, "not a"),
        ("huge", Unavailable, "more than it was asked for"),
    ],
)
def test_each_fault_is_one_line_that_leaks_nothing(
    make: Make, fault: str, kind: type[Unavailable], words: str
) -> None:
    with make(fault) as behind:
        with pytest.raises(Unavailable, match=words) as caught:
            behind.ask(request("The canteen opens at eight."))
        assert behind.server is not None and len(behind.server.bodies) == 1
        address = behind.server.url
    assert type(caught.value) is kind
    line = f"{caught.value} {caught.value.detail}"
    assert "'remote'" in line and caught.value.fix and "\n" not in line
    for secret in ("secret-detail", "canteen", address, "key-01234", bedrock_server.SECRET_KEY):
        assert secret not in line


@REMOTES
def test_an_endpoint_that_is_busy_says_for_how_long(make: Make) -> None:
    with make("429") as behind, pytest.raises(Busy) as caught:
        behind.ask(request("The canteen opens at eight."))
    assert caught.value.retry_after == 7.0


@REMOTES
def test_one_that_was_busy_answers_when_asked_again(make: Make) -> None:
    with make("429-once") as behind:
        with pytest.raises(Busy):
            behind.ask(request("The canteen opens at eight."))
        assert "eight" in text_of(behind.ask(request("The canteen opens at eight.")))


@REMOTES
@pytest.mark.parametrize("fault", ["slow", "endless"])
def test_a_call_ends_on_time(make: Make, fault: str) -> None:
    with make(fault, seconds=0.6, delay=2.0) as behind:
        started = time.perf_counter()
        with pytest.raises(Unavailable, match=r"within 0\.6 seconds") as caught:
            behind.ask(request("The canteen opens at eight."))
        assert time.perf_counter() - started < 2.5
    assert not isinstance(caught.value, Busy)


@REMOTES
def test_a_call_of_a_tool_that_nobody_offered_is_no_text(make: Make) -> None:
    with make("tool") as behind:
        chunks = behind.ask(request("The canteen opens at eight."))
    assert text_of(chunks) == "" and isinstance(chunks[-1], Usage)


@REMOTES
def test_a_schema_is_sent_where_the_endpoint_takes_one(make: Make) -> None:
    asked = replace(request("The canteen opens at eight."), schema=SCHEMA)
    with make(mind=lambda _: '{"claims_of_the_reply": []}') as behind:
        assert text_of(behind.ask(asked)) == '{"claims_of_the_reply": []}'
        assert behind.server is not None and b"claims_of_the_reply" in behind.server.bodies[0]
    with make(structured="none") as behind:
        assert "eight" in text_of(behind.ask(asked))
        assert behind.server is not None and b"claims_of_the_reply" not in behind.server.bodies[0]


@REMOTES
@pytest.mark.parametrize("temperature", [0.7, None])
def test_a_temperature_is_stated_unless_that_is_left_to_the_server(
    make: Make, temperature: float | None
) -> None:
    with make(temperature=temperature) as behind:
        behind.ask(request("The canteen opens at eight."))
        assert behind.server is not None
        body = json.loads(behind.server.bodies[0])
    assert {**body, **body.get("inferenceConfig", {})}.get("temperature") == temperature


@REMOTES
def test_nothing_of_the_environment_is_sent(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "of-the-shell")
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "authorization: of-the-shell\nx-api-key: of-the-shell\nx-more: of-the-shell")
    with make() as behind:
        assert "eight" in text_of(behind.ask(request("The canteen opens at eight.")))
        assert behind.server is not None and "of-the-shell" not in str(behind.server.headers)


@REMOTES
def test_nothing_listens_is_a_connection_that_was_not_made(make: Make) -> None:
    with make() as behind:
        pass
    with pytest.raises(Busy, match="could not be reached"):
        behind.ask(request("The canteen opens at eight."))


@REMOTES
def test_an_origin_that_was_not_allowed_is_not_asked(make: Make) -> None:
    with make() as behind:
        behind.provider._egress = Egress({"http://127.0.0.1:1"})  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match="not an origin that may be reached"):
            behind.ask(request("The canteen opens at eight."))
        assert behind.server is not None and behind.server.bodies == []
