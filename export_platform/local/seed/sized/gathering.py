"""Rows of one lake table as columns, with the two faults that every event store has.

An event may come late (40 minutes on average, one in a hundred more than a day), and one in 200
comes twice, the second time a day later or more (DOMAIN.md 10.3). The day of a row's partition is
the day on which it arrived.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from bson import ObjectId

from export_platform.local.athena.tables import find
from export_platform.local.seed.basis.dataset import Slice
from export_platform.local.seed.basis.instants import AS_OF
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized.chunk import Chunk, instants
from export_platform.local.seed.sized.draws import Whole
from export_platform.local.seed.sized.plan import Flags

DAY: Final = 86_400_000
TWICE: Final = 0.005
LATE: Final = 0.01
NOW: Final = int(AS_OF.timestamp()) * 1000

_MEAN_DELAY: Final = 40 * 60 * 1000
_LONGEST_DELAY: Final = 5 * DAY
_EPOCH: Final = date(1970, 1, 1)

# Partitions of the nasty campaign that were lost on the way to the lake.
_LOST: Final[Mapping[str, date]] = {
    "email_events": date(2026, 3, 9),
    "registration_events": date(2026, 3, 6),
}

Values = Mapping[str, Sequence[Any]]
Make = Callable[[list[int]], Values]


class Gathering:
    """Collects the rows that the entries of a chunk leave in a table.

    Args:
        chunk: The entries.
        table: A name of `athena/tables.py`.
        natural_id: The column by which a reader tells rows that came twice.
        time: The column of the instant at which it happened.
    """

    def __init__(self, chunk: Chunk, table: str, *, natural_id: str, time: str) -> None:
        """Nothing is gathered yet."""
        self._chunk = chunk
        self._table = table
        self._natural_id = natural_id
        self._time = time
        self._places: list[Whole] = []
        self._happened: list[Whole] = []
        self._arrived: list[Whole] = []
        self._columns: dict[str, list[Any]] = {}
        self._twice: list[Any] = []

    def add(self, part: str, whom: Flags, at: Whole, make: Make) -> None:
        """Add one row for each of the entries `whom`.

        Args:
            part: Names this kind of row among those of the table; random numbers hang on it.
            whom: The entries, one flag for every place of the chunk.
            at: When it happened, in milliseconds, for every place of the chunk; nothing happens
                after the pack's "now".
            make: From the chosen places to the columns, without that of the time.
        """
        places = np.flatnonzero(whom)
        happened = np.minimum(at[places], NOW - 1)
        arrived = np.minimum(happened + self._delays(part, places), NOW)
        share = self._chunk.recipe.share(TWICE, nasty=0.03)
        twice = np.flatnonzero(self._chance(f"{part}.twice", places, share))
        again = np.minimum(arrived[twice] + DAY, NOW)
        columns = {**make(places.tolist()), self._time: instants(happened)}
        for name, values in columns.items():
            held = self._columns.setdefault(name, [])
            held.extend(values)
            held.extend([values[row] for row in twice.tolist()])
        self._places += [places, places[twice]]
        self._happened += [happened, happened[twice]]
        self._arrived += [arrived, again]
        self._twice += [columns[self._natural_id][row] for row in twice.tolist()]

    def slices(self, campaign_id: ObjectId, ledger: Ledger) -> Iterator[Slice]:
        """The rows by day, within a day in the order of the entries."""
        if not self._places:
            return
        places, arrived = np.concatenate(self._places), np.concatenate(self._arrived) // DAY
        kept = self._kept(arrived, ledger)
        late = kept[arrived[kept] > np.concatenate(self._happened)[kept] // DAY]
        self._record(ledger, late)
        order = kept[np.lexsort((places[kept], arrived[kept]))]  # stable: an entry's rows in order
        if not len(order):
            return
        names = _declared(self._table)
        days, starts = np.unique(arrived[order], return_index=True)
        for day, picks in zip(days.tolist(), np.split(order, starts[1:]), strict=True):
            chosen = picks.tolist()
            yield Slice(
                table=self._table,
                campaign_id=campaign_id,
                day=_EPOCH + timedelta(days=day),
                columns={name: [self._columns[name][row] for row in chosen] for name in names},
            )

    def _kept(self, arrived: Whole, ledger: Ledger) -> Whole:
        """The rows that are not of a lost partition; those that are, go to the ledger."""
        lost_day = _LOST.get(self._table)
        if not self._chunk.recipe.anomalies or lost_day is None:
            return np.arange(len(arrived))
        lost = arrived == (lost_day - _EPOCH).days
        ids = self._columns[self._natural_id]
        gone = [ids[row] for row in np.flatnonzero(lost).tolist()]
        ledger.extend(f"lost_partition/{self._table}", gone)
        missing = set(gone)
        self._twice = [each for each in self._twice if each not in missing]
        return np.flatnonzero(~lost)

    def _record(self, ledger: Ledger, late: Whole) -> None:
        ids = self._columns[self._natural_id]
        delayed = [ids[row] for row in late.tolist()]
        for name, listed in (("late", delayed), ("duplicate", self._twice)):
            ledger.extend(f"{name}/{self._table}", listed)
            ledger.extend(f"{name}_events", listed)

    def _delays(self, part: str, places: Whole) -> Whole:
        draws, index = self._chunk.draws, self._chunk.index[places]
        name = f"{self._table}.{part}"
        usual = draws.quantile(f"{name}.delay", index, "exponential") * _MEAN_DELAY
        long = DAY + draws.uniform(f"{name}.days", index) * (_LONGEST_DELAY - DAY)
        return np.floor(np.where(self._chance(f"{part}.late", places, LATE), long, usual)).astype(
            np.int64
        )

    def _chance(self, field: str, places: Whole, probability: float) -> Flags:
        index = self._chunk.index[places]
        return self._chunk.draws.chance(f"{self._table}.{field}", index, probability)


def _declared(table: str) -> list[str]:
    found = find("fan_events", table)
    if found is None:
        raise ValueError(f"the lake has no table {table!r}")
    return [column.name for column in found.columns]
