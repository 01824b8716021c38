"""Who takes part, and how a round is run: one after the other, on the same server.

The machine is never the same twice, so nothing is compared between rounds but ratios.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Final

from benchmarks.apart import told
from benchmarks.attempt import LIFE_URI
from benchmarks.ours import PYTHON
from benchmarks.records import Records, first_difference, records
from benchmarks.replay.entries import Entries
from benchmarks.replay.server import LOOPBACK
from benchmarks.replay.tape import Tape, orders
from benchmarks.touched import touched
from export_platform.local.stack import Stack

PEERS: Final = Path(__file__).parent / "peers"
TAPES: Final = "tapes"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
# What a client needs to sign with; the sink looks at no signature.
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_REGION": "us-east-1",
}
_PIECE: Final = 1 << 20
# More than anybody holds and writes of a million entries.
_ROOM: Final = 2 << 30
SMALL: Final = 2_000
"""Entries of the round that warms up and shows which batches are asked for."""


class OutputsDiffer(Exception):
    """Two took the same entries and did not write the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Somebody who exports.

    Attributes:
        name: As the results show it.
        command: Given the folder that is its own.
        compared: Whether its output must be the same as ours.
        available: Whether it can run here.
        uploads: Whether it writes to an S3 endpoint, and not into its folder itself.
    """

    name: str
    command: Callable[[Path], Sequence[str]]
    compared: bool = True
    available: Callable[[], bool] = lambda: True
    uploads: bool = False

    def files(self, folder: Path) -> list[Path]:
        """What it wrote, in order."""
        return sorted(folder.rglob("*.csv"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one export took, by its own account.

    Attributes:
        seconds: From the first call of the driver to the end of the file, without the start of the
            process.
        cpu_seconds: Of all its threads, in the same time.
        peak_mb: Resident memory of the process.
    """

    rows: int
    bytes: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def rows_per_second(self) -> float:
        """How fast."""
        return self.rows / self.seconds

    @property
    def cpu_per_million(self) -> float:
        """CPU seconds per million rows."""
        return self.cpu_seconds / self.rows * 1e6


def _python(script: str) -> Callable[[Path], Sequence[str]]:
    return lambda folder: [sys.executable, str(PEERS / script), str(folder / "entries.csv")]


def _node(script: str) -> Callable[[Path], Sequence[str]]:
    return lambda folder: ["node", str(PEERS / script), str(folder / "entries.csv")]


def _has_node() -> bool:
    return shutil.which("node") is not None and (PEERS / "node_modules").is_dir()


def _ours(*way: str) -> Callable[[Path], Sequence[str]]:
    return lambda folder: [sys.executable, "-m", "benchmarks.ours", str(folder), *way]


OURS: Final = Subject(name="ours", command=_ours())
OURS_PYTHON: Final = Subject(name="ours, without the native part", command=_ours(PYTHON))
# Packed files are no records to compare; `tests/assets/steps/encode` reads them back.
OURS_GZIP: Final = Subject(name="ours, gzip", command=_ours("gzip"), compared=False)
OURS_ZSTD: Final = Subject(name="ours, zstd", command=_ours("zstd"), compared=False)
PYMONGO: Final = Subject(name="pymongo + csv.writer", command=_python("pymongo_csv.py"))
NODE: Final = Subject(
    name="Node + csv-stringify", command=_node("node_csv.mjs"), available=_has_node
)
TUNED_NODE: Final = Subject(
    name="Node, tuned", command=_node("node_tuned.mjs"), available=_has_node
)
OURS_WHOLE: Final = Subject(
    name="ours, queue to commit, S3",
    command=lambda _: [sys.executable, "-m", "benchmarks.attempt"],
    uploads=True,
)
TUNED_NODE_S3: Final = Subject(
    name="Node, tuned, S3", command=_node("node_tuned.mjs"), available=_has_node, uploads=True
)
MONGOEXPORT: Final = Subject(
    name="mongoexport",
    command=_python("mongoexport.py"),
    compared=False,  # it formats less: no zone, no market names, no guard against formulas
    available=lambda: shutil.which("mongoexport") is not None,
)
DRAIN: Final = Subject(
    name="raw socket",
    command=lambda _: [sys.executable, "-m", "benchmarks.drain"],
    compared=False,
)


@contextmanager
def replaying(entries: int, folder: Path, *, behind: str | None = None) -> Iterator[str]:
    """The replay server with so many entries, as the connection string to reach it.

    Args:
        entries: How many.
        folder: Where tapes lie.
        behind: Connection string of a database that has all else; None: nobody asks for more.
    """
    module = "benchmarks.replay.server" if behind is None else "benchmarks.replay.switch"
    more = () if behind is None else ("--behind", behind)
    given = ("--entries", str(entries), "--folder", str(folder), *more)
    with _serving(module, *given) as (port, _):
        yield f"mongodb://{LOOPBACK}:{port}/?directConnection=true"


@contextmanager
def living(folder: Path) -> Iterator[dict[str, str]]:
    """A database that the life of an export can be written to: the embedded stack's."""
    stack = Stack(folder)
    try:
        yield {LIFE_URI: stack.up()["MONGODB_URI"]}
    finally:
        stack.down()


@contextmanager
def _serving(module: str, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server in a process of its own, with the port that it says when it can be reached."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = (server.stdout.readline() if server.stdout else "").strip()
            if not port:
                raise RuntimeError(f"{module} did not start")
            yield port, server
        finally:
            server.kill()


@contextmanager
def _storing(subject: Subject, folder: Path) -> Iterator[dict[str, str]]:
    """The variables that name the S3 endpoint of somebody who uploads; none for others."""
    if not subject.uploads:
        yield {}
        return
    with _serving("benchmarks.sink", "--folder", str(folder)) as (port, sink):
        yield {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{port}"}
        sink.terminate()
        sink.wait()


def run(subject: Subject, uri: str, folder: Path, env: Mapping[str, str] = NOTHING) -> Run:
    """Let one export into an empty folder of its own.

    Args:
        subject: Who.
        uri: The database.
        folder: Is emptied before.
        env: More variables.

    Raises:
        RuntimeError: It failed; the text is the end of what it said.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _storing(subject, folder) as store:
        given = {"MONGODB_URI": uri, **store, **env}
        return Run(**told(subject.name, subject.command(folder), given))


def compared(first: Subject, others: Sequence[Subject], folder: Path) -> Records:
    """The records that all wrote alike; each has a folder with its name in this one.

    Raises:
        OutputsDiffer: Somebody wrote others.
    """
    ours = first.files(folder / first.name)
    expected = records(ours)
    for subject in others:
        theirs = subject.files(folder / subject.name)
        if subject.compared and records(theirs) != expected:
            place = first_difference(ours, theirs)
            raise OutputsDiffer(f"{subject.name} differs from {first.name} in record {place}")
    return expected


def rehearse(
    subjects: Sequence[Subject],
    folder: Path,
    *,
    sizes: Sequence[int],
    env: Mapping[str, str] = NOTHING,
) -> None:
    """Export a few entries with everyone, compare, and prepare the tapes of each size.

    Raises:
        OutputsDiffer: Somebody wrote something else than the first.
    """
    tapes = folder / TAPES
    with replaying(SMALL, tapes) as uri:
        for subject in subjects:
            run(subject, uri, folder / subject.name, env)
    compared(subjects[0], subjects[1:], folder)
    for batch, fields in orders(tapes, SMALL):
        for size in sizes:
            Tape(tapes, Entries(size, fields), batch).close()


def settle(tapes: Path) -> None:
    """Let nobody pay for who was there before: all is written, and memory is there.

    A slow exporter takes minutes, in which a system may drop what nobody reads, and a fast one
    would then wait for the disk. Tapes that would take more than half of the memory are left where
    they are.
    """
    os.sync()
    files = sorted(tapes.glob("*.tape"))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if sum(file.stat().st_size for file in files) <= memory / 2:
        _read(files)
    touched(min(_ROOM, memory // 4)).close()


def _read(files: Sequence[Path]) -> None:
    buffer = bytearray(_PIECE)
    for file in files:
        with file.open("rb", buffering=0) as tape:
            while tape.readinto(buffer):
                pass


def one_round(
    subjects: Sequence[Subject], uri: str, folder: Path, env: Mapping[str, str] = NOTHING
) -> dict[str, Run]:
    """One export of each, in turn, whose outputs are compared.

    Raises:
        OutputsDiffer: Somebody wrote something else than the first.
    """
    runs: dict[str, Run] = {}
    for subject in subjects:
        settle(folder / TAPES)
        runs[subject.name] = run(subject, uri, folder / subject.name, env)
    found = compared(subjects[0], subjects[1:], folder)
    if found.rows != runs[subjects[0].name].rows:
        raise OutputsDiffer(f"{subjects[0].name} did not write as many rows as it says")
    return runs


def ratio(rounds: Sequence[dict[str, Run]], one: Subject, other: Subject) -> float:
    """How many times the rows a second of the other one has: the median over the rounds."""
    return median(
        each[one.name].rows_per_second / each[other.name].rows_per_second for each in rounds
    )
