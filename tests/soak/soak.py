"""The soak itself: a platform of its own, the load, a kill a minute, and what is looked at."""

import random
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import boto3

from assets.model.policy import PII_SCOPES
from assets.steps.manifest import verify
from export_platform.commands.client import BridgeClient
from export_platform.commands.fetching import read_manifest
from export_platform.local import kernel
from export_platform.local.deployment import BRIDGE, CODE, DAEMON, WORKERS, Deployment
from export_platform.local.issuer import BASE_SCOPES
from export_platform.local.processes import NotStartedError
from resources.clock import SystemClock
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.wiring import environment
from tests.deployed import deployed
from tests.soak.judge import LEAST_SECONDS, Outcome, Sample, slopes
from tests.soak.load import Asked, Load

CLOCK = SystemClock()
# Leases of 18 s: a dead worker is noticed within the minute until the next kill.
VARIABLES = {"EXPORT_TIMING_FACTOR": "0.3"}
ENTRIES = 12_000  # an export of them takes seconds and goes up in parts
LOOK_SECONDS, SAMPLE_SECONDS, KILL_SECONDS = 0.5, 10.0, 60.0
RENEW_SECONDS = 1_800.0  # a token lives an hour
# What is live when the time is over, or was left behind, has so long to end.
PATIENCE_SECONDS = 600.0
TRIES = 5
# Two of three kills hit a worker in the middle of an export. In the second half all do, so that the
# other processes live long enough for their memory to be judged.
TURNS = (WORKERS, WORKERS, CODE, WORKERS, WORKERS, DAEMON, WORKERS, WORKERS, BRIDGE)
# What keeps data in memory in place of AWS, MongoDB and partners: shown and not judged.
STAND_INS = frozenset({"mongo", "s3", "athena", "codes", "entries", "marketing-cloud"})
LARGEST = "largest worker"

Note = Callable[[str], None]


class Soak:
    """One soak over one deployment.

    Args:
        deployment: Is up.
        stores: MongoDB, beside the platform.
        objects: The bucket of the exports, beside the platform.
        seed: Of the load and of the kills.
        note: Takes a line for people.
    """

    def __init__(
        self,
        deployment: Deployment,
        stores: MongoStores,
        objects: ObjectStore,
        *,
        seed: int,
        note: Note,
    ) -> None:
        self.samples: list[Sample] = []
        self._deployment, self._stores, self._objects = deployment, stores, objects
        self._draw, self._note = random.Random(seed), note  # noqa: S311 - to be replayed
        self._kills = 0
        self._began = CLOCK.monotonic()
        self._s3 = boto3.client(
            "s3", endpoint_url=deployment.places().environment[environment.AWS_ENDPOINT_URL_S3]
        )

    def run(self, seconds: float) -> Outcome:
        """Load and kill for so long, wait for the end of all, and judge."""
        url = self._deployment.places().bridge_url
        with BridgeClient(url, self._token()) as client:
            load = Load(client, self._stores, self._draw.randrange(10**9))
            self._loaded(load, seconds, lambda: client.renew(self._token()))
            self._note(f"{len(load.asked)} asked for; no more, {len(load.live)} still live")
            until = CLOCK.monotonic() + PATIENCE_SECONDS
            while (load.live or load.waiting) and CLOCK.monotonic() < until:
                load.look(more=False)
                CLOCK.sleep(LOOK_SECONDS)
        return self._judged(load, seconds)

    def _token(self) -> str:
        return self._deployment.issuer.token(subject="soak", scopes=(*BASE_SCOPES, *PII_SCOPES))

    def _loaded(self, load: Load, seconds: float, renew: Callable[[], None]) -> None:
        sample = kill = renewed = 0.0
        while (now := CLOCK.monotonic() - self._began) < seconds:
            if now >= renewed + RENEW_SECONDS:
                renew()
                renewed = now
            load.look(more=True)
            if now >= sample:
                self._sample(now)
                sample = now + SAMPLE_SECONDS
            # The first after half a minute: then there is something to be lost.
            if now >= kill + KILL_SECONDS / 2:
                self._kill(load, TURNS if now < seconds / 2 else (WORKERS,))
                kill = now + KILL_SECONDS / 2
            CLOCK.sleep(LOOK_SECONDS)

    # ── kills ──

    def _kill(self, load: Load, turns: Sequence[str]) -> None:
        turn = turns[self._kills % len(turns)]
        pid = self._worker(load) if turn == WORKERS else self._pids().get(turn)
        process = kernel.identity(pid) if pid is not None else None
        if process is None or not kernel.send(process, signal.SIGKILL):
            return
        self._kills += 1
        self._note(f"killed {turn} {pid}; {len(load.asked)} asked, {len(load.live)} live")
        if turn != WORKERS:
            self._up()

    def _worker(self, load: Load) -> int | None:
        """A worker in the middle of an export that nothing has happened to yet.

        An export whose third worker dies is quarantined, rightly; then it has not been lost.
        """
        at_work = [load.found(one.id) for one in load.live]
        owners = [
            str((one.get("lease") or {}).get("owner"))
            for one in at_work
            if one.get("lease") and not one.get("rescues")
        ]
        members = {each.pid for each in self._workers()}
        # As a worker signs its lease: host and process id; a sensor signs otherwise.
        signed = [re.fullmatch(r"[^:]+:([0-9]+)", owner) for owner in owners]
        at_it = members.intersection(int(one[1]) for one in signed if one)
        found = sorted(at_it) or sorted(members)
        return self._draw.choice(found) if found else None

    def _up(self) -> None:
        """Start again what was killed, as a supervisor does; a busy machine may take longer."""
        for _ in range(TRIES):
            with suppress(NotStartedError):
                self._deployment.up()
                return
        raise NotStartedError("the platform did not come back")

    def _pids(self) -> dict[str, int]:
        status = self._deployment.status()
        return {each.name: each.pid for each in status if each.pid is not None}

    def _workers(self) -> list[kernel.Identity]:
        pid = self._pids().get(WORKERS)
        leader = kernel.identity(pid) if pid is not None else None
        return kernel.session_of(leader) if leader is not None else []

    # ── samples ──

    def _sample(self, now: float) -> None:
        for name, pid in self._pids().items():
            with suppress(OSError):  # it has ended meanwhile
                mb, files = _held(pid)
                self.samples.append(
                    Sample(at=now, name=name, life=f"{name} {pid}", mb=mb, files=files)
                )
        held = [(0.0, 0)]
        for each in self._workers():
            with suppress(OSError):
                held.append(_held(each.pid))
        mb, files = (max(values) for values in zip(*held, strict=True))
        self.samples.append(Sample(at=now, name=LARGEST, life=LARGEST, mb=mb, files=files))

    def _uploads(self) -> int:
        """Uploads that have begun and not ended; the server is asked, not our door."""
        bucket = self._deployment.places().environment[environment.EXPORTS_BUCKET]
        return len(self._s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []))

    # ── the end ──

    def _judged(self, load: Load, seconds: float) -> Outcome:
        documents = {one.id: load.found(one.id) for one in load.asked}
        named = _named(documents)
        self._cleared(named)
        left = set(self._objects.keys("exports/")) - named
        lost = [one for one in load.asked if documents[one.id].get("status") not in one.wanted]
        twice = [name for name, one in documents.items() if _successes(one) > 1]
        strange = self._strangers(documents)
        unlike = [one for one in load.asked if not self._proved(documents[one.id])]
        judged = [one for one in self.samples if one.name not in STAND_INS]
        return Outcome(
            seconds=seconds,
            exports=len(load.asked),
            kills=self._kills,
            lost=len(lost),
            doubled=len(twice) + len(strange) + len(left),
            unlike=len(unlike),
            pending_uploads=self._uploads(),
            mb=slopes([one for one in judged if one.name != LARGEST], "mb"),
            files=slopes(judged, "files"),
            largest_worker_mb=max((o.mb for o in judged if o.name == LARGEST), default=0.0),
            faults=(
                *(f"lost: {_told(one, documents[one.id])}" for one in lost),
                *(f"ended twice: {name}" for name in twice),
                *(f"nobody asked for {name}" for name in strange),
                *(f"no document names {key}" for key in sorted(left)),
                *(f"not as its manifest says: {one.id}" for one in unlike),
            ),
        )

    def _cleared(self, named: set[str]) -> None:
        """Wait for housekeeping, which comes by a minute after an export was cancelled."""
        until = CLOCK.monotonic() + PATIENCE_SECONDS / 2
        while CLOCK.monotonic() < until:
            left = set(self._objects.keys("exports/", unfinished=True)) - named
            if not left and not self._uploads():
                return
            CLOCK.sleep(1)

    def _strangers(self, documents: Mapping[str, Any]) -> list[str]:
        """Exports of ours that we have not asked for: a request that was taken twice."""
        mine = {"requestedBy.subject": "soak"}
        found = self._stores.exports.page(mine, limit=2 * len(documents) + 10)
        return [str(one["_id"]) for one in found if one["_id"] not in documents]

    def _proved(self, document: Mapping[str, Any]) -> bool:
        """Whether the files of a succeeded export are what its manifest says."""
        if document.get("status") != "succeeded" or document.get("deletedAt"):
            return True
        result = document["result"]
        body = b"".join(self._objects.read(result["manifestKey"]))
        manifest = read_manifest(body)
        return not verify(manifest, lambda entry: self._objects.read(entry.key))


def _held(pid: int) -> tuple[float, int]:
    """Resident memory in MB, and open files, of a process (proc(5)).

    Raises:
        ProcessLookupError: It has ended; one that nobody has waited for yet holds no memory.
        OSError: As above, or it is not ours.
    """
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    resident = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    if not resident:
        raise ProcessLookupError(pid)
    return int(resident[0]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _named(documents: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The keys that documents of succeeded exports name."""
    results = [
        one["result"]
        for one in documents.values()
        if one.get("status") == "succeeded" and not one.get("deletedAt")
    ]
    return {one["manifestKey"] for one in results} | {
        file["key"] for one in results for file in one["files"]
    }


def _successes(document: Mapping[str, Any]) -> int:
    return sum(entry.get("action") == "succeeded" for entry in document.get("audit", ()))


def _told(one: Asked, document: Mapping[str, Any]) -> str:
    code = (document.get("error") or {}).get("code")
    return f"{one.id} is {document.get('status')} {code or ''}, not {' or '.join(one.wanted)}"


def soaked(seconds: float, *, seed: int, note: Note) -> tuple[Outcome, list[Sample]]:
    """Soak a platform of its own; what came of it, and what was measured."""
    with deployed(ENTRIES, VARIABLES) as deployment:
        note("up; the load begins")
        env = deployment.places().environment
        with (
            closing(environment.mongo_stores(env)) as stores,
            closing(environment.object_store(env)) as objects,
        ):
            soak = Soak(deployment, stores, objects, seed=seed, note=note)
            if seconds < LEAST_SECONDS:
                note("too short for slopes to be judged; they are told")
            return soak.run(seconds), soak.samples
