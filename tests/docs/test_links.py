"""No link in the documents is dead, and what they name is there."""

import re

from tests.conventions.repository import ROOT, shown
from tests.docs.pages import anchors, dead, links, pages

# What a text in `code` looks like that names a file of ours.
_FOLDERS = "resources|assets|sensors|export_platform|api_bridge|tests|terraform|docs|benchmarks"
_PATH = re.compile(rf"`((?:{_FOLDERS})/[\w./-]+\.(?:py|md|yaml|json|tf|sql|c|js|feature))`")


def test_every_link_leads_somewhere() -> None:
    """A page that moved leaves dead links behind in the others."""
    texts = {page: page.read_text(encoding="utf-8") for page in pages()}
    found = {shown(page): list(dead(page, text)) for page, text in texts.items()}

    assert {page: wrong for page, wrong in found.items() if wrong} == {}
    assert sum(len(links(text)) for text in texts.values()) > 20


def test_every_file_that_is_named_is_there() -> None:
    """A name in `code` is a link that nobody can click, and goes stale as easily."""
    # What the changelog names was there then.
    now = [page for page in pages() if page.name != "CHANGELOG.md"]
    named = {name for page in now for name in _PATH.findall(page.read_text(encoding="utf-8"))}

    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert "docs/architecture.md" in _PATH.findall("see `docs/architecture.md`")
    assert len(named) > 10


def test_a_dead_link_is_found() -> None:
    """To a file, to a heading, to a heading of this page, and out of the repository."""
    page = ROOT / "docs" / "runbook.md"
    text = (
        "# One\n[a](nowhere.md) [b](architecture.md#no-such-place) [c](#two) [d](../../secret)\n"
        "[good](architecture.md#the-house) [too](#one) [out](https://example.com/x)\n`[no](x.md)`\n"
    )

    assert ["nowhere.md", "architecture.md#no-such-place", "#two", "../../secret"] == list(
        dead(page, text)
    )


def test_headings_become_anchors_as_on_a_forge() -> None:
    """Punctuation goes, blanks become dashes, links count as their text, code is no heading."""
    text = "## What is *not* `here`, and why?\n### See [that](x.md)\n```\n# no\n```\n"

    assert {"what-is-not-here-and-why", "see-that"} == anchors(text)
    assert ["x.md"] == links(text)
