"""How the bus serves HTTP: loopback only, Basic credentials, ended in order by SIGTERM.

What is served, and who may do what, belongs to the servers (`infra.registry`, `infra.clickhouse`).
"""

from __future__ import annotations

import base64
import errno
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from schemas.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Authenticate = Callable[[str, str], bool]
"""Takes user and password, says whether they belong together, in constant time."""

Answered = Callable[[int], None]
"""Takes an answer's HTTP status."""

LOOPBACK = "127.0.0.1"
_CONNECTIONS = 128
_GRACE_S = 2


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal again once it has stopped, and so end the process before
        # the caller has closed what it opened.
        self.should_exit = True


def serve_app(
    app: Starlette, port: int, ready: Callable[[], None], answered: Answered | None = None
) -> None:
    """Answer requests on 127.0.0.1 until SIGTERM or SIGINT, then return within about 3 s.

    Requests under way get 2 s to finish; later ones are refused.

    Args:
        app: what answers.
        port: TCP port; has to be free.
        ready: called once, when requests are answered.
        answered: called with the status of every answer.

    Raises:
        Unavailable: the port is taken, or may not be used.
    """
    listener = _listen(port)
    config = uvicorn.Config(
        app if answered is None else _telling(app, answered),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        # A log of requests would hold statements and names; errors go to the process's logger.
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )
    with listener:
        _Server(config, ready).run(sockets=[listener])


def _telling(app: ASGIApp, answered: Answered) -> ASGIApp:
    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered(int(message["status"]))
            await send(message)

        await app(scope, receive, note)

    return tell


def _listen(port: int) -> socket.socket:
    # Naming the protocol makes asyncio switch Nagle's algorithm off; without, a small answer takes
    # 40 ms more (measured).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        raise Unavailable(
            "the port is taken by another process" if taken else "the port can't be used",
            where=f"{LOOPBACK}:{port}",
            remedy="End that process, or choose another port",
        ) from error
    return listener


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    """Return user and password of an `Authorization: Basic` header (RFC 7617).

    Returns:
        None where there is no header; two empty strings, which belong to nobody, where there is
        one that can't be read.
    """
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:  # not ASCII, not base64, not UTF-8
        return ("", "")
    user, colon, password = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        return ("", "")
    return (user, password)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the request's body.

    Args:
        request: the request.
        limit: bytes; a longer body is not read to its end.

    Raises:
        InvalidInput: the body is longer.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise InvalidInput(f"the request is longer than {limit} bytes")
    return bytes(body)
