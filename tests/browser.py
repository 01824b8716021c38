"""A real Chromium for tests of pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_IMAGES = Path(__file__).parents[1] / "docs" / "images"
_SETTLED_MS = 3_000  # fonts, icons and the layout of a graph
# Without these a machine without a network sees hundreds of refused connections.
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, started for the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


def written(page: Page, request: pytest.FixtureRequest, name: str, *, whole: bool = False) -> None:
    """Keep the picture in docs/images, when that was asked for (`--write-screenshots`)."""
    if request.config.getoption("--write-screenshots"):
        _IMAGES.mkdir(exist_ok=True)
        page.wait_for_timeout(_SETTLED_MS)
        page.screenshot(path=_IMAGES / name, full_page=whole)
