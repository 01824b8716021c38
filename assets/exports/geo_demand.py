"""`geo-demand`: where the fans of each market live, told of none of them (DOMAIN.md 7.17).

A cell is an area and a market. One with fewer than k fans, and one more where a single one would be
the difference to a sum, goes into `OTHER` of its country and market. Where that is still fewer than
k it goes into `OTHER` of the market, without a country, and then into `OTHER` of all markets. So no
fan is lost, and the first choices add up to those of `market-demand`; only when the whole campaign
has fewer than k fans the last `OTHER` shows no counts.

Two columns depend on what the model does not hold. There are no coordinates of postal areas, so
`distance_band` is empty. A DMA is known of the cities that are markets of the campaign (DOMAIN.md
2.2), so a fan lives in one when the country, region and city are a market's, else in `UNKNOWN`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from assets.exports.shared.demand import DEMAND_OPTIONS, UNKNOWN, demand_rules, wishes
from assets.exports.shared.entry_options import first_failing
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import notes, string
from assets.exports.shared.postal import postal_code
from assets.model.campaign import Facts
from assets.model.column import (
    COUNTRY,
    ENUM,
    ID,
    INTEGER,
    YES_NO,
    Column,
    Format,
    Pii,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.option import choice, whole
from assets.model.source import EntryRow, EntrySource

OTHER: Final = "OTHER"
_LONGEST_REGION: Final = 40

# Country and area code; the country is empty where it is not known, or where countries are merged.
Area = tuple[str, str]
# Country, area code and market key: the total order of the file.
Cell = tuple[str, str, str]
Locate = Callable[[EntryRow], str]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a cell counts."""

    fans: int = 0
    first: int = 0
    tickets: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(self.fans + other.fans, self.first + other.first, self.tickets + other.tickets)


Cells = dict[Cell, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the file; without a tally where even all fans together are too few."""

    cell: Cell
    tally: Tally | None
    region: str | None
    dma: str | None
    level: str

    @property
    def suppressed(self) -> bool:
        """Whether the row stands for cells that are not shown."""
        return OTHER in self.cell


def smallest_group(facts: Facts) -> int:
    """The fewest fans that a cell may show: the campaign's bound, or more if asked for."""
    return max(facts.campaign.k_anonymity, facts.request.options.get("k") or 0)


class GeoDemand:
    """Counts fans by area and market; what it holds is a few numbers a cell.

    Args:
        facts: The campaign with its markets, and the options.
    """

    def __init__(self, facts: Facts) -> None:
        self._level: str = facts.request.options["level"]
        self._k = smallest_group(facts)
        self._dma_of = _dma_of(facts)
        locators: dict[str, Locate] = {
            "postal": lambda row: _postal(row, "code"),
            "postal3": lambda row: _postal(row, "area"),
            "dma": self._dma,
            "region": _region,
            "country": _country,
        }
        self._locate = locators[self._level]
        self._cells: dict[Cell, Tally] = defaultdict(Tally)
        self._fans: Counter[Area] = Counter()
        self._regions: dict[Area, Counter[str]] = defaultdict(Counter)
        self._dmas: dict[Area, Counter[str]] = defaultdict(Counter)

    def add(self, row: EntryRow) -> Iterable[Row]:
        """Count one entry.

        Raises:
            Unfit: One of its fields cannot be read; then none of it is counted.
        """
        found = wishes(row)
        country, located = _country(row), self._locate(row)
        area = UNKNOWN if located in ("", OTHER) else located
        for place, wish in enumerate(found):
            added = Tally(1, int(place == 0), wish.tickets)
            self._cells[country, area, wish.key] += added
        self._fans[country, area] += 1
        self._regions[country, area][_region(row)] += 1
        self._dmas[country, area][self._dma(row)] += 1
        return ()

    def _dma(self, row: EntryRow) -> str:
        return self._dma_of.get(_city(row), "")

    def rest(self) -> Iterable[Row]:
        """The rows, in their order."""
        shown, left = without_small(self._cells, self._k)
        for cell, tally in sorted(shown.items()):
            yield self._row(cell, tally)
        if left:
            yield self._row(("", OTHER, OTHER), None)

    def _row(self, cell: Cell, tally: Tally | None) -> Row:
        return Row(
            cell=cell,
            tally=tally,
            region=self._most(self._regions, cell),
            dma=self._most(self._dmas, cell),
            level=self._level,
        )

    def _most(self, named: Mapping[Area, Counter[str]], cell: Cell) -> str | None:
        """What more than half of an area's fans name: a few cannot name it for the others."""
        area = cell[:2]
        if OTHER in cell or UNKNOWN in area:
            return None
        ((name, count),) = named[area].most_common(1)
        return name or None if 2 * count > self._fans[area] else None


def without_small(cells: Mapping[Cell, Tally], k: int) -> tuple[Cells, Cells]:
    """Merge cells until each shown one holds at least `k` fans.

    Returns:
        The cells to show, and those left over that nothing could be merged with: fewer than `k`
        fans in all.
    """
    shown: Cells = {}
    left: Cells = dict(cells)
    steps: tuple[tuple[Callable[[Cell], Cell], bool], ...] = (
        (lambda cell: (cell[0], OTHER, cell[2]), False),
        (lambda cell: ("", OTHER, cell[2]), True),
        (lambda _: ("", OTHER, OTHER), True),
    )
    for home, again in steps:
        # From the second step on there must be something left over to merge with others.
        waiting = {home(cell) for cell in left} if again else None
        groups: dict[Cell, Cells] = defaultdict(dict)
        for cell, tally in chain(shown.items(), left.items()):
            groups[home(cell)][cell] = tally
        small, shown, left = left, {}, {}
        for name, group in sorted(groups.items()):
            if waiting is not None and name not in waiting:
                shown |= group
                continue
            # Fans of no known country may have an OTHER of the same name already.
            kept, taken = _taken(group, k, {*small, name} if again else set())
            shown |= kept
            if sum(tally.fans for tally in taken.values()) >= k:
                shown[name] = sum(taken.values(), Tally())
            else:
                left |= taken
    return shown, left


def _taken(group: Cells, k: int, must: set[Cell]) -> tuple[Cells, Cells]:
    """Split a group into what it can show and what must be merged.

    Merged are the cells below `k` and those that `must` be; then the smallest others, until what is
    merged is more than one cell and at least `k` fans.
    """
    taken = {cell: t for cell, t in group.items() if t.fans < k or cell in must}
    kept = {cell: t for cell, t in group.items() if cell not in taken}
    for cell in sorted(kept, key=lambda cell: (kept[cell].fans, cell)):
        together = sum(tally.fans for tally in taken.values())
        if not taken or (len(taken) > 1 and together >= k):
            break
        taken[cell] = kept.pop(cell)
    return kept, taken


# --- where a fan lives --------------------------------------------------------------------------


def _country(row: EntryRow) -> str:
    """ISO 3166-1 alpha-2, or empty for what is none."""
    code = string(row, "contact.countryCode").strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""  # noqa: PLR2004


def _region(row: EntryRow) -> str:
    """The region as the fan wrote it, in capitals: nobody checked it, so spellings differ."""
    return " ".join(string(row, "contact.region").split()).upper()[:_LONGEST_REGION]


def _postal(row: EntryRow, attribute: str) -> str:
    found = postal_code(string(row, "contact.postalCode"), _country(row))
    return "" if found is None or not _country(row) else getattr(found, attribute)


City = tuple[str, str, str]


def _city(row: EntryRow) -> City:
    city = " ".join(string(row, "contact.city").split()).casefold()
    return _country(row), _region(row).casefold(), city


def _dma_of(facts: Facts) -> dict[City, str]:
    """The DMA of each city that is a market with one."""
    return {
        (shown.country or "", (shown.region or "").casefold(), shown.city.casefold()): str(
            shown.dma
        )
        for shown in facts.markets
        if shown.city and shown.dma is not None
    }


# --- columns ------------------------------------------------------------------------------------


def _column(
    name: str, form: Format, source: str, read: Callable[[Row], object], said: str = ""
) -> Column:
    return Column(name=name, format=form, pii=Pii.NONE, source=source, value=read, description=said)


def _count(name: str, source: str, attribute: str, said: str) -> Column:
    def get(row: Row) -> object:
        return None if row.tally is None else getattr(row.tally, attribute)

    return _column(name, INTEGER, source, get, said)


_COLUMNS: tuple[Column, ...] = (
    _column(
        "country",
        COUNTRY,
        "e.contact.countryCode",
        lambda row: row.cell[0],
        "Empty where it is not known, or where areas of several countries are merged.",
    ),
    _column(
        "region",
        text(_LONGEST_REGION),
        "e.contact.region",
        lambda row: row.region,
        "Of the area: what more than half of its fans name.",
    ),
    _column(
        "area_code",
        text(_LONGEST_REGION),
        "X: e.contact.postalCode, e.contact.region or e.contact.countryCode",
        lambda row: row.cell[1],
        "UNKNOWN: none that the country can have. OTHER: areas with too few fans to be shown.",
    ),
    _column("area_level", ENUM, "X: option level", lambda row: row.level),
    _column(
        "dma_id",
        ID,
        "X: m.dmaId of the market whose city is e.contact.city",
        lambda row: row.dma,
        "Of the area: where more than half of its fans live in the city of a market with a DMA.",
    ),
    _column(
        "market_key",
        ID,
        "m.key by e.preferences",
        lambda row: row.cell[2],
        "UNKNOWN: a market that the campaign does not have. OTHER: several markets merged.",
    ),
    _count("fans", "X: count of e._id", "fans", "A fan with three markets counts in each."),
    _count("first_choice", "X: count of e.preferences[1]", "first", "Fans who want it most."),
    _count(
        "tickets_requested",
        "X: sum of e.preferences.ticketQuantity",
        "tickets",
        "Where a fan names no number it is the campaign's default.",
    ),
    _column(
        "distance_band",
        text(10),
        "X: distance of the area from the market",
        lambda _: None,
        "Empty: no coordinates of areas are known.",
    ),
    _column(
        "suppressed",
        YES_NO,
        "X: fewer fans than k",
        lambda row: row.suppressed,
        "Y: cells with too few fans, merged.",
    ),
)


GEO_DEMAND = ExportType(
    name="geo-demand",
    version=1,
    summary="Where the fans of each market live, in areas of at least k fans.",
    scope=Scope.CAMPAIGN,
    owner="team:pricing",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
    ),
    options=(
        choice(
            "level",
            "The size of an area.",
            values=("postal3", "postal", "dma", "region", "country"),
            default="postal3",
        ),
        whole(
            "k",
            "At least so many fans a cell; the campaign's own bound is the least.",
            least=1,
            most=10_000,
        ),
        *DEMAND_OPTIONS,
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("country", "area_code", "market_key"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=lambda facts: first_failing(demand_rules(facts)),
        notes=notes,
        fold=GeoDemand,
    ),
    retention_days=90,
)
