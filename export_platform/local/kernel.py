"""What the kernel knows about a process: is it alive, is it still the same, which port it owns.

A process id alone proves nothing, because ids are used again. An id together with the start time of
the process (field 22 of `/proc/<pid>/stat`, proc(5)) names one process for the life of the machine.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# Fields of /proc/<pid>/stat counted after the command name, which may itself hold blanks (proc(5)).
_STATE_FIELD = 0
_SESSION_FIELD = 3
_START_FIELD = 19
_LISTEN = "0A"  # TCP_LISTEN in the `st` column of /proc/net/tcp


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process and no other.

    Attributes:
        pid: Process id.
        started: Start time in clock ticks since the machine was booted.
    """

    pid: int
    started: int


def identity(pid: int) -> Identity | None:
    """The identity of a live process; None when there is none, or only a zombie."""
    found = _stat(pid)
    return None if found is None or found[0] in {"Z", "X"} else found[1]


def _stat(pid: int) -> tuple[str, Identity] | None:
    """State and identity, of a zombie too."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return fields[_STATE_FIELD], Identity(pid=pid, started=int(fields[_START_FIELD]))


def session_of(leader: Identity) -> list[Identity]:
    """The live processes that a session's live leader has started, and those that they started.

    Empty when the leader has ended: its id may by then name a session of somebody else.
    """
    names = [entry.name for entry in _PROC.iterdir() if entry.name.isdecimal()]
    found = [identity(int(name)) for name in names if _session(name) == leader.pid]
    members = [each for each in found if each is not None and each != leader]
    return members if is_alive(leader) else []


def _session(name: str) -> int | None:
    try:
        text = (_PROC / name / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text.rpartition(")")[2].split()[_SESSION_FIELD])


def is_alive(process: Identity) -> bool:
    """Whether this very process still runs; False when its id belongs to another one by now."""
    return identity(process.pid) == process


def send(process: Identity, number: signal.Signals) -> bool:
    """Signals exactly this process; False when it is gone.

    The descriptor is opened before the identity is compared, so the id cannot be handed to another
    process between the two (pidfd_open(2)).
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not is_alive(process):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_for_end(process: Identity, seconds: float) -> bool:
    """Waits until the process has ended; False when it has not within the time.

    A killed process looks like a zombie while its other threads still hold its files and its port;
    a process descriptor becomes readable only when the last of them is gone.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        found = _stat(process.pid)
        if found is None or found[1] != process:
            return True
        ended = bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)
    if ended:
        reap(process.pid)
    return ended


def reap(pid: int) -> None:
    """Collects the exit status if the process was our child, so that it does not stay a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def owns_port(pid: int, port: int) -> bool:
    """Whether the process itself listens on 127.0.0.1:port, and not a stranger that was faster."""
    listening = {
        f"socket:[{fields[9]}]"
        for fields in _sockets()
        if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port
    }
    return bool(listening & _open_files(pid)) if listening else False


def _sockets() -> Iterator[list[str]]:
    """The TCP sockets of the machine; gRPC binds 127.0.0.1 by a socket that stands in `tcp6`."""
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):  # a kernel without IPv6
            for line in (_PROC / "net" / table).read_text("ascii").splitlines()[1:]:
                yield line.split()


def _open_files(pid: int) -> set[str]:
    """What the descriptors of a process point to; nothing for a process of somebody else."""
    found = set()
    # One that is closed between the listing and the reading is as good as not there.
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        for link in list((_PROC / str(pid) / "fd").iterdir()):
            with suppress(FileNotFoundError):
                found.add(str(link.readlink()))
    return found
