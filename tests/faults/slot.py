"""One place where exports are made while processes die: a database, workers, and an observer."""

import gzip
import hashlib
import json
import multiprocessing
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bson import ObjectId

from assets.exports.catalog import CATALOG
from assets.life import Document, ExportLife
from assets.model.lifecycle import TERMINAL, Status, Timing
from assets.model.parameters import parse
from export_platform.local.seed.catalog import pack_named
from export_platform.local.seed.loader import lake_client, load
from resources.clock import SystemClock
from resources.crash_points import FOLDER
from resources.errors import DoorError
from resources.mongo.connection import MongoConnection
from resources.mongo.exports import Change, Match
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.wiring import environment
from sensors.housekeeping import clear
from tests.assets.examples import EVERY_SCOPE
from tests.assets.workbench import CAMPAIGN
from tests.beside import Beside
from tests.faults import work

CLOCK = SystemClock()
LOOK_SECONDS = 0.02
# While a worker lives there is nothing to do but to see whether its lease has run out.
WATCH_SECONDS = 0.5
# From a kill to the end of the next attempt it takes a second; other builds share the machine.
PATIENCE_SECONDS = 120.0

_FORKS = multiprocessing.get_context("forkserver")
# Loaded once, in a process without threads that forks the others: 4 s of imports each otherwise,
# those of the parent's main module among them.
_FORKS.set_forkserver_preload(["tests.conftest", "tests.faults.warm"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A kind of export that is made while processes die.

    Attributes:
        name: The kind.
        large: Whether its file goes up in parts.
        params: What is asked for beside the campaign.
    """

    name: str
    large: bool = False
    params: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def asked(self) -> dict[str, object]:
        """The parameters of a request."""
        return {"campaign_id": CAMPAIGN, "pii": "full", "reason": "a test", **self.params}


TABLE = {"dialect": "rfc4180"}
SMALL = tuple(Load(name=name, params=TABLE) for name in ("waitlist", "entries", "survey-answers"))
LARGE = Load(
    name="entries",
    large=True,
    params={"format": "jsonl", "compression": "none", "include_unknown": True},
)
DELIVERED = Load(
    name="reminder-email", params={"reminder_kind": "onsale_tomorrow", "deliver": ["sfmc"]}
)

# More than a batch of rows, and as JSON lines more than the smallest part of an upload: with an
# answer of 6 kB that no form asks for, they cost two fifths of as many bytes in rows of 1.5 kB.
COPIES = 1_100
LONG = {"key": "long", "value": "x" * 6_000, "version": 1}


def digest(document: Document, read: Callable[[str], bytes]) -> str:
    """One digest over the content of all files, whatever the export is called."""
    whole = hashlib.sha256()
    for file in document["result"]["files"]:
        body = read(file["key"])
        assert hashlib.sha256(body).hexdigest() == file["sha256"]
        plain = gzip.decompress(body) if file["key"].endswith(".gz") else body
        whole.update(plain.replace(str(document["_id"]).encode(), b"ID"))
    return whole.hexdigest()


def commits(document: Document) -> int:
    """How often an export has succeeded."""
    return sum(entry["action"] == "succeeded" for entry in document["audit"])


class Slot:
    """A database with the small campaign and one with large entries, and what works on them.

    Args:
        number: Names it.
        stack: The variables of the stack.
        folder: Of its own.
    """

    def __init__(self, number: int, stack: Mapping[str, str], folder: Path) -> None:
        self.orders = folder / "orders"
        self.orders.mkdir(parents=True)
        self.keys = folder
        self.workers: list[BaseProcess] = []
        self._envs = {
            large: {
                **stack,
                FOLDER: str(self.orders),
                environment.MONGODB_DATABASE: f"faults_{number}_{'large' if large else 'small'}",
            }
            for large in (False, True)
        }
        self.stores = {large: environment.mongo_stores(env) for large, env in self._envs.items()}
        self.objects = environment.object_store(stack)
        self.reference: dict[Load, str] = {}
        self.sizes: dict[tuple[Load, str], int] = {}
        self._seeded: set[bool] = set()

    def close(self) -> None:
        """End what still runs, and close the doors."""
        for worker in self.workers:
            worker.kill()
            worker.join()
        for stores in self.stores.values():
            stores.close()
        self.objects.close()

    def env(self, load: Load) -> dict[str, str]:
        """The variables of a process that works on a load; its data is there."""
        env = self._envs[load.large]
        if load.large not in self._seeded:
            _seed(env, large=load.large)
            self._seeded.add(load.large)
        return env

    def life(self, load: Load) -> ExportLife:
        """The moves of its exports."""
        return ExportLife(self.stores[load.large].exports, timing=work.TIMING, as_of=work.SNAPSHOT)

    def asked(self, load: Load) -> str:
        """The id of an export in the queue."""
        self.env(load)
        request = parse(CATALOG[load.name], load.asked, scopes=EVERY_SCOPE)
        return str(self.life(load).create(request, origin="api", subject="tester")["_id"])

    def child(self, role: Any, *args: Any) -> BaseProcess:
        """A process of a role, begun."""
        process = _FORKS.Process(target=role, args=args, daemon=True)
        process.start()
        self.workers.append(process)
        return process

    def work(
        self,
        load: Load,
        export_id: str,
        attempt: int,
        without: Sequence[str] = (),
        timing: Timing = work.STEADY,
    ) -> BaseProcess:
        """A worker for one attempt."""
        return self.child(work.work, self.env(load), export_id, attempt, without, timing)

    def dispatched(self, load: Load, export_id: str) -> int:
        """Claim an export as the sensor does; the number of the attempt."""
        claimed = self.life(load).dispatch(export_id)
        assert claimed is not None
        return int(claimed["attempt"])

    def outlived(self, load: Load, export_id: str, worker: BaseProcess | None) -> None:
        """Let the lease of a worker be over if it is dead: else each round waits a minute.

        That a lease runs out by the clock is seen in the rounds of the frozen workers.
        """
        if worker is None or worker.is_alive():
            return
        held = Match(statuses=None, equal={"lease.owner": f"{socket.gethostname()}:{worker.pid}"})
        over = Change(delay={"lease.until": -0.001})
        self.stores[load.large].exports.change(export_id, held, over)

    def found(self, load: Load, export_id: str) -> Document:
        """The document as it is now."""
        return self.stores[load.large].exports.find(export_id) or {}

    def settled(
        self,
        load: Load,
        export_id: str,
        *,
        without: Sequence[str] = (),
        reaper: bool = True,
        seconds: float = PATIENCE_SECONDS,
        env: Mapping[str, str] | None = None,
    ) -> Document:
        """Do what sensors and daemon do until an export has ended; the document then.

        Args:
            load: Its kind.
            export_id: Which export.
            without: Guards that its workers leave out.
            reaper: Whether exports are taken from dead workers.
            seconds: How long it may take; then the document is given as it is.
            env: The variables of its workers, if not those of the slot.
        """
        life, until = self.life(load), CLOCK.monotonic() + seconds
        launched: dict[int, BaseProcess] = {}
        while CLOCK.monotonic() < until:
            document = self.found(load, export_id)
            if document["status"] in TERMINAL:
                break
            if reaper:
                for dead in life.abandoned(after=None, limit=10):
                    life.rescue(dead, 0.0)
            claimed = document
            if document["status"] == Status.QUEUED:
                claimed = life.dispatch(export_id) or document
            attempt = int(claimed["attempt"])
            at_work = launched.get(attempt)
            self.outlived(load, export_id, at_work)
            if claimed["status"] == Status.DISPATCHED and not (at_work and at_work.is_alive()):
                args = (env or self.env(load), export_id, attempt, without, work.STEADY)
                at_work = launched[attempt] = self.child(work.work, *args)
            _await(at_work)
        for process in launched.values():
            process.join(max(0.1, until - CLOCK.monotonic()))
        return self.found(load, export_id)

    def digest(self, load: Load, document: Document) -> str:
        """One digest over the content of all files of an export of this kind."""
        return digest(document, lambda key: b"".join(self.objects.read(key)))

    def faultless(self, load: Load) -> str:
        """The digest of an export of this kind that nothing happened to."""
        if load not in self.reference:
            document = self.settled(load, self.asked(load))
            assert document["status"] == Status.SUCCEEDED, document.get("error")
            self.reference[load] = self.digest(load, document)
        return self.reference[load]

    def left(self, load: Load, export_id: str) -> list[str]:
        """Keys of everything that lies in the bucket for an export, unfinished uploads included."""
        scope = f"exports/{load.name}/v1/campaign={CAMPAIGN}/export={export_id}/"
        return sorted(self.objects.keys(scope, unfinished=True))

    def cleared(self, load: Load, document: Document) -> None:
        """What housekeeping does a minute after an export has failed or was cancelled."""
        if document["status"] in {Status.CANCELLED, Status.FAILED}:
            clear(self.life(load), self.objects, CATALOG, document)


def _await(worker: BaseProcess | None) -> None:
    """Wait for the end of a worker, or for a moment if there is none."""
    if worker and worker.is_alive():
        worker.join(WATCH_SECONDS)
    else:
        CLOCK.sleep(LOOK_SECONDS)


class _Kept:
    """In place of the lake, which all slots share: what is there stays, and exports may read it."""

    def put_object(self, **_: object) -> None:
        """It is there already."""

    def delete_objects(self, **_: object) -> None:
        """It stays."""

    def get_paginator(self, _: object) -> "_Kept":
        """Of nothing."""
        return self

    def paginate(self, **_: object) -> list[dict[str, object]]:
        """There is nothing to be deleted."""
        return []


def seed_shared(stack: Mapping[str, str]) -> None:
    """What the exports of all slots read beside their databases: the lake, scores and codes."""
    load(
        pack_named("tiny"),
        mongo_uri=stack[environment.MONGODB_URI],
        database="faults_shared",
        s3=lake_client(stack[environment.AWS_ENDPOINT_URL_S3]),
        codes_url=stack[environment.CODES_SERVICE_URL],
        codes_token=stack[environment.CODES_SERVICE_TOKEN],
    )


def _seed(env: Mapping[str, str], *, large: bool) -> None:
    uri, database = env[environment.MONGODB_URI], env[environment.MONGODB_DATABASE]
    load(pack_named("tiny"), mongo_uri=uri, database=database, s3=_Kept())
    connection = MongoConnection(uri=uri, database=database)
    with closing(MongoStores(connection)):
        if large:
            multiply(connection.collection("entries"), COPIES, answers=[LONG])


def multiply(
    entries: Any,
    times: int,
    *,
    campaign: str = CAMPAIGN,
    status: str = "registered",
    **changed: Any,
) -> None:
    """Let one fan register very often, with something else in the entry than what is there."""
    whole = {"status": status, "isCurrent": True, "schemaVersion": 3}
    of = {"campaignId": _campaign(entries, campaign), "userId": {"$ne": None}}
    one = entries.find_one({**whole, **of})
    one.update(changed)
    fresh = ({"_id": ObjectId(), "userId": ObjectId()} for _ in range(times))
    entries.insert_many([{**one, **ids} for ids in fresh])


def _campaign(entries: Any, key: str) -> ObjectId:
    found = entries.database["campaigns"].find_one({"key": key})
    assert found is not None
    return ObjectId(found["_id"])


class Observer(Beside):
    """Looks at an export every 20 ms, as somebody does who waits for its files.

    Attributes:
        partial: How often a result was seen of which something was not there.
        doubled: How often a result was another than before.
    """

    def __init__(self, stores: MongoStores, objects: ObjectStore, export_id: str) -> None:
        super().__init__()
        self.partial = self.doubled = 0
        self._stores, self._objects, self._id = stores, objects, export_id
        self._first: Mapping[str, Any] | None = None

    def __exit__(self, *_: object) -> None:
        """Look once more, and stop."""
        super().__exit__()
        self._once()

    def _run(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            with suppress(DoorError):
                self._once()

    def _once(self) -> None:
        result = (self._stores.exports.find(self._id) or {}).get("result")
        if result is None:
            self.doubled += self._first is not None
        elif self._first is None:
            self._first = result
            self.partial += not self._whole(result)
        else:
            self.doubled += result != self._first

    def _whole(self, result: Mapping[str, Any]) -> bool:
        described = {file["key"]: self._objects.head(file["key"]) for file in result["files"]}
        if self._objects.head(result["manifestKey"]) is None or None in described.values():
            return False
        body = b"".join(self._objects.read(result["manifestKey"]))
        named = {file["key"]: file["bytes"] for file in json.loads(body)["files"]}
        return named == {key: one.bytes for key, one in described.items() if one}


@contextmanager
def run_workers(start: Any) -> Iterator[int]:
    """A server that takes runs as the run workers do; the port.

    Args:
        start: Begins the run of an id.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            start(self.path.rpartition("/")[2])
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b"waiting")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@dataclass(slots=True)
class Tally:
    """What came of many rounds; `unlike` are files with other bytes, `pending` what was left.

    `away` is what could not be fetched because the bridge did not come back.
    """

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, number: int, note: str = "") -> None:
        """Count something; a fault with the round that it came of."""
        self.counts[name] += number
        if number and note:
            self.notes.append(f"{name}: {note}")

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.counts + other.counts, [*self.notes, *other.notes])

    @property
    def faults(self) -> int:
        """How much of it must not be."""
        engine = ("lost", "doubled", "partial", "stale", "unlike", "pending", "missed")
        wrong = (*engine, "away", "stuck", "unproved", "unfound", "unseen")
        return sum(self.counts[name] for name in wrong)
