"""`python -m tests.faults.neighbours`: what stands beside a worker dies alone, or is twice.

The code server, or the parent of the run workers, gets a SIGKILL while a worker is in the middle of
an export and lives on; and a second daemon with a code server of its own works on the same storage
and the same queue. Each export must be made by one attempt in one run, with one result.

`--controls` plays the scenes once more in copies of the sources without the guard: there an export
must be seen to be made twice, or the scenes would prove nothing.
"""

import argparse
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from assets.factory import EXPORT_TAG
from assets.life import Document
from assets.model.lifecycle import TERMINAL
from export_platform.commands.client import Export
from export_platform.local import kernel
from export_platform.local.deployment import CODE, DAEMON, WORKERS
from resources.clock import SystemClock
from tests.deployed import deployed
from tests.e2e.platform import Platform, opened
from tests.faults.patched import copied, run, taken_away
from tests.faults.slot import commits
from tests.waiting import eventually

CLOCK = SystemClock()
# As JSON lines they take ten seconds.
ENTRIES = 30_000
# A worker whose lease of 60 s is renewed every 10 s stops itself after 40 s.
FROZEN_SECONDS, THAWED_SECONDS = 15.0, 3.0
LARGE = ("entries", "small-2026", {"format": "jsonl", "compression": "none"})
SMALL = ("waitlist", "aurora-lights-2026")
MANY = 30
PATIENCE_SECONDS, LOOK_SECONDS = 600.0, 0.5
RUNS = (
    "select runs.run_id, status from runs join run_tags on runs.run_id = run_tags.run_id"
    " where key = ? and value = ?"
)
FAILED = (
    "select runs.update_timestamp from runs join run_tags on runs.run_id = run_tags.run_id"
    " where key = ? and value = ? and status = 'FAILURE'"
)
OUTCOMES = (
    "select count(*) from job_ticks where status in ('SUCCESS', 'SKIPPED')"
    " and tick_body like '%\"outcomes\"%' and timestamp > ?"
)
ORIGINS = (
    "select max(origins) from (select count(distinct job_origin_id) as origins"
    " from job_ticks group by selector_id)"
)
COPIED = (
    *("resources", "assets", "sensors", "export_platform", "api_bridge", "tests"),
    *("pyproject.toml", "dagster.yaml", "workspace.yaml"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the exports of a scene.

    Attributes:
        exports: How many were asked for.
        succeeded: How many of them have.
        attempts: How many attempts all of them took.
        runs: How many runs Dagster had for them.
        results: How often one of them has succeeded.
        left: Objects of theirs that no document names, and named ones that are not there.
    """

    exports: int
    succeeded: int
    attempts: int
    runs: int
    results: int
    left: int

    @property
    def good(self) -> bool:
        """Nothing lost and nothing twice."""
        once = {self.succeeded, self.attempts, self.runs, self.results}
        return once == {self.exports} and self.left == 0


def code_server(platform: Platform) -> Outcome:
    """The code server is killed, and comes back; the worker does not need it."""
    return _alone(platform, CODE)


def run_workers(platform: Platform) -> Outcome:
    """The parent of the workers is killed; its successor does not know their runs.

    Dagster therefore calls the run failed. That must not start a second attempt beside the first.
    """
    return _alone(platform, WORKERS)


def _alone(platform: Platform, name: str) -> Outcome:
    kind, campaign, params = LARGE
    export = platform.client.create(kind, {"campaign_id": campaign, **params}, fresh=True)
    eventually(lambda: platform.worker_of(export.id), PATIENCE_SECONDS)
    worker = platform.worker_of(export.id)
    platform.kill(platform.pids()[name])
    platform.restart()
    assert worker is not None
    assert kernel.identity(worker) is not None, "the worker died with it"
    if name == WORKERS:
        _judged(platform, export, kernel.identity(worker))
        assert not platform.client.export(export.id).done, "over too soon to prove anything"
    return _told(platform, [export])


def _judged(platform: Platform, export: Export, worker: kernel.Identity | None) -> None:
    """Wait until the outcome of a run that Dagster has called failed has been looked at.

    Most of the time the worker is frozen, never for as long as its lease: it must not be done yet.
    """
    assert worker is not None
    until = CLOCK.monotonic() + PATIENCE_SECONDS
    while not _is_judged(platform, export):
        assert CLOCK.monotonic() < until, "Dagster has not called the run failed"
        kernel.send(worker, signal.SIGSTOP)
        with suppress(AssertionError):
            eventually(lambda: _is_judged(platform, export), FROZEN_SECONDS)
        kernel.send(worker, signal.SIGCONT)
        CLOCK.sleep(THAWED_SECONDS)


def _is_judged(platform: Platform, export: Export) -> bool:
    """Whether a whole tick of the sensor of outcomes has begun since the failure."""
    failed = [row[0] for row in _rows(platform, "runs.db", FAILED, EXPORT_TAG, export.id)]
    return bool(failed) and _most(platform, "schedules.db", OUTCOMES, failed[0]) > 0


def daemons(platform: Platform) -> Outcome:
    """Two daemons find the same full queue at the same moment."""
    kind, campaign = SMALL
    with _twins(platform) as second:
        servers = (kernel.identity(platform.pids()[CODE]), second)
        _signalled(servers, signal.SIGSTOP)
        exports = [
            platform.client.create(kind, {"campaign_id": campaign}, fresh=True) for _ in range(MANY)
        ]
        _signalled(servers, signal.SIGCONT)
        return _told(platform, exports)


def _signalled(servers: Sequence[kernel.Identity | None], number: signal.Signals) -> None:
    for server in servers:
        assert server is not None
        kernel.send(server, number)


@contextmanager
def _twins(platform: Platform) -> Iterator[kernel.Identity | None]:
    """A second code server and a second daemon, both at work; the code server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    pids, begun = platform.pids(), list[subprocess.Popen[bytes]]()
    try:
        for name in (CODE, DAEMON):
            begun.append(_twin(pids[name], port))
        # Dagster tells the sensors of two code servers apart by their addresses.
        eventually(lambda: _most(platform, "schedules.db", ORIGINS) > 1, PATIENCE_SECONDS)
        yield kernel.identity(begun[0].pid)
    finally:
        for one in begun:
            one.kill()
            one.wait()


def _twin(pid: int, port: str) -> subprocess.Popen[bytes]:
    """The same program as a process with the same variables, but for the code server's port."""
    told = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    words = [port if before == "--port" else word for before, word in pairwise(["", *told])]
    variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")[:-1]
    env = dict(line.split("=", 1) for line in variables) | {"DAGSTER_GRPC_PORT": port}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, env=env, stdout=quiet, stderr=quiet)


def _told(platform: Platform, exports: list[Export]) -> Outcome:
    """Wait for the end of exports and count what they came to."""
    until = CLOCK.monotonic() + PATIENCE_SECONDS
    while not _is_told([_document(platform, one) for one in exports]):
        if CLOCK.monotonic() > until:
            break
        CLOCK.sleep(LOOK_SECONDS)
    documents = [_document(platform, one) for one in exports]
    results = [one["result"] for one in documents if one.get("result")]
    named = {one["manifestKey"] for one in results}
    named |= {file["key"] for one in results for file in one["files"]}
    prefixes = {f"export={one.id}/" for one in exports}
    stored = platform.object_store.keys("exports/", unfinished=True)
    found = {key for key in stored if any(prefix in key for prefix in prefixes)}
    return Outcome(
        exports=len(exports),
        succeeded=sum(one["status"] == "succeeded" for one in documents),
        attempts=sum(one["attempt"] for one in documents),
        runs=sum(len(_runs(platform, one)) for one in exports),
        results=sum(map(commits, documents)),
        left=len(found ^ named),
    )


def _is_told(documents: Sequence[Document]) -> bool:
    """Whether all have ended, or one is being made twice: without its guard that may never end."""
    doubled = any(one["attempt"] > 1 for one in documents)
    return doubled or all(one["status"] in TERMINAL for one in documents)


def _document(platform: Platform, export: Export) -> Document:
    return platform.stores.exports.find(export.id) or {}


def _runs(platform: Platform, export: Export) -> dict[str, str]:
    """The states of Dagster's runs for an export, by id."""
    return dict(_rows(platform, "runs.db", RUNS, EXPORT_TAG, export.id))


def _most(platform: Platform, file: str, query: str, *values: str) -> int:
    return int(_rows(platform, file, query, *values)[0][0] or 0)


def _rows(platform: Platform, file: str, query: str, *values: str) -> list[tuple[Any, ...]]:
    """What Dagster's own storage says."""
    storage = platform.home / "dagster" / file
    with closing(sqlite3.connect(f"file:{storage}?mode=ro", uri=True, timeout=30)) as opened:
        return list(opened.execute(query, values))


SCENES: Mapping[str, Callable[[Platform], Outcome]] = {
    "code-server": code_server,
    "run-workers": run_workers,
    "daemons": daemons,
}

# The guards of a scene: file, the text that guards, what stands there instead.
GUARDS = {
    # Only its lease ends an export that a worker holds, whatever Dagster says of the run.
    "run-workers": (
        (
            "sensors/decisions.py",
            'if status == "dispatched" and run_status in ("FAILURE", "SUCCESS"):',
            'if run_status in ("FAILURE", "SUCCESS"):',
        ),
        ("assets/moves/sensors.py", "only=Status.DISPATCHED", "only=None"),
    ),
    # A claim is of a queued export: who comes second finds it claimed.
    "daemons": (
        (
            "assets/model/lifecycle.py",
            "Move.DISPATCH: Transition(sources=(Status.QUEUED,),",
            "Move.DISPATCH: Transition(sources=WAITING,",
        ),
    ),
}


def controlled(scene: str, entries: int) -> bool:
    """Whether a scene goes wrong without its guards."""
    with tempfile.TemporaryDirectory() as folder:
        copied(Path(folder), COPIED)
        for guard in GUARDS[scene]:
            taken_away(Path(folder), *guard)
        words = ("tests.faults.neighbours", "--scenes", scene, f"--entries={entries}")
        gone = run(Path(folder), *words, seconds=2 * PATIENCE_SECONDS)
    sys.stdout.write(f"without its guards: {gone.stdout}{gone.stderr[-2000:]}")
    return "neighbours WRONG" in gone.stdout


def _played(scenes: Sequence[str], entries: int) -> bool:
    """Whether scenes that are played on one platform come out right."""
    good = True
    with deployed(entries) as deployment, opened(deployment) as platform:
        for name in scenes:
            outcome = SCENES[name](platform)
            sys.stdout.write(f"{name}: {outcome}\n")
            sys.stdout.flush()
            good = good and outcome.good
    return good


def main(argv: Sequence[str] | None = None) -> int:
    """Play the scenes; 1 if an export was lost or made twice, or a control was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.neighbours")
    parser.add_argument("--scenes", choices=SCENES, nargs="*", default=[*SCENES])
    parser.add_argument("--controls", action="store_true", help="once more without the guards")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="of the large export")
    said = parser.parse_args(argv)
    good = _played(said.scenes, said.entries) if said.scenes else True
    for name in GUARDS if said.controls else ():
        good = controlled(name, said.entries) and good
    sys.stdout.write(f"neighbours {'good' if good else 'WRONG'}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
