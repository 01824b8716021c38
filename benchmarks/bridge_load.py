"""The bridge on one core, asked by callers who do not wait for each other.

    python -m benchmarks.bridge_load --seconds 120

Callers and a database in memory (benchmarks/load) have the other core. Exports are asked for, each
unlike the others, by many callers in many campaigns; then they are watched; then both, beside
sockets that drip heads and bodies. Latency counts from the instant at which a request was meant to
be sent, and the last line is that of the issue: rates are answers that were no error.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load.callers import DRIPPED, Load, Slow, loaded, request
from benchmarks.load.database import DATABASE, LOOPBACK, campaign_key
from export_platform.local.issuer import DevelopmentIssuer
from export_platform.local.processes import free_port
from resources.clock import SystemClock
from resources.wiring import environment

KIND: Final = "waitlist"
# A caller has 250 live exports at most: what two minutes of 450 a second ask for fits.
CALLERS: Final = 500
BRIDGES_CORE, OTHER_CORE = "0", "1"
WARM_SECONDS: Final = 3.0
START_SECONDS: Final = 30.0
# Of the good requests beside slow sockets one of so many asks for an export.
GOOD_A_SECOND: Final = 400
ASKS_ONE_OF: Final = 8
_EXPORT: Final = re.compile(rb'"id":"(exp_[0-9a-f]{24})"')
_CALLER: Final = re.compile(rb'"campaign_id":"campaign-([0-9]+)"')
CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A bridge under load.

    Attributes:
        port: Where it listens.
        pid: Its process.
        tokens: One for each caller.
    """

    port: int
    pid: int
    tokens: Sequence[str]

    def processor_seconds(self) -> float:
        """What the bridge has used so far."""
        fields = (
            Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
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
            yield Running(port=port, pid=bridge.pid, tokens=tokens)


@contextmanager
def _process(
    core: str, module: str, *words: str, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """A process of ours on one core; what it logs is written, as in production, and not kept."""
    with Path(os.devnull).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [_program("taskset"), "--cpu-list", core, sys.executable, "-m", module, *words],
            env={**os.environ, **variables},
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


async def measured(
    bridge: Running, *, asks: float, watches: float, seconds: float, slow: int
) -> str:
    """The last line, and before it what each load was."""
    callers = Callers(bridge.tokens)
    phases: dict[str, Load] = {}

    async def phase(name: str, requests: Callable[[int], bytes], rate: float, last: float) -> None:
        before = bridge.processor_seconds()
        load = await loaded(bridge.port, requests, rate=rate, seconds=last, seen=callers.asked)
        used = bridge.processor_seconds() - before
        phases[name] = load
        print(f"{name}: {_told(load)}, {1e6 * used / len(load.latencies):.0f} us of the core each")

    await phase("warm", callers.ask, asks / 2, WARM_SECONDS)
    await phase("asked", callers.ask, asks, seconds)
    await phase("watched", callers.watch, watches, seconds)
    drips = Slow(bridge.port, slow, callers.drips())
    await drips.begin()
    await phase("beside slow ones", callers.both, GOOD_A_SECOND, seconds)
    print(f"{drips.open} slow sockets were open at the end of it")
    await drips.end()
    asked, watched, beside = (phases[n] for n in ("asked", "watched", "beside slow ones"))
    return (
        f"bridge: post/s={asked.rate:.0f} p99_ms={asked.p_ms(99):.1f} "
        f"get/s={watched.rate:.0f} p99_ms={watched.p_ms(99):.1f} "
        f"slow_sockets={slow} p99_ms={beside.p_ms(99):.1f}"
    )


def _told(load: Load) -> str:
    statuses = " ".join(f"{status}:{count}" for status, count in sorted(load.statuses.items()))
    return (
        f"{load.rate:.0f} a second, p50 {load.p_ms(50):.1f} p99 {load.p_ms(99):.1f} ms, {statuses}"
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="of each of three loads")
    parser.add_argument("--asks", type=float, default=420.0, help="POST a second")
    parser.add_argument("--watches", type=float, default=1_600.0, help="GET a second")
    parser.add_argument("--slow", type=int, default=500, help="slow sockets")
    parser.add_argument("--profile", type=Path, help="where py-spy writes what the bridge does")
    said = parser.parse_args(arguments)
    os.sched_setaffinity(0, {int(OTHER_CORE)})
    with (
        tempfile.TemporaryDirectory() as name,
        running(Path(name)) as bridge,
        _profiled(bridge.pid, said.profile, said.seconds),
    ):
        load = measured(
            bridge, asks=said.asks, watches=said.watches, seconds=said.seconds, slow=said.slow
        )
        line = asyncio.run(load)
    print(line)
    return 0


@contextmanager
def _profiled(pid: int, place: Path | None, seconds: float) -> Iterator[None]:
    """Let py-spy, where it is, watch the bridge; two of the three loads."""
    if place is None:
        yield
        return
    command = [
        _program("py-spy"),
        "record",
        "--gil",
        "--format",
        "raw",
        "--rate",
        "200",
        "--output",
        str(place),
    ]
    watched = subprocess.Popen([*command, "--duration", str(int(2 * seconds)), "--pid", str(pid)])
    yield
    watched.wait(START_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
