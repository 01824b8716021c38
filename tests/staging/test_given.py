"""`make test-staging` says what it was not given."""

import subprocess
import sys

import pytest
from _pytest.outcomes import Skipped

from resources.athena import AthenaDoor
from resources.wiring import environment
from tests.conventions.repository import ROOT
from tests.given import Given

URI = "mongodb://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("door", "given", "named"),
    [
        (environment.mongo_stores, {}, "MONGODB_URI"),
        (environment.object_store, {}, "EXPORTS_BUCKET"),
        (environment.object_store, {"EXPORTS_BUCKET": "b"}, "AWS_REGION"),
        (environment.athena, {"AWS_REGION": "eu-west-1"}, "ATHENA_STAGING"),
        (environment.scoring_files, {"AWS_REGION": "eu-west-1"}, "SCORING_BUCKET"),
        (environment.marketing_cloud, {}, "SFMC_AUTH_URL"),
    ],
)
def test_a_test_is_skipped_by_the_name_of_what_is_missing(
    door: object, given: dict[str, str], named: str
) -> None:
    """Three skipped without a reason looks like a run against the real thing."""
    assert callable(door)
    with pytest.raises(Skipped, match=f"^{named} is not set, see docs/staging.md$"):
        door(Given(given))


def test_what_is_given_is_used_and_what_has_a_default_may_be_left_out() -> None:
    """A real service has no address of ours; an empty one is the vendor's own."""
    given = Given(
        {"MONGODB_URI": URI, "AWS_REGION": "eu-west-1", "ATHENA_STAGING": "s3://b/staging/"}
    )

    assert given["MONGODB_URI"] == URI
    assert given["MONGODB_DATABASE"] == "fanreg"
    assert given["AWS_ENDPOINT_URL_S3"] == ""
    assert isinstance(environment.athena(given), AthenaDoor)
    assert {**given} == dict(zip(given, given.values(), strict=True))


def test_without_services_everything_is_skipped_and_nothing_is_green_or_red() -> None:
    """As whoever types `make test-staging` sees it: each line says which variable to set."""
    words = ["-n", "0", "-rs", "--staging", "-k", "not given", "tests/staging"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )

    skipped = [line for line in ended.stdout.splitlines() if line.startswith("SKIPPED")]
    assert ended.returncode == 0, ended.stdout
    assert [line for line in skipped if "is not set, see docs/staging.md" not in line] == []
    assert {"MONGODB_URI", "SFMC_AUTH_URL"} <= {line.split()[3] for line in skipped}
    assert "passed" not in ended.stdout
