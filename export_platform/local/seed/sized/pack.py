"""A sized pack as a dataset: campaign by campaign, chunk by chunk."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Final

import bson
from bson import ObjectId

from export_platform.local.seed.basis.dataset import Batch, Collection, Document, Slice
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import campaign, lake
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.entries import entries
from export_platform.local.seed.sized.people import people
from export_platform.local.seed.sized.plan import Plan, make_plan
from export_platform.local.seed.sized.recipe import Recipe
from export_platform.local.seed.sized.users import users

_ROWS_AN_ENTRY: Final = 0.775
"""Lake rows an entry, about: 0.42 assignments, 0.175 uses, 0.18 orders; measured on small."""


class SizedPack:
    """One or more campaigns made from recipes of the same pack."""

    def __init__(self, recipes: Iterable[Recipe]) -> None:
        """Nothing is computed before it is asked for."""
        self._recipes = tuple(recipes)
        self._plan = cache(make_plan)

    @property
    def name(self) -> str:
        """The pack's name."""
        return self._recipes[0].pack

    @property
    def number(self) -> int:
        """The pack's number."""
        return self._recipes[0].number

    @property
    def campaigns(self) -> Mapping[str, ObjectId]:
        """Campaign key to id."""
        return {each.key: campaign.campaign_id(each) for each in self._recipes}

    @property
    def documents_total(self) -> int:
        """About how many documents: a user and an entry each, and a few others."""
        return sum(2 * each.entries + each.markets + each.promoters + 2 for each in self._recipes)

    @property
    def rows_total(self) -> int:
        """About how many lake rows."""
        return round(sum(each.entries for each in self._recipes) * _ROWS_AN_ENTRY)

    def documents(
        self, ledger: Ledger, *, chunk: int = 2_000, broken_text: bool = True
    ) -> Iterator[Batch]:
        """Every collection of every campaign, users before the entries that name them."""
        for recipe in self._recipes:
            plan = self._plan(recipe)
            yield _batch("campaigns", [campaign.campaign(recipe)])
            yield _batch("markets", campaign.markets(recipe))
            yield _batch("promoters", campaign.promoters(recipe))
            overrides = campaign.scoring(recipe, plan, ledger)
            while batch := list(islice(overrides, chunk)):
                yield _batch("scoring", batch)
            for piece in _chunks(recipe, plan, chunk):
                persons = people(piece)
                yield Batch(collection="users", documents=users(piece, persons, ledger))
                yield Batch(
                    collection="entries",
                    documents=entries(piece, persons, ledger, broken_text=broken_text),
                )

    def slices(self, ledger: Ledger, *, chunk: int = 50_000) -> Iterator[Slice]:
        """The lake rows, one slice a table and day of each chunk of entries."""
        for recipe in self._recipes:
            for piece in _chunks(recipe, self._plan(recipe), chunk):
                yield from lake.slices(piece, ledger)


def _batch(collection: Collection, documents: Iterable[Document]) -> Batch:
    return Batch(collection=collection, documents=[bson.encode(each) for each in documents])


def _chunks(recipe: Recipe, plan: Plan, size: int) -> Iterator[Chunk]:
    for start in range(0, recipe.entries, size):
        stop = min(start + size, recipe.entries)
        yield Chunk(recipe=recipe, whole=plan, start=start, stop=stop)
