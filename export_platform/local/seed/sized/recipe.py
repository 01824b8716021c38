"""What makes one sized campaign differ from another: a handful of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from export_platform.local.seed.basis.instants import at

OPENS: Final[datetime] = at("2026-03-03T15:00:00Z")
CLOSES: Final[datetime] = at("2026-03-10T15:00:00Z")
PRESALE: Final[datetime] = at("2026-03-13T14:00:00Z")
PRESALE_ENDS: Final[datetime] = at("2026-03-14T03:00:00Z")

MINIMUM_MARKETS: Final = 4
"""Preferences are drawn among neighbours in groups of four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One campaign of a pack."""

    pack: str
    number: int
    campaign: int
    key: str
    entries: int
    markets: int
    promoters: int
    v2_share: float = 0.065
    v1_share: float = 0.015
    anomalies: bool = False

    def __post_init__(self) -> None:
        """Refuse what the generator cannot do.

        Raises:
            ValueError: fewer than four markets, or a negative size.
        """
        if self.markets < MINIMUM_MARKETS or self.entries < 0:
            raise ValueError("a sized campaign has at least four markets and no negative size")

    @property
    def seed(self) -> str:
        """What every random number of the campaign starts from; the size is not part of it."""
        return f"{self.pack}/{self.campaign}"

    def share(self, usual: float, *, nasty: float) -> float:
        """How often something happens; a nasty campaign is small, and needs twenty of each."""
        return nasty if self.anomalies else usual


def _recipe(pack: str, number: int, entries: int, markets: int, promoters: int) -> Recipe:
    return Recipe(
        pack=pack,
        number=number,
        campaign=1,
        key=f"{pack}-2026",
        entries=entries,
        markets=markets,
        promoters=promoters,
        anomalies=pack == "nasty",
    )


RECIPES: Final[Mapping[str, Recipe]] = {
    "small": _recipe("small", 1, 20_000, 8, 2),
    "nasty": _recipe("nasty", 2, 5_000, 12, 4),
    "medium": _recipe("medium", 3, 250_000, 20, 4),
    "large": _recipe("large", 4, 2_000_000, 28, 6),
    "huge": _recipe("huge", 5, 3_500_000, 52, 8),
}
"""DOMAIN.md 10.2 calls them s, nasty, m, l and xl."""
