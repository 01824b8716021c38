"""The packs by the name typed in `seed --pack`."""

from dataclasses import replace
from typing import Final

from export_platform.local.seed.basis.dataset import Dataset
from export_platform.local.seed.sized.draws import Draws, indexes
from export_platform.local.seed.sized.pack import SizedPack
from export_platform.local.seed.sized.recipe import RECIPES, Recipe
from export_platform.local.seed.tiny.pack import TinyPack

NAMES: Final = ("tiny", "nasty", "small", "medium", "large", "huge", "multi")
"""What may be asked for; DOMAIN.md 10.2 calls them nano, nasty, s, m, l, xl and multi."""

_MULTI_CAMPAIGNS: Final = 300
_MULTI_NUMBER: Final = 6
_MULTI_LEAST: Final = 200
_MULTI_MOST: Final = 20_000


def pack_named(name: str, *, entries: int | None = None) -> Dataset:
    """The pack of a name; `entries` overrides the size of a sized one.

    Raises:
        ValueError: no such pack, or a size for one that has its own.
    """
    if name != "tiny":
        return sized_pack(name, entries=entries)
    if entries is not None:
        raise ValueError(f"the {name} pack has a size of its own")
    return TinyPack()


def sized_pack(name: str, *, entries: int | None = None) -> SizedPack:
    """The same for a pack that is computed; its chunks can be chosen.

    Raises:
        ValueError: no such pack, or a size for one that has its own.
    """
    if name == "multi":
        if entries is not None:
            raise ValueError(f"the {name} pack has a size of its own")
        return SizedPack(_multi())
    if name not in RECIPES:
        raise ValueError(f"no pack {name!r}; there are {', '.join(NAMES)}")
    recipe = RECIPES[name] if entries is None else replace(RECIPES[name], entries=entries)
    return SizedPack([recipe, _nobody(recipe)] if name == "nasty" else [recipe])


def _nobody(recipe: Recipe) -> Recipe:
    """A campaign beside the nasty one with no entries and no promoters."""
    return replace(
        recipe, campaign=2, key=f"{recipe.pack}-nobody-2026", entries=0, promoters=0, markets=4
    )


def _multi() -> list[Recipe]:
    """300 campaigns of 200 to 20,000 entries, most of them small."""
    size = Draws("multi").uniform("size", indexes(0, _MULTI_CAMPAIGNS))
    sizes = (_MULTI_LEAST + size**4 * (_MULTI_MOST - _MULTI_LEAST)).astype(int).tolist()
    return [
        Recipe(
            pack="multi",
            number=_MULTI_NUMBER,
            campaign=number,
            key=f"multi-{number:03d}-2026",
            entries=entries,
            markets=4 + number % 9,
            promoters=number % 4,
            v2_share=0.0,
            v1_share=0.0,
        )
        for number, entries in enumerate(sizes, start=1)
    ]
