"""The bridge under attack: a process of its own on a core of its own, over fakes.

What a test does through the pipe is only to put the stored exports back, and to end it.
"""

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.manifests import whole_manifest
from tests.api_bridge.tokens import Issuer
from tests.api_bridge.toys import TOYS
from tests.fakes.clock import ManualClock

FOREIGN = "foreign-fest"
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """A running bridge.

    Attributes:
        port: Where it listens, on loopback.
        issuer: Makes the tokens that it trusts.
        renew: Forgets every export and makes a few in different states; gives their ids, the last
            of them in a campaign that no token of the attacks is for.
    """

    port: int
    issuer: Issuer
    renew: Callable[[], Sequence[str]]


def attacked(bench: Bench) -> Attacked:
    """A bridge that runs in this process already."""
    return Attacked(port=bench.port, issuer=bench.issuer, renew=lambda: renewed(bench))


@contextmanager
def attacked_process(folder: Path) -> Iterator[Attacked]:
    """Run a bridge in a process of its own until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, folder), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(START_SECONDS):
            raise TimeoutError("the bridge did not start")
        port, key = ours.recv()
        yield Attacked(port=port, issuer=_issuer(key), renew=lambda: _asked(ours))
    finally:
        ours.close()  # which ends it
        process.join(10)
        process.kill()


def renewed(bench: Bench) -> Sequence[str]:
    """One export in each state that a caller can meet."""
    bench.clear()
    cancelled = bench.create()
    bench.life.cancel(cancelled, by="svc:test")
    running = bench.create(top_n=2)
    bench.start(running)
    finished = bench.create(top_n=3)
    usual = [
        bench.create(),
        running,
        bench.finish(finished, manifest=whole_manifest(finished)),
        bench.fail(bench.create(top_n=4)),
        cancelled,
    ]
    body = {"type": "guests", "params": {"campaign_id": FOREIGN}}
    foreign = bench.call("POST", "/v1/exports", body, token=bench.token(campaigns=[FOREIGN]))
    return [*usual, foreign.body["id"]]


def _serve(pipe: Connection, folder: Path) -> None:
    with running_bench(folder, TOYS) as bench:
        # The server says of each request that it cannot read that it cannot read it.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        key = bench.issuer.key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        pipe.send((bench.port, key))
        try:
            while True:
                pipe.recv()
                pipe.send(renewed(bench))
        except EOFError:
            return


def _asked(pipe: Connection) -> Sequence[str]:
    pipe.send("renew")
    ids: Sequence[str] = pipe.recv()
    return ids


def _issuer(key: bytes) -> Issuer:
    """The issuer of the other process; both clocks stand at the same instant."""
    private = serialization.load_der_private_key(key, password=None)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError("the issuer's key is RSA")
    return Issuer(clock=ManualClock(), key=private)
