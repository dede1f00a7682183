"""A mail server and a listener for posts, each on the loopback, that keep what they are sent and fail on demand."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Mailbox:
    """What a mail server took; `fault` is the reply to the next messages, `login` what it asks for."""

    context: ssl.SSLContext | None = None
    login: str = ""
    implicit: bool = False
    """Whether TLS begins with the connection."""
    fault: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Recipient and the whole message, as it was sent."""
    said: list[str] = field(default_factory=list[str])
    """Every line before the messages."""
    port: int = 0
    in_clear: bool = False
    """Whether a message or a login came without TLS."""


class _Session(socketserver.StreamRequestHandler):
    server: Any
    secure = False

    def handle(self) -> None:
        box: Mailbox = self.server.box
        if box.implicit:
            self.protect()
        self.say("220 mail.test")
        to, allowed = "", not box.login
        while line := self.rfile.readline():
            text = line.decode().strip()
            verb = text.split(" ", 1)[0].upper()
            box.said.append(text)
            if verb == "EHLO":
                offers = ["250-STARTTLS"] if box.context and not self.secure else []
                self.say("250-mail.test", *offers, "250 AUTH PLAIN")
            elif verb == "STARTTLS" and box.context:
                self.say("220 go")
                self.protect()
            elif verb == "AUTH":
                box.in_clear |= not self.secure
                allowed = base64.b64decode(text.rsplit(" ", 1)[1]).decode() == f"\0{box.login}".replace(
                    ":", "\0"
                )
                self.say("235 ok" if allowed else "535 no")
            elif verb == "RCPT":
                to = text.partition("<")[2].rstrip(">")
                self.say("250 ok" if allowed else "530 log in")
            elif verb == "DATA":
                self.say("354 go")
                lines: list[str] = []
                while (one := self.rfile.readline().decode()) not in (".\r\n", ""):
                    lines.append(one)
                if not box.fault:
                    box.messages.append((to, "".join(lines)))
                box.in_clear |= not self.secure
                self.say(box.fault or "250 taken")
            else:
                self.say("221 bye" if verb == "QUIT" else "250 ok")

    def protect(self) -> None:
        """Go on over TLS."""
        made = self.server.box.context.wrap_socket(self.connection, server_side=True)
        self.connection, self.secure = made, True
        self.rfile, self.wfile = made.makefile("rb"), made.makefile("wb", 0)

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


class _Server(socketserver.ThreadingTCPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers who leave in the middle."""


@contextmanager
def mail_server(
    context: ssl.SSLContext | None = None, login: str = "", implicit: bool = False
) -> Iterator[Mailbox]:
    """Yield a running mail server; `login` is `user:password`."""
    box = Mailbox(context, login, implicit)
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.daemon_threads = True
        server.box = box  # type: ignore[attr-defined]
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield box
        server.shutdown()


@dataclass
class Posts:
    """What a listener was posted: headers in lower case, and body."""

    status: int = 204
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    url: str = ""


@contextmanager
def listener() -> Iterator[Posts]:
    """Yield a running listener."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            posts.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(posts.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        posts.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield posts
        server.shutdown()
