"""The pages of the documentation: their links, headings and tables."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.conventions.repository import ROOT, committed

# A picture or a link: what stands in the brackets after the text.
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def pages() -> list[Path]:
    """Every page in Markdown that is committed, but for what others have written."""
    return [file for file in committed() if file.suffix == ".md" and "vendor" not in file.parts]


def links(text: str) -> list[str]:
    """Where the links of a page lead; what is code is no link."""
    return list(_LINK.findall(_CODE.sub("", text)))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as a forge makes them."""
    found = set()
    for heading in _HEADING.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w -]", "", plain).replace(" ", "-"))
    return found


def dead(page: Path, text: str) -> Iterator[str]:
    """The links of a page that lead nowhere; the outside is not asked."""
    for link in links(text):
        place, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or not target.is_relative_to(ROOT):
            yield link
        elif anchor and target.suffix == ".md":
            said = text if target == page else target.read_text(encoding="utf-8")
            if anchor not in anchors(said):
                yield link


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    below = text.partition(f"## {heading}\n")[2]
    lines = re.search(r"(^\|.*\n)+", below, re.MULTILINE)
    assert lines is not None
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()]
    return rows[2:]
