"""The bridge on one core, asked by callers who do not wait for each other.

    python -m benchmarks.bridge_load --seconds 120

Callers and a database in memory (benchmarks/load) have the other core. Exports are asked for, each
unlike the others, by many callers in many campaigns; then they are watched; then both, beside
sockets that drip heads and bodies. Latency counts from the instant at which a request was meant to
be sent, so a rate above what the bridge bears would measure a queue: short rounds find the highest
rate at which 99 of 100 answers come in time, and a long one shows it. Beside the slow sockets it is
asked half of what it would bear without them. Where others have the machine too, begin it with
`chrt --rr 10`, or their work is measured. The last line is what was found; rates are answers
that were no error.
"""

import argparse
import asyncio
import gc
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.callers import Load, loaded, request
from benchmarks.load.database import DATABASE, LOOPBACK, campaign_key
from benchmarks.load.search import highest
from benchmarks.load.slow import DRIPPED
from export_platform.local.issuer import DevelopmentIssuer
from export_platform.local.processes import free_port
from resources.clock import SystemClock
from resources.wiring import environment

KIND: Final = "waitlist"
# Twenty live exports each (database.LIVE), of the 250 that one may have.
CALLERS: Final = 500
BRIDGES_CORE, OTHER_CORE = "0", "1"
START_SECONDS: Final = 30.0
# Of the good requests beside slow sockets one of so many asks for an export.
ASKS_ONE_OF: Final = 8
# A round of seconds flatters: what comes once a minute is not in it. A long round that does not
# hold is run again at a rate that is lower by this, so many in all.
LOWER: Final = 0.9
LONG_ROUNDS: Final = 3
_EXPORT: Final = re.compile(rb'"id":"(exp_[0-9a-f]{24})"')
_CALLER: Final = re.compile(rb'"campaign_id":"campaign-([0-9]+)"')
CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A bridge under load.

    Attributes:
        port: Where it listens.
        pid: Its process.
        others: The processes that have the other core.
        tokens: One for each caller.
    """

    port: int
    pid: int
    others: Sequence[int]
    tokens: Sequence[str]

    def used(self) -> tuple[float, float]:
        """Seconds that the bridge and the others have worked so far."""
        return _worked(self.pid), sum(map(_worked, self.others))


def _worked(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """A database on one core and a bridge on the other, until the block ends."""
    issuer, port = DevelopmentIssuer(folder, CLOCK), free_port()
    with _process(OTHER_CORE, "benchmarks.load.database", "--campaigns", str(CALLERS)) as database:
        said = database.stdout.readline() if database.stdout else ""
        at = f"mongodb://{LOOPBACK}:{int(said)}/?directConnection=true"
        variables = issuer.variables() | {
            environment.MONGODB_URI: at,
            environment.MONGODB_DATABASE: DATABASE,
            # Nobody asks for a file here.
            environment.EXPORTS_BUCKET: "exports",
            environment.AWS_REGION: "us-east-1",
        }
        tokens = [
            issuer.token(subject=f"svc:caller-{number}", campaigns=[campaign_key(number)])
            for number in range(CALLERS)
        ]
        with _process(BRIDGES_CORE, "api_bridge", "--port", str(port), **variables) as bridge:
            _wait_for(port, bridge)
            others = (os.getpid(), database.pid)
            yield Running(port=port, pid=bridge.pid, others=others, tokens=tokens)


@contextmanager
def _process(
    core: str, module: str, *words: str, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """A process of ours on one core; what it logs is written, as in production, and not kept."""
    with Path(os.devnull).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [_program("taskset"), "--cpu-list", core, sys.executable, "-m", module, *words],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"there is no {name} here")
    return found


def _wait_for(port: int, bridge: subprocess.Popen[str]) -> None:
    until = CLOCK.monotonic() + START_SECONDS
    while CLOCK.monotonic() < until and bridge.poll() is None:
        with suppress(ConnectionRefusedError), socket.create_connection((LOOPBACK, port)):
            return
        CLOCK.sleep(0.05)
    raise SystemExit("the bridge did not start")


class Callers:
    """Makes their requests, and remembers which exports there are.

    Args:
        tokens: One for each caller.

    Attributes:
        exports: Each with the number of its caller, who alone may watch it.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        """Nothing was asked for yet."""
        self._tokens = tokens
        self._asked = 0
        self.exports: list[tuple[int, str]] = []

    def ask(self, _: int = 0) -> bytes:
        """The request for one more export, unlike all before."""
        number = self._asked
        self._asked += 1
        caller = number % len(self._tokens)
        params = {"campaign_id": campaign_key(caller), "top_n": number // len(self._tokens) + 1}
        body = json.dumps({"type": KIND, "params": params}).encode()
        key = {"Idempotency-Key": f"load-{number}"}
        return request("POST", "/v1/exports", self._tokens[caller], body, **key)

    def asked(self, answer: bytes) -> None:
        """Remember what a caller was given."""
        export_id, caller = _EXPORT.search(answer), _CALLER.search(answer)
        if export_id is not None and caller is not None:
            self.exports.append((int(caller[1]), export_id[1].decode()))

    def watch(self, number: int) -> bytes:
        """The request for the state of one of the exports, by its own caller."""
        caller, export_id = self.exports[number % len(self.exports)]
        return request("GET", f"/v1/exports/{export_id}", self._tokens[caller])

    def both(self, number: int) -> bytes:
        """One of eight asks, the others watch."""
        return self.watch(number) if number % ASKS_ONE_OF else self.ask()

    def drips(self) -> list[bytes]:
        """A head, and a body after a good head, whose ends come slowly."""
        padding = b"X-Slow: " + b"x" * 2 * DRIPPED + b"\r\n\r\n"
        head = self.watch(0).removesuffix(b"\r\n") + padding
        return [head, request("POST", "/v1/exports", self._tokens[0], b" " * 2 * DRIPPED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Rounds of load against one bridge.

    Attributes:
        bridge: The bridge.
        callers: Who asks.
        seconds: Of a long round.
        short: Seconds of a round of the search; 0 to begin with a long one.
        p99_ms: How long 99 of 100 answers may take.
    """

    bridge: Running
    callers: Callers
    seconds: float
    short: float
    p99_ms: float

    async def one(
        self, name: str, requests: Callable[[int], bytes], rate: float, seconds: float
    ) -> Load:
        """Run a round and tell of it."""
        before, began = self.bridge.used(), CLOCK.monotonic()
        seen = self.callers.asked
        load = await loaded(self.bridge.port, requests, rate=rate, seconds=seconds, seen=seen)
        took = CLOCK.monotonic() - began
        used = [after - start for start, after in zip(before, self.bridge.used(), strict=True)]
        each = 1e6 * used[0] / max(1, len(load.latencies))
        print(
            f"{name}: {_told(load)}; bridge {used[0] / took:.0%} of a core, {each:.0f} us each; "
            f"callers and database {used[1] / took:.0%}, late by {load.late_ms(99):.1f} ms at p99",
            flush=True,
        )
        return load

    async def best(self, name: str, requests: Callable[[int], bytes], first: float) -> Load:
        """The long round at the highest rate that is borne, or the last that was tried."""

        async def is_borne(rate: float) -> bool:
            load = await self.one(f"{name}, {rate:.0f}", requests, rate, self.short)
            return load.holds(self.p99_ms)

        rate = await highest(is_borne, first) if self.short else first
        if not rate:
            raise SystemExit(f"{name}: not one a second in {self.p99_ms:.0f} ms")
        for _ in range(LONG_ROUNDS):
            load = await self.one(f"{name}, {rate:.0f}, long", requests, rate, self.seconds)
            if load.holds(self.p99_ms):
                break
            rate *= LOWER
        return load


async def measured(rounds: Rounds, *, asks: float, watches: float, slow: int) -> str:
    """The last line, and before it what each load was."""
    callers = rounds.callers
    # Each campaign once: a bridge that has run for a minute knows those of its callers.
    await rounds.one("warm", callers.ask, asks / 2, CALLERS / (asks / 2))
    asked = await rounds.best("asked", callers.ask, asks)
    watched = await rounds.best("watched", callers.watch, watches)
    of_asks = 1 / ASKS_ONE_OF
    both = 1 / (of_asks / asked.rate + (1 - of_asks) / watched.rate)
    with _slow_ones(rounds.bridge.port, slow, callers.drips()):
        beside = await rounds.one("beside slow ones", callers.both, both / 2, rounds.seconds)
    return (
        f"bridge: post/s={asked.rate:.0f} p99_ms={asked.p_ms(99):.1f} "
        f"get/s={watched.rate:.0f} p99_ms={watched.p_ms(99):.1f} "
        f"slow_sockets={slow} beside/s={beside.rate:.0f} p99_ms={beside.p_ms(99):.1f}"
    )


@contextmanager
def _slow_ones(port: int, count: int, heads: Sequence[bytes]) -> Iterator[None]:
    """Sockets that drip until the block ends."""
    words = ("--port", str(port), "--count", str(count))
    with _process(OTHER_CORE, "benchmarks.load.slow", *words) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        process.stdin.writelines(f"{b64encode(head).decode()}\n" for head in (*heads, b""))
        process.stdin.flush()
        process.stdout.readline()
        yield
        process.stdin.close()
        print(f"{process.stdout.readline().strip()} slow sockets were open at the end of it")


def _told(load: Load) -> str:
    statuses = " ".join(f"{status}:{count}" for status, count in sorted(load.statuses.items()))
    return (
        f"{load.rate:.0f} a second, p50 {load.p_ms(50):.1f} p99 {load.p_ms(99):.1f} ms, {statuses}"
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="of each of three long rounds")
    parser.add_argument("--short", type=float, default=8.0, help="of a searching round; 0: none")
    parser.add_argument("--p99-ms", type=float, default=50.0, help="what a rate must hold")
    parser.add_argument("--asks", type=float, default=200.0, help="POST a second to begin with")
    parser.add_argument("--watches", type=float, default=800.0, help="GET a second to begin with")
    parser.add_argument("--slow", type=int, default=500, help="slow sockets")
    parser.add_argument("--profile", type=Path, help="where py-spy writes what the bridge does")
    said = parser.parse_args(arguments)
    os.sched_setaffinity(0, {int(OTHER_CORE)})
    # Callers who stop to look for garbage, of which there is none, would be late.
    gc.disable()
    with (
        tempfile.TemporaryDirectory() as name,
        running(Path(name)) as bridge,
        _profiled(bridge.pid, said.profile),
    ):
        rounds = Rounds(
            bridge=bridge,
            callers=Callers(bridge.tokens),
            seconds=said.seconds,
            short=said.short,
            p99_ms=said.p99_ms,
        )
        load = measured(rounds, asks=said.asks, watches=said.watches, slow=said.slow)
        line = asyncio.run(load)
    print(line)
    return 0


@contextmanager
def _profiled(pid: int, place: Path | None) -> Iterator[None]:
    """Let py-spy, where it is, watch the bridge until the block ends."""
    if place is None:
        yield
        return
    how = ("record", "--gil", "--format", "raw", "--rate", "200", "--output", str(place))
    watched = subprocess.Popen([_program("py-spy"), *how, "--pid", str(pid)])
    yield
    watched.send_signal(signal.SIGINT)
    watched.wait(START_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
