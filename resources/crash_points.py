"""Places where a test may kill or freeze the process: 24 of them, and no-ops in production.

They stand in the code that production runs, so that what a kill is shown to do there is what it
does (RELIABILITY.md 4.2). Without the environment variable a passage costs a look into a mapping.
"""

import os
import signal
import threading
from collections import Counter
from enum import Enum
from pathlib import Path
from typing import Final

# Names a folder in which a file with the name of a point holds its order, such as `kill 3`: kill
# the process at the third passage. An order is obeyed once, by whoever comes first.
FOLDER: Final = "EXPORT_CRASH_POINTS"

_SIGNALS: Final = {
    "kill": signal.SIGKILL,
    "stop": signal.SIGSTOP,
    "end": signal.SIGTERM,
}


class CrashPoint(Enum):
    """Where; the ids are those of RELIABILITY.md 4.2."""

    K01 = "bridge: validated, before the insert"
    K02 = "bridge: inserted, before the 202"
    K03 = "sensor: candidates read, before the claim"
    K04 = "sensor: claimed, before the run is asked for"
    K05 = "daemon: run ids reserved"
    K06 = "daemon: run created, not launched"
    K07 = "daemon: launched, tick not updated"
    K08 = "worker: started, before the first heartbeat"
    K09 = "worker: first batch read"
    K10 = "worker: in the middle of reading"
    K11 = "worker: while rows are formatted"
    K12 = "worker: upload created, its name known to nobody"
    K13 = "worker: between two parts of an upload"
    K14 = "worker: last part sent, before the upload is completed"
    K15 = "worker: file stored, before it is read back"
    K16 = "worker: files verified, before the manifest"
    K17 = "worker: manifest stored, before the commit"
    K18 = "worker: committed, before Dagster is told"
    K19 = "delivery: before the first batch is sent"
    K20 = "delivery: batch accepted, before the ledger says so"
    K21 = "delivery: while the receiver is asked what became of it"
    K22 = "worker: stopping for a cancel"
    K23 = "worker: giving the export back on SIGTERM"
    K24 = "reaper: dead export read, before it is taken"


_PASSAGES: Counter[CrashPoint] = Counter()
_LOCK = threading.Lock()


def passing(point: CrashPoint) -> None:
    """Say that the process is at a point; does nothing unless the environment names a folder.

    Raises:
        ValueError: The folder holds an order for a point or of a kind that there is not.
    """
    folder = os.environ.get(FOLDER)
    if folder:
        _obey(point, Path(folder))


def arm(folder: Path, point: str, order: str = "kill", passage: int = 1) -> Path:
    """Give an order; the file of it, which is gone once it is obeyed.

    Args:
        folder: The one that the environment of the process names.
        point: Name of a point, such as `K13`.
        order: `kill`, `stop` or `end`, which are SIGKILL, SIGSTOP and SIGTERM.
        passage: Which passage of the point is meant, from 1, counted a process.

    Raises:
        ValueError: There is no such point or order.
    """
    text = f"{order} {passage}"
    _signal_at(point, text)
    file, hidden = folder / point, folder / f".{point}"
    hidden.write_text(text, encoding="ascii")
    hidden.replace(file)  # a process that passes meanwhile sees a whole order or none
    return file


def _obey(point: CrashPoint, folder: Path) -> None:
    for other in folder.glob("[!.]*"):
        if other.name not in CrashPoint.__members__:
            raise ValueError(f"{other.name} is no crash point")
    file = folder / point.name
    with _LOCK:
        try:
            number, passage = _signal_at(point.name, file.read_text(encoding="ascii"))
            _PASSAGES[point] += 1
            if _PASSAGES[point] < passage:
                return
            del _PASSAGES[point]
            file.unlink()
        except FileNotFoundError:
            return
    os.kill(os.getpid(), number)


def _signal_at(point: str, text: str) -> tuple[signal.Signals, int]:
    order, _, passage = text.partition(" ")
    if point not in CrashPoint.__members__:
        raise ValueError(f"{point} is no crash point")
    if order not in _SIGNALS or not passage.isdecimal() or int(passage) < 1:
        raise ValueError(f"{text!r} is no order")
    return _SIGNALS[order], int(passage)
