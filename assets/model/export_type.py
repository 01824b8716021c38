"""What a kind of export is: one frozen value from which everything else derives.

The Dagster asset and its checks, the request's JSON Schema, the API listing, the data
dictionary and the policy all read this declaration; nothing about a kind of export is said
a second time. To add one, write a module in `assets/exports` and list it in `catalog.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from assets.model.campaign import Facts
from assets.model.column import Column
from assets.model.delivery import Delivery, Destination
from assets.model.option import Option
from assets.model.source import Reading, RowSource


class Scope(StrEnum):
    """What one export is about; the value is the name of the Dagster partitions (DESIGN.md 2)."""

    CAMPAIGN = "campaigns"
    DAY = "days"
    PRIVACY_CASE = "privacy_cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A file beside the main ones, for rows that the main ones must not hold.

    Attributes:
        name: Begins the name of its files: `untextable-00001.csv`.
        reasons: Rows with one of these verdicts go here instead of being filtered.
        columns: Its own columns, under the same policy.
        wanted: Whether a request has it at all.
        static_columns: Those that do not depend on a campaign, for the data dictionary.
    """

    name: str
    reasons: frozenset[str]
    columns: Callable[[Facts], tuple[Column, ...]]
    wanted: Callable[[Facts], bool] = lambda _: True
    static_columns: tuple[Column, ...] = ()


# The first day that exports of a day can be about.
FIRST_DAY: Final = date(2026, 1, 1)


def nothing_fixed(_: Mapping[str, Any]) -> Mapping[str, str]:
    """For exports that leave the form of their files to the caller."""
    return {}


def nothing_prepared(_: Facts, __: Reading) -> object:
    """For exports that need no look-ups before the first row."""
    return None


def nothing_refused(_: Facts) -> None:
    """For exports that every campaign has."""


def nothing_stated(_: Facts) -> Mapping[str, str]:
    """For exports of which the manifest says nothing that it does not say of all."""
    return {}


def one_group(_: Facts) -> Callable[[Any], str] | None:
    """For exports whose rows are not split into files by a value."""
    return None


# Declared once, so one is equal to itself only, and what is made of it can be remembered by it.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportType:
    """One kind of export, declared once.

    Attributes:
        name: Catalogue id (`code-redemptions`); part of URLs, S3 keys and the asset key.
        version: Raised whenever the columns or their meaning change.
        summary: One sentence for people choosing an export.
        scope: What one export is about.
        owner: The team to ask, as Dagster shows it (`team:...`).
        upstream: Asset keys of what it reads: `("mongo", "entries")`.
        options: The options of the type itself; the common ones are added to every type.
        columns: The columns, fixed from the facts before the first row (DOMAIN.md 6.6).
        static_columns: The columns that do not depend on a campaign, for listings.
        other_columns: Patterns of the names of columns that depend on a campaign or an option.
        sort: Names of the columns that the total order follows, for readers of the file.
        rows: Where the rows come from.
        retention_days: How long the files live (DOMAIN.md 9, by PII class).
        deliveries: Where the files can go beside the exports bucket.
        fixed: Members of the request that this kind insists on, by its options: `format`,
            `dialect`, `compression`, `pii`. A caller may leave them out or say the same.
        prepare: Look-ups before the first row; what it returns is `Facts.prepared`.
        refuse: Raises `ExportFailed` for what this campaign cannot have; also asked when somebody
            asks for the export, so it reads nothing.
        companions: Files beside the main ones.
        split: Made once an export: gives each row a group, and a new file begins where it changes;
            rows of one group follow each other. None: one group.
        stated: What the manifest says of this kind alone, by name: never anything personal.
        downloadable: False where the files are for the delivery only and nobody downloads them.
    """

    name: str
    version: int
    summary: str
    scope: Scope
    owner: str
    upstream: tuple[tuple[str, ...], ...]
    options: tuple[Option, ...]
    columns: Callable[[Facts], tuple[Column, ...]]
    static_columns: tuple[Column, ...]
    sort: tuple[str, ...]
    rows: RowSource
    retention_days: int
    other_columns: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    fixed: Callable[[Mapping[str, Any]], Mapping[str, str]] = nothing_fixed
    prepare: Callable[[Facts, Reading], object] = nothing_prepared
    refuse: Callable[[Facts], None] = nothing_refused
    companions: tuple[Companion, ...] = ()
    split: Callable[[Facts], Callable[[Any], str] | None] = one_group
    stated: Callable[[Facts], Mapping[str, str]] = nothing_stated
    downloadable: bool = True

    @property
    def versioned(self) -> str:
        """The id with its version, as the API shows it: `waitlist.1`."""
        return f"{self.name}.{self.version}"

    @property
    def destination(self) -> Destination:
        """Where its files are meant to go in the first place; also the group of the asset."""
        options = {option.name: option.default for option in self.options}
        return next(iter(self.usual(options)), Destination.S3)

    def usual(self, options: Mapping[str, Any]) -> tuple[Destination, ...]:
        """Where the files of a request with these options go that names no deliveries."""
        return tuple(one.destination for one in self.deliveries if one.usual(options))


Catalog = Mapping[str, ExportType]
