"""Local times for people, each with its twin in UTC; machines get UTC alone (DOMAIN.md 6.2)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from assets.exports.catalog import CATALOG
from assets.model.column import Column, FormatKind
from assets.model.export_type import ExportType
from assets.model.output import Dialect, Kind
from tests.assets.examples import facts
from tests.assets.exports.sheets import entry, sheet

NEW_YORK = ZoneInfo("America/New_York")
# Half past one, twice: the clocks of New York went back on 2 November 2025 at 06:00 UTC.
FOLD = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
LOCAL = {FormatKind.LOCAL_TIME, FormatKind.OFFSET}


def columns(kind: ExportType) -> dict[str, Column]:
    """The columns of an export with its defaults, by name."""
    return {column.name: column for column in kind.columns(facts(kind.name))}


def local(kind: ExportType) -> list[Column]:
    """Those that show a clock on a wall."""
    return [one for one in columns(kind).values() if one.format.kind is FormatKind.LOCAL_TIME]


@pytest.mark.parametrize("kind", CATALOG.values(), ids=lambda kind: kind.name)
def test_each_local_time_has_a_twin_in_utc_of_the_same_class(kind: ExportType) -> None:
    """One local time is two instants when clocks go back; who counts days needs the right one."""
    found = columns(kind)
    for column in local(kind):
        twin = found[f"{column.name}_utc"]
        assert FormatKind.UTC_TIME is twin.format.kind
        assert (column.pii, column.source) == (twin.pii, twin.source)


def test_there_are_local_times_to_speak_of() -> None:
    """The control: a catalogue without any would pass the test above."""
    assert 3 <= sum(bool(local(kind)) for kind in CATALOG.values())


@pytest.mark.parametrize("kind", CATALOG.values(), ids=lambda kind: kind.name)
def test_an_export_that_insists_on_a_form_for_machines_has_no_local_time(kind: ExportType) -> None:
    """Marketing Cloud lives at UTC-6 and a model in no zone: both are told UTC."""
    fixed = kind.fixed({option.name: option.default for option in kind.options})
    if fixed.get("dialect") == Dialect.SFMC or fixed.get("format") == Kind.PARQUET:
        assert [] == [one.name for one in columns(kind).values() if one.format.kind in LOCAL]


def test_the_twin_tells_two_instants_apart_that_look_alike() -> None:
    """05:30 and 06:30 in UTC are both half past one in New York on that night."""
    instants = [FOLD, FOLD + timedelta(hours=1), datetime(2026, 3, 8, 7, tzinfo=UTC)]
    found = sheet("entries", [entry(n, createdAt=at) for n, at in enumerate(instants, 1)])

    assert ["2025-11-02 01:30:00"] * 2 + ["2026-03-08 03:00:00"] == found.column("registered_at")
    assert [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in instants] == found.column(
        "registered_at_utc"
    )
    for shown, twin in zip(
        found.column("registered_at"), found.column("registered_at_utc"), strict=True
    ):
        assert shown == f"{datetime.fromisoformat(twin).astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}"
