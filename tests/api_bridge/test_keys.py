"""The key set: cached, bounded, refreshed at our pace and never at a token's."""

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from api_bridge.access import keys
from api_bridge.access.keys import (
    FileKeys,
    KeyRing,
    KeysUnavailable,
    MustRead,
    UrlKeys,
    parse_jwks,
)
from resources.clock import SystemClock
from tests.api_bridge.bench import running_bench
from tests.api_bridge.tokens import Issuer
from tests.api_bridge.toys import TOYS
from tests.fakes.clock import ManualClock

READ = "/v1/export-types"


class Publisher:
    """A source of keys that counts how often it is read and can be down."""

    def __init__(self, raw: bytes) -> None:
        self.raw: bytes | None = raw
        self.reads = 0

    def read(self) -> bytes:
        """Give the set, or fail."""
        self.reads += 1
        if self.raw is None:
            raise KeysUnavailable
        return self.raw


@pytest.fixture(scope="module")
def issuers() -> tuple[Issuer, Issuer]:
    """Two keys; making one takes longer than a test."""
    clock = ManualClock()
    return Issuer(clock=clock, kid="a"), Issuer(clock=clock, kid="b")


@pytest.fixture
def clock() -> ManualClock:
    """Time that moves when told."""
    return ManualClock()


def test_a_known_key_is_fetched_once(issuers: tuple[Issuer, Issuer], clock: ManualClock) -> None:
    """A fetch per request would make the publisher part of every request."""
    publisher = Publisher(issuers[0].jwks())
    ring = KeyRing(publisher, clock)

    assert all(ring.find("a") for _ in range(1_000))
    assert publisher.reads == 1


def test_unknown_kids_cause_one_fetch_a_minute(
    issuers: tuple[Issuer, Issuer], clock: ManualClock
) -> None:
    """10,000 made-up kids over five minutes must not become a flood at the publisher (S3)."""
    publisher = Publisher(issuers[0].jwks())
    ring = KeyRing(publisher, clock)

    for number in range(10_000):
        assert ring.find(f"made-up-{number}") is None
        clock.advance(0.03)

    assert publisher.reads <= 6


def test_who_must_not_wait_is_told_so_instead_of_reading(
    issuers: tuple[Issuer, Issuer], clock: ManualClock
) -> None:
    """The event loop is everybody's: what it does not hold is read elsewhere, or not yet again."""
    publisher = Publisher(issuers[0].jwks())
    ring = KeyRing(publisher, clock)

    with pytest.raises(MustRead):
        ring.find_at_once("a")
    ring.find("a")
    assert ring.find_at_once("a") is not None
    assert ring.find_at_once("b") is None  # looked for a moment ago
    clock.advance(keys.UNKNOWN_KID_SECONDS)
    assert ring.find_at_once("a") is not None
    with pytest.raises(MustRead):
        ring.find_at_once("b")
    assert publisher.reads == 1


def test_who_brings_an_unknown_key_waits_for_the_publisher_alone(tmp_path: Path) -> None:
    """A stranger and a slow publisher together must not stop anybody else."""
    place = tmp_path / "keys"
    os.mkfifo(place)  # whoever reads waits until somebody writes
    with running_bench(tmp_path, TOYS, jwks=str(place)) as bench, ThreadPoolExecutor(2) as pool:
        pool.submit(place.write_bytes, bench.issuer.jwks())
        assert bench.call("GET", READ).status == 200
        bench.clock.advance(keys.UNKNOWN_KID_SECONDS)
        unknown = Issuer(clock=bench.clock, kid="unknown").token()
        stranger = pool.submit(bench.call, "GET", READ, token=unknown)

        meanwhile = [bench.call("GET", READ).status for _ in range(30)]
        waits = not stranger.done()
        place.write_bytes(bench.issuer.jwks())

        assert meanwhile == [200] * 30
        assert (waits, stranger.result(10).status) == (True, 401)


def test_a_rotated_key_is_found_without_a_restart(
    issuers: tuple[Issuer, Issuer], clock: ManualClock
) -> None:
    """Rotation is routine; a restart for it is not."""
    publisher = Publisher(issuers[0].jwks())
    ring = KeyRing(publisher, clock)
    ring.find("a")
    publisher.raw = json.dumps({"keys": [issuers[0].jwk(), issuers[1].jwk()]}).encode()

    clock.advance(keys.UNKNOWN_KID_SECONDS)

    assert ring.find("b") is not None


def test_a_withdrawn_key_stops_working(issuers: tuple[Issuer, Issuer], clock: ManualClock) -> None:
    """A stolen key is withdrawn to be useless, within minutes."""
    publisher = Publisher(issuers[0].jwks())
    ring = KeyRing(publisher, clock)
    ring.find("a")
    publisher.raw = issuers[1].jwks()

    clock.advance(keys.REFRESH_SECONDS)

    assert ring.find("a") is None


def test_known_keys_outlive_a_publisher_that_is_down_for_a_day_at_most(
    issuers: tuple[Issuer, Issuer], clock: ManualClock
) -> None:
    """An outage elsewhere must not lock everybody out; nor may old keys live for ever."""
    publisher = Publisher(issuers[0].jwks())
    ring = KeyRing(publisher, clock)
    ring.find("a")
    publisher.raw = None

    for _ in range(23):
        clock.advance(3_600)
        assert ring.find("a") is not None
    clock.advance(3_600)

    with pytest.raises(KeysUnavailable):
        ring.find("a")


def test_a_publisher_that_is_down_at_the_start_is_asked_again_soon(
    issuers: tuple[Issuer, Issuer], clock: ManualClock
) -> None:
    """The bridge often starts before the issuer does."""
    publisher = Publisher(issuers[0].jwks())
    publisher.raw = None
    ring = KeyRing(publisher, clock)
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            ring.find("a")
    assert publisher.reads == 1
    publisher.raw = issuers[0].jwks()

    clock.advance(keys.EMPTY_SECONDS)

    assert ring.find("a") is not None


def test_threads_that_meet_a_new_key_at_once_fetch_it_once(
    issuers: tuple[Issuer, Issuer], clock: ManualClock
) -> None:
    """A rotation under load must neither flood the publisher nor refuse anybody."""

    class Slow(Publisher):
        def read(self) -> bytes:
            time.sleep(0.05)
            return super().read()

    publisher = Slow(issuers[0].jwks())
    ring, found = KeyRing(publisher, clock), []
    threads = [threading.Thread(target=lambda: found.append(ring.find("a"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert publisher.reads == 1
    assert len([key for key in found if key is not None]) == 16


@pytest.mark.parametrize(
    "changes",
    [{"use": "enc"}, {"alg": "RS512"}, {"alg": "PS256"}, {"alg": "HS256"}, {"kty": "oct"},
     {"kty": "EC"}, {"kid": None}, {"kid": 1}, {"kid": ""}, {"key_ops": ["sign"]}, {"n": None},
     {"key_ops": "verify"}, {"n": "AQAB"}, {"n": 7}, {"e": ""}, {"d": "AQAB"}, {"e": "AA"}],
)  # fmt: skip
def test_a_key_that_is_not_for_checking_our_tokens_is_passed_over(
    issuers: tuple[Issuer, Issuer], changes: dict[str, Any]
) -> None:
    """Sets hold keys for other purposes; using one for ours is how signatures get confused."""
    raw = json.dumps({"keys": [issuers[0].jwk(**changes), issuers[1].jwk()]}).encode()

    assert set(parse_jwks(raw)) == {"b"}


@pytest.mark.parametrize("changes", [{}, {"use": None}, {"alg": None}, {"key_ops": ["verify"]}])
def test_a_key_that_is_for_us_is_used(
    issuers: tuple[Issuer, Issuer], changes: dict[str, Any]
) -> None:
    """The control: the optional members of RFC 7517 may be absent."""
    assert set(parse_jwks(issuers[0].jwks(**changes))) == {"a"}


def test_a_short_key_is_passed_over() -> None:
    """1,024 bits can be broken."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the point

    assert parse_jwks(Issuer(clock=ManualClock(), key=weak).jwks()) == {}


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[1,"a",null]', b"\xff", b" " * 70_000]
)
def test_a_document_that_is_no_key_set_is_unavailable(raw: bytes) -> None:
    """A login page with status 200 must not empty the ring."""
    with pytest.raises(KeysUnavailable):
        parse_jwks(raw)


@pytest.mark.parametrize(
    "url",
    ["http://issuer.test/jwks", "http://10.0.0.1/jwks", "ftp://issuer.test/jwks", "gopher://issuer.test",
     "http://127.0.0.1.issuer.test/jwks", "http://localhost.issuer.test/", "http:///jwks"],
)  # fmt: skip
def test_a_key_set_comes_over_https_or_from_loopback(url: str) -> None:
    """Whoever is on the path of plain http would choose who gets in."""
    with pytest.raises(ValueError, match="https"):
        UrlKeys(url, ManualClock())


@contextmanager
def served(status: int, body: bytes, *, pause: float = 0.0, **headers: str) -> Iterator[str]:
    """Serve one answer on loopback, byte by byte when there is a pause."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            pieces = [body] if not pause else [body[i : i + 1] for i in range(len(body))]
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    time.sleep(pause)
            except OSError:
                pass  # the client has had enough

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks"
    finally:
        server.shutdown()
        server.server_close()


def test_a_key_set_is_read_from_a_url(issuers: tuple[Issuer, Issuer]) -> None:
    """The usual case."""
    with served(200, issuers[0].jwks()) as url:
        assert UrlKeys(url, SystemClock()).read() == issuers[0].jwks()


def test_a_redirect_is_not_followed(issuers: tuple[Issuer, Issuer]) -> None:
    """The configured address decides, not what it answers."""
    with (
        served(200, issuers[0].jwks()) as target,
        served(302, issuers[0].jwks(), Location=target) as url,
        pytest.raises(KeysUnavailable),
    ):
        UrlKeys(url, SystemClock()).read()


@pytest.mark.parametrize("status", [204, 404, 500])
def test_an_error_of_the_publisher_is_unavailable(status: int) -> None:
    """Its text is not a key set."""
    with served(status, b'{"keys":[]}') as url, pytest.raises(KeysUnavailable):
        UrlKeys(url, SystemClock()).read()


def test_an_endless_key_set_is_cut() -> None:
    """64 kB hold a hundred keys."""
    with served(200, b" " * 10_000_000) as url, pytest.raises(KeysUnavailable):
        UrlKeys(url, SystemClock()).read()


def test_a_trickling_key_set_is_cut() -> None:
    """Every read arrives in time, the whole never would: the clock runs over the whole."""

    class Hasty(ManualClock):
        def monotonic(self) -> float:
            self.advance(0.5)
            return super().monotonic()

    with served(200, b" " * 1_000, pause=0.01) as url, pytest.raises(KeysUnavailable):
        UrlKeys(url, Hasty()).read()


def test_nobody_listening_is_unavailable() -> None:
    """And no exception of the HTTP library escapes."""
    with served(200, b"") as url:
        pass
    with pytest.raises(KeysUnavailable):
        UrlKeys(url, SystemClock()).read()


def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    """It may be written later."""
    with pytest.raises(KeysUnavailable):
        FileKeys(tmp_path / "none.json").read()


def test_without_any_keys_the_bridge_says_503(tmp_path: Path) -> None:
    """A 401 would make clients throw away good tokens."""
    with running_bench(tmp_path, TOYS, jwks=str(tmp_path / "none.json")) as bench:
        answer = bench.call("GET", "/v1/exports")

    assert (answer.status, answer.body["code"]) == (503, "keys-unavailable")
    assert answer.headers["Retry-After"] == "5"
