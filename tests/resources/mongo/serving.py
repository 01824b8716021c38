"""Replay servers that watch what they are asked, for what the embedded server does not do."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.replay.server import LOOPBACK, Replay, Server
from benchmarks.replay.wire import Command
from resources.mongo.connection import MongoConnection


@dataclass(slots=True)
class Watched(Replay):
    """Counts what it is asked.

    Attributes:
        asked: How often, by the name of the command.
        sent: Is told each batch that has been sent, by its number.
        waits: Whether it sends nothing unasked.
    """

    asked: Counter[str] = field(default_factory=Counter)
    sent: Callable[[int], None] = lambda _: None
    waits: bool = False
    _batches: int = 0

    def answer(self, command: Command, connection: socket.socket) -> None:
        """Count it."""
        self.asked[next(iter(command.body))] += 1
        command = replace(command, streamed=False) if self.waits else command
        Replay.answer(self, command, connection)

    def _send(self, *given: Any) -> None:
        Replay._send(self, *given)
        self._batches += 1
        self.sent(self._batches)

    def forget(self) -> None:
        """Every cursor, as a server does that was idle."""
        self._cursors.clear()


@contextmanager
def connected(server: Replay, **more: Any) -> Iterator[MongoConnection]:
    """A connection that knows its server, as it does once a campaign was loaded.

    `more` is what else a `MongoConnection` may be told.
    """
    with closing(Server(server.speak)) as listening:
        threading.Thread(target=listening.serve, daemon=True).start()
        uri = f"mongodb://{LOOPBACK}:{listening.port}/?directConnection=true"
        with closing(MongoConnection(uri=uri, database="fanreg", **more)) as connection:
            connection.ping()
            yield connection
