"""One address for two databases: a campaign's entries are replayed, all else is in another one.

    python -m benchmarks.replay.switch --entries 2000000 --behind mongodb://127.0.0.1:27017

A platform has one database. The stand-in that it can write to sorts all entries of a campaign for
each page, so millions of them are read from the replay server, which cannot be written to. What
reads entries of its campaign goes there, with the batches that follow; whatever else comes is
passed on unread. Prints its port when it can be reached, as the replay server does.
"""

import argparse
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bson.errors import BSONError
from pymongo.uri_parser import parse_uri

from benchmarks.replay import wire
from benchmarks.replay.entries import Entries
from benchmarks.replay.server import ENTRIES, FIRST_CURSOR, LOOPBACK, Replay, Server

Address = tuple[str, int]

_BUFFER: Final = 1 << 20
_READS: Final = frozenset({"find", "count", "aggregate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Two databases.

    Attributes:
        campaign: The bytes of the id of the campaign whose entries are replayed.
        replayed: Where the replay server listens.
        behind: Where the other one does.
    """

    campaign: bytes
    replayed: Address
    behind: Address

    def speak(self, client: socket.socket) -> None:
        """Serve a connection until the client, or a database, hangs up."""
        with ExitStack() as opened, suppress(OSError, wire.Broken, BSONError):
            opened.enter_context(client)
            known: dict[Address, socket.socket] = {}
            buffer = memoryview(bytearray(_BUFFER))
            while (message := wire.whole(client)) is not None:
                where = self.replayed if self.is_replayed(message) else self.behind
                if where not in known:
                    known[where] = opened.enter_context(socket.create_connection(where))
                    known[where].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                known[where].sendall(message)
                if not wire.has_more(message):
                    _pass_on(known[where], client, buffer)

    def is_replayed(self, message: bytes) -> bool:
        """Whether a command reads the entries of the campaign."""
        # Most are not, and need not be taken apart.
        if ENTRIES.encode() not in message:
            return False
        command = wire.command(message[: wire.HEADER.size], message[wire.HEADER.size :]).body
        name = next(iter(command))
        if name in _READS:
            return bool(command[name] == ENTRIES and self.campaign in message)
        return any(cursor >> 32 == FIRST_CURSOR >> 32 for cursor in _cursors(name, command))


def _cursors(name: str, command: dict[str, Any]) -> Sequence[int]:
    if name == "getMore":
        return [command[name]]
    return list(command["cursors"]) if name == "killCursors" else []


def _pass_on(database: socket.socket, client: socket.socket, buffer: memoryview) -> None:
    """Pass an answer on, and those that come with it unasked.

    Raises:
        OSError: Either has hung up.
    """
    more = True
    while more:
        head = wire.exactly(database, wire.HEADER.size + wire.FLAGS.size)
        if head is None:
            raise ConnectionResetError
        more = wire.has_more(head)
        client.sendall(head)
        left = wire.HEADER.unpack_from(head)[0] - len(head)
        while left:
            received = database.recv_into(buffer[: min(left, len(buffer))])
            if not received:
                raise ConnectionResetError
            client.sendall(buffer[:received])
            left -= received


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, default=Path(".local/benchmarks"))
    parser.add_argument("--behind", required=True, help="connection string of the other database")
    given = parser.parse_args(arguments)
    entries = Entries(given.entries)
    replay = Replay(given.folder, entries)
    replay.prepare()
    server = Server(replay.speak)
    threading.Thread(target=server.serve, daemon=True).start()
    switch = Switch(
        campaign=entries.campaign.binary,
        replayed=(LOOPBACK, server.port),
        behind=parse_uri(given.behind)["nodelist"][0],
    )
    front = Server(switch.speak)
    print(front.port, flush=True)
    front.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
