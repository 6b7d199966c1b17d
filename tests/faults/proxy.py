"""Stands between one worker and the brokers: a port for each, on loopback; delays, drops, cuts.

The worker finds the proxy's ports where it looks for the brokers', in the metadata too, so it has
no way past. What passes is not changed but for those ports.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from struct import Struct
from threading import Event, Thread
from types import TracebackType
from typing import Final

from tests.faults.wire import Api, Request, number_of, request_of, rewrite

LOOPBACK: Final = "127.0.0.1"
_LENGTH: Final = Struct(">i")
_START_LIMIT_S: Final = 10
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Harm(StrEnum):
    """What is done to a request."""

    DROP = "drop"
    """It never arrives, and is never answered."""
    LOSE_ANSWER = "lose the answer of"
    """It arrives; the answer never does, and the connection is cut instead."""
    DELAY = "delay"
    """It, and what is behind it on its connection, arrives later."""
    CUT = "cut the connection at"
    """The connection is cut, the request with it."""


@dataclass(slots=True)
class Rule:
    """What is to happen to the next requests of some kinds; `struck` once it did to one.

    Attributes:
        harm: what.
        apis: to which kinds; none: all.
        times: how often.
        seconds: of a delay.
    """

    harm: Harm
    apis: Collection[Api] = ()
    times: int = 1
    seconds: float = 0.0
    struck: Event = field(default_factory=Event)

    def takes(self, request: Request) -> bool:
        """Tell whether it is this request's turn; then there is one turn less."""
        if self.times <= 0 or (self.apis and request.api not in self.apis):
            return False
        self.times -= 1
        self.struck.set()
        return True


class Proxy:
    """One worker's network; a context manager. Its rules may be changed from any thread.

    Args:
        brokers: the brokers' ports.
    """

    def __init__(self, brokers: Sequence[int]) -> None:
        self._brokers = brokers
        self.ports: dict[int, int] = {}
        self.rule: Rule | None = None
        self.last_seen: dict[int, float] = {}
        """When each kind of request last came by, on the monotonic clock."""
        self._links: set[_Link] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready, self._over = Event(), asyncio.Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._ready.wait(_START_LIMIT_S), "the proxy does not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._over.set)
        self._thread.join(_START_LIMIT_S)

    def cut(self) -> None:
        """Cut every connection; the worker may make new ones at once."""
        self._call(self._cut)

    def saw(self, api: Api, within_s: float) -> bool:
        """Tell whether such a request came by lately."""
        return time.monotonic() - self.last_seen.get(api, -within_s) < within_s

    def _call(self, work: Callable[[], None]) -> None:
        assert self._loop is not None, "the proxy was not entered"
        self._loop.call_soon_threadsafe(work)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        for broker in self._brokers:
            self.ports[broker] = await self._listen(broker)
        self._ready.set()
        await self._over.wait()

    def _cut(self) -> None:
        for link in list(self._links):
            link.close()

    async def _listen(self, broker: int) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.CancelledError):  # at the end; asyncio would tell it as an error
                try:
                    upstream = await asyncio.open_connection(LOOPBACK, broker)
                except OSError:  # that broker is down
                    writer.close()
                    return
                link = _Link(self, (reader, writer), upstream)
                self._links.add(link)
                try:
                    await link.run()
                finally:
                    self._links.discard(link)

        server = await asyncio.start_server(serve, LOOPBACK, 0)
        port: int = server.sockets[0].getsockname()[1]
        return port


class _Link:
    """One connection of the worker, and the proxy's own to the broker behind it."""

    def __init__(self, proxy: Proxy, client: _Streams, broker: _Streams) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._asked: dict[int, Request] = {}
        self._lost: set[int] = set()

    async def run(self) -> None:
        ways = [asyncio.create_task(way) for way in (self._requests(), self._answers())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def close(self) -> None:
        for _, writer in (self._client, self._broker):
            with suppress(OSError, RuntimeError):
                writer.transport.abort()

    async def _requests(self) -> None:
        while frame := await _read(self._client[0]):
            request = request_of(frame)
            self._proxy.last_seen[request.api] = time.monotonic()
            rule = self._proxy.rule
            if rule is not None and rule.takes(request):
                match rule.harm:
                    case Harm.DROP:
                        continue
                    case Harm.CUT:
                        return
                    case Harm.LOSE_ANSWER:
                        self._lost.add(request.number)
                    case Harm.DELAY:
                        await asyncio.sleep(rule.seconds)
            self._asked[request.number] = request
            await _write(self._broker[1], frame)

    async def _answers(self) -> None:
        while frame := await _read(self._broker[0]):
            number = number_of(frame)
            request = self._asked.pop(number, None)
            if number in self._lost:
                return
            if request is not None:
                rewrite(request, frame, self._proxy.ports)
            await _write(self._client[1], frame)


async def _read(reader: asyncio.StreamReader) -> bytearray | None:
    """Return the next frame without its length; None at the connection's end."""
    try:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return bytearray(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, OSError):
        return None


async def _write(writer: asyncio.StreamWriter, frame: bytearray) -> None:
    with suppress(OSError):
        writer.writelines((_LENGTH.pack(len(frame)), frame))
        await writer.drain()
