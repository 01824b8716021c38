"""When an export will have ended: nine of ten end before what is said, and nothing is invented."""

import random
from collections.abc import Sequence

import pytest

from api_bridge.protocol import eta
from api_bridge.protocol.eta import Took, left

SMALL = 1_000
HISTORY = 200
ROUNDS = 1_500


def taken(rows: int, chance: random.Random) -> float:
    """Seconds of a made-up export: a start, a pace, and luck of a factor of two."""
    return (1.0 + rows / 80_000) * chance.lognormvariate(0.0, 0.35)


def history(chance: random.Random) -> list[Took]:
    """Earlier exports of all sizes from ten rows to a million."""
    sizes = [round(10 ** chance.uniform(1, 6)) for _ in range(HISTORY)]
    return [Took(read=rows, seconds=taken(rows, chance)) for rows in sizes]


def kept(progress: float, *, rows: Sequence[int]) -> tuple[float, float]:
    """The share of exports that ended before p50 and before p90, asked at some progress."""
    chance, half, most = random.Random(5), [], []  # noqa: S311 - luck, not a secret
    for number in range(ROUNDS):
        if number % 50 == 0:
            earlier = history(chance)
        size = rows[number % len(rows)]
        seconds = taken(size, chance)
        elapsed = progress * seconds
        said = left(earlier, rows=size, elapsed=elapsed, ratio=progress or None)
        if said.p50 is not None:
            half.append(seconds <= elapsed + said.p50 + 1e-9)
        if said.p90 is not None:
            most.append(seconds <= elapsed + said.p90 + 1e-9)
    return sum(half) / len(half), sum(most) / len(most)


@pytest.mark.parametrize("progress", [0.0, 0.25, 0.5])
def test_nine_of_ten_end_before_the_ninth_decile_at_every_progress(progress: float) -> None:
    """A promise that is kept always is as useless as one that is never kept."""
    half, most = kept(progress, rows=(SMALL, 30_000, 700_000))

    assert 0.86 <= most <= 0.97  # half-way, few are left that lasted as long, and they lasted long
    assert 0.42 <= half <= 0.58


def test_without_sizes_the_promise_is_broken_for_large_exports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control: every earlier export counts alike."""
    monkeypatch.setattr(eta, "_longer", lambda *_: 1.0)
    monkeypatch.setattr(eta, "NEAREST", HISTORY)

    assert kept(0.0, rows=(700_000,))[1] < 0.5


@pytest.mark.parametrize(
    ("known", "half", "most"),
    [(0, False, False), (1, True, False), (8, True, False), (9, True, True)],
)
def test_what_too_few_can_say_is_not_said(known: int, half: bool, most: bool) -> None:
    """The largest of eight is passed by one of nine, so it is no ninth decile."""
    earlier = [Took(read=SMALL, seconds=1.0 + number) for number in range(known)]

    said = left(earlier, rows=SMALL, elapsed=0.0, ratio=None)

    assert (half, most) == (said.p50 is not None, said.p90 is not None)


def test_nothing_is_said_of_an_export_whose_size_nobody_knows() -> None:
    """A minute after a thousand rows says nothing about a million."""
    earlier = [Took(read=SMALL, seconds=60.0)] * 50

    assert eta.Left() == left(earlier, rows=None, elapsed=1.0, ratio=None)


def test_an_export_that_outlives_all_others_is_told_by_its_pace() -> None:
    """It must not be said to end at once, for minutes."""
    earlier = [Took(read=SMALL, seconds=1.0)] * 50

    said = left(earlier, rows=SMALL, elapsed=30.0, ratio=0.5)

    assert (30.0, None) == (said.p50, said.p90)


def test_what_is_left_shrinks_to_nothing() -> None:
    """At the last row there is nothing to wait for, whatever others took."""
    earlier = [Took(read=SMALL, seconds=10.0 + number) for number in range(20)]
    lefts = [
        left(earlier, rows=SMALL, elapsed=20.0 * ratio, ratio=ratio).p50 or 0.0
        for ratio in (0.1, 0.4, 0.6, 0.9, 1.0)
    ]

    assert sorted(lefts, reverse=True) == lefts
    assert lefts[-1] <= 1e-9
