"""The supervisor where services depend on each other, over small real processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from export_platform.local import kernel
from export_platform.local.processes import Service, Supervisor

LISTEN = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""
# Starts a child of its own, as the code server starts run workers, and cannot be told to stop it.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def _always(_: int) -> bool:
    return True


def _service(  # a listener unless told otherwise
    name: str,
    data: Path,
    *,
    code: str = LISTEN,
    healthy: Callable[[int], bool] = _always,
    follows: Callable[[], Mapping[str, str]] = dict,
    after: tuple[str, ...] = (),
    listens: bool = True,
) -> Service:
    return Service(
        name=name,
        command=lambda port: [sys.executable, "-c", code, str(port)],
        healthy=healthy,
        data=data,
        follows=follows,
        after=after,
        listens=listens,
        start_seconds=10.0,
        stop_seconds=5.0,
    )


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    """Makes supervisors over one folder; whatever they started is stopped at the end."""
    made: list[Supervisor] = []

    def make(*services: Service) -> Supervisor:
        made.append(Supervisor(tmp_path, services))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.down()


def test_a_service_waits_for_the_one_it_needs(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    """A daemon that finds no code server looks again only a minute later."""
    first_is_well: list[float] = []

    def slow(_: int) -> bool:
        well = (tmp_path / "second.started").exists() or time.monotonic() > started + 0.5
        if well and not first_is_well:
            first_is_well.append(time.monotonic())
        return well

    started = time.monotonic()
    supervisor = supervise(
        _service("first", tmp_path / "first", healthy=slow),
        _service("second", tmp_path / "second", after=("first",)),
    )
    supervisor.up()

    second = kernel.identity(supervisor.status()[1].pid or 0)
    assert second is not None
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    age = uptime - second.started / os.sysconf("SC_CLK_TCK")
    assert age <= time.monotonic() - first_is_well[0] + 0.05


def test_a_service_follows_an_address_that_has_moved(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    """One that still talks to the old address is healthy and useless."""
    address = {"WHERE": "here"}
    supervisor = supervise(_service("one", tmp_path / "one", follows=lambda: address))
    supervisor.up()
    before = supervisor.status()[0].pid

    supervisor.up()
    assert before == supervisor.status()[0].pid

    address["WHERE"] = "there"
    supervisor.up()
    after = supervisor.status()[0].pid
    assert before != after
    assert b"WHERE=there\0" in Path(f"/proc/{after}/environ").read_bytes()


def test_what_is_followed_is_not_written_down(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    """The variables of a service hold its secrets; the state file is for anybody."""
    supervisor = supervise(
        _service("one", tmp_path / "one", follows=lambda: {"SECRET": "canary-4711"})
    )
    supervisor.up()

    assert "canary-4711" not in (tmp_path / "stack.json").read_text(encoding="utf-8")


def test_a_service_without_a_port_is_asked_for_its_health_only(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    """A daemon only calls others; waiting for it to listen would be waiting for ever."""
    supervisor = supervise(
        _service("quiet", tmp_path / "q", code="import time; time.sleep(600)", listens=False)
    )

    supervisor.up()

    assert "healthy" == supervisor.status()[0].state


def test_stopping_a_service_stops_what_it_started(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    """A run worker that outlives `down` would write into a database that is gone."""
    supervisor = supervise(_service("parent", tmp_path / "p", code=PARENT, listens=False))
    supervisor.up()
    log = tmp_path / "logs" / "parent.log"
    while not log.read_bytes().strip():
        time.sleep(0.02)
    child = kernel.identity(int(log.read_text(encoding="ascii")))
    assert child is not None

    supervisor.down()

    assert not kernel.is_alive(child)


def test_a_session_without_its_leader_is_nobodys() -> None:
    """Its id may name a session of somebody else by now, which must not be touched."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", PARENT], os.environ, setsid=True)
    leader = kernel.identity(pid)
    assert leader is not None
    while not (members := kernel.session_of(leader)):
        time.sleep(0.02)

    kernel.send(leader, signal.SIGKILL)
    kernel.wait_for_end(leader, 5.0)

    assert [] == kernel.session_of(leader)
    assert kernel.is_alive(members[0])
    kernel.send(members[0], signal.SIGKILL)
