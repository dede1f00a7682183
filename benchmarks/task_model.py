"""A mind behind the wire of OpenAI's chat completions, on the loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.task_minds import prompt_of


@contextmanager
def serving(mind: Callable[[str], str]) -> Generator[str]:
    """Answer with a mind until the end of the block; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            with suppress(ConnectionError):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                prompt, read = prompt_of(body)
                text = mind(prompt)
                written = -(-len(text) // 4)
                usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                self._event({"choices": [{"index": 0, "delta": {"content": text}}]})
                self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self._event({"choices": [], "usage": usage})
                self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, fields: dict[str, object]) -> None:
            whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields}
            self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
