"""The supervisor, over small real processes."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from export_platform.local import kernel, processes
from export_platform.local.processes import NotStartedError, Service, Supervisor, free_port
from tests.waiting import Stopwatch

LISTEN = """
import signal, socket, sys, time
if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""


def listener(
    data: Path,
    *arguments: str,
    stop_seconds: float = 5.0,
    healthy: Callable[[int], bool] = lambda _: True,
) -> Service:
    """A service that only listens."""
    return Service(
        name="listener",
        command=lambda port: [sys.executable, "-c", LISTEN, str(port), *arguments],
        healthy=healthy,
        data=data,
        start_seconds=5.0,
        stop_seconds=stop_seconds,
    )


Make = Callable[[Service], Supervisor]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Make]:
    """Makes supervisors over one folder; whatever they started is stopped at the end."""
    made: list[Supervisor] = []

    def make(service: Service) -> Supervisor:
        made.append(Supervisor(tmp_path, [service]))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.down()


def test_a_running_service_is_kept(supervise: Make, tmp_path: Path) -> None:
    """`up` is typed often; it must not throw away warm servers."""
    supervisor = supervise(listener(tmp_path / "data"))
    supervisor.up()
    first = supervisor.status()[0]

    supervisor.up()

    assert supervisor.status() == [first]
    assert first.state == "healthy"


def test_a_busy_service_is_kept(supervise: Make, tmp_path: Path) -> None:
    """It does not answer at once, and a kill would take what it works at."""
    silences: list[bool] = []
    service = listener(tmp_path / "data", healthy=lambda _: not silences or silences.pop())
    supervisor = supervise(service)
    supervisor.up()
    first = supervisor.status()[0]

    silences.extend([False] * 3)
    supervisor.up()

    assert silences == []
    assert supervisor.status() == [first]


def test_a_mute_service_is_started_again(
    supervise: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: it lives, and never answers."""
    monkeypatch.setattr(processes, "_MUTE_SECONDS", 0.1)
    mute: list[kernel.Identity] = []
    service = listener(
        tmp_path / "data", healthy=lambda _: not any(kernel.is_alive(one) for one in mute)
    )
    supervisor = supervise(service)
    supervisor.up()
    known = kernel.identity(supervisor.status()[0].pid or 0)
    assert known is not None

    mute.append(known)
    supervisor.up()

    assert not kernel.is_alive(known)
    assert supervisor.status()[0].state == "healthy"


def test_another_command_finds_the_service_again(supervise: Make, tmp_path: Path) -> None:
    """`stack down` is another process than `stack up`: all it has is the state file."""
    supervise(listener(tmp_path / "data")).up()

    other = supervise(listener(tmp_path / "data"))

    assert other.status()[0].state == "healthy"
    other.down()
    assert other.status()[0].state == "stopped"


def test_two_commands_at_once_start_one_process(supervise: Make, tmp_path: Path) -> None:
    """Two test sessions or terminals may say `up` in the same second."""
    supervisors = [supervise(listener(tmp_path / "data")) for _ in range(4)]
    ports: list[int] = []
    threads = [
        threading.Thread(target=lambda s=s: ports.append(s.up()["listener"])) for s in supervisors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ports) == 4
    assert len(set(ports)) == 1


def test_a_port_is_kept_over_a_restart_while_it_is_free(supervise: Make, tmp_path: Path) -> None:
    """Clients that are running keep their address."""
    supervisor = supervise(listener(tmp_path / "data"))
    port = supervisor.up()["listener"]
    supervisor.down()

    assert supervisor.up()["listener"] == port


def test_a_taken_port_is_left_to_its_owner(supervise: Make, tmp_path: Path) -> None:
    """Between two starts anybody may have taken the port."""
    supervisor = supervise(listener(tmp_path / "data"))
    port = supervisor.up()["listener"]
    supervisor.down()

    with socket.create_server(("127.0.0.1", port)):
        moved = supervisor.up()["listener"]

    assert moved != port
    assert supervisor.status()[0].state == "healthy"


def test_a_stranger_with_a_reused_pid_is_never_killed(supervise: Make, tmp_path: Path) -> None:
    """A state file may be weeks old; its pid may be somebody's editor by now."""
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        known = kernel.identity(stranger.pid)
        assert known is not None
        state = '{{"listener": {{"pid": {}, "port": 1, "started": {}, "command": []}}}}'
        (tmp_path / "stack.json").write_text(state.format(stranger.pid, known.started - 1))

        supervise(listener(tmp_path / "data", stop_seconds=0.5)).down()
        assert stranger.poll() is None

        # Negative control: with the right start time it is ours, and it is ended.
        (tmp_path / "stack.json").write_text(state.format(stranger.pid, known.started))
        supervise(listener(tmp_path / "data", stop_seconds=0.5)).down()
        assert not kernel.is_alive(known)
    finally:
        stranger.kill()
        stranger.wait()


def test_a_service_that_ignores_the_request_to_stop_is_killed(
    supervise: Make, tmp_path: Path
) -> None:
    """A stop must end in bounded time."""
    supervisor = supervise(listener(tmp_path / "data", "--deaf", stop_seconds=0.3))
    supervisor.up()

    # It is deaf before it listens, and `up` has seen that it listens.
    began = time.monotonic()
    with Stopwatch() as watch:
        supervisor.down()

    assert supervisor.status()[0].state == "stopped"
    assert time.monotonic() - began > 0.25
    assert watch.seconds < 3


def test_a_killed_service_is_started_again(supervise: Make, tmp_path: Path) -> None:
    """The remedy for anything broken is to say `up` again."""
    supervisor = supervise(listener(tmp_path / "data"))
    port = supervisor.up()["listener"]
    running = supervisor.status()[0]
    assert running.pid is not None
    known = kernel.identity(running.pid)
    assert known is not None
    assert kernel.send(known, signal.SIGKILL)

    assert supervisor.up()["listener"] == port
    assert supervisor.status()[0].pid != running.pid


def test_a_service_that_does_not_start_shows_the_end_of_its_log(
    supervise: Make, tmp_path: Path
) -> None:
    """The reason is in the log of a detached process; nobody should have to look for it."""
    broken = Service(
        name="broken",
        command=lambda _port: [sys.executable, "-c", "raise SystemExit('no licence for this')"],
        healthy=lambda _port: True,
        data=tmp_path / "data",
        start_seconds=5.0,
    )

    with pytest.raises(NotStartedError, match="no licence for this"):
        supervise(broken).up()


def test_a_reset_removes_data_and_state(supervise: Make, tmp_path: Path) -> None:
    """After a reset the next start is the first one."""
    supervisor = supervise(listener(tmp_path / "data"))
    supervisor.up()
    (tmp_path / "data" / "kept").touch()

    supervisor.reset()

    assert not (tmp_path / "data").exists()
    assert supervisor.ports() == {}


def test_a_port_that_another_process_listens_on_is_not_ours() -> None:
    """A foreign server that answers the health check must not pass for the service."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert not kernel.owns_port(1, port)
    assert free_port() > 0
