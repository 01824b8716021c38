"""What the entries service door promises."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from resources.entries_service import EntriesService
from tests.fakes.entries_service import LONG_AGO, KnownEntry

Fill = Callable[[Iterable[KnownEntry]], None]

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class EntriesContract:
    """The suite; a subclass gives the fixtures.

    ``door``: the service. ``fill``: gives it entries of
    ``campaign``, and the markets that they name. ``ids``: five ids that no other test uses.
    """

    doors: ClassVar = (EntriesService,)

    def test_counts_add_up_by_every_grouping(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill
    ) -> None:
        """Reconciliation adds the groups up; one counted twice is a difference that is none."""
        fill(
            [
                KnownEntry(id=ids[0], campaign_id=campaign, status="selected", market_key="nyc"),
                KnownEntry(id=ids[1], campaign_id=campaign, status="waitlisted", market_key="nyc"),
                KnownEntry(id=ids[2], campaign_id=campaign, status="waitlisted", market_key="bos"),
                KnownEntry(id=ids[3], campaign_id=campaign),
                KnownEntry(id=ids[4], campaign_id=campaign, created_at=NOON + SECOND),
            ]
        )

        both = door.counts(campaign, NOON)
        by_market = door.counts(campaign, NOON, ["marketKey"])
        by_none = door.counts(campaign, NOON, [])

        assert {
            (("status", "selected"), ("marketKey", "nyc")): 1,
            (("status", "waitlisted"), ("marketKey", "nyc")): 1,
            (("status", "waitlisted"), ("marketKey", "bos")): 1,
            (("status", "verified"), ("marketKey", None)): 1,
        } == {tuple(one.group.items()): one.count for one in both}
        assert {"nyc": 2, "bos": 1, None: 1} == {
            one.group["marketKey"]: one.count for one in by_market
        }
        assert [({}, 4)] == [(dict(one.group), one.count) for one in by_none]

    def test_the_present_state_of_entries_is_read(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill
    ) -> None:
        """A late check asks about those who are to be written to, and hears who is unknown."""
        fill(
            [
                KnownEntry(id=ids[0], campaign_id=campaign, status="selected"),
                KnownEntry(id=ids[1], campaign_id=campaign, status="erased", erased_at=NOON),
            ]
        )

        found = door.batch_get([ids[1], ids[2], ids[0], ids[1]])
        little = door.batch_get([ids[0]], ["status"])

        assert [ids[1], ids[0]] == list(found.items)
        assert (ids[2],) == found.missing
        assert {
            "status": "selected",
            "erased": False,
            "withdrawnAt": None,
            "updatedAt": LONG_AGO.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        } == found.items[ids[0]]
        assert found.items[ids[1]]["erased"]
        assert {"status": "selected"} == little.items[ids[0]]

    def test_everybody_erased_since_is_named(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill
    ) -> None:
        """The last check before a delivery: a page that is lost is a letter to an erased fan."""
        fill(
            [
                *(KnownEntry(id=one, campaign_id=campaign, erased_at=NOON) for one in ids[:3]),
                KnownEntry(id=ids[3], campaign_id=campaign, erased_at=NOON - SECOND),
                KnownEntry(id=ids[4], campaign_id=campaign),
            ]
        )

        assert frozenset(ids[:3]) == door.erased_since(campaign, NOON)
        assert frozenset(ids[:4]) == door.erased_since(campaign, NOON - SECOND)
        assert frozenset() == door.erased_since(campaign, NOON + SECOND)

    def test_a_message_is_noted_once(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill
    ) -> None:
        """The answer of the first call may be lost: the second must say the same."""
        fill([KnownEntry(id=one, campaign_id=campaign) for one in ids[:2]])
        asked = (campaign, "reminder", "export-1", [ids[0], ids[1], ids[2], ids[0]])

        assert 2 == door.mark_messaged(*asked)
        assert 2 == door.mark_messaged(*asked)
        assert 0 == door.mark_messaged(campaign, "reminder", "export-1", [])

    def test_an_entry_of_another_campaign_is_not_touched(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill
    ) -> None:
        """Ids are unique, campaigns are not mixed."""
        fill([KnownEntry(id=ids[0], campaign_id=campaign, erased_at=NOON)])
        other = f"{int(campaign, 16) ^ 1:024x}"

        assert 0 == door.mark_messaged(other, "reminder", "export-1", [ids[0]])
        assert frozenset() == door.erased_since(other, NOON)
        assert [] == door.counts(other, NOON)

    def test_a_closed_door_opens_again(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill
    ) -> None:
        """A resource that is torn down twice, or used once more, must not break a run."""
        fill([KnownEntry(id=ids[0], campaign_id=campaign)])
        door.close()
        door.close()

        assert door.batch_get([ids[0]]).items.keys() == {ids[0]}

    @pytest.mark.parametrize("wrong", ["", "../x", "A" * 24, "65f0", "6" * 25])
    def test_what_is_no_id_is_not_asked_about(self, door: EntriesService, wrong: str) -> None:
        """It would become part of an address."""
        with pytest.raises(ValueError, match="24 hex digits"):
            door.counts(wrong, NOON)
