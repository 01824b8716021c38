"""A sized pack as a dataset: campaign by campaign, chunk by chunk."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain, islice
from typing import Final

import bson
from bson import ObjectId

from export_platform.local.seed.basis.dataset import (
    Batch,
    CodeBatch,
    Collection,
    Document,
    SeedObject,
    Slice,
)
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import behaviour, campaign, files, lake, mails, runs, service
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.days import Days
from export_platform.local.seed.sized.entries import entries
from export_platform.local.seed.sized.names import campaign_id
from export_platform.local.seed.sized.people import people
from export_platform.local.seed.sized.plan import Plan, make_plan
from export_platform.local.seed.sized.recipe import Recipe
from export_platform.local.seed.sized.users import accounts, users

_ROWS_AN_ENTRY: Final = 13.5
"""Lake rows an entry, about: 4.8 of e-mail, 4.1 of the form, 1.4 of consent, 1.1 of texts, 0.9 of
boosts, 0.8 of codes and orders, 0.3 visits; measured on small."""


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
        return {each.key: campaign_id(each) for each in self._recipes}

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
            overrides = runs.scoring(recipe, plan, ledger)
            while batch := list(islice(overrides, chunk)):
                yield _batch("scoring", batch)
            for piece in _chunks(recipe, plan, chunk):
                persons = people(piece)
                yield Batch(collection="users", documents=users(piece, persons, ledger))
                yield Batch(
                    collection="entries",
                    documents=entries(piece, persons, ledger, broken_text=broken_text),
                )

    def span(self, ledger: Ledger, start: int, stop: int) -> Iterator[Batch]:
        """The users and entries `start` to `stop` of the first campaign, and nothing else of it.

        Costs the plan, which needs all entries at once (1 s a million), and then only what is asked
        for.
        """
        recipe = self._recipes[0]
        piece = Chunk(recipe=recipe, whole=self._plan(recipe), start=start, stop=stop)
        persons = people(piece)
        yield Batch(collection="users", documents=users(piece, persons, ledger))
        yield Batch(collection="entries", documents=entries(piece, persons, ledger))

    def slices(self, ledger: Ledger, *, chunk: int = 20_000) -> Iterator[Slice]:
        """The lake rows, one slice a table and day of each chunk of entries; sums at the end."""
        days = Days()
        for recipe in self._recipes:
            days.begin(recipe)
            for piece in _chunks(recipe, self._plan(recipe), chunk):
                days.entries(piece, ledger)
                for rows in _tables(piece, ledger):
                    days.rows(recipe, rows)
                    yield rows
        yield from days.slices()

    def codes(self, ledger: Ledger, *, chunk: int = 20_000) -> Iterator[CodeBatch]:
        """The codes that no entry holds first, then those of each chunk of entries."""
        for recipe in self._recipes:
            identity = campaign_id(recipe)
            if common := service.shared(recipe, ledger):
                yield CodeBatch(campaign_id=identity, items=common)
            for piece in _chunks(recipe, self._plan(recipe), chunk):
                if found := service.items(piece, ledger):
                    yield CodeBatch(campaign_id=identity, items=found)

    def objects(self, ledger: Ledger, *, chunk: int = 20_000) -> Iterator[SeedObject]:
        """The files of both providers, in parts of `files.PART` entries, whatever the chunk."""
        for recipe in self._recipes:
            yield from files.objects(recipe, self._parts(recipe, chunk), ledger)

    def _parts(self, recipe: Recipe, chunk: int) -> Iterator[tuple[int, Iterator[Chunk]]]:
        plan = self._plan(recipe)
        for number, start in enumerate(range(0, recipe.entries, files.PART)):
            stop = min(start + files.PART, recipe.entries)
            yield number, _between(recipe, plan, start, stop, chunk)


def _tables(piece: Chunk, ledger: Ledger) -> Iterator[Slice]:
    known = accounts(piece)
    yield from lake.slices(piece, known, ledger)
    # One table after the other: all at once would be 0.7 kB for each of 13 rows an entry.
    for gathering in chain(
        behaviour.gathered(piece, known, ledger), mails.gathered(piece, known, ledger)
    ):
        yield from gathering.slices(campaign_id(piece.recipe), ledger)


def _batch(collection: Collection, documents: Iterable[Document]) -> Batch:
    return Batch(collection=collection, documents=[bson.encode(each) for each in documents])


def _chunks(recipe: Recipe, plan: Plan, size: int) -> Iterator[Chunk]:
    return _between(recipe, plan, 0, recipe.entries, size)


def _between(recipe: Recipe, plan: Plan, first: int, last: int, size: int) -> Iterator[Chunk]:
    for start in range(first, last, size):
        yield Chunk(recipe=recipe, whole=plan, start=start, stop=min(start + size, last))
