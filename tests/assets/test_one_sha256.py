"""One snapshot gives one sha256, whatever is slow, and a writer beside it doubles and loses nobody.

`make determinism` does fifty runs of each; `make test` a few.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from assets import reading
from assets.model.lifecycle import SAFETY_LAG
from assets.steps.encode import compression
from resources.mongo.batch import Batch
from resources.mongo.entries import Scan
from tests.assets.workbench import AFTER_THE_PACK, tiny_documents, workbench
from tests.fakes.entries import FakeEntryStore

SHORTEST_BLOCK = 512  # so that the small pack makes some fifty blocks
LONGEST_WAIT = 0.004


class Hesitant(FakeEntryStore):
    """An entry store that takes its time before each batch."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(tiny_documents()["entries"])
        self._chance = chance

    def scan(self, scan: Scan, **sizes: int) -> Iterator[Batch]:
        """Read, slowly and fast."""
        for batch in super().scan(scan, **sizes):
            time.sleep(self._chance.uniform(0, LONGEST_WAIT))
            yield batch


def exported(seed: int, patch: pytest.MonkeyPatch) -> str:
    """The sha256 of the stored file of a run with delays, batches, pages and workers by chance."""
    chance = random.Random(seed)  # noqa: S311 - the same again by its seed
    deflated = compression._deflated

    def slowly(*block: Any) -> bytes:
        time.sleep(chance.uniform(0, LONGEST_WAIT))
        return deflated(*block)

    with patch.context() as patched:
        patched.setattr(compression, "GZIP_BLOCK", SHORTEST_BLOCK)
        patched.setattr(compression, "GZIP_WORKERS", chance.choice([1, 2, 4]))
        patched.setattr(compression, "_deflated", slowly)
        patched.setattr(reading, "BATCH", chance.randint(1, 30))
        patched.setattr(reading, "PAGE", chance.randint(2, 40))
        bench = workbench()
        bench.mongo.entries = Hesitant(chance)
        done = bench.run("entries", compression="gzip")
    (file,) = done.manifest.files
    assert len(bench.body(file.key)) > 4 * SHORTEST_BLOCK
    return file.sha256


@pytest.fixture
def runs(request: pytest.FixtureRequest) -> range:
    """The seeds of the runs."""
    return range(int(request.config.getoption("--runs")))


def test_every_run_gives_one_sha256(runs: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who compares two exports must see what changed in the data, not what was slow."""
    assert len({exported(seed, monkeypatch) for seed in runs}) == 1


class FirstDone(deque["Future[bytes]"]):
    """Gives blocks as they are done, and not as they were cut."""

    def popleft(self) -> "Future[bytes]":
        """Whichever is done first."""
        first = next(as_completed(list(super().__iter__())))
        self.remove(first)
        return first

    def __iter__(self) -> Iterator["Future[bytes]"]:
        """All, as they are done."""
        return as_completed(list(super().__iter__()))


def test_blocks_joined_as_they_are_done_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above: with this fault its runs differ."""
    right = exported(0, monkeypatch)
    monkeypatch.setattr(compression, "deque", FirstDone)
    monkeypatch.setattr("random.Random.choice", lambda _, several: several[-1])

    assert {exported(seed, monkeypatch) for seed in range(3)} - {right}


@dataclass
class Mover:
    """Moves fans from market to market."""

    store: FakeEntryStore
    chance: random.Random
    markets: Sequence[ObjectId]

    def move(self) -> None:
        """Give two fans another first wish."""
        wishful = [one for one, _ in self.store.kept.seen() if _wish(one) is not None]
        for fan in self.chance.sample(wishful, 2):
            others = [one for one in self.markets if one != _wish(fan)]
            wishes = [{"marketId": self.chance.choice(others), "rank": 1}]
            self.store.kept.keep({**fan, "preferences": wishes})


class Restless(FakeEntryStore):
    """An entry store that somebody writes to between any two batches."""

    def __init__(self, seed: int) -> None:
        super().__init__(tiny_documents()["entries"])
        found = {wish for one, _ in self.kept.seen() if (wish := _wish(one)) is not None}
        self.mover = Mover(self, random.Random(seed), sorted(found))  # noqa: S311

    def scan(self, scan: Scan, **sizes: int) -> Iterator[Batch]:
        """Read, and let the other one write."""
        for batch in super().scan(scan, **sizes):
            yield batch
            self.mover.move()


class Touched(FakeEntryStore):
    """An entry store in which three entries are changed while they are read."""

    def __init__(self, later: timedelta) -> None:
        super().__init__(tiny_documents()["entries"])
        self.instant = AFTER_THE_PACK - timedelta(seconds=SAFETY_LAG) + later

    def scan(self, scan: Scan, **sizes: int) -> Iterator[Batch]:
        """Read, and let somebody change the same three after each batch."""
        for batch in super().scan(scan, **sizes):
            yield batch
            for entry, _ in sorted(self.kept.seen(), key=lambda one: one[0]["_id"])[:3]:
                self.kept.keep({**entry, "updatedAt": self.instant})


def _wish(entry: Any) -> ObjectId | None:
    wishes = entry.get("preferences")
    first = wishes[0] if isinstance(wishes, list) and wishes else None
    market = first.get("marketId") if isinstance(first, dict) else None
    return market if isinstance(market, ObjectId) and "createdAt" in entry else None


def fans(body: bytes) -> Counter[str]:
    """How often each entry stands in a file whose only column is their id."""
    return Counter(body.decode("utf-8-sig").split("\r\n")[1:-1])


def test_nobody_who_moves_meanwhile_is_twice_or_missing(
    runs: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages go by the instant of registration and the id, which nobody changes (DOMAIN.md 7.0)."""
    monkeypatch.setattr(reading, "BATCH", 5)
    monkeypatch.setattr(reading, "PAGE", 10)

    def found(store: FakeEntryStore) -> Counter[str]:
        bench = workbench()
        bench.mongo.entries = store
        (file,) = bench.run("entries", columns=["entry_id"], compression="none").manifest.files
        return fans(bench.body(file.key))

    still = found(FakeEntryStore(tiny_documents()["entries"]))
    assert set(still.values()) == {1}
    for seed in runs:
        assert found(Restless(seed)) == still


def test_entries_that_change_meanwhile_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of theirs is of before or after the change, and the manifest says how many (5.2)."""
    monkeypatch.setattr(reading, "BATCH", 5)
    noted = []
    for later in (timedelta(0), timedelta(seconds=1)):
        bench = workbench()
        bench.mongo.entries = Touched(later)
        manifest = bench.run("entries", columns=["entry_id"]).manifest
        noted.append(manifest.accounting.notes.get("entries_changed_meanwhile"))

    assert noted == [None, 3]


def test_a_reader_that_goes_market_by_market_shows_fans_twice_and_loses_others(
    runs: range,
) -> None:
    """The control: the writer above does harm to who reads by what it changes."""
    harmed = 0
    for seed in runs:
        store, seen = Restless(seed), Counter[ObjectId]()
        everybody = {one["_id"] for one, _ in store.kept.seen() if _wish(one) is not None}
        for market in store.mover.markets:
            seen.update(one["_id"] for one, _ in list(store.kept.seen()) if _wish(one) == market)
            store.mover.move()
        harmed += seen.keys() != everybody or max(seen.values()) > 1

    assert harmed > len(runs) / 2
