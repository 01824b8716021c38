"""Rounds of kills and of zombies: one export each, and what must be true of it at the end."""

import os
import random
import signal
import threading
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from assets.life import Document
from assets.model.lifecycle import Status
from resources.crash_points import CrashPoint, arm
from tests.api_bridge.tokens import EVERYTHING
from tests.assets.examples import EVERY_SCOPE
from tests.faults import work
from tests.faults.slot import (
    CLOCK,
    DELIVERED,
    LARGE,
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    SMALL,
    Load,
    Observer,
    Slot,
    Tally,
    commits,
    run_workers,
)
from tests.waiting import eventually

BRIDGE = ("K01", "K02")
LAUNCH = ("K03", "K04", "K05", "K06", "K07")
IN_PARTS = ("K12", "K13", "K14")
DELIVERY = ("K19", "K20", "K21")
SCOPES = " ".join((EVERYTHING, *EVERY_SCOPE))
# Where a worker may be frozen: it reads, formats, has stored, has confirmed, is about to commit.
FREEZES = ("K09", "K11", "K15", "K16", "K17")
TRIES = 3
# The slots share one table of Marketing Cloud, whose rows name the export that wrote them last.
TURN = threading.Lock()
POINTS = tuple(CrashPoint.__members__)


def load_at(point: str, draw: random.Random) -> Load:
    """An export that passes a point."""
    if point in IN_PARTS:
        return LARGE
    return DELIVERED if point in DELIVERY else draw.choice(SMALL)


def kill_round(
    slot: Slot,
    point: str,
    draw: random.Random,
    *,
    without: Sequence[str] = (),
    reaper: bool = True,
    seconds: float = PATIENCE_SECONDS,
) -> Tally:
    """Kill the process that passes a point, and see what becomes of the export.

    Args:
        slot: Where.
        point: Which.
        draw: Chooses the kind of export.
        without: Guards that all processes leave out.
        reaper: Whether exports are taken from dead workers.
        seconds: How long recovery may take.
    """
    load = load_at(point, draw)
    with TURN if load is DELIVERED else nullcontext():
        for _ in range(TRIES):  # on a machine that stands still a worker stops itself before
            tally = _kill(slot, point, load, without=without, reaper=reaper, seconds=seconds)
            if not tally.counts["missed"]:
                break
    return tally


def _kill(
    slot: Slot, point: str, load: Load, *, without: Sequence[str], reaper: bool, seconds: float
) -> Tally:
    expected = slot.faultless(load)
    tally = Tally()
    if point in BRIDGE:
        export_id = _killed_bridge(slot, point, load, without, tally)
    else:
        export_id = slot.asked(load)
    stores = slot.stores[load.large]
    with Observer(stores, slot.objects, export_id) as observer:
        if point not in BRIDGE:
            died = _killed(slot, point, load, export_id, without)
            tally.add("kills", died)
            tally.add("missed", not died, f"{point} was not passed")
        document = slot.settled(load, export_id, without=without, reaper=reaper, seconds=seconds)
    slot.cleared(load, document)
    tally.add("partial", observer.partial, f"{point} {export_id}")
    tally.add("doubled", observer.doubled, f"{point} {export_id}")
    wanted = Status.CANCELLED if point == "K22" else Status.SUCCEEDED
    return judged(slot, load, document, tally, wanted=wanted, expected=expected, note=point)


def judged(
    slot: Slot,
    load: Load,
    document: Document,
    tally: Tally,
    *,
    wanted: Status,
    expected: str,
    note: str,
) -> Tally:
    """Count what must not be: no result or two, other bytes, and things left in the bucket."""
    note = f"{note} {document['_id']} {document['status']} {document.get('error')}"
    tally.add("lost", document["status"] != wanted, note)
    tally.add("doubled", commits(document) > 1, note)
    result = document.get("result")
    named = set()
    if result:
        named = {result["manifestKey"], *(file["key"] for file in result["files"])}
    if document["status"] == wanted == Status.SUCCEEDED and not tally.counts["partial"]:
        tally.add("unlike", slot.digest(load, document) != expected, note)
    left = set(slot.left(load, document["_id"]))
    if document["status"] == wanted:
        tally.add("pending", len(left - named), f"{note} {sorted(left - named)}")
    return tally


def _killed_bridge(slot: Slot, point: str, load: Load, without: Sequence[str], tally: Tally) -> str:
    """Kill the bridge while it takes a request; the client asks again with the same key."""
    issuer = work.issuer()
    (slot.keys / "jwks.json").write_bytes(issuer.jwks())
    name = f"round-{random.SystemRandom().getrandbits(64):x}"
    token = issuer.token(sub=name, scope=SCOPES, campaigns=["*"])
    body = {"type": load.name, "params": load.asked, "key": f'"{name}"'}
    order = arm(slot.orders, point)
    codes: list[int | None] = []
    while len(codes) < TRIES and 0 not in codes:
        child = slot.child(work.ask, slot.env(load), slot.keys, token, body, without)
        child.join(PATIENCE_SECONDS)
        codes.append(child.exitcode)
    tally.add("kills", codes[0] == -signal.SIGKILL)
    tally.add("missed", order.exists() or codes[-1] != 0, f"{point} {codes}")
    ours = slot.stores[load.large].exports.page({"requestedBy.subject": name}, limit=10)
    tally.add("lost", not ours, f"{point}: nothing was stored")
    tally.add("doubled", max(0, len(ours) - 1), f"{point}: stored {len(ours)} times")
    return str(ours[0]["_id"]) if ours else slot.asked(load)


def _killed(slot: Slot, point: str, load: Load, export_id: str, without: Sequence[str]) -> bool:
    """Let the export come to the point; whether a process died there."""
    order = arm(slot.orders, point)
    if point in LAUNCH:
        dead = _launched(slot, load)
    elif point == "K24":
        _dead(slot, load, export_id, without)
        dead = _reaped(slot, load)
    else:
        attempt = slot.dispatched(load, export_id)
        if point in {"K22", "K23"}:
            arm(slot.orders, "K11", "stop" if point == "K22" else "end")
        dead = slot.work(load, export_id, attempt, without)
        if point == "K22":
            _cancelled(slot, load, export_id, dead)
        dead.join(PATIENCE_SECONDS)
    killed = not order.exists() and dead.exitcode == -signal.SIGKILL
    order.unlink(missing_ok=True)
    if killed:
        slot.outlived(load, export_id, dead)
    return killed


def _launched(slot: Slot, load: Load) -> BaseProcess:
    """The sensor and the daemon, over a server that begins what they ask for."""

    def start(run_id: str) -> None:
        export_id, _, attempt = run_id.rpartition("-")
        slot.work(load, export_id, int(attempt))

    with run_workers(start) as port:
        child = slot.child(work.launch, slot.env(load), port)
        child.join(PATIENCE_SECONDS)
    return child


def _dead(slot: Slot, load: Load, export_id: str, without: Sequence[str]) -> None:
    """Let a worker die, and its lease run out."""
    arm(slot.orders, "K10")
    attempt = slot.dispatched(load, export_id)
    worker = slot.work(load, export_id, attempt, without)
    worker.join(PATIENCE_SECONDS)
    slot.outlived(load, export_id, worker)
    _lease_over(slot, load, export_id)


def _reaped(slot: Slot, load: Load) -> BaseProcess:
    child = slot.child(work.reap, slot.env(load))
    child.join(PATIENCE_SECONDS)
    return child


def _lease_over(slot: Slot, load: Load, export_id: str) -> None:
    life = slot.life(load)
    eventually(lambda: export_id in {d["_id"] for d in life.abandoned(after=None, limit=10)})


def _cancelled(slot: Slot, load: Load, export_id: str, worker: BaseProcess) -> None:
    """Cancel while the worker formats rows, and let it go on once it is frozen there."""
    _frozen(worker)
    slot.life(load).cancel(export_id, by="a person")
    _signal(worker, signal.SIGCONT)


def zombie_round(
    slot: Slot, point: str, draw: random.Random, *, without: Sequence[str] = ()
) -> Tally:
    """Freeze a worker past its lease, let another take the export, and wake the first.

    In every second round the export is held by the second worker when the first one wakes, else it
    has been finished by it.
    """
    load = draw.choice(SMALL)
    expected, tally = slot.faultless(load), Tally()
    held = draw.random() < 0.5
    export_id, frozen = _asleep(slot, load, point, without)
    with Observer(slot.stores[False], slot.objects, export_id) as observer:
        _lease_over(slot, load, export_id)
        document = (_woken_while_held if held else _woken_afterwards)(
            slot, load, export_id, frozen, tally
        )
    tally.add("zombies", 1)
    note = f"zombie at {point}, {'held' if held else 'finished'}"
    tally.add("partial", observer.partial, note)
    tally.add("doubled", observer.doubled, note)
    wanted = Status.SUCCEEDED
    return judged(slot, load, document, tally, wanted=wanted, expected=expected, note=note)


def _asleep(slot: Slot, load: Load, point: str, without: Sequence[str]) -> tuple[str, BaseProcess]:
    """An export and its worker, which is frozen at a point.

    On a machine that stands still for two seconds a worker stops itself before it comes there; then
    another export is taken.
    """
    for _ in range(TRIES):
        export_id = slot.asked(load)
        arm(slot.orders, point, "stop")
        attempt = slot.dispatched(load, export_id)
        worker = slot.work(load, export_id, attempt, without, work.TIMING)
        if _frozen(worker):
            return export_id, worker
    raise AssertionError(f"no worker came to {point}")


def _woken_while_held(
    slot: Slot, load: Load, export_id: str, frozen: BaseProcess, tally: Tally
) -> Document:
    """The second worker is this process: it has the lease and does nothing with it."""
    life = slot.life(load)
    for dead in life.abandoned(after=None, limit=10):
        life.rescue(dead, 0.0)
    attempt = slot.dispatched(load, export_id)
    second = life.start(export_id, attempt, owner="second", run_id="second")
    assert second is not None
    token = second["lease"]["token"]
    _signal(frozen, signal.SIGCONT)
    while frozen.is_alive():
        frozen.join(0.2)
        stolen = slot.found(load, export_id)["lease"] is None
        if stolen:
            break
        life.beat(export_id, token, {})
    frozen.join(PATIENCE_SECONDS)
    now = slot.found(load, export_id)
    stale = (now["lease"] or {}).get("token") != token or now["result"] is not None
    tally.add("stale", stale, f"{export_id}: {now['status']} by the first worker")
    if not stale:
        life.release(export_id, token)
    return slot.settled(load, export_id)


def _woken_afterwards(
    slot: Slot, load: Load, export_id: str, frozen: BaseProcess, tally: Tally
) -> Document:
    done = slot.settled(load, export_id)
    _signal(frozen, signal.SIGCONT)
    frozen.join(PATIENCE_SECONDS)
    now = slot.found(load, export_id)
    tally.add("stale", now != done, f"{export_id}: the document changed after its end")
    return now


def _frozen(worker: BaseProcess) -> bool:
    """Wait until a process is stopped; False when it has ended instead."""
    status = Path(f"/proc/{worker.pid}/stat")
    while worker.is_alive():
        with suppress(OSError):
            if status.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T":
                return True
        CLOCK.sleep(LOOK_SECONDS)
    return False


def _signal(worker: BaseProcess, number: signal.Signals) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, number)


def seeded(seed: int, name: str, number: int) -> random.Random:
    """The draws of one round, the same for the same seed."""
    return random.Random(f"{seed} {name} {number}")  # noqa: S311 - to be replayed
