"""Rounds of a network that breaks: one export each, whose worker speaks to a server through it.

The servers are MongoDB, S3, Athena and the partners' services; and whoever is told by webhook.

It breaks once, at any byte that goes to the worker or comes from it; what comes after gets through.
"""

import random
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from enum import StrEnum
from urllib.parse import urlsplit

from assets.model.lifecycle import Status
from resources.wiring import environment
from tests.api_bridge.forwarder import Forwarder
from tests.faults.rounds import TURN, judged
from tests.faults.slot import DELIVERED, LARGE, SMALL, TABLE, Load, Observer, Slot, Tally

# Which exports speak to a server; to MongoDB and S3 all of them do.
SPEAKING: Mapping[str, Sequence[Load]] = {
    environment.AWS_ENDPOINT_URL_ATHENA: (
        Load(name="code-redemptions", params=TABLE),
        Load(name="email-engagement", params=TABLE),
    ),
    environment.CODES_SERVICE_URL: (Load(name="codes", params=TABLE),),
    environment.ENTRIES_SERVICE_URL: (DELIVERED,),
    environment.SFMC_AUTH_URL: (DELIVERED,),
    environment.SFMC_REST_URL: (DELIVERED,),
}
SERVERS = (environment.MONGODB_URI, environment.AWS_ENDPOINT_URL_S3, *SPEAKING)
# The server's answer is kept back for so long at most: then the connection ends.
STALL_SECONDS = 8.0
# One in so many is an export whose file goes up in parts.
SMALL_FOR_LARGE = 4
_PIECE = 4096
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with RST


class Break(StrEnum):
    """How a connection ends."""

    CUT = "cut"  # as one that was closed
    RESET = "reset"
    STALL = "stall"  # nothing comes any more, and nobody says so
    LOSE = "lose"  # what is asked arrives, and no answer comes back


class Breaking(Forwarder):
    """A forwarder that breaks the connection that reaches a byte, once.

    Args:
        target: The server.
        way: How it breaks; None for never.
        at: After how many bytes of all connections together.

    Attributes:
        passed: Bytes that got through.
        broken: Set when it has broken a connection.
    """

    def __init__(self, target: tuple[str, int], way: Break | None = None, at: int = 0) -> None:
        self.passed, self.broken = 0, threading.Event()
        self._way, self._at, self._lock = way, at, threading.Lock()
        self._mute: set[socket.socket] = set()
        super().__init__(target)

    def _serve(self, near: socket.socket) -> None:
        far = socket.create_connection(self._target)
        self._open.append(far)
        for source, sink in ((near, far), (far, near)):
            pump = threading.Thread(target=self._pump, args=(source, sink, near, far), daemon=True)
            pump.start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, near: socket.socket, far: socket.socket
    ) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if self._is_due(len(piece)):
                    self._break(near, far, piece if source is near else b"")
                if near in self._mute and sink is near:
                    continue
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)

    def _is_due(self, size: int) -> bool:
        with self._lock:
            self.passed += size
            due = self._way is not None and self.passed > self._at and not self.broken.is_set()
            if due:
                self.broken.set()
            return due

    def _break(self, near: socket.socket, far: socket.socket, asked: bytes) -> None:
        """End a connection, and with it the thread that asks for it."""
        if self._way is Break.LOSE:
            self._mute.add(near)
            far.sendall(asked)
        if self._way in {Break.STALL, Break.LOSE}:
            threading.Event().wait(STALL_SECONDS)
        if self._way is Break.RESET:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # The other pump waits for more from there: until it has woken up nothing is sent, and
            # what was to be a reset is a connection on which nothing comes any more.
            near.shutdown(socket.SHUT_RD)
            near.close()
        for one in (near, far):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError


@contextmanager
def between(
    env: Mapping[str, str], server: str, way: Break | None = None, at: int = 0
) -> Iterator[tuple[Breaking, dict[str, str]]]:
    """A forwarder to a server, and the variables of those who speak to it through that."""
    url = urlsplit(env[server])
    assert url.hostname is not None
    assert url.port is not None
    forwarder = Breaking((url.hostname, url.port), way, at)
    there = url.netloc.rpartition("@")[0]
    netloc = f"{there}{'@' if there else ''}127.0.0.1:{forwarder.port}"
    try:
        yield forwarder, {**env, server: url._replace(netloc=netloc).geturl()}
    finally:
        forwarder.close()


def break_round(
    slot: Slot, way: Break, server: str, draw: random.Random, *, without: Sequence[str] = ()
) -> Tally:
    """Break a worker's connection at any byte, and see what becomes of its export."""
    load = _load_of(server, draw)
    with TURN if load is DELIVERED else nullcontext():
        at = int(draw.random() * _size(slot, load, server))
        return _broken(slot, (way, server, at), load, without)


def _load_of(server: str, draw: random.Random) -> Load:
    """An export that speaks to a server."""
    if server in SPEAKING:
        return draw.choice(SPEAKING[server])
    return LARGE if draw.randrange(SMALL_FOR_LARGE + 1) == 0 else draw.choice(SMALL)


def _broken(
    slot: Slot, broken: tuple[Break, str, int], load: Load, without: Sequence[str]
) -> Tally:
    expected, (way, server, at) = slot.faultless(load), broken
    export_id, tally = slot.asked(load), Tally()
    stores = slot.stores[load.large]
    with (
        Observer(stores, slot.objects, export_id) as observer,
        between(slot.env(load), server, way, at) as (forwarder, env),
    ):
        document = slot.settled(load, export_id, without=without, env=env)
    note = f"{way} of {server} at byte {at}"
    tally.add("breaks", forwarder.broken.is_set())
    tally.add("partial", observer.partial, f"{note} {export_id}")
    tally.add("doubled", observer.doubled, f"{note} {export_id}")
    slot.cleared(load, document)
    wanted = Status.SUCCEEDED
    return judged(slot, load, document, tally, wanted=wanted, expected=expected, note=note)


def _size(slot: Slot, load: Load, server: str) -> int:
    """How many bytes pass between a server and the worker of an export that nothing happens to."""
    if (load, server) not in slot.sizes:
        with between(slot.env(load), server) as (forwarder, env):
            slot.settled(load, slot.asked(load), env=env)
        slot.sizes[load, server] = forwarder.passed
    return slot.sizes[load, server]
