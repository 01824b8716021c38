"""Who leaves the queue: small exports do not wait for large ones, nor large ones for ever."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import sensors.line
import sensors.requests
from assets.model.lanes import LARGE_ROWS, Lane, most_large
from sensors.requests import MOST_PER_TICK
from tests.sensors.scene import PLATFORM, Scene

AT_ONCE = 8
HUGE = LARGE_ROWS + 1


@pytest.fixture
def busy(stage: Scene) -> Scene:
    """A platform with eight slots, of which one is for large exports."""
    assert 1 == most_large(AT_ONCE)
    return replace(stage, platform=replace(PLATFORM, at_once=AT_ONCE))


@pytest.fixture(autouse=True)
def _sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that is counted is huge where its document says so; no campaign of 50,000 is made."""

    def rows(_line: object, document: Any, *_: object) -> int | None:
        told: int | None = document["told"]
        return told

    monkeypatch.setattr(sensors.line.Line, "_rows", rows)


def asked(scene: Scene, rows: int | None = 10, caller: str = "a", **changes: Any) -> str:
    """An export that will be found to read so many rows."""
    scene.clock.advance(0.001)
    return scene.asked(told=rows, requestedBy={"subject": caller}, **changes)


def started(scene: Scene) -> list[str]:
    """The exports that one tick asks a run for."""
    return [request.tags["export/id"] for request in scene.requested()]


def ends(scene: Scene, ids: Iterable[str]) -> None:
    """Their files are there."""
    for each in ids:
        scene.plant({**scene.found(each), "status": "succeeded", "lease": None})


def _small_behind_large(busy: Scene) -> tuple[set[str], set[str]]:
    """Small ones that are started at once while twenty large ones were asked for before them."""
    for _ in range(20):
        asked(busy, HUGE)
    small = {asked(busy) for _ in range(5)}
    return small, small & set(started(busy))


def test_small_exports_do_not_wait_behind_large_ones(busy: Scene) -> None:
    """A file of a market must not take as long as every file of the season."""
    small, now = _small_behind_large(busy)

    assert small == now


def test_without_lanes_small_exports_wait_behind_large_ones(
    busy: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: one lane in the order of arrival."""
    monkeypatch.setattr(sensors.line, "lane_of", lambda _: Lane.SMALL)
    monkeypatch.setattr(sensors.line, "turn_of", lambda now, *_: now)

    assert set() == _small_behind_large(busy)[1]


def test_large_exports_leave_slots_that_nobody_wants(busy: Scene) -> None:
    """The next small one would find all workers taken, for minutes."""
    large = [asked(busy, HUGE) for _ in range(20)]

    assert large[:1] == started(busy)
    assert [] == started(busy)
    ends(busy, large[:1])
    assert large[1:2] == started(busy)


def _waits_for(busy: Scene) -> int:
    """How many slots are given to others before a large export has one, at most ten."""
    for number in range(AT_ONCE):
        asked(busy, caller=f"before {number}")
    flying, given = started(busy), 0
    large = asked(busy, HUGE)
    while given < 10:
        for number in range(AT_ONCE):
            asked(busy, caller=f"{given} {number}", priority=9)
        ends(busy, [flying.pop(0)])
        begun = started(busy)
        if large in begun:
            return given
        flying, given = [*flying, *begun], given + len(begun)
    return given


def test_a_large_export_has_the_first_free_slot_however_many_small_ones_arrive(
    busy: Scene,
) -> None:
    """The bound: one small export, which takes seconds."""
    assert 0 == _waits_for(busy)


def test_a_large_export_whose_lane_has_no_part_waits_for_ever(
    busy: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: small ones first, and large ones when there is nothing else."""
    monkeypatch.setattr(sensors.requests, "most_large", lambda _: 0)

    assert 10 <= _waits_for(busy)


def _place_of_the_one(busy: Scene) -> int:
    """After how many of a caller who asked for fourteen the only one of another caller is begun."""
    for _ in range(14):
        asked(busy, caller="a")
    flying = started(busy)
    single, given = asked(busy, caller="b"), 0
    while single not in flying:
        ends(busy, [flying.pop(0)])
        given += 1
        flying += started(busy)
    return given


def test_who_asks_for_one_has_the_next_free_slot(busy: Scene) -> None:
    """Six of another caller are in front of it, and none of them has an earlier turn."""
    assert 1 == _place_of_the_one(busy)


def test_without_turns_who_asks_for_one_waits_for_all_of_another(
    busy: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the order of arrival."""

    def arrival(now: datetime, *_: object) -> datetime:
        return now

    monkeypatch.setattr(sensors.line, "turn_of", arrival)

    assert 7 == _place_of_the_one(busy)


def test_an_export_of_unknown_size_counts_as_large_once_its_run_knows_its_rows(
    busy: Scene,
) -> None:
    """A wrong guess must not let large ones take slots as if they were small."""
    guessed = asked(busy, None)
    assert [guessed] == started(busy)
    busy.plant({**busy.found(guessed), "status": "running", "progress": {"rowsTotal": HUGE}})
    large, small = asked(busy, HUGE), asked(busy, None)

    assert [small] == started(busy)
    assert "queued" == busy.status(large)
    busy.plant({**busy.found(guessed), "progress": {"rowsTotal": 3}})
    assert [large] == started(busy)


def test_an_export_of_a_backfill_takes_a_slot_and_no_turn(busy: Scene) -> None:
    """Dagster launched it; it has no lane, and what waits may use what it leaves."""
    for _ in range(AT_ONCE - 1):
        busy.running(origin="dagster", line=None)
    ids = [asked(busy), asked(busy)]

    assert ids[:1] == started(busy)


def test_a_run_carries_its_lane(busy: Scene) -> None:
    """Dagster's own limits go by the tag."""
    asked(busy, HUGE)
    asked(busy, None)

    lanes = {request.tags["export/lane"] for request in busy.requested()}

    assert {"large", "small"} == lanes


def _asked_of_the_store(stage: Scene, count: int) -> int:
    """Questions to the store in one tick with so many that wait and no free slot."""
    turn = stage.clock.now()
    for number in range(count):
        line = {"lane": "small", "turn": turn + timedelta(seconds=number), "rows": 1}
        asked(stage, caller=str(number % 40), line=line)
    assert AT_ONCE == len(started(stage))
    store = stage.mongo.exports.asked
    before = len(store.calls)
    assert [] == started(stage)
    return len(store.calls) - before


def test_a_tick_asks_no_more_of_the_store_when_more_exports_wait(
    busy: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand that wait must not slow down the one that can go."""
    monkeypatch.setattr(sensors.requests, "WAIT_SECONDS", 0.0)
    few = _asked_of_the_store(busy, 20)
    many = _asked_of_the_store(replace(busy, platform=replace(PLATFORM, at_once=2 * AT_ONCE)), 180)

    assert few == many < MOST_PER_TICK
