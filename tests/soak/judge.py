"""What a soak has shown: what was lost or done twice, and what grew.

Memory and open files are judged by their slope within the lives of a process, since one that is
killed begins anew: each life has a level of its own, and all lives of a name share one slope (least
squares). A slope counts as growth when even twice its standard error below it is above the bound.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# Of every process for itself. 64 MB an hour fill a task of 2 GB within a day; a connection that is
# left open at each of a few hundred exports an hour is far above ten.
MOST_MB_AN_HOUR = 64.0
MOST_FILES_AN_HOUR = 10.0
# A worker grows until it is replaced, after 200 runs or a run that leaves it above 400 MB, so it is
# judged by what it comes to: that, and what a large export takes on top (docs/capacity.md).
MOST_MB_OF_A_WORKER = 600.0
# Before this a slope is that of caches that fill: a daemon that was killed every nine minutes
# seemed to grow by 110 MB an hour, 15 MB in each of its lives.
WARM_SECONDS = 600.0
# Of shorter soaks the slopes are told and not judged: half of it are the lives that are looked at.
LEAST_SECONDS = 2_400.0
HOUR = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A process at a moment.

    Attributes:
        at: Seconds since the soak began.
        name: What it is.
        life: Which one of those that had this name, such as its process id.
        mb: Resident memory.
        files: Open files.
    """

    at: float
    name: str
    life: str
    mb: float
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """How something grows.

    Attributes:
        hourly: By how much in an hour.
        error: The standard error of that.
    """

    hourly: float
    error: float

    def grows(self, bound: float) -> bool:
        """Whether it is above a bound beyond doubt."""
        return self.hourly - 2 * self.error > bound


def slope(points: Iterable[tuple[str, float, float]]) -> Slope | None:
    """The slope that lives share; None where there is too little to tell.

    Args:
        points: Of each sample the life, the second and the value.
    """
    lives: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for life, at, value in points:
        lives[life].append((at, value))
    # From the middle of each life, so that its level does not count.
    centred = [
        (at - sum(a for a, _ in one) / len(one), value - sum(v for _, v in one) / len(one))
        for one in lives.values()
        for at, value in one
    ]
    spread = sum(x * x for x, _ in centred)
    freedom = len(centred) - len(lives) - 1
    if freedom < 1 or not spread:
        return None
    steep = sum(x * y for x, y in centred) / spread
    rest = sum((y - steep * x) ** 2 for x, y in centred)
    error = math.sqrt(rest / freedom / spread)
    return Slope(hourly=steep * HOUR, error=error * HOUR)


def slopes(samples: Sequence[Sample], value: str) -> dict[str, Slope]:
    """The slope of `mb` or `files` of each name, once its lives are warm."""
    began: dict[str, float] = {}
    for one in samples:
        began.setdefault(one.life, one.at)
    warm = [one for one in samples if one.at - began[one.life] >= WARM_SECONDS]
    found = {
        name: slope((one.life, one.at, getattr(one, value)) for one in warm if one.name == name)
        for name in dict.fromkeys(one.name for one in warm)
    }
    return {name: one for name, one in found.items() if one is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a soak.

    Attributes:
        seconds: How long it was asked for.
        exports: How many were asked for.
        kills: How many processes were killed.
        lost: Exports that ended otherwise than they should, or not at all.
        doubled: Exports that exist or have ended twice, and objects that no document names.
        unlike: Exports whose files are not what their manifests say.
        pending_uploads: Uploads that nobody will finish.
        mb: The slope of the memory of each process of ours.
        files: That of its open files.
        largest_worker_mb: The most that a run worker ever held.
        faults: What was lost, doubled or unlike, in words.
    """

    seconds: float
    exports: int
    kills: int
    lost: int
    doubled: int
    unlike: int
    pending_uploads: int
    mb: Mapping[str, Slope]
    files: Mapping[str, Slope]
    largest_worker_mb: float
    faults: tuple[str, ...] = ()

    @property
    def growing(self) -> list[str]:
        """What grows beyond doubt; of a short soak nothing is said."""
        if self.seconds < LEAST_SECONDS:
            return []
        worker = f"a worker came to {self.largest_worker_mb:.0f} MB"
        return [
            *([worker] if self.largest_worker_mb > MOST_MB_OF_A_WORKER else ()),
            *self._steep(),
        ]

    def _steep(self) -> Iterator[str]:
        judged = ((self.mb, MOST_MB_AN_HOUR, "MB"), (self.files, MOST_FILES_AN_HOUR, "files"))
        yield from (
            f"{name} grows by {one.hourly:.1f} {unit} an hour, ± {2 * one.error:.1f}"
            for found, bound, unit in judged
            for name, one in found.items()
            if one.grows(bound)
        )

    @property
    def good(self) -> bool:
        """Something was done and killed, nothing was lost, and nothing grows."""
        wrong = self.lost + self.doubled + self.unlike + self.pending_uploads
        return not wrong and not self.growing and self.exports > 0 and self.kills > 0

    def __str__(self) -> str:
        """One line."""
        return (
            f"soak: minutes={self.seconds / 60:g} exports={self.exports} kills={self.kills}"
            f" lost={self.lost} doubled={self.doubled} unlike={self.unlike}"
            f" pending_uploads={self.pending_uploads}"
            f" rss_slope_mb_per_hour={_steepest(self.mb)} files_slope={_steepest(self.files)}"
            f" largest_worker_mb={self.largest_worker_mb:.0f}"
        )


def _steepest(found: Mapping[str, Slope]) -> str:
    """The most that any process grows by in an hour."""
    return f"{max(one.hourly for one in found.values()):.1f}" if found else "unknown"
