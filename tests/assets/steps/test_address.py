"""Where files lie: ids only, one prefix an attempt."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.export_type import Scope
from assets.model.output import Compression, OutputFormat
from assets.steps.address import Address, address
from tests.assets.examples import request

ID = "exp_66560000000000000000e001"
TOKEN = "0badcafe" + "f" * 24


def made(*, attempt: int = 1, token: str = TOKEN, scope: Scope = Scope.CAMPAIGN) -> Address:
    """The place of an attempt."""
    return address(request(), scope, export_id=ID, attempt=attempt, token=token)


def test_the_place_of_an_attempt_is_that_of_the_design() -> None:
    """DESIGN.md 3, rule 4; retention and the bridge read these keys."""
    place = made(attempt=2)

    assert f"exports/entries/v1/campaign=aurora-lights-2026/export={ID}/" == place.export
    assert f"{place.export}a2-0badcafe/" == place.attempt
    assert f"{place.attempt}_manifest.json" == place.manifest
    assert f"{place.attempt}part-00001.csv.gz" == place.part(1, OutputFormat())
    assert place.part(12_345, OutputFormat(compression=Compression.NONE)).endswith("12345.csv")


@given(attempts=st.tuples(st.integers(1, 9), st.integers(1, 9)), tokens=st.lists(
    st.text("0123456789abcdef", min_size=32, max_size=32), min_size=2, max_size=2))  # fmt: skip
def test_two_attempts_never_share_a_prefix(attempts: tuple[int, int], tokens: list[str]) -> None:
    """A zombie of attempt 1 must not write where attempt 2 publishes, nor be under it."""
    first, second = (made(attempt=a, token=t) for a, t in zip(attempts, tokens, strict=True))

    if (attempts[0], tokens[0][:8]) != (attempts[1], tokens[1][:8]):
        assert not first.attempt.startswith(second.attempt)
        assert not second.attempt.startswith(first.attempt)


@pytest.mark.parametrize(
    ("scope", "name"),
    [(Scope.CAMPAIGN, "campaign"), (Scope.DAY, "day"), (Scope.PRIVACY_CASE, "case")],
)
def test_every_scope_has_a_name_in_the_key(scope: Scope, name: str) -> None:
    """A day must not be taken for a campaign."""
    assert f"/{name}=aurora-lights-2026/" in made(scope=scope).export


def test_a_key_holds_ids_and_nothing_that_a_person_typed() -> None:
    """Keys stand in logs, bills and inventories of the store."""
    place = address(
        request(reason="Zoë, please: ../../etc", markets=["new-york-ny"]),
        Scope.CAMPAIGN,
        export_id=ID,
        attempt=1,
        token=TOKEN,
    )

    assert re.fullmatch(r"[a-zA-Z0-9_=./-]+", place.part(1, OutputFormat()))
    assert "etc" not in place.attempt
    assert "new-york" not in place.attempt


def test_a_key_does_not_hold_the_whole_token_of_the_lease() -> None:
    """Who can list the bucket could otherwise write as the worker."""
    assert TOKEN not in made().attempt
