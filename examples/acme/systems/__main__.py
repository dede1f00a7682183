"""Runs the systems of record of Marrowby Instruments: `python examples/acme/systems --folder DIR --key KEY.json`."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn
from auth import BadKey, read_keys
from problems import Problem
from server import build
from store import Unusable


class _Announcing(uvicorn.Server):
    """A server that says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            host, port = (sockets or [])[0].getsockname()[:2]
            print(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="systems", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the database and the permissions are kept"
    )
    parser.add_argument(
        "--key", type=Path, required=True, help="a file with the public JWK, or set, of the callers"
    )
    parser.add_argument("--issuer", help="the only `iss` that tokens may have")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ahead", type=int, default=0, metavar="SECONDS", help="set the clock ahead")
    parser.add_argument("--faults", action="store_true", help="fail as the header X-Fault asks for")
    parser.add_argument(
        "--until-stdin-ends",
        action="store_true",
        help="end with whoever holds the other end of standard input",
    )
    return parser


def main() -> None:
    parser = _arguments()
    said = parser.parse_args()
    if not 0 <= said.port <= 65535:
        parser.error(f"--port must be 0 to 65535, not {said.port}")
    try:
        keys = read_keys(said.key)
        said.folder.mkdir(parents=True, exist_ok=True)
        app = build(said.folder, keys, said.issuer, said.ahead, said.faults)
        listening = _listening(said.host, said.port)
    except BadKey as error:
        parser.error(f"--key: {error}")
    except Unusable as error:
        parser.error(f"--folder: {error}")
    except Problem as problem:
        parser.error(f"--folder: {problem.body.title} {problem.body.detail}")
    except OSError as error:
        parser.error(f"{error.filename or f'{said.host}:{said.port}'}: {error.strerror}")
    server = _Announcing(
        uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    if said.until_stdin_ends:
        threading.Thread(target=_end_with_stdin, args=[server], daemon=True).start()
    server.run([listening])


def _end_with_stdin(server: uvicorn.Server) -> None:
    # A pipe ends however its other end did, also where that was killed.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True


def _listening(host: str, port: int) -> socket.socket:
    # Named as TCP, so that asyncio turns Nagle's delay off: each reply would wait 40 ms otherwise.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


if __name__ == "__main__":
    main()
