"""The whole platform on one machine: the embedded stack, Dagster and the bridge (DESIGN.md 5).

Dagster's three processes and the bridge are started here, as in production but on loopback; what
the stack's servers are stands in `stack.py`. What runs is found again by any later command.
"""

import contextlib
import http.client
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from export_platform.local.issuer import DevelopmentIssuer
from export_platform.local.processes import NotStartedError, Service, Status, Supervisor
from export_platform.local.stack import Stack
from resources.clock import Clock

_LOOPBACK = "127.0.0.1"
_PROBE_SECONDS = 1.0
# A daemon writes a heartbeat every 30 s; two may be late on a busy machine.
_HEARTBEAT_SECONDS = 100.0
# Two busy cores load the code in 10 s; a cold disk doubles that.
_START_SECONDS = 90.0
# A queue that was left standing is worked off within a few ticks of the requests sensor.
_READY_SECONDS = 60.0
# Sensors that wait for work hold a thread of the code server each; by default it has four and one
# a core, and a launch waits for one of them.
_CODE_THREADS = "24"
_PROJECT = Path(__file__).resolve().parents[2]

CODE, WORKERS, BRIDGE, WEBHOOKS = "code-server", "run-workers", "bridge", "webhooks"
WEBSERVER, DAEMON = "webserver", "daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look at a running platform.

    Attributes:
        bridge_url: The HTTP API.
        dagster_url: The Dagster page.
        logs: The folder of the logs.
        environment: The variables that point code at the stack.
    """

    bridge_url: str
    dagster_url: str
    logs: Path
    environment: Mapping[str, str]


class Deployment:
    """Stack, code server, daemon, webserver and bridge under one folder.

    Any number of them run side by side: each has its own folder and free ports.

    Args:
        directory: Holds data, logs and state.
        clock: For heartbeats and tokens.
        variables: More variables for every process, such as shorter leases in tests.
        instance: The settings of the Dagster instance.
        module: The code location.
        heartbeat: Tells, given the instance's folder, when the sensor daemon last said that it
            lives, in UTC without a zone; None: never. For an instance whose storage is no file.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        variables: Mapping[str, str] | None = None,
        instance: Path = _PROJECT / "dagster.yaml",
        module: str = "export_platform.definitions",
        heartbeat: Callable[[Path], datetime | None] | None = None,
    ) -> None:
        self._directory = directory.absolute()
        self._clock = clock
        self._variables = dict(variables or {})
        self._instance = instance
        self._module = module
        self._heartbeat = heartbeat or _heartbeat_in_file
        self.stack = Stack(self._directory)
        self.issuer = DevelopmentIssuer(self._directory / "keys", clock)

    def up(self) -> Places:
        """Start what does not run and wait until all of it is healthy; what runs is kept.

        Raises:
            NotStartedError: A process did not become healthy; the text holds the end of its log.
        """
        stack = self.stack.up()
        _dagster_home(self._dagster_home, self._instance)
        followed = {
            **stack,
            **self.issuer.variables(),
            **self._variables,
            "BRIDGE_WEBHOOKS_LOOPBACK": "true",  # receivers of this machine, by plain http
            "DAGSTER_HOME": str(self._dagster_home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            # What a run is to make and to check is kept in one transaction (`store_event_batch`).
            "DAGSTER_EVENT_BATCH_SIZE": "100",
        }
        ports = self._supervisor(followed).up()
        self._await_readiness(ports[BRIDGE])
        return self._places(ports, stack)

    def down(self) -> None:
        """Stop everything, Dagster and the bridge before what they use; the data stays."""
        self._supervisor({}).down()
        self.stack.down()

    def reset(self) -> None:
        """Stop everything and remove what it stored, apart from the keys."""
        self._supervisor({}).reset()
        self.stack.reset()

    def status(self) -> list[Status]:
        """How each process is right now."""
        return [*self.stack.status(), *self._supervisor({}).status()]

    def is_up(self) -> bool:
        """Whether all of it runs."""
        return all(status.state == "healthy" for status in self.status())

    def places(self) -> Places:
        """Where a platform that was started before is to be found.

        Raises:
            NotStartedError: It was never started in this folder.
        """
        ports = self._supervisor({}).ports()
        if BRIDGE not in ports:
            raise NotStartedError(f"no platform was ever started in {self._directory}")
        return self._places(ports, self.stack.environment())

    @property
    def _dagster_home(self) -> Path:
        return self._directory / "dagster"

    def _supervisor(self, followed: Mapping[str, str]) -> Supervisor:
        def with_workers() -> Mapping[str, str]:
            # The sensor of outcomes asks the launcher, too, and it runs in the code server.
            return {**followed, "RUN_WORKERS_PORT": str(supervisor.ports()[WORKERS])}

        def with_code() -> Mapping[str, str]:
            return {**with_workers(), "DAGSTER_GRPC_PORT": str(supervisor.ports()[CODE])}

        def with_pages() -> Mapping[str, str]:
            return {**followed, "BRIDGE_DAGSTER_URL": _url(supervisor.ports()[WEBSERVER])}

        services = [
            _code_server(with_workers, self._module),
            _run_workers(lambda: followed),
            _webserver(with_code),
            _daemon(with_code, lambda: self._heartbeat_age() < _HEARTBEAT_SECONDS),
            _bridge(with_pages),
            _webhooks(lambda: followed),
        ]
        placed = [service(self._dagster_home) for service in services]
        supervisor = Supervisor(self._directory, placed, state_name="platform.json")
        return supervisor

    def _heartbeat_age(self) -> float:
        """Seconds since the sensor daemon last said that it lives; infinite when it never did."""
        said = self._heartbeat(self._dagster_home)
        if said is None:
            return float("inf")
        return (self._clock.now().replace(tzinfo=None) - said).total_seconds()

    def _await_readiness(self, port: int) -> None:
        until = self._clock.monotonic() + _READY_SECONDS
        while not _answers(port, "/readyz"):
            if self._clock.monotonic() > until:
                log = self._directory / "logs" / f"{BRIDGE}.log"
                raise NotStartedError(
                    f"{BRIDGE} was not ready within {_READY_SECONDS:g} s; the end of {log}:\n"
                )
            self._clock.sleep(0.1)

    def _places(self, ports: Mapping[str, int], environment: Mapping[str, str]) -> Places:
        return Places(
            bridge_url=_url(ports[BRIDGE]),
            dagster_url=_url(ports[WEBSERVER]),
            logs=self._directory / "logs",
            environment=dict(environment),
        )


def _url(port: int) -> str:
    return f"http://{_LOOPBACK}:{port}"


def _heartbeat_in_file(home: Path) -> datetime | None:
    """Read from Dagster's own SQLite storage: its liveness command spends 2 s on imports."""
    storage = home / "runs.db"  # as `dagster.yaml` says
    query = "select timestamp from daemon_heartbeats where daemon_type = 'SENSOR'"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{storage}?mode=ro", uri=True)) as found:
            row = found.execute(query).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else datetime.fromisoformat(row[0])


_Followed = Callable[[], Mapping[str, str]]
_Placed = Callable[[Path], Service]


def _code_server(followed: _Followed, module: str) -> _Placed:
    def command(port: int) -> list[str]:
        return [
            *_program("dagster"), "api", "grpc",
            "--host", _LOOPBACK,
            "--port", str(port),
            "--module-name", module,
            "--location-name", "exports",
            "--max-workers", _CODE_THREADS,
        ]  # fmt: skip

    # It listens only once the definitions are loaded, so a connection says enough.
    return lambda home: _service(CODE, command, _accepts, followed, home)


def _run_workers(followed: _Followed) -> _Placed:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "export_platform.run_workers", "--port", str(port)]

    # After the code server: two processes that create Dagster's storage at once break it.
    return lambda home: _service(WORKERS, command, _accepts, followed, home, after=(CODE,))


def _webserver(followed: _Followed) -> _Placed:
    def command(port: int) -> list[str]:
        return [
            *_program("dagster-webserver"),
            "--host", _LOOPBACK,
            "--port", str(port),
            "--workspace", str(_PROJECT / "workspace.yaml"),
        ]  # fmt: skip

    def healthy(port: int) -> bool:
        return _answers(port, "/server_info")

    return lambda home: _service(WEBSERVER, command, healthy, followed, home, after=(WORKERS,))


def _daemon(followed: _Followed, beats: Callable[[], bool]) -> _Placed:
    def command(_: int) -> list[str]:
        return [
            *_program("dagster-daemon"), "run",
            "--workspace", str(_PROJECT / "workspace.yaml"),
        ]  # fmt: skip

    # After the code server: a daemon that finds none looks again only a minute later.
    return lambda home: _service(
        DAEMON, command, lambda _: beats(), followed, home, after=(WORKERS,), listens=False
    )


def _bridge(followed: _Followed) -> _Placed:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "api_bridge", "--host", _LOOPBACK, "--port", str(port)]

    # Not /readyz: a bridge in front of a long queue must not be killed for saying so.
    return lambda home: _service(
        BRIDGE, command, lambda port: _answers(port, "/healthz"), followed, home
    )


def _webhooks(followed: _Followed) -> _Placed:
    def command(_: int) -> list[str]:
        return [sys.executable, "-m", "api_bridge.webhooks"]

    # Nobody waits for it, so that it lives is enough; last, as it spends a second on imports.
    return lambda home: _service(
        WEBHOOKS, command, lambda _: True, followed, home, after=(BRIDGE,), listens=False
    )


def _service(
    name: str,
    command: Callable[[int], list[str]],
    healthy: Callable[[int], bool],
    followed: _Followed,
    home: Path,
    *,
    after: tuple[str, ...] = (),
    listens: bool = True,
) -> Service:
    return Service(
        name=name,
        command=command,
        healthy=healthy,
        data=home,
        environment=_module_path(),
        follows=followed,
        after=after,
        listens=listens,
        start_seconds=_START_SECONDS,
    )


def _program(name: str) -> list[str]:
    """A program of this virtualenv, whatever is on the PATH."""
    return [sys.executable, str(Path(sys.executable).parent / name)]


def _module_path() -> dict[str, str]:
    """This checkout's modules first, wherever the caller was started."""
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(_PROJECT), inherited]))}


def _dagster_home(home: Path, instance: Path) -> None:
    """The instance's folder, with its settings."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(instance, home / "dagster.yaml")


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((_LOOPBACK, port), timeout=_PROBE_SECONDS):
            return True
    except OSError:
        return False


def _answers(port: int, path: str) -> bool:
    """Whether a server answers a path with 200 within a second."""
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
