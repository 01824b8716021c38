"""`campaign-summary`: one line a campaign and day, for the morning's digest (DOMAIN.md 7.21).

`campaign_daily` holds totals since the campaign began, as they stood at the end of a day (UTC);
what is new is the difference from the day before. Exports are those that were asked for on the day.

Decided here: a campaign whose figures of the day have not arrived shows its last ones, and is
noted; shares of nothing are zero, as DOMAIN.md wants zeros for a campaign without entries.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from assets.exports.shared.lake import FIRST_DAY
from assets.exports.shared.statements import statement
from assets.model.campaign import Campaign, Facts
from assets.model.column import (
    DATE,
    ENUM,
    ID,
    INTEGER,
    Column,
    Format,
    Getter,
    Pii,
    percent,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.source import Arrange, MadeSource, Reading

# An export whose files were deleted by retention was completed before.
_COMPLETED: Final = ("succeeded", "expired")
_FAILED: Final = ("failed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDay:
    """A campaign at the end of a day.

    Attributes:
        figures: The last totals by column of `campaign_daily`; empty where there never were any.
        exports: How many exports of the campaign ended in each state.
    """

    day: date
    campaign: Campaign
    figures: Mapping[str, Any]
    exports: Mapping[str, int]

    def figure(self, name: str) -> int:
        """A total; zero where there is none."""
        return int(self.figures.get(name) or 0)


def _rows(facts: Facts, reading: Reading) -> Iterator[CampaignDay]:
    day = date.fromisoformat(facts.request.partition)
    literals = {"from_date": FIRST_DAY, "to_date": f"{day:%Y-%m-%d}"}
    asked = statement("campaign_summary/figures.sql", literals=literals)
    figures = {str(row["campaign_id"]): row for row in reading.query(asked, "figures")}
    ended = Counter((found["campaign"], found["status"]) for found in reading.exports(day))
    for campaign in facts.campaigns:
        yield CampaignDay(
            day=day,
            campaign=campaign,
            figures=figures.get(str(campaign.id), {}),
            exports={status: ended[campaign.key, status] for status in (*_COMPLETED, *_FAILED)},
        )


def _population(facts: Facts, _: Reading) -> int:
    """Every campaign that is not archived has its line, whatever the table holds."""
    return len({campaign.id for campaign in facts.campaigns})


def _notes(row: CampaignDay) -> Sequence[str]:
    if not row.figures:
        return ("no_figures",)
    return () if row.figures["dt"] == row.day else ("figures_of_an_earlier_day",)


# --------------------------------------------------------------------------------------- columns


def _column(name: str, form: Format, source: str, value: Getter) -> Column:
    return Column(name=name, format=form, pii=Pii.NONE, source=source, value=value)


def _total(name: str, column: str = "") -> Column:
    shown = column or name
    return _column(name, INTEGER, f"A.campaign_daily.{shown}", lambda row: row.figure(shown))


def _share(name: str, part: str, whole: str) -> Column:
    """A part of a whole, as a ratio; nothing of nothing is zero."""

    def get(row: CampaignDay) -> Decimal:
        of = row.figure(whole)
        return Decimal(row.figure(part)) / Decimal(of) if of else Decimal(0)

    source = f"A.campaign_daily.{part} / campaign_daily.{whole}"
    return _column(name, percent(1), source, get)


def _ended(*statuses: str) -> Getter:
    return lambda row: sum(row.exports.get(status, 0) for status in statuses)


def _days_to_onsale(row: CampaignDay) -> int | None:
    """Whole days in UTC; negative after the day, empty while it is not fixed."""
    onsale = row.campaign.schedule.general_onsale_at
    return (onsale.date() - row.day).days if isinstance(onsale, datetime) else None


_COLUMNS: tuple[Column, ...] = (
    _column("day", DATE, "X: the day asked for, in UTC", lambda row: row.day),
    _column("campaign_key", ID, "c.key", lambda row: row.campaign.key),
    _column("artist", text(200), "c.artist.name", lambda row: row.campaign.artist),
    _column("status", ENUM, "c.status", lambda row: row.campaign.status),
    _total("entries_total", "entries"),
    _column(
        "entries_new",
        INTEGER,
        "A.campaign_daily.entries",
        lambda row: row.figure("entries") - row.figure("entries_before"),
    ),
    _share("verified_pct", "verified", "entries"),
    _share("rejected_pct", "rejected", "entries"),
    _total("selected"),
    _total("waitlisted"),
    _total("codes_issued"),
    _total("codes_redeemed"),
    _share("redemption_pct", "codes_redeemed", "codes_issued"),
    _total("tickets"),
    _share("opt_in_pct", "opt_ins", "entries"),
    _total("unsubscribes"),
    _column("exports_completed", INTEGER, "X: exports of the day that ended", _ended(*_COMPLETED)),
    _column("exports_failed", INTEGER, "X: exports of the day that failed", _ended(*_FAILED)),
    _column(
        "days_to_onsale", INTEGER, "X: c.schedule.generalOnsaleAt less the day", _days_to_onsale
    ),
)


CAMPAIGN_SUMMARY = ExportType(
    name="campaign-summary",
    version=1,
    summary="The figures of every campaign at the end of a day.",
    scope=Scope.DAY,
    owner="team:analytics",
    upstream=(
        ("athena", "fan_events", "campaign_daily"),
        ("mongo", "campaigns"),
        ("mongo", "exports"),
    ),
    options=(),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("campaign_key",),
    rows=MadeSource(
        rows=_rows,
        population=_population,
        notes=_notes,
        arrange=Arrange(key=lambda row: (row.campaign.key,)),
    ),
    retention_days=90,
)
