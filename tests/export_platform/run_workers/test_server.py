"""The parent of the workers as a real process, with what Dagster calls at the other end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import LaunchRunContext, WorkerStatus

from export_platform.run_workers.launcher import WarmRunLauncher
from export_platform.run_workers.pool import State
from resources.clock import SystemClock
from tests.waiting import eventually

CLOCK = SystemClock()
LIMITS = [
    {"key": "backfill", "limit": 2},
    {"key": "lane", "value": "large", "limit": 1, "niceness": 7},
]


@pytest.fixture
def port() -> int:
    """A free one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def server(
    port: int, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[subprocess.Popen[bytes]]:
    """A running parent with toy workers."""
    module, options = "tests.export_platform.run_workers.toy", getattr(request, "param", [])
    command = [sys.executable, "-m", module, str(port), str(tmp_path), *options]
    with subprocess.Popen(command) as process:
        try:
            eventually(lambda: _accepts(port), 20)
            yield process
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def launcher(port: int, server: subprocess.Popen[bytes]) -> Iterator[WarmRunLauncher]:
    """The launcher, as part of an instance."""
    assert server.pid
    with dg.DagsterInstance.ephemeral() as instance:
        made = WarmRunLauncher(port, LIMITS)
        made.register_instance(instance)
        yield made


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def launched(launcher: WarmRunLauncher, run_id: str, **tags: str) -> dg.DagsterRun:
    """A run that was handed over."""
    started = dg.DagsterRunStatus.STARTED
    run = dg.DagsterRun(job_name="toy", run_id=run_id, status=started, tags=tags)
    launcher._instance.add_run(run)
    launcher.launch_run(LaunchRunContext(run, None))
    return run


def health(launcher: WarmRunLauncher, run: dg.DagsterRun) -> WorkerStatus:
    """What Dagster's monitoring would see."""
    return launcher.check_run_worker_health(run).status


def becomes(status: WorkerStatus, launcher: WarmRunLauncher, run: dg.DagsterRun) -> None:
    """Wait for it."""
    eventually(lambda: health(launcher, run) is status, 20)


def worker_of(folder: Path, run_id: str) -> int:
    """The process that has it."""
    written = folder / run_id
    eventually(lambda: written.exists() and written.read_text(encoding="utf-8"), 10)
    return int(written.read_text(encoding="utf-8"))


def test_runs_share_a_worker_one_after_another(launcher: WarmRunLauncher, tmp_path: Path) -> None:
    """That is what makes them quick; after three runs a toy worker is replaced."""
    pids = []
    for number in range(4):
        run = launched(launcher, f"run-{number}")
        pids.append(worker_of(tmp_path, run.run_id))
        becomes(WorkerStatus.SUCCESS, launcher, run)

    assert 2 <= len(set(pids)) <= 3
    assert all(pid != os.getpid() for pid in pids)


def test_a_dead_worker_is_noticed_and_replaced(launcher: WarmRunLauncher, tmp_path: Path) -> None:
    """By a kill from outside as by its own end."""
    killed, died = launched(launcher, "sleep-1"), launched(launcher, "die-1")
    os.kill(worker_of(tmp_path, "sleep-1"), signal.SIGKILL)
    worker_of(tmp_path, "die-1")

    for run in (killed, died):
        becomes(WorkerStatus.FAILED, launcher, run)
    after = launched(launcher, "run-after")
    becomes(WorkerStatus.SUCCESS, launcher, after)


def test_a_run_is_ended_by_its_name(launcher: WarmRunLauncher, tmp_path: Path) -> None:
    """And only that one; what is over cannot be ended."""
    first, second = launched(launcher, "sleep-1"), launched(launcher, "sleep-2")
    worker_of(tmp_path, "sleep-1")
    worker_of(tmp_path, "sleep-2")

    assert launcher.terminate(first.run_id)

    becomes(WorkerStatus.FAILED, launcher, first)
    assert WorkerStatus.RUNNING is health(launcher, second)
    assert not launcher.terminate("unheard-of")


def test_what_nobody_knows_is_not_found(launcher: WarmRunLauncher) -> None:
    """Such as a run of workers that were started again since."""
    stranger = dg.DagsterRun(job_name="toy", run_id="stranger")

    assert WorkerStatus.NOT_FOUND is health(launcher, stranger)


def test_the_end_of_the_parent_ends_the_workers(
    launcher: WarmRunLauncher, server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """By SIGTERM, which a run can answer; nothing is left running."""
    launched(launcher, "sleep-1")
    pid = worker_of(tmp_path, "sleep-1")

    server.terminate()

    assert 0 == server.wait(20)
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 10)


@pytest.mark.parametrize("server", [["--stopped-while-giving"]], indirect=True)
def test_a_parent_that_ends_while_it_hands_out_a_run_ends_that_one_too(
    launcher: WarmRunLauncher, server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Its worker has the run, and the parent has not yet noted which worker has it."""
    launched(launcher, "sleep-1")
    pid = worker_of(tmp_path, "sleep-1")

    assert 0 == server.wait(20)
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 10)


def test_a_launch_without_workers_fails_and_says_what_to_do(port: int) -> None:
    """The run is marked failed at once, and the export is tried again."""
    with dg.DagsterInstance.ephemeral() as instance:
        alone = WarmRunLauncher(port)
        alone.register_instance(instance)

        with pytest.raises(Exception, match="start them again"):
            launched(alone, "run-1")
        # Nobody was asked, so nobody knows: what runs must not be marked failed for that.
        stranger = dg.DagsterRun(job_name="toy", run_id="x")
        assert WorkerStatus.RUNNING is health(alone, stranger)


def test_the_tags_of_a_run_decide_its_lane(launcher: WarmRunLauncher, tmp_path: Path) -> None:
    """As the queued coordinator's limits would in production; a small run passes a large one."""
    first = launched(launcher, "sleep-1", lane="large")
    worker_of(tmp_path, "sleep-1")
    second = launched(launcher, "run-2", lane="large")
    others = [launched(launcher, "run-3", lane="small"), launched(launcher, "run-4", backfill="x")]

    for run in others:
        becomes(WorkerStatus.SUCCESS, launcher, run)
    assert State.WAITING == launcher.check_run_worker_health(second).msg
    launcher.terminate(first.run_id)
    becomes(WorkerStatus.SUCCESS, launcher, second)


def test_a_run_of_a_lane_stands_back_as_far_as_the_lane_says(
    launcher: WarmRunLauncher, tmp_path: Path
) -> None:
    """Three large exports would else have most of the processors for as long as they run."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    launched(launcher, "sleep-1", lane="large")
    launched(launcher, "sleep-2")

    large, small = (worker_of(tmp_path, run) for run in ("sleep-1", "sleep-2"))

    # There is nothing behind 19, where the tests themselves may run.
    assert min(before + 7, 19) == os.getpriority(os.PRIO_PROCESS, large)
    assert before == os.getpriority(os.PRIO_PROCESS, small)
