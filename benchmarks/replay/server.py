"""The server: one thread a connection, on loopback only.

    python -m benchmarks.replay.server --entries 200000 --folder .local/benchmarks

Prints its port when it can be reached. It knows what drivers say to open and close a connection,
and of reading `find`, `getMore`, `killCursors`, `count` and the `aggregate` that counts; anything
else is answered with an error, so that a benchmark never measures a wrong answer.
"""

import argparse
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from bson import Int64
from bson.errors import BSONError

from benchmarks.replay import wire
from benchmarks.replay.entries import Entries, beside
from benchmarks.replay.queries import Unsupported, matches, stretches
from benchmarks.replay.tape import MOST_BYTES, Tape, orders
from benchmarks.replay.wire import Command
from benchmarks.work import SNAPSHOT

Document = dict[str, Any]

LOOPBACK: Final = "127.0.0.1"
ENTRIES: Final = "entries"
DATABASE: Final = "fanreg"
_INDEX: Final = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
# The order that the entries lie in: their ids ascend with the instants of registration.
_ASCENDING: Final = {"createdAt", "_id"}
# Four bytes that say whose cursor it is (switch.py), and four that count; another server takes
# them by chance once in two billion.
FIRST_CURSOR: Final = int.from_bytes(b"repl\0\0\0\0", "big")
# error_codes.yml of MongoDB.
_BAD_VALUE, _NO_CURSOR, _NO_COMMAND = 2, 43, 59


@dataclass(slots=True)
class _Cursor:
    """What is still to be sent: entries from `position` on, stretch after stretch."""

    namespace: str
    tape: Tape
    rest: list[range]
    batch: int


@dataclass(slots=True)
class _Refused(Exception):
    code: int
    text: str


@dataclass(slots=True)
class Replay:
    """Answers commands; knows nothing of sockets but to send the tape.

    Attributes:
        folder: Where tapes lie.
        entries: What is on them.
        others: The documents of the other collections, by its name.
    """

    folder: Path
    entries: Entries
    others: Mapping[str, list[Document]] = field(default_factory=beside)
    _tapes: dict[tuple[int, tuple[str, ...]], Tape] = field(default_factory=dict)
    _cursors: dict[int, _Cursor] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(FIRST_CURSOR))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def speak(self, connection: socket.socket) -> None:
        """Serve a connection until the client hangs up."""
        # Who says what is no message loses the connection and nothing else.
        with connection, suppress(OSError, wire.Broken, BSONError):
            while (command := wire.receive(connection)) is not None:
                self.answer(command, connection)

    def answer(self, command: Command, connection: socket.socket) -> None:
        """Send the answer of one command."""
        try:
            self._answer(command, connection)
        except _Refused as error:
            refusal = {"ok": 0.0, "errmsg": error.text, "code": error.code}
            connection.sendall(wire.reply(command, refusal))

    def prepare(self) -> None:
        """Open the tapes that are there, so that nobody's first question waits for one."""
        for batch, fields in orders(self.folder, self.entries.count):
            self._tape(batch, fields)

    def close(self) -> None:
        """Let go of the tapes."""
        for tape in self._tapes.values():
            tape.close()

    def _answer(self, command: Command, connection: socket.socket) -> None:
        name = next(iter(command.body)).lower()
        if name in ("find", "getmore"):
            wanted = self._found if name == "find" else self._more
            if (cursor := wanted(command, connection)) is not None:
                self._send(command, connection, *cursor)
                while command.streamed and cursor[1].rest:
                    self._send(command, connection, *self._more(command, connection))
            return
        answers = self._answers()
        if name not in answers:
            raise _Refused(_NO_COMMAND, f"{name} is not known here")
        if command.answered:
            connection.sendall(wire.reply(command, answers[name](command.body) | {"ok": 1.0}))

    def _answers(self) -> Mapping[str, Callable[[Document], Document]]:
        return {
            "hello": _hello,
            "ismaster": _hello,
            "ping": lambda _: {},
            "buildinfo": lambda _: {"version": "8.0.0", "versionArray": [8, 0, 0, 0]},
            "endsessions": lambda _: {},
            "killcursors": self._killed,
            "count": lambda body: {"n": self._count(body["count"], body.get("query") or {})},
            "aggregate": self._aggregated,
            "listcollections": self._collections,
            "listindexes": lambda body: _first(f"{_base(body)}", [_INDEX]),
        }

    def _found(self, command: Command, connection: socket.socket) -> tuple[int, _Cursor] | None:
        """The cursor of a find over entries; a find elsewhere is answered at once."""
        body = command.body
        query = body.get("filter") or {}
        if body["find"] != ENTRIES:
            documents = self._others(body["find"], query)[: body.get("limit") or None]
            connection.sendall(wire.reply(command, _first(_base(body), documents) | {"ok": 1.0}))
            return None
        if body.get("skip"):
            raise _Refused(_BAD_VALUE, "entries come from the first on")
        rest = _limited(self._stretches(query), body.get("limit") or 0)
        order = body.get("sort") or {}
        if rest and not (order.keys() <= _ASCENDING and set(order.values()) <= {1}):
            raise _Refused(_BAD_VALUE, "entries come in their own order")
        batch = body.get("batchSize") or 0
        tape = self._tape(batch, _fields(body.get("projection") or {}))
        cursor = _Cursor(_base(body), tape, rest, batch)
        return next(self._numbers), cursor

    def _more(self, command: Command, _: socket.socket) -> tuple[int, _Cursor]:
        number = int(command.body["getMore"])
        cursor = self._cursors.get(number)
        if cursor is None:
            raise _Refused(_NO_CURSOR, "there is no such cursor")
        return number, cursor

    def _send(
        self, command: Command, connection: socket.socket, number: int, cursor: _Cursor
    ) -> None:
        """Send the next batch: the kernel takes it from the file."""
        start, cut, elements = 0, None, b""
        if cursor.rest:
            start, stop = cursor.rest[0].start, cursor.rest[0].stop
            cut = cursor.tape.cut(start, stop, cursor.batch)
            cursor.rest[0] = range(cut.stop, stop)
            if cut.stop == stop:
                del cursor.rest[0]
            elements = b"" if cut.named else cursor.tape.renamed(start, cut)
        if cursor.rest:
            self._cursors[number] = cursor
        else:
            self._cursors.pop(number, None)
        length = cut.length if cut is not None and cut.named else len(elements)
        before, after = wire.batch(
            command,
            field="firstBatch" if "find" in command.body else "nextBatch",
            cursor=number if cursor.rest else 0,
            namespace=cursor.namespace,
            length=length,
        )
        connection.sendall(before + elements, socket.MSG_MORE)
        if cut is not None and cut.named:
            _send_file(connection, cursor.tape, cut.offset, cut.length)
        connection.sendall(after)

    def _tape(self, batch: int, fields: tuple[str, ...]) -> Tape:
        with self._lock:
            if (batch, fields) not in self._tapes:
                entries = Entries(self.entries.count, fields) if fields else self.entries
                self._tapes[batch, fields] = Tape(self.folder, entries, batch)
            return self._tapes[batch, fields]

    def _stretches(self, query: Document) -> list[range]:
        try:
            return stretches(self.entries, query)
        except Unsupported as error:
            raise _Refused(_BAD_VALUE, str(error)) from None

    def _others(self, name: str, query: Document) -> list[Document]:
        try:
            found = self.others.get(name, [])
            return [document for document in found if matches(document, query)]
        except Unsupported as error:
            raise _Refused(_BAD_VALUE, str(error)) from None

    def _count(self, name: str, query: Document) -> int:
        if name != ENTRIES:
            return len(self._others(name, query))
        return sum(map(len, self._stretches(query)))

    def _aggregated(self, body: Document) -> Document:
        """The pipeline by which drivers count (MongoDB's CRUD specification, countDocuments)."""
        match body["pipeline"]:
            case [{"$match": query}, *limits, {"$group": {"_id": 1, "n": {"$sum": 1}}}] if all(
                one.keys() == {"$limit"} for one in limits
            ):
                number = self._count(body["aggregate"], query)
                number = min([number, *(one["$limit"] for one in limits)])
                return _first(_base(body), [{"_id": 1, "n": number}] if number else [])
        raise _Refused(_BAD_VALUE, "no other pipeline than the one that counts")

    def _killed(self, body: Document) -> Document:
        killed = [number for number in body["cursors"] if self._cursors.pop(int(number), None)]
        unknown = [number for number in body["cursors"] if number not in killed]
        return {"cursorsKilled": killed, "cursorsNotFound": unknown, "cursorsAlive": []}

    def _collections(self, body: Document) -> Document:
        named = (body.get("filter") or {}).get("name")
        listed = [
            {"name": name, "type": "collection", "options": {}, "info": {}, "idIndex": _INDEX}
            for name in (ENTRIES, *self.others)
            if named in (None, name)
        ]
        return _first(f"{body['$db']}.$cmd.listCollections", listed)


def _hello(_: Document) -> Document:
    """A server of its own, neither part of a replica set nor of a cluster."""
    return {
        "ismaster": True,
        "isWritablePrimary": True,
        "helloOk": True,
        "maxBsonObjectSize": MOST_BYTES,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": SNAPSHOT,
        "logicalSessionTimeoutMinutes": 30,
        "minWireVersion": 0,
        "maxWireVersion": 25,
        "readOnly": True,
    }


def _base(body: Document) -> str:
    return f"{body['$db']}.{next(iter(body.values()))}"


def _first(namespace: str, documents: Sequence[Document]) -> Document:
    """A cursor that is at its end with its first batch."""
    return {"cursor": {"firstBatch": list(documents), "id": Int64(0), "ns": namespace}}


def _fields(projection: Document) -> tuple[str, ...]:
    """The fields that a projection names; it may say nothing else."""
    if not all(shown is True or shown == 1 for shown in projection.values()):
        raise _Refused(_BAD_VALUE, "a projection names the fields that it keeps")
    return tuple(name for name in projection if name != "_id")


def _limited(found: Sequence[range], limit: int) -> list[range]:
    """The stretches up to so many entries; no limit is 0, and a negative one means one batch."""
    room = abs(limit) or sys.maxsize
    kept: list[range] = []
    for stretch in found:
        if room and len(stretch):
            kept.append(stretch[:room])
            room -= len(kept[-1])
    return kept


def _send_file(connection: socket.socket, tape: Tape, offset: int, length: int) -> None:
    end = offset + length
    while offset < end:
        offset += os.sendfile(connection.fileno(), tape.file.fileno(), offset, end - offset)


class Server:
    """Listens, and serves each connection in a thread of its own.

    Args:
        speak: Serves a connection until it is closed, and closes it.
        port: 0 for any that is free.
    """

    def __init__(self, speak: Callable[[socket.socket], None], port: int = 0) -> None:
        self._speak = speak
        self._listening = socket.create_server((LOOPBACK, port))
        self.port: int = self._listening.getsockname()[1]

    def serve(self) -> None:
        """Serve until the socket is closed."""
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, default=Path(".local/benchmarks"))
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    replay = Replay(given.folder, Entries(given.entries))
    replay.prepare()
    server = Server(replay.speak, given.port)
    print(server.port, flush=True)
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
