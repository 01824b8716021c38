"""Keys that change while callers call, and strangers who ask for keys that never were."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from api_bridge.access.keys import UNKNOWN_KID_SECONDS
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.tokens import Issuer, as_json, encode
from tests.api_bridge.toys import TOYS
from tests.fuzz.attack import Attacker
from tests.fuzz.bridge import attacked
from tests.fuzz.exchange import Reply
from tests.fuzz.judge import UNAUTHORIZED, Tally
from tests.fuzz.tokens import READ, presented
from tests.waiting import eventually

CALLERS = 4
CALLS_A_ROTATION = 40
# Makes 10,000 unknown keys last five minutes of the bridge's clock.
STEP_SECONDS = 0.03
GOOD_EVERY = 100


@dataclass(slots=True, kw_only=True)
class Publisher:
    """Publishes keys on loopback.

    Attributes:
        url: Where.
        raw: The set that is published.
        fetches: How often it was asked for.
        busy: How many are being answered.
    """

    url: str = ""
    raw: bytes = b'{"keys":[]}'
    fetches: int = 0
    busy: int = 0


@contextmanager
def published() -> Iterator[Publisher]:
    """Publish until the block ends."""
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.busy += 1
            publisher.fetches += 1
            raw = publisher.raw
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
            publisher.busy -= 1

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    publisher.url = f"http://127.0.0.1:{server.server_port}/jwks"
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _bridge(folder: Path) -> Iterator[tuple[Bench, Publisher]]:
    with published() as publisher, running_bench(folder, TOYS, jwks=publisher.url) as bench:
        publisher.raw = bench.issuer.jwks()
        yield bench, publisher


def unknown_keys(folder: Path, tally: Tally, strangers: int) -> None:
    """Ask with so many made-up key names; more than one fetch a minute is a fault."""
    with _bridge(folder) as (bench, publisher):
        attacker = Attacker(attacked(bench), tally)
        begun = bench.clock.monotonic()
        for number in range(strangers):
            attacker.send(presented(_stranger(f"made-up-{number}")))
            bench.clock.advance(STEP_SECONDS)
            if number % GOOD_EVERY == 0 and _called(bench, bench.issuer) == UNAUTHORIZED:
                tally.fault("refused", "a good token beside unknown keys")
        attacker.close()
        allowed = 1 + (bench.clock.monotonic() - begun) // UNKNOWN_KID_SECONDS
        for _ in range(publisher.fetches - int(allowed)):
            tally.fault("fetches", f"{publisher.fetches} fetches, {allowed:.0f} allowed")


def rotations(folder: Path, tally: Tally, rounds: int) -> None:
    """Change the key so often under load; a good token that is refused is a fault."""
    with _bridge(folder) as (bench, publisher):
        load = _Load(bench=bench, issuer=bench.issuer, tally=tally)
        pool = [bench.issuer.key, *(Issuer(clock=bench.clock).key for _ in range(2))]
        with load.running():
            before = current = bench.issuer
            load.go_on_with(current)
            for number in range(rounds):
                coming = _next(bench, pool, number)
                # As issuers do: first published beside the old ones, signed with a minute later.
                keys = [one.jwk() for one in (before, current, coming)]
                publisher.raw = as_json({"keys": keys})
                eventually(lambda: publisher.busy == 0)
                bench.clock.advance(UNKNOWN_KID_SECONDS + 1)
                before, current = current, coming
                load.go_on_with(current)


def _next(bench: Bench, pool: list[RSAPrivateKey], number: int) -> Issuer:
    """Another name and another key; making a key takes longer than a rotation."""
    return Issuer(clock=bench.clock, kid=f"rotated-{number}", key=pool[(number + 1) % len(pool)])


@dataclass(slots=True, kw_only=True)
class _Load:
    """Callers who never stop, and one stranger."""

    bench: Bench
    issuer: Issuer
    tally: Tally
    calls: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Call until the block ends."""
        work = [self._call] * CALLERS + [self._intrude]
        threads = [threading.Thread(target=one, daemon=True) for one in work]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join(30)

    def go_on_with(self, issuer: Issuer) -> None:
        """Sign with another key, and wait until many calls were."""
        self.issuer = issuer
        until = self.calls + CALLS_A_ROTATION
        eventually(lambda: self.calls >= until)

    def _call(self) -> None:
        while not self.ended.is_set():
            issuer = self.issuer
            refused = _called(self.bench, issuer) == UNAUTHORIZED
            with self._lock:
                self.calls += 1
                self.tally.cases += 1
                if refused:
                    self.tally.fault("refused", f"a good token of {issuer.kid}")

    def _intrude(self) -> None:
        for number in count():
            if self.ended.is_set():
                return
            status = _answered(self.bench, _stranger(f"stranger-{number}")).status
            with self._lock:
                self.tally.cases += 1
                if status != UNAUTHORIZED:
                    self.tally.fault("tokens_accepted", f"{status} for an unknown key")
            time.sleep(0.01)


def _stranger(kid: str) -> str:
    """A token whose key nobody has; what it is signed with does not matter."""
    header = as_json({"alg": "RS256", "typ": "at+jwt", "kid": kid})
    return f"{encode(header)}.{encode(b'{}')}.{encode(bytes(256))}"


def _called(bench: Bench, issuer: Issuer) -> int:
    return _answered(bench, issuer.token()).status


def _answered(bench: Bench, token: str) -> Reply:
    answer = bench.call("GET", READ.decode(), token=token)
    return Reply(status=answer.status, body=answer.raw)
