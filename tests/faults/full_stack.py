"""Rounds of kills on the whole platform: bridge, sensors, daemon, code server and run workers.

An export is asked for over HTTP. The process that passes a crash point dies of a real SIGKILL:
a worker by an order for this export, one that serves everybody by the order that it comes to first.
Nobody helps afterwards but a supervisor that starts again what has died: leases run out by the
database's clock, the reaper takes the export, and its next attempt makes the file.
"""

import random
import secrets
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from assets.life import Document
from assets.model.lifecycle import TERMINAL, Status
from assets.model.policy import PII_SCOPES
from export_platform.commands.client import BridgeClient
from export_platform.commands.terminal import CommandError
from export_platform.local import kernel
from export_platform.local.deployment import BRIDGE, CODE, DAEMON, Deployment
from export_platform.local.issuer import BASE_SCOPES
from export_platform.local.processes import NotStartedError
from resources.clock import SystemClock
from resources.crash_points import FOLDER, arm
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.wiring import environment
from tests.assets.workbench import CAMPAIGN
from tests.beside import Beside
from tests.deployed import deployed
from tests.e2e.platform import TIMING
from tests.faults.company import Round, worked
from tests.faults.located import WITHOUT, orders_of
from tests.faults.onlooker import Onlooker
from tests.faults.patched import ROOT
from tests.faults.rounds import DELIVERY, IN_PARTS, POINTS, TRIES, seeded
from tests.faults.slot import COPIES, LARGE, LONG, SMALL, Load, Tally, commits, digest, multiply
from tests.waiting import eventually

CLOCK = SystemClock()
# Leases of 15 s and heartbeats of 2.5 s: a dead worker is noticed within half a minute, and one
# that lives renews in time on a machine that others share (with 6 s, three of them did not).
VARIABLES = {**TIMING, "EXPORT_TIMING_FACTOR": "0.25"}
# Of the campaign whose export goes up in parts, beside the copies.
ENTRIES, LARGE_CAMPAIGN = 40, "small-2026"
SUBJECT = "harness"
# Who dies at the points that are not a worker's.
SHARED: Mapping[str, str] = {
    **dict.fromkeys(("K01", "K02"), BRIDGE),
    **dict.fromkeys(("K03", "K04", "K24"), CODE),
    **dict.fromkeys(("K05", "K06", "K07"), DAEMON),
}
# What else is ordered for the worker of an export: the reaper needs a dead one, a cancel and a
# SIGTERM come while it formats rows.
BEFORE: Mapping[str, Sequence[tuple[str, str]]] = {
    "K22": (("K11", "stop"),),
    "K23": (("K11", "end"),),
    "K24": (("K10", "kill"),),
}
# After its commit nobody has to take the export from the dead worker, nor if it was cancelled.
WITHOUT_RESCUE = ("K18", "K22")
# Each has a data extension of its own; the rows in one name the export that wrote them last.
DELIVERED = (
    Load(name="reminder-email", params={"reminder_kind": "onsale_tomorrow", "deliver": ["sfmc"]}),
    Load(name="code-sms", params={"deliver": ["sfmc"]}),
)
# At a load of 45, with code server and daemon dead at a time, two exports took five minutes.
LOOK_SECONDS, PATIENCE_SECONDS = 0.25, 900.0
# Left by exports that were cancelled; housekeeping comes by every 10 to 15 s.
CLEARED_SECONDS = 150.0
# Guards, the points at which their lack is seen, and the counts that must rise then.
CONTROLS = ("look for uploads", "manifest", "reaper")
CONTROL_POINTS, CONTROL_COUNTS = ("K13", "K18"), ("lost", "partial", "pending")
CONTROL_SECONDS = 60.0
# The code server loads its definitions in 10 s; at a load of 45 a bridge was away for two minutes.
BACK_SECONDS, TRIES_UP = 300.0, 5
# What is sent again while the bridge is dead.
AGAIN_SECONDS = 0.25


class Keeper(Beside):
    """Starts again what has died, as a supervisor does; counts the deaths.

    Args:
        deployment: Is up.
    """

    def __init__(self, deployment: Deployment) -> None:
        super().__init__()
        self.deaths: Counter[str] = Counter()
        self._deployment = deployment

    def _run(self) -> None:
        alive = self._alive()
        expected = set(alive)
        while not self._end.wait(LOOK_SECONDS):
            # Who died again before he was looked at is not among those that lived then.
            dead = [n for n in expected if n not in alive or not kernel.is_alive(alive[n])]
            if dead:
                self.deaths.update(dead)
                for _ in range(TRIES_UP):
                    with suppress(NotStartedError):
                        self._deployment.up()
                        break
                alive = self._alive()

    def _alive(self) -> dict[str, kernel.Identity]:
        status = self._deployment.status()
        found = {each.name: kernel.identity(each.pid) for each in status if each.pid is not None}
        return {name: one for name, one in found.items() if one is not None}


class Bench:
    """The platform that is killed, and who looks at it.

    Args:
        deployment: Is up.
        shared: The folder of orders for whoever comes first.
        stores: MongoDB, beside the platform.
        objects: The bucket of the exports, beside the platform.
        keeper: Starts again what dies.
        onlooker: Looks at all exports.
        patience: Seconds that an export may take.
    """

    def __init__(
        self,
        deployment: Deployment,
        shared: Path,
        *,
        stores: MongoStores,
        objects: ObjectStore,
        keeper: Keeper,
        onlooker: Onlooker,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.shared, self.keeper = shared, keeper
        # One at a time: orders for one shared point, and exports into one data extension.
        self.turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._deployment, self._stores, self._objects = deployment, stores, objects
        self._onlooker, self._patience = onlooker, patience
        self._url = deployment.places().bridge_url
        self._asked: list[str] = []
        self._reference: dict[Load, str] = {}

    def ask(self, load: Load, orders: Sequence[tuple[str, str]] = ()) -> str:
        """The id of an export; its workers find these orders. A dead bridge is asked again."""
        params = {**load.asked, "campaign_id": LARGE_CAMPAIGN if load.large else CAMPAIGN}
        key = secrets.token_hex(12)
        export_id: str = self._told(
            lambda client: client.create(load.name, params, fresh=True, key=key).id
        )
        self._asked.append(export_id)
        self._order(export_id, orders)
        scope = f"campaign={params['campaign_id']}/export={export_id}/"
        self._onlooker.watch(export_id, f"exports/{load.name}/v1/{scope}")
        return export_id

    def cancel(self, export_id: str) -> None:
        """Ask the bridge to stop an export."""
        self._told(lambda client: client.cancel(export_id))

    def found(self, export_id: str) -> Document:
        """The document as it is now."""
        return self._stores.exports.find(export_id) or {}

    def settled(self, export_id: str) -> Document:
        """The document once the export has ended, or as it is when time is up."""
        until = CLOCK.monotonic() + self._patience
        while (document := self.found(export_id))["status"] not in TERMINAL:
            if CLOCK.monotonic() > until:
                break
            CLOCK.sleep(LOOK_SECONDS)
        self._onlooker.forget(export_id)
        return document

    def digest(self, document: Document) -> str:
        """One digest over the content of all files of an export."""
        return digest(document, lambda key: b"".join(self._objects.read(key)))

    def faultless(self, load: Load) -> str:
        """The digest of an export that nothing happened to."""
        return self._reference[load]

    def make_references(self) -> None:
        """One export of each kind before anybody dies, and another: they are the same."""
        for _ in range(2):
            asked = {load: self.ask(load) for load in (*SMALL, LARGE, *DELIVERED)}
            for load, export_id in asked.items():
                document = self.settled(export_id)
                assert document["status"] == Status.SUCCEEDED, document.get("error")
                found = self.digest(document)
                assert self._reference.setdefault(load, found) == found, f"{load.name} differs"

    def frozen(self, export_id: str) -> kernel.Identity | None:
        """The worker of an export, which is stopped; None while it is not, or there is none."""
        owner = str((self.found(export_id).get("lease") or {}).get("owner"))
        pid = owner.rpartition(":")[2]
        with suppress(OSError, ValueError):
            stat = Path(f"/proc/{int(pid)}/stat").read_text(encoding="ascii")
            if stat.rpartition(")")[2].split()[0] == "T":
                return kernel.identity(int(pid))
        return None

    def looked(self) -> str:
        """How often somebody looked at all exports, and who has died how often."""
        return f"{self._onlooker.looks} times; died: {dict(self.keeper.deaths)}"

    def judged(self) -> Tally:
        """At the end: what nobody asked for, what is left in the bucket, what was seen."""
        tally = Tally()
        found = self._stores.exports.page(
            {"requestedBy.subject": SUBJECT}, limit=2 * len(self._asked) + 10
        )
        strange = {str(one["_id"]) for one in found}.symmetric_difference(self._asked)
        tally.add("doubled", len(strange), f"asked for by nobody, or gone: {sorted(strange)}")
        named = {key for one in found for key in _named(one)}
        left = self._left(named)
        tally.add("pending", len(left), f"{sorted(left)}")
        for name, faults in self._onlooker.faults.items():
            tally.add(name, len(faults), f"seen: {faults[:5]}")
        return tally

    def _left(self, named: set[str]) -> set[str]:
        """Objects that no document names, once housekeeping has been there."""
        until = CLOCK.monotonic() + min(CLEARED_SECONDS, self._patience)
        while True:
            left = set(self._objects.keys("exports/", unfinished=True)) - named
            if not left or CLOCK.monotonic() > until:
                return left
            CLOCK.sleep(1)

    def _order(self, export_id: str, orders: Sequence[tuple[str, str]]) -> None:
        """Lay down all orders for the workers of an export at once; they wait for that."""
        folder = orders_of(self.shared, export_id)
        hidden = folder.with_name(f".{export_id}")
        hidden.mkdir(parents=True)
        for point, order in orders:
            arm(hidden, point, order)
        hidden.rename(folder)

    def _told(self, tell: Any) -> Any:
        until = CLOCK.monotonic() + BACK_SECONDS
        while True:
            token = token_of(self._deployment)
            try:
                with BridgeClient(self._url, token) as client:
                    return tell(client)
            except CommandError:
                if CLOCK.monotonic() > until:
                    raise
            CLOCK.sleep(AGAIN_SECONDS)


def token_of(deployment: Deployment) -> str:
    """An access token for everything."""
    return deployment.issuer.token(subject=SUBJECT, scopes=(*BASE_SCOPES, *PII_SCOPES))


def _named(document: Document) -> list[str]:
    result = document.get("result")
    if not result or document["status"] != Status.SUCCEEDED:
        return []
    return [result["manifestKey"], *(file["key"] for file in result["files"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one round happens after another, beside others.

    Attributes:
        bench: Where all of them are.
        orders: Nothing is ordered here; the place of a process that is not shared has some.
    """

    bench: Bench
    orders: Path


@contextmanager
def full_stack(
    number: int, folder: Path, without: Sequence[str] = (), patience: float = PATIENCE_SECONDS
) -> Iterator[list[Place]]:
    """A platform of its own, and places on it.

    Args:
        number: How many exports at a time.
        folder: For orders and settings.
        without: Guards that code server and workers leave out.
        patience: Seconds that an export may take.
    """
    shared, nothing = folder / "orders" / "shared", folder / "orders" / "nothing"
    for each in (shared, nothing, shared.parent / "exports"):
        each.mkdir(parents=True)
    variables = {
        **VARIABLES,
        FOLDER: str(shared),
        WITHOUT: ",".join(without),
        "EXPORT_RUNS_AT_ONCE": str(2 * number),
    }
    told = {"module": "tests.faults.located", "instance": _instance(folder)}
    with ExitStack() as held:
        deployment = held.enter_context(deployed(ENTRIES, variables, **told))
        env = deployment.places().environment
        _copies(env)
        stores = held.enter_context(closing(environment.mongo_stores(env)))
        objects = held.enter_context(closing(environment.object_store(env)))
        onlooker = held.enter_context(_onlooker(deployment, env))
        keeper = held.enter_context(Keeper(deployment))
        bench = Bench(
            deployment,
            shared,
            stores=stores,
            objects=objects,
            keeper=keeper,
            onlooker=onlooker,
            patience=patience,
        )
        bench.make_references()
        yield [Place(bench=bench, orders=nothing) for _ in range(number)]


def _instance(folder: Path) -> Path:
    """The settings of the platform's Dagster instance, but for the launcher."""
    said = (ROOT / "dagster.yaml").read_text(encoding="utf-8")
    for name, instead in (
        ("export_platform.run_workers.launcher", "tests.faults.launching"),
        ("WarmRunLauncher", "Launcher"),
    ):
        assert said.count(name) == 1
        said = said.replace(name, instead)
    path = folder / "dagster.yaml"
    path.write_text(said, encoding="utf-8")
    return path


def _copies(env: Mapping[str, str]) -> None:
    connection = MongoConnection(
        uri=env[environment.MONGODB_URI], database=env[environment.MONGODB_DATABASE]
    )
    with closing(connection):
        entries = connection.collection("entries")
        of = {"campaign": LARGE_CAMPAIGN, "status": "waitlisted"}
        multiply(entries, COPIES, **of, answers=[LONG])


def _onlooker(deployment: Deployment, env: Mapping[str, str]) -> Onlooker:
    return Onlooker(
        deployment.places().bridge_url,
        partial(token_of, deployment),
        s3_url=env[environment.AWS_ENDPOINT_URL_S3],
        bucket=env[environment.EXPORTS_BUCKET],
    )


def full_kills(seed: int, each: int, points: Sequence[str] = POINTS) -> Iterator[Round[Place]]:
    """So many kills at each point, in an order by chance."""
    drawn = [(point, number) for number in range(each) for point in points]
    seeded(seed, "order", 0).shuffle(drawn)
    for point, number in drawn:
        draw = seeded(seed, f"full {point}", number)
        yield f"full-stack {point} {number}", partial(full_round, point=point, draw=draw)


def full_round(place: Place, point: str, draw: random.Random) -> Tally:
    """Kill the process that passes a point, and see what the platform makes of the export."""
    bench, load = place.bench, _load_at(point, draw)
    with bench.turns[load.name] if load in DELIVERED else nullcontext():
        for _ in range(TRIES):  # on a machine that stands still a worker stops itself before
            tally = _kill(bench, point, load)
            if not tally.counts["missed"] or tally.counts["lost"]:
                break
    return tally


def _load_at(point: str, draw: random.Random) -> Load:
    """An export that passes a point."""
    if point in IN_PARTS:
        return LARGE
    return draw.choice(DELIVERED if point in DELIVERY else SMALL)


def _kill(bench: Bench, point: str, load: Load) -> Tally:
    tally, began = Tally(), CLOCK.monotonic()
    if point in SHARED:
        export_id, died = _struck(bench, point, load)
        document = bench.settled(export_id)
    else:
        export_id = bench.ask(load, [*BEFORE.get(point, ()), (point, "kill")])
        if point == "K22":
            _cancelled(bench, export_id)
        document = bench.settled(export_id)
        died = _obeyed(orders_of(bench.shared, export_id) / point)
        # It was noticed: the platform took the export from the dead worker.
        died = died and (point in WITHOUT_RESCUE or bool(document.get("rescues")))
    tally.add("kills", died)
    tally.add("missed", not died, f"{point} {export_id} was not passed")
    wanted = Status.CANCELLED if point == "K22" else Status.SUCCEEDED
    seconds = CLOCK.monotonic() - began
    note = f"{point} {export_id} {document['status']} {document.get('error')} {seconds:.0f} s"
    tally.add("lost", document["status"] != wanted, note)
    tally.add("doubled", commits(document) > 1, note)
    if document["status"] == Status.SUCCEEDED:
        tally.add("unlike", bench.digest(document) != bench.faultless(load), note)
    tally.add("attempts", document["attempt"])
    tally.add("seconds", round(seconds))
    return tally


def _struck(bench: Bench, point: str, load: Load) -> tuple[str, bool]:
    """Let whoever serves everybody come to a point; the export, and whether he died there."""
    process = SHARED[point]
    with bench.turns[point]:
        before = bench.keeper.deaths[process]
        order = arm(bench.shared, point)
        export_id = bench.ask(load, BEFORE.get(point, ()))
        if not _obeyed(order):
            return export_id, False
        with suppress(AssertionError):
            eventually(lambda: bench.keeper.deaths[process] > before, BACK_SECONDS)
            return export_id, True
    return export_id, False


def _obeyed(order: Path) -> bool:
    """Whether somebody comes to an order in time; if not it is taken back."""
    with suppress(AssertionError):
        eventually(lambda: not order.exists(), BACK_SECONDS)
        return True
    order.unlink(missing_ok=True)
    return False


def _cancelled(bench: Bench, export_id: str) -> None:
    """Cancel while the worker formats rows, and let it go on once it is frozen there."""
    worker = eventually(lambda: bench.frozen(export_id), PATIENCE_SECONDS)
    bench.cancel(export_id)
    kernel.send(worker, signal.SIGCONT)


def controlled(seed: int, folder: Path, note: Callable[[str], None]) -> Tally:
    """Kill on a platform without three of its guards: each count that does not rise is a fault."""
    with full_stack(len(CONTROL_POINTS), folder, CONTROLS, CONTROL_SECONDS) as places:
        seen = worked(places, full_kills(seed, 1, CONTROL_POINTS), note)
        seen += places[0].bench.judged()
    note(f"without {', '.join(CONTROLS)}: {dict(+seen.counts)}")
    tally = Tally()
    for name in CONTROL_COUNTS:
        tally.add("unseen", not seen.counts[name], f"{name} without {', '.join(CONTROLS)}")
    return tally
