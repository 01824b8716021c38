"""What a kind of export is: one frozen value from which everything else derives.

The Dagster asset and its checks, the request's JSON Schema, the API listing, the data
dictionary and the policy all read this declaration; nothing about a kind of export is said
a second time. To add one, write a module in `assets/exports` and list it in `catalog.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from assets.model.campaign import Facts
from assets.model.column import Column
from assets.model.option import Option
from assets.model.source import RowSource


class Scope(StrEnum):
    """What one export is about; the value is the name of the Dagster partitions (DESIGN.md 2)."""

    CAMPAIGN = "campaigns"
    DAY = "days"
    PRIVACY_CASE = "privacy_cases"


class Destination(StrEnum):
    """Where the files go; also the group of the asset."""

    S3 = "s3"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportType:
    """One kind of export, declared once.

    Attributes:
        name: Catalogue id (`code-redemptions`); part of URLs, S3 keys and the asset key.
        version: Raised whenever the columns or their meaning change.
        summary: One sentence for people choosing an export.
        scope: What one export is about.
        destination: Where its files go.
        owner: The team to ask, as Dagster shows it (`team:...`).
        upstream: Asset keys of what it reads: `("mongo", "entries")`.
        options: The options of the type itself; the common ones are added to every type.
        columns: The columns, fixed from the facts before the first row (DOMAIN.md 6.6).
        static_columns: The columns that do not depend on a campaign, for listings.
        other_columns: Patterns of the names of columns that depend on a campaign or an option.
        sort: Names of the columns that the total order follows, for readers of the file.
        rows: Where the rows come from.
        retention_days: How long the files live (DOMAIN.md 9, by PII class).
    """

    name: str
    version: int
    summary: str
    scope: Scope
    destination: Destination
    owner: str
    upstream: tuple[tuple[str, ...], ...]
    options: tuple[Option, ...]
    columns: Callable[[Facts], tuple[Column, ...]]
    static_columns: tuple[Column, ...]
    sort: tuple[str, ...]
    rows: RowSource
    retention_days: int
    other_columns: tuple[str, ...] = ()

    @property
    def versioned(self) -> str:
        """The id with its version, as the API shows it: `waitlist.1`."""
        return f"{self.name}.{self.version}"


Catalog = Mapping[str, ExportType]
