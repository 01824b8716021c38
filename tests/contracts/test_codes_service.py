"""The codes service: in memory and as the process of the stack."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from export_platform.local.services.seeding import put_codes
from export_platform.local.stack import CODES_TOKEN_WITHOUT_VALUES
from resources.codes_service import CodeSearch, CodesService
from resources.errors import Refused
from tests.contracts.codes_service import CODES, CodesContract, Fill
from tests.fakes.codes_service import FakeCodesService


@pytest.fixture
def campaign() -> str:
    """A campaign of this test."""
    return uuid.uuid4().hex[:24]


class TestFake(CodesContract):
    """The fake."""

    @pytest.fixture
    def door(self) -> FakeCodesService:
        """An empty service."""
        return FakeCodesService(page_size=2)

    @pytest.fixture
    def fill(self, door: FakeCodesService, campaign: str) -> Fill:
        """The fake is a dictionary."""

        def fill(items: Iterable[Mapping[str, Any]]) -> None:
            door.codes[campaign] = [dict(item) for item in items]

        return fill

    def test_values_may_be_refused(self, campaign: str) -> None:
        """The scope is the token's, not the search's."""
        door = FakeCodesService({campaign: CODES}, may_reveal=False)

        with pytest.raises(Refused):
            list(door.search(CodeSearch(campaign_id=campaign, reveal=True)))


class TestServer(CodesContract):
    """The real process."""

    @pytest.fixture
    def door(self, stack: Mapping[str, str]) -> Iterator[CodesService]:
        """The service of the stack, with pages of two."""
        door = CodesService(
            base_url=stack["CODES_SERVICE_URL"], token=stack["CODES_SERVICE_TOKEN"], page_size=2
        )
        yield door
        door.close()

    @pytest.fixture
    def fill(self, stack: Mapping[str, str], campaign: str) -> Iterator[Fill]:
        """As a seed does it."""
        yield lambda items: _put(stack, campaign, items)
        _put(stack, campaign, ())

    def test_a_token_without_the_scope_gets_no_values(
        self, stack: Mapping[str, str], campaign: str, fill: Fill
    ) -> None:
        """An export without the scope must fail, not write a column of blanks."""
        fill(CODES)
        door = CodesService(base_url=stack["CODES_SERVICE_URL"], token=CODES_TOKEN_WITHOUT_VALUES)

        with pytest.raises(Refused, match="CODES_FORBIDDEN"):
            list(door.search(CodeSearch(campaign_id=campaign, reveal=True)))
        with pytest.raises(Refused, match="CODES_FORBIDDEN"):
            door.batch_get(["c001"], reveal=True)
        assert len(CODES) == door.count(CodeSearch(campaign_id=campaign))
        door.close()

    def test_codes_survive_a_second_seed(
        self, door: CodesService, campaign: str, fill: Fill
    ) -> None:
        """Loading a pack again replaces its codes; leftovers would be mismatches."""
        fill(CODES)
        fill(CODES[:3])

        assert 3 == door.count(CodeSearch(campaign_id=campaign))


def _put(stack: Mapping[str, str], campaign: str, items: Iterable[Mapping[str, Any]]) -> None:
    put_codes(stack["CODES_SERVICE_URL"], campaign, items)
