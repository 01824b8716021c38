"""What differs between deployments: refused by name when it is wrong, never printed."""

from datetime import UTC, datetime

import pytest

from assets.model.lifecycle import Timing
from export_platform.settings import settings

SECRET = "c4nary-secret"


@pytest.mark.parametrize("deployment", ["local", "nonprod", "prod"])
def test_every_deployment_has_its_settings(deployment: str) -> None:
    """A deployment that cannot start is found here and not at midnight."""
    found = settings(
        {"EXPORT_DEPLOYMENT": deployment, "EXPORT_HASH_SECRET": SECRET, "GIT_SHA": "abc"}
    )

    assert (deployment, Timing(), "abc") == (found.deployment, found.timing, found.git_sha)
    assert SECRET.encode() == found.platform().secret


@pytest.mark.parametrize("unknown", ["production", "LOCAL", "c4nary"])
def test_an_unknown_deployment_is_refused_with_the_names_there_are(unknown: str) -> None:
    """A mistyped name must not come up as the one without any guard."""
    with pytest.raises(ValueError, match="one of local, nonprod, prod") as refused:
        settings({"EXPORT_DEPLOYMENT": unknown})

    assert "c4nary" not in str(refused.value)


@pytest.mark.parametrize("deployment", ["nonprod", "prod"])
def test_only_a_developers_machine_has_a_secret_of_its_own(deployment: str) -> None:
    """With a key that stands in the source, pseudonyms hide nobody."""
    with pytest.raises(ValueError, match="EXPORT_HASH_SECRET must be set"):
        settings({"EXPORT_DEPLOYMENT": deployment})


@pytest.mark.parametrize("factor", ["fast", "0", "-1", "nan", "inf", ""])
def test_a_factor_that_makes_no_clock_is_refused_by_its_name(factor: str) -> None:
    """A plain "could not convert string to float" tells nobody which variable to mend."""
    with pytest.raises(ValueError, match="EXPORT_TIMING_FACTOR must be a number above 0"):
        settings({"EXPORT_TIMING_FACTOR": factor})


def test_the_clocks_are_changed_on_a_developers_machine_only() -> None:
    """Short leases in production would take exports from workers that live."""
    quick = settings({"EXPORT_TIMING_FACTOR": "0.1"}).timing

    assert Timing().scaled(0.1) == quick
    with pytest.raises(ValueError, match="unset it in prod"):
        settings(
            {
                "EXPORT_DEPLOYMENT": "prod",
                "EXPORT_HASH_SECRET": SECRET,
                "EXPORT_TIMING_FACTOR": "0.1",
            }
        )


@pytest.mark.parametrize("said", ["yesterday", "", "2026-13-01T00:00:00Z"])
def test_an_instant_that_no_calendar_has_is_refused_by_its_name(said: str) -> None:
    """A snapshot that falls back to now would make the made-up data look months old."""
    with pytest.raises(ValueError, match="EXPORT_AS_OF must be an instant"):
        settings({"EXPORT_AS_OF": said})


def test_the_snapshot_is_fixed_on_a_developers_machine_only() -> None:
    """In production it would leave out every fan since, without a word."""
    fixed = settings({"EXPORT_AS_OF": "2026-03-20T13:00:30+01:00"})

    assert datetime(2026, 3, 20, 12, 0, 30, tzinfo=UTC) == fixed.platform().as_of
    assert settings({}).as_of is None
    with pytest.raises(ValueError, match="unset it in prod"):
        settings(
            {
                "EXPORT_DEPLOYMENT": "prod",
                "EXPORT_HASH_SECRET": SECRET,
                "EXPORT_AS_OF": "2026-03-20T12:00:30Z",
            }
        )


@pytest.mark.parametrize("said", ["0", "-1", "many", "1.5", ""])
def test_a_number_of_exports_at_once_that_is_none_is_refused_by_its_name(said: str) -> None:
    """With none at once nothing would ever run, without a word."""
    with pytest.raises(ValueError, match="EXPORT_RUNS_AT_ONCE must be a whole number above 0"):
        settings({"EXPORT_RUNS_AT_ONCE": said})

    assert 3 == settings({"EXPORT_RUNS_AT_ONCE": "3"}).platform().at_once


def test_the_commit_is_that_of_the_checkout_unless_told() -> None:
    """Every manifest names the code that made it."""
    assert settings({}).git_sha
    assert "f00" == settings({"GIT_SHA": "f00"}).git_sha


def test_no_secret_is_in_any_repr() -> None:
    """A repr ends in logs, in tracebacks and on Dagster's pages."""
    found = settings({"EXPORT_HASH_SECRET": SECRET})

    assert SECRET not in repr(found) + repr(found.platform()) + str(found)
