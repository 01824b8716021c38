"""What people see and start in the Dagster page, in a real Chromium and over its GraphQL."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from export_platform.commands.client import Export
from tests.browser import chromium, written
from tests.e2e.platform import Platform
from tests.waiting import eventually

CAMPAIGNS = ["aurora-lights-2026", "boreal-nights-2025", "comet-club-2026"]
BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""


def graphql(platform: Platform, query: str, **variables: Any) -> dict[str, Any]:
    """Ask the Dagster page's own interface."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{platform.dagster_url}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)["data"]
        return found


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a fresh Chromium."""
    with chromium() as browser:
        yield browser.new_page(viewport={"width": 1440, "height": 860})


def test_a_backfill_of_three_campaigns_makes_three_exports(platform: Platform) -> None:
    """A person picks campaigns in the page; the bridge shows the exports like any other."""
    eventually(
        lambda: (
            set(CAMPAIGNS)
            <= set(
                graphql(
                    platform,
                    "query P($key: AssetKeyInput!) {"
                    " assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } } }",
                    key={"path": ["exports", "waitlist"]},
                )["assetNodeOrError"]["partitionKeys"]
            )
        )
    )
    params = {
        "assetSelection": [{"path": ["exports", "waitlist"]}],
        "partitionNames": CAMPAIGNS,
        "allPartitions": False,
    }

    launched = graphql(platform, BACKFILL, params=params)["launchPartitionBackfill"]

    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    made = eventually(lambda: made_by_dagster(platform), seconds=180)
    assert sorted(each.params["campaign_id"] for each in made) == CAMPAIGNS


def made_by_dagster(platform: Platform) -> list[Export] | None:
    """The exports of origin `dagster` that the bridge lists, once there are three and all done."""
    listed = platform.client.exports(type="waitlist")
    made = [each for each in listed if each.origin == "dagster"]
    done = [each for each in made if each.status == "succeeded"]
    return done if len(done) == len(CAMPAIGNS) else None


def test_the_lineage_runs_from_collections_to_the_file(
    platform: Platform, page: Page, request: pytest.FixtureRequest
) -> None:
    """Who asks where a column comes from starts at this picture."""
    page.goto(f"{platform.dagster_url}/assets/exports/waitlist?view=lineage&lineageScope=upstream")
    graph = page.locator("svg").filter(has_text="waitlist").first
    graph.wait_for(timeout=60_000)

    for source in ("campaigns", "entries", "markets", "scoring", "users"):
        page.get_by_text(source, exact=True).first.wait_for(timeout=30_000)
    written(page, request, "lineage.png")


def test_the_asset_page_shows_rows_bytes_and_digest(
    platform: Platform, page: Page, request: pytest.FixtureRequest
) -> None:
    """The proof of a file is one click away from the asset."""
    export = platform.ended(platform.ask("waitlist", CAMPAIGNS[0]))[0]

    page.goto(f"{platform.dagster_url}/assets/exports/waitlist?view=events")
    page.get_by_text(str(platform.result(export.id)["manifestSha256"])).first.wait_for(
        timeout=60_000
    )

    for name in ("rows", "bytes", "sha256", "rows_read", "rows_filtered"):
        page.get_by_text(name, exact=True).first.wait_for(timeout=30_000)
    written(page, request, "asset.png")


def test_dagster_asset_materialize_walks_the_same_path(platform: Platform) -> None:
    """Whoever types Dagster's own command gets a proved export that the bridge shows."""
    before = {each.id for each in platform.client.exports(type="entries")}
    command = [str(Path(sys.executable).with_name("dagster")), "asset", "materialize"]
    select = ["--select", "exports/entries", "--partition", "comet-club-2026"]

    subprocess.run(
        [*command, *select, "-m", "export_platform.definitions"],
        env={**os.environ, **platform.env},
        capture_output=True,
        check=True,
        timeout=120,
    )

    listed = platform.client.exports(type="entries")
    (made,) = [each for each in listed if each.id not in before]
    assert (made.origin, made.status) == ("dagster", "succeeded")
    assert made.empty_reason == "no_source_rows"
