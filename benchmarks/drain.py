"""The wire alone: ask for every entry and throw away what comes.

    python -m benchmarks.drain

The environment names the database. Nobody who reads these documents can be faster. The last line is
JSON, as of any who take part; `bytes` are those received.
"""

import json
import os
import socket
import time
from typing import Any, Final
from urllib.parse import urlsplit

from bson import Int64

from benchmarks.replay import wire
from benchmarks.replay.server import DATABASE, ENTRIES
from benchmarks.usage import peak_mb

BATCH: Final = 2_000
_TAIL: Final = 256  # more than stands behind the elements of a batch
_PIECE: Final = 1 << 20


class Drain:
    """Asks, and reads no more of an answer than its length and its cursor.

    Args:
        connection: To the server.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray(_PIECE)
        self.received = 0

    def everything(self) -> None:
        """Read all entries."""
        cursor = self._asked({"find": ENTRIES, "filter": {}, "batchSize": BATCH})
        while cursor:
            more = {"getMore": Int64(cursor), "collection": ENTRIES, "batchSize": BATCH}
            cursor = self._asked(more)

    def _asked(self, command: dict[str, Any]) -> int:
        """Send a command; the cursor of its answer, which stands in the last bytes of it."""
        self._connection.sendall(wire.message(1, {**command, "$db": DATABASE}))
        header = wire.exactly(self._connection, wire.HEADER.size) or b""
        length, *_ = wire.HEADER.unpack(header)
        self.received += length
        left, last = length - wire.HEADER.size, b""
        while left:
            count = self._connection.recv_into(self._buffer, min(left, _PIECE))
            if not count:
                raise ConnectionError("the server hung up")
            left -= count
            last = (last + bytes(self._buffer[max(0, count - _TAIL) : count]))[-_TAIL:]
        return wire.cursor_of(last)


def main() -> None:
    """Read everything, and say what it took."""
    place = urlsplit(os.environ["MONGODB_URI"])
    began, cpu_began = time.perf_counter(), time.process_time()
    with socket.create_connection((str(place.hostname), int(place.port or 0))) as connection:
        counted = wire.message(1, {"count": ENTRIES, "$db": DATABASE})
        connection.sendall(counted)
        answer = wire.receive(connection)
        drain = Drain(connection)
        drain.everything()
    found = {
        "rows": 0 if answer is None else answer.body["n"],
        "bytes": drain.received,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
