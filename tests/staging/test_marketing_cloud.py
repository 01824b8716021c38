"""Marketing Cloud without the routes that only a stand-in has: what can be seen of a sandbox.

`SFMC_TEST_EXTENSION` is the external key of a data extension with the fields of
`tests.contracts.marketing_cloud.FIELDS`, whose rows may be anything. Only rows that are made up are
sent, each with the id of this run, and no contact is deleted.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping

import pytest

from resources.clock import SystemClock
from resources.errors import Refused
from resources.marketing_cloud import BatchStatus, MarketingCloud, RequestState
from resources.wiring import environment
from tests.contracts.cloud import declare
from tests.contracts.marketing_cloud import FIELDS, row
from tests.waiting import eventually

# A sandbox takes up to some minutes for a request that is accepted.
PATIENCE_SECONDS = 600.0


@pytest.fixture
def door(stack: Mapping[str, str]) -> Iterator[MarketingCloud]:
    """The door as the platform opens it, on the system's clock."""
    door = environment.marketing_cloud(stack)
    yield door
    door.close()


@pytest.fixture
def extension(stack: Mapping[str, str], pytestconfig: pytest.Config) -> str:
    """The key of a data extension: of the sandbox, or made in the stand-in."""
    staging = pytestconfig.getoption("--staging")
    return stack["SFMC_TEST_EXTENSION"] if staging else declare(stack, FIELDS)


@pytest.fixture
def complete(door: MarketingCloud) -> Callable[[str], BatchStatus]:
    """Waits until a request is complete."""

    def complete(request: str) -> BatchStatus:
        def ended() -> BatchStatus | None:
            status = door.status(request)
            return None if status.state is RequestState.PENDING else status

        found: BatchStatus = eventually(ended, PATIENCE_SECONDS)
        return found

    return complete


def test_the_data_extension_is_described_as_it_was_made(
    door: MarketingCloud, extension: str
) -> None:
    """A delivery compares its columns with this before the first row."""
    found = door.describe(extension)

    assert (found.key, found.keyed) == (extension, True)
    assert set(found.fields) == set(FIELDS)


def test_rows_that_come_twice_are_there_once_and_are_counted_by_their_export(
    door: MarketingCloud, extension: str, complete: Callable[[str], BatchStatus]
) -> None:
    """What a delivery's proof rests on: a repeated batch, and the count of its own rows."""
    run = f"test-{uuid.uuid4().hex}"
    rows = [row(number, ExportId=run) for number in range(60)]

    for _ in range(2):
        status = complete(door.upsert(extension, rows))
        assert (status.state, status.has_errors) == (RequestState.COMPLETE, False)

    assert door.page(extension, 1, where=("ExportId", run)).count == 60
    assert abs((status.completed_at or SystemClock().now()) - SystemClock().now()).days == 0


def test_the_results_say_which_row_was_not_taken(
    door: MarketingCloud, extension: str, complete: Callable[[str], BatchStatus]
) -> None:
    """That results come in the order of the rows is believed (DOMAIN.md 7); here it is seen."""
    rows = [row(number, ExportId="test") for number in range(60)]
    rows[55]["FirstName"] = "a name that is too long"
    request = door.upsert(extension, rows)

    assert complete(request).has_errors
    assert [n for n, one in enumerate(door.results(request).rows) if not one.ok] == [55]


def test_a_misspelt_key_is_refused(door: MarketingCloud, stack: Mapping[str, str]) -> None:
    """Before anything is queued, and by the code that is not tried again."""
    assert stack["SFMC_REST_URL"]
    with pytest.raises(Refused) as refused:
        door.upsert(f"no-such-{uuid.uuid4().hex}", [row(1)])

    assert refused.value.code == "SFMC_MISSING"
