"""Real processes killed with SIGKILL: the export still ends in exactly one right file."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent
from dagster._core.storage.tags import SENSOR_NAME_TAG

from assets.factory import ATTEMPT_TAG, EXPORT_TAG
from assets.life import ExportLife
from assets.model.lifecycle import WAITING, Timing, run_key
from export_platform.commands.client import Export
from export_platform.commands.fetching import fetch
from export_platform.commands.verify import proved
from export_platform.local import kernel
from export_platform.local.deployment import CODE, DAEMON, WORKERS
from export_platform.local.seed.catalog import pack_named
from export_platform.local.seed.loader import lake_client, load
from resources.clock import SystemClock
from resources.wiring import environment
from sensors.outcomes import LAUNCH_SECONDS, RUN_KEY_TAG
from sensors.requests import LISTENERS
from tests.e2e.platform import Platform
from tests.waiting import eventually

CAMPAIGN = "small-2026"
# Large enough that an export takes seconds and its upload has more than one part.
ENTRIES = 12_000
TRIES = 5
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def crowd(platform: Platform) -> str:
    """A campaign whose export takes seconds; its key."""
    load(
        pack_named("small", entries=ENTRIES),
        mongo_uri=platform.env[environment.MONGODB_URI],
        database=platform.env[environment.MONGODB_DATABASE],
        s3=lake_client(platform.env[environment.AWS_ENDPOINT_URL_S3]),
    )
    return CAMPAIGN


def uploading(platform: Platform, export_id: str) -> bool:
    """Whether bytes of an export are on their way."""
    progress = (platform.stores.exports.find(export_id) or {}).get("progress") or {}
    return int(progress.get("bytes") or 0) > 100_000


def asked(platform: Platform, crowd: str, **params: object) -> Export:
    """An export of everything: many bytes, and slow, since JSON Lines are made in Python."""
    return platform.ask("entries", crowd, format="jsonl", compression="none", **params)


def midway(platform: Platform, crowd: str) -> tuple[Export, kernel.Identity]:
    """An export in the middle of its upload, and its worker, which is frozen.

    Frozen at once: what is looked at before a kill takes a busy machine longer than the rest of the
    export. Progress is told once a second, in which one may end: then another one is asked for.
    """
    for _ in range(TRIES):
        export = asked(platform, crowd)
        eventually(lambda: uploading(platform, export.id))  # noqa: B023 - called at once
        worker = platform.worker_of(export.id)
        process = kernel.identity(worker) if worker is not None else None
        if process is None:
            continue
        kernel.send(process, signal.SIGSTOP)
        if platform.worker_of(export.id) == worker:
            return export, process
        kernel.send(process, signal.SIGCONT)
    raise AssertionError("each export had ended before it was hit")


def is_begun(platform: Platform, export_id: str, attempt: int) -> bool:
    """Whether a worker has begun an attempt, which may be over by now."""
    document = platform.stores.exports.find(export_id) or {}
    return document["attempt"] == attempt and document["status"] not in WAITING


def objects_of(platform: Platform, export_id: str) -> set[str]:
    """The keys of everything stored for an export."""
    return {key for key in platform.object_store.keys("exports/") if f"/export={export_id}/" in key}


def one_result(platform: Platform, export: Export, folder: Path) -> dict[str, Any]:
    """The document of a succeeded export, after everything about its result was proved."""
    document = platform.stores.exports.find(export.id)
    assert document is not None
    result = platform.result(export.id)
    named = {result["manifestKey"], *(each["key"] for each in result["files"])}
    fetch(platform.client, export, folder)
    assert proved(folder)[1] == []
    assert objects_of(platform, export.id) == named
    return dict(document)


def actions(document: Mapping[str, Any]) -> list[str]:
    """What has been done with an export."""
    return [entry["action"] for entry in document.get("audit", ())]


@pytest.fixture(autouse=True)
def whole_again(platform: Platform) -> Iterator[None]:
    """Start again whatever a test killed."""
    yield
    platform.restart()


def test_a_run_worker_killed_in_the_middle_of_an_upload_costs_one_attempt(
    platform: Platform, crowd: str, tmp_path: Path
) -> None:
    """Nobody does anything after the kill: the lease runs out and the next attempt succeeds."""
    whole = platform.ended(asked(platform, crowd))[0]

    export, worker = midway(platform, crowd)
    kernel.send(worker, signal.SIGKILL)
    ended = platform.ended(export)[0]

    document = one_result(platform, ended, tmp_path)
    assert (ended.status, document["attempt"], document["rescues"]) == ("succeeded", 2, 1)
    assert [f["sha256"] for f in document["result"]["files"]] == [
        f["sha256"] for f in platform.result(whole.id)["files"]
    ]


def test_a_code_server_killed_alone_leaves_its_worker_one_result(
    platform: Platform, crowd: str, tmp_path: Path
) -> None:
    """The worker lives on and needs none; the test above shows what a second attempt looks like.

    `python -m tests.faults.neighbours` kills the parent of the workers, too, and doubles the
    daemon, each once more without the guard.
    """
    code = kernel.identity(platform.pids()[CODE])
    assert code is not None
    export, worker = midway(platform, crowd)
    kernel.send(code, signal.SIGKILL)
    assert kernel.wait_for_end(code, 10.0)
    assert kernel.is_alive(worker)
    kernel.send(worker, signal.SIGCONT)
    ended = platform.ended(export)[0]

    document = one_result(platform, ended, tmp_path)
    succeeded = actions(document).count("succeeded")
    assert (ended.status, document["attempt"], succeeded) == ("succeeded", 1, 1)


def test_a_daemon_killed_between_claim_and_launch_loses_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    """The claim is in MongoDB, the launch is nowhere: it is asked for again with the same key."""
    platform.kill(platform.pids()[DAEMON])
    export = platform.ask("waitlist", "aurora-lights-2026")
    # What the sensor does first; the daemon that would have launched the run is dead. Its last look
    # may still be under way in the code server, and be the one that claims.
    life = ExportLife(platform.stores.exports, timing=Timing().scaled(0.1))
    life.dispatch(export.id, by=LISTENERS[0])
    claimed = platform.stores.exports.find(export.id)
    assert claimed is not None
    assert ("dispatched", 1) == (claimed["status"], claimed["attempt"])

    platform.restart()
    ended = platform.ended(export)[0]

    document = one_result(platform, ended, tmp_path)
    assert (ended.status, document["attempt"]) == ("succeeded", 1)


def test_a_run_that_could_not_be_launched_gives_its_export_back(
    platform: Platform, tmp_path: Path
) -> None:
    """The parent of the workers is frozen: Dagster gives the run up, and the export does not wait.

    Once it wakes it is told of the first run, too, which nobody waits for any more.
    """
    workers = platform.pids()[WORKERS]
    platform.kill(workers, signal.SIGSTOP)
    export = platform.ask("waitlist", "aurora-lights-2026")

    eventually(lambda: "recalled" in actions(platform.stores.exports.find(export.id) or {}))
    platform.kill(workers, signal.SIGCONT)
    ended = platform.ended(export)[0]

    document = one_result(platform, ended, tmp_path)
    assert (ended.status, actions(document).count("succeeded")) == ("succeeded", 1)


def test_a_run_that_no_worker_was_told_of_gives_its_export_back(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon died after it had said that it starts: the workers are asked, and know none."""
    platform.kill(platform.pids()[DAEMON])
    export = claimed(platform)
    home = platform.home / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        starting(instance, export)

    platform.restart()
    ended = platform.ended(export)[0]

    document = one_result(platform, ended, tmp_path)
    assert (ended.status, actions(document).count("recalled")) == ("succeeded", 1)


def claimed(platform: Platform) -> Export:
    """An export that is claimed and not launched, while the daemon is dead.

    Its last look may still be under way in the code server, and claim one itself, for which the
    next daemon asks again at once.
    """
    life = ExportLife(platform.stores.exports, timing=Timing())
    for number in range(1, TRIES + 1):
        export = platform.ask("waitlist", "aurora-lights-2026", top_n=number)
        if life.dispatch(export.id, by=LISTENERS[0]) is not None:
            return export
    raise AssertionError("each export was claimed by a look of the dead daemon")


def starting(instance: dg.DagsterInstance, export: Export) -> None:
    """Note a run of an export's first attempt as Dagster does before it calls the launcher.

    By the sensor's name Dagster knows that it need not launch the run once more.
    """
    of_export = {EXPORT_TAG: export.id, ATTEMPT_TAG: "1"}
    tags = {RUN_KEY_TAG: run_key(export.id, 1), SENSOR_NAME_TAG: LISTENERS[0], **of_export}
    status = dg.DagsterRunStatus.STARTING
    run = dg.DagsterRun(job_name="export_waitlist", run_id=str(uuid4()), status=status, tags=tags)
    instance.add_run(run)
    said = DagsterEvent("PIPELINE_STARTING", job_name=run.job_name)
    at = CLOCK.now().timestamp() - LAUNCH_SECONDS
    instance.store_event(dg.EventLogEntry(None, 20, "", run.run_id, at, dagster_event=said))


def test_a_frozen_worker_that_wakes_after_its_lease_changes_nothing(
    platform: Platform, crowd: str, tmp_path: Path
) -> None:
    """SIGSTOP past the lease, a second attempt, SIGCONT: one result, and it is the second's."""
    export, frozen = midway(platform, crowd)

    eventually(lambda: is_begun(platform, export.id, 2))
    kernel.send(frozen, signal.SIGCONT)
    ended = platform.ended(export)[0]

    document = one_result(platform, ended, tmp_path)
    assert (ended.status, document["attempt"]) == ("succeeded", 2)
    assert "/a2-" in document["result"]["manifestKey"]


def test_a_cancelled_export_ends_without_a_file(platform: Platform, crowd: str) -> None:
    """The worker sees the wish at its next heartbeat and leaves nothing behind."""
    export, worker = midway(platform, crowd)
    platform.client.cancel(export.id)
    kernel.send(worker, signal.SIGCONT)
    ended = platform.ended(export)[0]

    assert ended.status == "cancelled"
    assert objects_of(platform, export.id) == set()
