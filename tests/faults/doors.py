"""Doors that fail: any call of any of them, by chance, in one of three ways (RELIABILITY.md 7).

A door that fails so is the same for those behind it as a network that does: they hear `Unavailable`
and cannot know what was done.
"""

import random
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields, replace
from enum import StrEnum
from functools import partial
from types import NoneType, TracebackType
from typing import Any, Self

from bson import Timestamp

from assets.reading import Doors
from resources.athena import Query, Unload
from resources.errors import Unavailable
from resources.mongo.stores import MongoStores
from resources.object_store import Upload

# An answer in pieces is cut after so many of them at most.
MOST_PIECES = 3
# What a call gives that is itself a door, with calls of its own.
_DOORS = (Upload, Query, Unload)
# What stores say without being asked.
_VALUES = (NoneType, Timestamp)
# Calls that ask nobody: an upload gathers what is written until it sends a part.
_LOCAL = frozenset({"write", "cut", "parts", "close"})


class Way(StrEnum):
    """How a call fails."""

    REFUSED = "refused"  # nobody answers: nothing was done
    TIMED_OUT = "timed out"  # all was done, and the answer was lost
    CUT = "cut"  # an answer in pieces ends early; any other is lost


class Weather:
    """What befalls calls.

    The main thread and all others draw apart: how often a heartbeat comes is not to be replayed.

    Args:
        seed: The same gives the same to the main thread.
        rate: The share of calls that fail.
        only: The names of those that may fail; none for all.

    Attributes:
        calls: How many there were.
        struck: How many failed in each way.
    """

    def __init__(self, seed: object, rate: float, *, only: Collection[str] = ()) -> None:
        self._only = only
        self.calls, self.struck = 0, Counter[Way]()
        self._rate, self._lock = rate, threading.Lock()
        self._main, self._others = (
            random.Random(f"{seed} {who}")  # noqa: S311 - to be replayed
            for who in ("main", "others")
        )

    def next(self, name: str) -> tuple[Way | None, int]:
        """How a call fails, if it does, and after how many pieces of its answer."""
        main = threading.current_thread() is threading.main_thread()
        with self._lock:
            draw = self._main if main else self._others
            self.calls += 1
            if draw.random() >= self._rate or (self._only and name not in self._only):
                return None, 0
            way, pieces = draw.choice(list(Way)), draw.randint(1, MOST_PIECES)
            self.struck[way] += 1
            return way, pieces if way is Way.CUT else 0


class Faulty:
    """A door whose calls may fail, and all doors that it leads to.

    Args:
        behind: The door.
        weather: Decides.
    """

    _behind: Any
    _weather: Weather

    def __init__(self, behind: Any, weather: Weather) -> None:
        vars(self).update(_behind=behind, _weather=weather)

    def __getattr__(self, name: str) -> Any:
        """A call that may fail, or a door beside this one."""
        found = getattr(self._behind, name)
        if isinstance(self._behind, MongoStores) and not callable(found):
            return found if isinstance(found, _VALUES) else Faulty(found, self._weather)
        asks = callable(found) and name not in _LOCAL
        return partial(self._called, found) if asks else found

    def __setattr__(self, name: str, value: object) -> None:
        """Tell the door."""
        setattr(self._behind, name, value)

    def __enter__(self) -> Self:
        """Begin an upload."""
        self._behind.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete an upload, unless that fails."""
        way, _ = (None, 0) if kind is not None else self._weather.next("complete")
        lost = None if way is None else _lost(way)
        if way is Way.REFUSED:
            self._behind.__exit__(type(lost), lost, None)
        else:
            self._behind.__exit__(kind, error, trace)
        if lost is not None:
            raise lost

    def _called(self, act: Any, *args: Any, **named: Any) -> Any:
        way, pieces = self._weather.next(act.__name__)
        if way is Way.REFUSED:
            raise _lost(way)
        result = act(*args, **named)
        if way is not None and isinstance(result, Iterator):
            return _cut(result, pieces, way)
        if way is not None:
            raise _lost(way)
        if isinstance(result, Upload):  # a part goes out when enough is written
            vars(result)["_send"] = partial(self._called, result._send)
        if isinstance(result, _DOORS):
            return Faulty(result, self._weather)
        return self._within(result) if isinstance(result, AbstractContextManager) else result

    @contextmanager
    def _within(self, block: AbstractContextManager[Any]) -> Iterator[Any]:
        """A block that gives a door."""
        with block as door:
            yield Faulty(door, self._weather)


def faulty(doors: Doors, weather: Weather) -> Doors:
    """All doors of an attempt, but for what is no door."""
    names = [one.name for one in fields(doors) if one.name != "secret"]
    changed: dict[str, Any] = {name: Faulty(getattr(doors, name), weather) for name in names}
    return replace(doors, **changed)


def _lost(way: Way) -> Unavailable:
    code = f"DOOR_{way.name}"
    return Unavailable(code, "hear from a door")


def _cut(pieces: Iterator[Any], most: int, way: Way) -> Iterator[Any]:
    """The first pieces, and then none: also where there are no more, since nobody can know."""
    for _, piece in zip(range(most), pieces, strict=False):
        yield piece
    raise _lost(way)
