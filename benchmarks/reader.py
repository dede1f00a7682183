"""A scripted reader behind the interface of a language model: it does what its instructions say, and no more.

It finds the sentence that shares most with the question, and follows the instructions that it is given by their
words: to copy letter for letter, to answer with nothing where the passages do not answer, to write JSON. So a prompt
that loses one of them shows in its answers as it would with a model that needs to be told. It knows no right answers.
"""

from __future__ import annotations

import json
import re
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import snowballstemmer

_PASSAGE = re.compile(r"<<<(\S+) passage (\d+)>>>\nTitle: ([^\n]*)\n(.*?)\n<<<\1 end \2>>>", re.DOTALL)
_WORD = re.compile(r"[\w-]+")
_WORDS = """
a an and are as at be been by can do does for from get has have how i if in is it its many may
me much must my no not of on or our shall should that the their there this to us was we were
what when where which who why will with would you your about after any before during each every
long
"""
_COMMON = frozenset(_WORDS.split())


@dataclass(slots=True)
class Reader:
    """How it reads, and how often it was asked."""

    careless: bool = False
    """Whether it takes the first sentence rather than the best: a worse model."""
    invents: float = 0.15
    """Share of questions to which it adds a statement with words and figures that stand nowhere."""
    seconds: float = 0.0
    """How long it thinks."""
    enough: float = 0.45
    """Share of the question's words that a sentence with its title must hold to answer it."""
    url: str = ""
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, instructions: str, said: str) -> str:
        """Return what it writes for one request."""
        with self._lock:
            self.asked += 1
        if self.seconds:
            time.sleep(self.seconds)
        question = said.rpartition("Question: ")[2].partition("\n\n")[0]
        found = sorted(self._sentences(question, said), key=lambda one: -one[0])
        told = instructions.casefold()
        if "do not answer" in told and (not found or found[0][0] < self.enough):
            return '{"claims": []}'
        best = found[:2] if found and len(found) > 1 and found[1][0] >= self.enough else found[:1]
        exact = "letter for letter" in told or ("exact words" in told and "copy" in told)
        claims = [_claim(number, sentence, exact) for _, number, sentence in best]
        if claims and zlib.crc32(question.encode()) % 1000 < 1000 * self.invents:
            claims.append(_invented(*found[-1][1:]))
        if '"claims"' not in instructions:
            return " ".join(str(claim["text"]) for claim in claims)
        return json.dumps({"claims": claims}, ensure_ascii=False)

    def _sentences(self, question: str, said: str) -> Iterator[tuple[float, int, str]]:
        wanted = _stems(question)
        for found in _PASSAGE.finditer(said):
            title = _stems(found[3])
            for at, line in enumerate(one.strip() for one in re.split(r"(?<=[.!?])\s+|\n+", found[4])):
                if len(line.split()) < 4:
                    continue
                if self.careless:
                    yield 1.0 / (1 + at) + 1.0 / int(found[2]), int(found[2]), line
                    continue
                held = _stems(line)
                share = (len(wanted & held) + 0.5 * len((wanted - held) & title)) / max(1, len(wanted))
                yield share + 0.05 * bool(re.search(r"\d", line)), int(found[2]), line


def _claim(number: int, sentence: str, exact: bool) -> dict[str, Any]:
    quote = sentence if exact else " ".join(word for at, word in enumerate(sentence.split()) if at % 4 != 2)
    return {
        "quotes": [{"passage": number, "quote": quote}],
        "text": f"{sentence.rstrip('.')}.",
        "inferred": False,
    }


def _invented(number: int, sentence: str) -> dict[str, Any]:
    made = re.sub(r"\d+", lambda figure: str(int(figure[0]) + 3), f"{sentence.rstrip('.')}, for 17 months.")
    return {"quotes": [{"passage": number, "quote": made}], "text": made, "inferred": False}


def _stems(text: str) -> set[str]:
    words = [word for word in _WORD.findall(text.casefold()) if word not in _COMMON]
    return set(snowballstemmer.stemmer("english").stemWords(words))


@contextmanager
def reading(reader: Reader) -> Iterator[Reader]:
    """Serve a reader as an OpenAI-compatible endpoint on the loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            # Who asked may have stopped waiting.
            with suppress(ConnectionError):
                self._reply()

        def _reply(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            messages = body["messages"]
            told = "\n".join(one["content"] for one in messages if one["role"] in ("system", "developer"))
            most = body.get("max_completion_tokens") or body.get("max_tokens") or 100_000
            text = reader.reply(told, messages[-1]["content"])[: 4 * most]
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.close_connection = True
            counted = {"prompt_tokens": len(str(messages)) // 4, "completion_tokens": len(text) // 4}
            counted["total_tokens"] = sum(counted.values())
            for fields in (
                {"choices": [{"index": 0, "delta": {"content": text}}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                {"choices": [], "usage": counted},
            ):
                event = {
                    "id": "x",
                    "object": "chat.completion.chunk",
                    "created": 1,
                    "model": "reader",
                    **fields,
                }
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    reader.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield reader
    finally:
        server.shutdown()
        server.server_close()
