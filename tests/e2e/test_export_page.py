"""The page for people before the whole platform: from a token to a file that proves itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from export_platform.commands.verify import proved
from tests.browser import chromium, written
from tests.e2e.platform import PATIENCE_SECONDS, Platform

DESKTOP: ViewportSize = {"width": 1200, "height": 900}
TELEPHONE: ViewportSize = {"width": 360, "height": 740}
MILLISECONDS = 1_000


@pytest.fixture
def page(platform: Platform) -> Iterator[Page]:
    """The page of the bridge after signing in."""
    with chromium() as browser:
        context = browser.new_context(base_url=platform.base_url, viewport=DESKTOP)
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Access token").fill(platform.token())
        page.get_by_role("button", name="Sign in").click()
        yield page


def test_a_person_asks_watches_downloads_and_verifies(
    platform: Platform, page: Page, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing is typed but the campaign; the file is the one that the manifest proves."""
    page.get_by_label("Kind of export").select_option("Waitlist")
    page.get_by_label("Campaign").fill("aurora-lights-2026")
    written(page, request, "page-ask.png")
    page.get_by_role("button", name="Request the export").click()
    download = page.get_by_role("button", name="Download file 1")
    expect(download).to_be_visible(timeout=PATIENCE_SECONDS * MILLISECONDS)

    with page.expect_download() as begun:
        download.click()
    export_id = page.url.rsplit("/", 1)[-1]
    begun.value.save_as(tmp_path / begun.value.suggested_filename)
    _keep_manifest(platform, export_id, tmp_path, begun.value.suggested_filename)
    manifest, findings = proved(tmp_path)

    assert [] == findings
    assert manifest.export_id == export_id
    page.get_by_text("What the file proves").click()
    expect(page.get_by_text(manifest.fingerprint)).to_be_visible()
    email = page.get_by_role("row", name="email email")
    expect(email.get_by_role("cell", name="direct")).to_be_visible()
    _pictures(page, request)


def _keep_manifest(platform: Platform, export_id: str, folder: Path, filename: str) -> None:
    """Beside the file, which gets its name in the manifest."""
    (folder / "_manifest.json").write_bytes(platform.client.manifest(export_id)[0])
    (entry,) = platform.result(export_id)["files"]
    (folder / filename).rename(folder / str(entry["key"]).rsplit("/", 1)[-1])


def _pictures(page: Page, request: pytest.FixtureRequest) -> None:
    written(page, request, "page-export.png", whole=True)
    page.set_viewport_size(TELEPHONE)
    page.emulate_media(color_scheme="dark")
    page.goto("/#/exports")
    expect(page.locator(".exports li").first).to_be_visible()
    written(page, request, "page-360-dark.png")
