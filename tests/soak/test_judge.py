"""A soak says that it went well only if it did: what leaks is found, what is flat is not."""

import random
from dataclasses import replace

import pytest

from tests.soak.judge import HOUR, LEAST_SECONDS, Outcome, Sample, Slope, slope, slopes
from tests.soak.picture import drawn

FLAT = Slope(hourly=1.0, error=0.5)
WELL = Outcome(
    seconds=HOUR,
    exports=900,
    kills=60,
    lost=0,
    doubled=0,
    unlike=0,
    pending_uploads=0,
    mb={"bridge": FLAT},
    files={"bridge": FLAT},
    largest_worker_mb=410.0,
)


def series(*, leak: float = 0.0, every: float = HOUR, files: float = 0.0) -> list[Sample]:
    """An hour of a process that is killed every so often, with noise as a collector makes it.

    Args:
        leak: MB an hour.
        every: Seconds of a life.
        files: Files an hour.
    """
    draw = random.Random(7)  # noqa: S311 - to be the same each time
    found = []
    for at in range(0, int(HOUR), 10):
        life, age = divmod(at, every)
        # What loads at first is no leak; each life has a level of its own.
        mb = 100 + 40 * min(age / 60, 1) + 15 * (life % 3) + leak * age / HOUR + draw.gauss(0, 3)
        opened = 20 + round(files * age / HOUR + draw.random())
        found.append(Sample(at=float(at), name="bridge", life=str(life), mb=mb, files=opened))
    return found


@pytest.mark.parametrize("every", [HOUR, 720.0, 1_200.0])
def test_a_leak_is_found_whatever_is_killed_meanwhile(every: float) -> None:
    """A process that starts again every few minutes hides its leak from a look at both ends."""
    found = slopes(series(leak=200, every=every, files=60), "mb")["bridge"]
    opened = slopes(series(leak=200, every=every, files=60), "files")["bridge"]

    assert found.hourly == pytest.approx(200, abs=2 * found.error + 20)
    assert replace(WELL, mb={"bridge": found}).growing
    assert opened.hourly == pytest.approx(60, abs=2 * opened.error + 5)
    assert replace(WELL, files={"bridge": opened}).growing


@pytest.mark.parametrize("every", [HOUR, 720.0, 1_200.0])
def test_what_is_flat_is_not_called_a_leak(every: float) -> None:
    """Noise, levels that differ between lives, and what is loaded at first are none."""
    mb, files = (slopes(series(every=every), value)["bridge"] for value in ("mb", "files"))

    well = replace(WELL, mb={"bridge": mb}, files={"bridge": files})
    assert well.growing == []
    assert well.good


def test_of_too_little_nothing_is_said() -> None:
    """Two points are a line that proves nothing, and the caches of a short soak fill yet."""
    steep = {"bridge": Slope(hourly=900.0, error=1.0)}

    assert slope([("1", 0.0, 1.0), ("1", 10.0, 2.0)]) is None
    assert slopes(series(every=60), "mb") == {}
    assert replace(WELL, mb=steep).growing
    assert replace(WELL, mb=steep, seconds=LEAST_SECONDS - 1).growing == []
    assert "rss_slope_mb_per_hour=unknown" in str(replace(WELL, mb={}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"lost": 1},
        {"doubled": 1},
        {"unlike": 1},
        {"pending_uploads": 1},
        {"exports": 0},
        {"kills": 0},
        {"mb": {"bridge": FLAT, "daemon": Slope(hourly=70.0, error=1.0)}},
        {"files": {"bridge": Slope(hourly=14.0, error=1.0)}},
        {"largest_worker_mb": 700.0},
    ],
)
def test_what_is_lost_or_grows_is_not_well(wrong: dict[str, object]) -> None:
    """The control: each figure counts, and a soak of nothing proves nothing."""
    assert WELL.good
    assert not replace(WELL, **wrong).good  # type: ignore[arg-type]


def test_the_picture_shows_each_process() -> None:
    """A slope alone does not say whether it was a step or a climb."""
    picture = drawn(series(), title="An hour")

    assert picture.startswith("<svg")
    assert picture.count("<polyline") == 2  # memory and files
    assert "bridge" in picture
