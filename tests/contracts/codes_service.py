"""What the codes service door promises."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from resources.codes_service import CodeSearch, CodesService

Fill = Callable[[Iterable[Mapping[str, Any]]], None]

VALUE = "CANARY"


def code(number: int, **members: Any) -> dict[str, Any]:
    """Return a code as the service shows it, its value included."""
    return {
        "codeId": f"c{number:03d}",
        "value": f"{VALUE}-{number:03d}",
        "configKey": "presale",
        "entryId": f"{number:024x}",
        "marketKey": "new-york-ny",
        "hostEventIds": ["1A005F0A0001"],
        "wave": 1,
        "seq": 1,
        "state": "assigned",
        "assignedAt": "2026-03-13T10:00:00Z",
        "validFrom": "2026-03-13T14:00:00Z",
        "validUntil": "2026-03-14T03:00:00Z",
        **members,
    }


NOBODYS = {"entryId": None, "wave": None, "seq": None, "assignedAt": None, "state": "available"}
CODES = (
    code(1),
    code(2, state="sent", assignedAt="2026-03-13T12:00:00Z"),
    code(3, state="revoked"),
    code(4, marketKey="boston-ma", wave=2),
    code(5, configKey="pool", **NOBODYS),
    code(6, seq=2, state="redeemed", hostEventIds=[]),
    code(7, value="0012345678901234567"),
)


class CodesContract:
    """The suite; a subclass gives the fixtures.

    ``door``: the service with pages of two codes. ``fill``: gives it the codes of ``campaign``,
    which has none yet.
    """

    doors: ClassVar = (CodesService,)

    def test_every_code_is_given_once_over_all_pages(
        self, door: CodesService, campaign: str, fill: Fill
    ) -> None:
        """A page that is lost or given twice is a fan without a code, or a host with two."""
        fill(CODES)

        pages = list(door.search(CodeSearch(campaign_id=campaign)))

        given = [item["codeId"] for page in pages for item in page.items]
        assert sorted(one["codeId"] for one in CODES) == sorted(given)
        assert max(len(page.items) for page in pages) == 2
        assert {(page.duplicates, page.restarts) for page in pages} == {(0, 0)}

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({"states": ("assigned", "sent")}, [1, 2, 4, 7]),
            ({"market_keys": ("boston-ma",)}, [4]),
            ({"wave": 1, "states": ("revoked", "redeemed")}, [3, 6]),
            ({"assigned_after": datetime(2026, 3, 13, 11, tzinfo=UTC)}, [2]),
            ({"market_keys": ("nowhere",)}, []),
        ],
    )
    def test_a_search_and_its_count_agree(
        self,
        door: CodesService,
        campaign: str,
        fill: Fill,
        filters: dict[str, Any],
        expected: list[int],
    ) -> None:
        """The count is what an export is held against; another meaning would fail each of them."""
        fill(CODES)
        search = CodeSearch(campaign_id=campaign, **filters)

        given = [item["codeId"] for page in door.search(search) for item in page.items]

        assert [f"c{number:03d}" for number in expected] == sorted(given)
        assert len(expected) == door.count(search)

    def test_values_are_shown_only_where_they_are_asked_for(
        self, door: CodesService, campaign: str, fill: Fill
    ) -> None:
        """A value buys tickets: an export without a code column must not even receive it."""
        fill(CODES)

        hidden = list(door.search(CodeSearch(campaign_id=campaign)))
        shown = list(door.search(CodeSearch(campaign_id=campaign, reveal=True)))

        assert all("value" not in item for page in hidden for item in page.items)
        values = {item["codeId"]: item["value"] for page in shown for item in page.items}
        assert {one["codeId"]: one["value"] for one in CODES} == values
        assert VALUE not in repr(shown)

    def test_a_code_has_every_member(self, door: CodesService, campaign: str, fill: Fill) -> None:
        """A member that is absent and one that is null are the same to a column."""
        fill([code(1), code(5, **NOBODYS)])

        pages = door.search(CodeSearch(campaign_id=campaign))
        found = {item["codeId"]: item for page in pages for item in page.items}

        hidden = [{**one, "value": None} for one in (code(1), code(5, **NOBODYS))]
        for one in hidden:
            one.pop("value")
        assert hidden == [found["c001"], found["c005"]]

    def test_codes_are_found_by_their_ids(
        self, door: CodesService, campaign: str, fill: Fill
    ) -> None:
        """In the order asked, each once, and what is unknown is said."""
        fill(CODES)

        found = door.batch_get(["c004", "none", "c001", "c004"], reveal=True)

        assert [("c004", "CANARY-004"), ("c001", "CANARY-001")] == [
            (item["codeId"], item["value"]) for item in found.items
        ]
        assert ("none",) == found.missing
        assert VALUE not in repr(found)
        assert "value" not in door.batch_get(["c001"]).items[0]

    def test_pools_are_counted(self, door: CodesService, campaign: str, fill: Fill) -> None:
        """Ticketing looks here for how many codes are left."""
        fill(CODES)

        pools = {one.key: one for one in door.configs(campaign)}

        assert ["pool", "presale"] == sorted(pools)
        assert (1, 0, 1) == _sizes(pools["pool"])
        assert (6, 6, 0) == _sizes(pools["presale"])

    def test_another_campaign_is_not_shown(
        self, door: CodesService, campaign: str, fill: Fill
    ) -> None:
        """The codes of one artist in the file of another would be sold."""
        fill(CODES)
        other = f"{int(campaign, 16) ^ 1:024x}"

        assert [] == [i for page in door.search(CodeSearch(campaign_id=other)) for i in page.items]
        assert 0 == door.count(CodeSearch(campaign_id=other))
        assert [] == door.configs(other)

    def test_a_closed_door_opens_again(self, door: CodesService, campaign: str, fill: Fill) -> None:
        """A resource that is torn down twice, or used once more, must not break a run."""
        fill(CODES)
        door.close()
        door.close()

        assert len(CODES) == door.count(CodeSearch(campaign_id=campaign))


def _sizes(pool: Any) -> tuple[int, int, int]:
    return pool.pool_size, pool.assigned, pool.available
