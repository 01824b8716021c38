"""A small supervisor: services as detached real processes on loopback, found again later.

Put here what every service of the embedded stack needs: a free port that stays the same over
restarts, a health check with a deadline, logs, a clean stop. What the services are stands in
`stack.py`.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from export_platform.local import kernel

_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = (
    0.02  # a service is up within 0.1 to 1.5 s; 20 ms of polling costs nothing and is not felt
)
_ATTEMPTS = 3  # a port can be taken between the moment it was found free and the moment it is bound
# A service that runs is asked for so long before it is taken for mute: on a busy machine it may not
# answer within the second of one question, and to kill it breaks off what it works at.
_MUTE_SECONDS = 5.0
_KILL_SECONDS = 5.0  # how long the kernel may take to end a process after SIGKILL
_LOG_TAIL_BYTES = 2_000


class NotStartedError(Exception):
    """A service did not become healthy; the text says which, why, and the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How one service is started and asked whether it is well.

    Attributes:
        name: Name in the state file and of the log.
        command: The command line for a port.
        healthy: Asks a running service on a port; must answer within a second and never raise.
        environment: Variables on top of those of the caller.
        follows: More variables, asked for at each start: what others listen on. A service whose
            answer has changed since it was started is started again.
        after: Services that must be healthy before this one is started.
        listens: Whether it owns its port; False for one that only calls others.
        data: Folder that `reset` removes, made before the start.
        start_seconds: How long the service may take to become healthy.
        stop_seconds: How long the service may take to end after SIGTERM before it is killed.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    healthy: Callable[[int], bool]
    data: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    follows: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)
    after: tuple[str, ...] = ()
    listens: bool = True
    start_seconds: float = 30.0
    stop_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the state file remembers of a started service.

    Attributes:
        pid: Process id.
        port: Port on 127.0.0.1.
        started: Start time of the process in clock ticks since boot: guards against a reused pid.
        command: The command line it was started with.
        followed: Digest of the variables it follows, as they were.
    """

    pid: int
    port: int
    started: int
    command: tuple[str, ...]
    followed: str = ""

    @property
    def process(self) -> kernel.Identity:
        """The process this is about."""
        return kernel.Identity(pid=self.pid, started=self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a service is right now.

    Attributes:
        name: The service.
        state: `stopped`, `healthy`, or `unhealthy` (the process lives and does not answer).
        pid: Process id, None when stopped.
        port: Its port; kept after a stop, None when it never ran.
        log: Where its output goes.
    """

    name: str
    state: str
    pid: int | None
    port: int | None
    log: Path


class Supervisor:
    """Starts, finds again and stops a set of services.

    Any number of processes may use the same folder: each change happens under a file lock.

    Args:
        directory: Holds the state file, the lock and `logs/`; created on the first start.
        services: What to run.
        state_name: Name of the state file inside `directory`.
    """

    def __init__(
        self, directory: Path, services: Sequence[Service], *, state_name: str = "stack.json"
    ) -> None:
        self._directory = directory.absolute()
        self._services = {service.name: service for service in services}
        self._state = self._directory / state_name
        self._chosen: dict[str, int] = {}

    def up(self) -> dict[str, int]:
        """Starts what does not run and waits until everything is healthy; what is healthy is kept.

        Returns:
            The port of each service.

        Raises:
            NotStartedError: A service did not become healthy in its time. The others stay up.
        """
        with self._locked():
            remembered = self._read()
            new = [name for name in self._services if name not in remembered]
            self._chosen = dict(zip(new, _free_ports(len(new)), strict=True))
            for _ in range(_ATTEMPTS):
                self._up_once(remembered)
                # A command may name the port of another service, and a port may have had to move.
                if all(self._is_current(name, running) for name, running in remembered.items()):
                    break
            self._chosen = {}
            return {name: remembered[name].port for name in self._services}

    def down(self) -> None:
        """Ends every service and what it started: SIGTERM to all, SIGKILL to those that stay."""
        if not self._state.exists():
            return
        with self._locked():
            remembered = self._read()
            ours = [(self._services[n], r) for n, r in remembered.items() if n in self._services]
            # Found before their leaders end; a run worker is told too, so that it can give back
            # its export instead of being cut off.
            started = [m for _, r in ours for m in kernel.session_of(r.process)]
            for process in [*(running.process for _, running in ours), *started]:
                kernel.send(process, signal.SIGTERM)
            for service, running in ours:
                _end(running.process, service.stop_seconds)
            for process in started:
                _end(process, 0.0)

    def reset(self) -> None:
        """Stops everything and removes the data and the logs of the services, for good."""
        self.down()
        for service in self._services.values():
            shutil.rmtree(service.data, ignore_errors=True)
            self._log(service.name).unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)

    def status(self) -> list[Status]:
        """How each service is, in the order of declaration; starts and changes nothing."""
        remembered = self._read()
        return [
            self._status(service, remembered.get(service.name))
            for service in self._services.values()
        ]

    def ports(self) -> dict[str, int]:
        """The last known port of each service that was ever started, or is about to be."""
        return self._chosen | {name: running.port for name, running in self._read().items()}

    def _up_once(self, remembered: dict[str, Running]) -> None:
        # All are launched before the first is waited for, unless they say so: side by side.
        for service in self._services.values():
            for name in service.after:
                self._until_healthy(self._services[name], remembered)
            self._keep_or_launch(service, remembered)
        for service in self._services.values():
            self._until_healthy(service, remembered)

    def _is_current(self, name: str, running: Running) -> bool:
        service = self._services.get(name)
        if service is None:
            return True
        same_command = tuple(service.command(running.port)) == running.command
        return same_command and _digest(service.follows()) == running.followed

    def _status(self, service: Service, running: Running | None) -> Status:
        alive = running is not None and kernel.is_alive(running.process)
        state = "stopped"
        if running is not None and alive:
            state = "healthy" if _is_healthy(service, running) else "unhealthy"
        return Status(
            name=service.name,
            state=state,
            pid=running.pid if running is not None and alive else None,
            port=running.port if running is not None else None,
            log=self._log(service.name),
        )

    def _keep_or_launch(self, service: Service, remembered: dict[str, Running]) -> None:
        last = remembered.get(service.name)
        if last is None:
            self._launch(service, remembered, port=self._chosen[service.name])
            return
        if self._is_current(service.name, last) and _becomes_healthy(service, last, _MUTE_SECONDS):
            return
        _end(last.process, 0.0)  # dead, mute, or pointed at an address that has moved
        self._launch(service, remembered, port=_port_like(last.port))

    def _launch(self, service: Service, remembered: dict[str, Running], *, port: int) -> None:
        service.data.mkdir(parents=True, exist_ok=True)
        log = self._log(service.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        command = tuple(service.command(port))
        followed = service.follows()
        process = _spawn(service, command, {**service.environment, **followed}, log)
        remembered[service.name] = Running(
            pid=process.pid,
            port=port,
            started=process.started,
            command=command,
            followed=_digest(followed),
        )
        self._write(remembered)

    def _until_healthy(self, service: Service, remembered: dict[str, Running]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            running = remembered[service.name]
            if _becomes_healthy(service, running, service.start_seconds):
                return
            died = not kernel.is_alive(running.process)
            _end(running.process, 0.0)
            if not died or attempt == _ATTEMPTS:
                break
            self._launch(service, remembered, port=_port_like(running.port))
        raise NotStartedError(
            f"{service.name} did not become healthy within {service.start_seconds:g} s;"
            f" the end of {self._log(service.name)}:\n{_tail(self._log(service.name))}"
        )

    def _log(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.log"

    def _read(self) -> dict[str, Running]:
        try:
            stored = json.loads(self._state.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return {
            name: Running(**{**fields, "command": tuple(fields["command"])})
            for name, fields in stored.items()
        }

    def _write(self, remembered: Mapping[str, Running]) -> None:
        fresh = self._state.with_suffix(".tmp")
        fresh.write_text(
            json.dumps({name: asdict(running) for name, running in remembered.items()}, indent=2),
            "utf-8",
        )
        fresh.replace(self._state)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._state.with_suffix(".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on right now."""
    return _free_ports(1)[0]


def _free_ports(count: int) -> list[int]:
    """So many of them, each another one: all are held until the last is known."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((_LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


def _port_like(wanted: int) -> int:
    """The wanted port when it is free, so that addresses survive a restart; else any free one."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of the stopped service linger in TIME_WAIT; they do not hinder a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, wanted))
        except OSError:
            return free_port()
    return wanted


def _digest(variables: Mapping[str, str]) -> str:
    """Tells two sets of variables apart without keeping them: some are secret."""
    if not variables:
        return ""
    return hashlib.sha256(json.dumps(dict(variables), sort_keys=True).encode()).hexdigest()


def _spawn(
    service: Service, command: tuple[str, ...], variables: Mapping[str, str], log: Path
) -> kernel.Identity:
    """Starts the process in a session of its own, out of the reach of Ctrl-C in a terminal."""
    output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        command,
        {**os.environ, **variables},
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    process = kernel.identity(pid)
    if process is None:
        kernel.reap(pid)
        raise NotStartedError(f"{service.name} ended at once; the end of {log}:\n{_tail(log)}")
    return process


def _becomes_healthy(service: Service, running: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not kernel.is_alive(running.process):
            return False
        if _is_healthy(service, running):
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _is_healthy(service: Service, running: Running) -> bool:
    return (
        kernel.is_alive(running.process)
        and (not service.listens or kernel.owns_port(running.pid, running.port))
        and service.healthy(running.port)
    )


def _end(process: kernel.Identity, grace_seconds: float) -> None:
    if grace_seconds > 0 and kernel.wait_for_end(process, grace_seconds):
        return
    kernel.send(process, signal.SIGKILL)
    kernel.wait_for_end(process, _KILL_SECONDS)


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
    except FileNotFoundError:
        return "(no output)"
