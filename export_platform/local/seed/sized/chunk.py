"""A run of entries while they are made: their counters, plan and ids side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
from bson import ObjectId

from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.sized.draws import Draws, Indexes, Whole, indexes
from export_platform.local.seed.sized.plan import Plan
from export_platform.local.seed.sized.recipe import Recipe

_PREFIX_BYTES: Final = 6


def id_list(kind: Kind, recipe: Recipe, numbers: Sequence[int]) -> list[ObjectId]:
    """Ids of a kind for many indexes: the same as `object_id`, without parsing hex each time."""
    prefix = object_id(kind, recipe.number, 0, campaign=recipe.campaign).binary[:_PREFIX_BYTES]
    return [ObjectId(prefix + number.to_bytes(6, "big")) for number in numbers]


def instants(milliseconds: Whole) -> list[datetime]:
    """Naive UTC datetimes, which BSON takes as they are; made in C, ten in a microsecond."""
    return milliseconds.astype("datetime64[ms]").tolist()


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Entries `start` to `stop` of a campaign; not slotted, because its columns are kept."""

    recipe: Recipe
    whole: Plan
    start: int
    stop: int

    @cached_property
    def index(self) -> Indexes:
        """The counters."""
        return indexes(self.start, self.stop)

    @cached_property
    def numbers(self) -> list[int]:
        """The counters as Python numbers."""
        return list(range(self.start, self.stop))

    @cached_property
    def draws(self) -> Draws:
        """The campaign's random numbers."""
        return Draws(self.recipe.seed)

    @cached_property
    def plan(self) -> Plan:
        """The plan of these entries only."""
        piece: dict[str, Any] = {}
        for field in fields(self.whole):
            value = getattr(self.whole, field.name)
            piece[field.name] = (
                tuple(each[self.start : self.stop] for each in value)
                if isinstance(value, tuple)
                else value[self.start : self.stop]
            )
        return Plan(**piece)

    @cached_property
    def entry_ids(self) -> list[ObjectId]:
        """The ids of the entries."""
        return id_list(Kind.ENTRY, self.recipe, self.numbers)

    @cached_property
    def user_ids(self) -> list[ObjectId]:
        """The ids of the fans; a guest of v1 has one that is not used."""
        return id_list(Kind.USER, self.recipe, self.numbers)

    @cached_property
    def created(self) -> list[datetime]:
        """When each was registered."""
        return instants(self.plan.created)

    def flags(self, field: str, probability: float) -> list[bool]:
        """One yes or no an entry."""
        return self.draws.chance(field, self.index, probability).tolist()

    def picks(self, field: str, weights: Sequence[float]) -> list[int]:
        """One position in `weights` an entry."""
        return self.draws.pick(field, self.index, weights).tolist()

    def below(self, field: str, bound: int) -> list[int]:
        """One whole number in [0, bound) an entry."""
        return self.draws.below(field, self.index, bound).tolist()

    def after(self, field: str, base: Whole, seconds: int) -> list[datetime]:
        """Instants up to so many seconds after `base`."""
        later = np.floor(self.draws.uniform(field, self.index) * (seconds * 1000))
        return instants(base + later.astype(np.int64))
