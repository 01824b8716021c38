"""Attempts that run short of what the machine has: room on the disk, and memory.

The limits are the kernel's and those of one process, which is killed or ended with them.
"""

import ctypes
import resource
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from assets.life import Document
from assets.model.lifecycle import Status
from assets.steps.arrange import Sorter
from tests.faults import work
from tests.faults.rounds import judged
from tests.faults.slot import PATIENCE_SECONDS, Load, Observer, Slot, Tally

_LIBC: Final = ctypes.CDLL(None)
# CLONE_NEWNS of <linux/sched.h>; MS_REC and MS_PRIVATE of <sys/mount.h>.
_NEW_MOUNTS, _ALL_OURS = 0x00020000, 0x4000 | 0x40000
# Rows that are sorted in memory: of 50,000, as in production, the small campaign has too few.
_RUN: Final = 5


def work_on_a_small_disk(
    env: Mapping[str, str],
    export_id: str,
    attempt: int,
    disk: tuple[Path, int],
    without: Sequence[str] = (),
) -> None:
    """Run one attempt that sorts on a disk at a place, of so many bytes, which vanishes with it."""
    folder, size = disk
    _bound(folder, size)
    tempfile.tempdir = str(folder)
    Sorter.__init__.__kwdefaults__ = {"run": _RUN}
    work.work(env, export_id, attempt, without)


def work_with_little_memory(
    env: Mapping[str, str], export_id: str, attempt: int, size: int
) -> None:
    """Run one attempt that may take so many bytes more than the process has when it begins."""
    most = _kilobytes("VmData") * 1024 + size
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    work.work(env, export_id, attempt)


def _bound(folder: Path, size: int) -> None:
    """Mount a disk that only this process sees, of whole pages, where the machine lets us.

    Elsewhere no file of the process may be larger, which it hears of as it does of a full disk.
    """
    options = f"size={size}".encode()
    refused = (
        _LIBC.unshare(_NEW_MOUNTS)
        or _LIBC.mount(b"none", b"/", None, _ALL_OURS, None)
        or _LIBC.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, options)
    )
    if refused:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def scarce_round(slot: Slot, load: Load, role: Any, *limits: Any) -> tuple[Document, Tally]:
    """Let the first attempt of an export run short; the document after it, and what came of all.

    Args:
        slot: Where.
        load: What is made.
        role: A worker of this module.
        limits: What it is told beside the attempt.
    """
    expected, tally = slot.faultless(load), Tally()
    export_id = slot.asked(load)
    attempt = slot.dispatched(load, export_id)
    with Observer(slot.stores[load.large], slot.objects, export_id) as observer:
        worker = slot.child(role, slot.env(load), export_id, attempt, *limits)
        worker.join(PATIENCE_SECONDS)
        first = slot.found(load, export_id)
        slot.outlived(load, export_id, worker)
        document = slot.settled(load, export_id)
    note = f"{role.__name__} {limits}"
    tally.add("partial", observer.partial, note)
    tally.add("doubled", observer.doubled, note)
    wanted = Status.SUCCEEDED
    return first, judged(slot, load, document, tally, wanted=wanted, expected=expected, note=note)
