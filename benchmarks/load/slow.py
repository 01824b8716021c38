"""Sockets that keep the bridge waiting, in a process of their own.

    python -m benchmarks.load.slow --port 8080 --count 500

In the process of the callers, whose latency is measured, they would make those late. What they drip
comes as lines of base64 up to an empty one. Says when all are open, and at the end of its input how
many are open then.
"""

import argparse
import asyncio
import os
import sys
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress

from benchmarks.load.callers import TICK_SECONDS

# Bytes at the end of a slow request that come one by one: a minute and a half of them.
DRIPPED = 200
# They share a core with the callers, who are served first.
NICER = 5


class Slow:
    """Sockets that keep the bridge waiting: heads and bodies a byte at a time, and silence.

    One that the bridge closes is opened anew, as somebody who means harm would.

    Args:
        port: Where the bridge listens.
        count: How many.
        heads: What is dripped, one kind beside the other.
    """

    PAUSE_SECONDS = 0.5

    def __init__(self, port: int, count: int, heads: Sequence[bytes]) -> None:
        """Prepare; nothing is opened."""
        self._port, self._count, self._heads = port, count, heads
        self._tasks: list[asyncio.Task[None]] = []
        self.open = 0

    async def begin(self) -> None:
        """Open them all, a few at a time: the queue of a listening socket is short."""
        for number in range(self._count):
            drip = self._drip(self._heads[number % len(self._heads)])
            self._tasks.append(asyncio.create_task(drip))
            await asyncio.sleep(TICK_SECONDS)

    async def end(self) -> None:
        """Close them all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drip(self, said: bytes) -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            self.open += 1
            with suppress(ConnectionError):  # it has had enough of us
                await self._slowly(said, reader, writer)
            self.open -= 1
            writer.close()

    async def _slowly(
        self, said: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The last bytes come one by one, then nothing, until the other side hangs up."""
        ended = asyncio.ensure_future(reader.read())
        writer.write(said[:-DRIPPED])
        try:
            for byte in said[-DRIPPED:]:
                writer.write(bytes([byte]))
                await asyncio.wait([ended], timeout=self.PAUSE_SECONDS)
                if ended.done():
                    break
            await ended  # raises what cut it
        finally:
            ended.cancel()


async def _dripping(port: int, count: int, heads: Sequence[bytes]) -> None:
    drips = Slow(port, count, heads)
    await drips.begin()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(drips.open, flush=True)
    await drips.end()


def main(arguments: Sequence[str]) -> int:
    """Drip until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    said = parser.parse_args(arguments)
    os.nice(NICER)
    heads = [b64decode(line) for line in iter(sys.stdin.readline, "\n")]
    asyncio.run(_dripping(said.port, said.count, heads))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
