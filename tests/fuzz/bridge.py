"""The bridge under attack: a process of its own on a core of its own, over fakes.

What a test does through the pipe is only to put the stored exports back, and to end it.
"""

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from assets.exports.catalog import CATALOG
from assets.model.export_type import Catalog
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.manifests import whole_manifest
from tests.api_bridge.tokens import Issuer
from tests.api_bridge.toys import TOYS
from tests.fakes.clock import ManualClock

OURS, FOREIGN = "aurora-lights", "foreign-fest"
# The small catalogue by its kind of export that every state can be made of, and the whole one.
CATALOGUES: Mapping[str, Catalog] = {"guests": TOYS, "entries": CATALOG}
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
    return Attacked(port=bench.port, issuer=bench.issuer, renew=lambda: renewed(bench, "guests"))


@contextmanager
def attacked_process(folder: Path, kind: str = "guests") -> Iterator[Attacked]:
    """Run a bridge over the catalogue of a kind in a process of its own until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, folder, kind), daemon=True)
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


def renewed(bench: Bench, kind: str) -> Sequence[str]:
    """One export of a kind in each state that a caller can meet."""
    bench.clear()
    every = {"queued": OURS, "running": OURS, "succeeded": OURS, "failed": OURS,
             "cancelled": OURS, "foreign": FOREIGN}  # fmt: skip
    ids = {state: _created(bench, kind, campaign) for state, campaign in every.items()}
    bench.start(ids["running"])
    bench.finish(ids["succeeded"], manifest=whole_manifest(ids["succeeded"]))
    bench.fail(ids["failed"])
    bench.life.cancel(ids["cancelled"], by="svc:test")
    return list(ids.values())


def _created(bench: Bench, kind: str, campaign: str) -> str:
    # Each of its own, where identical requests would share one.
    body = {"type": kind, "params": {"campaign_id": campaign, "pii": "none"}, "fresh": True}
    answer = bench.call("POST", "/v1/exports", body, token=bench.token(campaigns=[campaign]))
    return str(answer.body["id"])


def _serve(pipe: Connection, folder: Path, kind: str) -> None:
    with running_bench(folder, CATALOGUES[kind]) as bench:
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
                pipe.send(renewed(bench, kind))
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
