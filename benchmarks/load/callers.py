"""Callers who do not wait for each other: an open loop, so that a slow bridge does not slow them.

A request has an instant at which it is meant to be sent; its latency counts from there, whether or
not a connection was free by then (what is called coordinated omission is not left out).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import quantiles

CONNECTIONS = 64
# How finely requests are timed. A tick sends what is due since the last one.
TICK_SECONDS = 0.001
DRAIN_SECONDS = 5.0
MILLISECONDS = 1_000
GOOD = range(200, 400)

Answered = Callable[[int, bytes], None]


@dataclass(slots=True, kw_only=True)
class Load:
    """What a load came to.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Of each answer, in seconds.
        statuses: How often each status came; 0 for a request that was not answered.
        late: By how many seconds each tick of the callers came too late: what they had no core for.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second that were no error."""
        return sum(self.statuses[status] for status in GOOD) / self.seconds

    def p_ms(self, percent: int) -> float:
        """So many of a hundred answers took no longer, in milliseconds."""
        return _p_ms(self.latencies, percent)

    def late_ms(self, percent: int) -> float:
        """So many of a hundred ticks of the callers were late by no more, in milliseconds."""
        return _p_ms(self.late, percent)

    def holds(self, p99_ms: float) -> bool:
        """Whether each request had an answer that is no error, and 99 of 100 in time."""
        return set(self.statuses) <= set(GOOD) and self.p_ms(99) <= p99_ms


def _p_ms(seconds: list[float], percent: int) -> float:
    return MILLISECONDS * quantiles(seconds, n=100, method="inclusive")[percent - 1]


class _Caller(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, free: deque["_Caller"]) -> None:
        self.transport = asyncio.Transport()
        self._free = free
        self._buffer = bytearray()
        self._need = -1
        self._status = 0
        self._answered: Answered | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is free for its first request."""
        self.transport = transport
        self._free.append(self)

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a request; when its answer is whole, say so and be free again."""
        self._answered, self._need = answered, -1
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read on; a whole answer frees it."""
        self._buffer += data
        if self._need < 0 and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            self._status = int(head[9:12])
            found = head.find(b"content-length:")
            length = int(head[found + 15 :].split(b"\r\n", 1)[0]) if found >= 0 else 0
            self._need = end + 4 + length
        if 0 <= self._need <= len(self._buffer):
            answered, body = self._answered, bytes(self._buffer)
            self._buffer.clear()
            self._answered = None
            self._free.append(self)
            if answered is not None:
                answered(self._status, body)

    def connection_lost(self, _: Exception | None) -> None:
        """A bridge that hangs up has answered with nothing."""
        if self in self._free:
            self._free.remove(self)
        if self._answered is not None:
            self._answered(0, b"")


async def loaded(
    port: int,
    requests: Callable[[int], bytes],
    *,
    rate: float,
    seconds: float,
    seen: Callable[[bytes], None] | None = None,
) -> Load:
    """Send so many requests a second for so long.

    Args:
        port: Where the bridge listens, on loopback.
        requests: The bytes of a request, by its number.
        rate: Requests a second.
        seconds: How long they are sent.
        seen: Is given each answer that is no error.
    """
    loop, load, free = asyncio.get_running_loop(), Load(), deque[_Caller]()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Caller(free), "127.0.0.1", port)
    every = [*free]
    began, total, sent = loop.time(), int(rate * seconds), 0

    def answered(meant: float) -> Answered:
        def note(status: int, answer: bytes) -> None:
            load.statuses[status] += 1
            load.latencies.append(loop.time() - meant)
            if seen is not None and status in GOOD:
                seen(answer)

        return note

    while len(load.latencies) < total and loop.time() < began + seconds + DRAIN_SECONDS:
        due = min(total, int((loop.time() - began) * rate) + 1)
        while sent < due and free:
            free.popleft().send(requests(sent), answered(began + sent / rate))
            sent += 1
        ticked = loop.time()
        await asyncio.sleep(TICK_SECONDS)
        load.late.append(loop.time() - ticked - TICK_SECONDS)
    load.seconds = max(seconds, loop.time() - began)
    load.statuses += Counter({0: total - len(load.latencies)})  # nothing where none is missing
    for caller in every:
        caller.transport.close()
    return load


def request(method: str, path: str, token: str, body: bytes = b"", **headers: str) -> bytes:
    """A request of HTTP/1.1 whose connection stays open."""
    said = {"Host": "127.0.0.1", "Authorization": f"Bearer {token}"} | headers
    if body:
        said |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
