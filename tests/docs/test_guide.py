"""The declaration in the guide for new exports is one that works as it is printed."""

import re
from typing import Any

import pytest

from assets.exports.catalog import CATALOG
from assets.model.export_type import ExportType
from tests.conventions.repository import ROOT

TEXT = (ROOT / "docs" / "adding-an-export.md").read_text(encoding="utf-8")


def declared(text: str) -> ExportType:
    """What the first block of Python on a page declares."""
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)  # noqa: S102 - our own page, which a newcomer will paste
    found: ExportType = names["WITHDRAWN_FANS"]
    return found


def test_the_declaration_of_the_guide_works() -> None:
    """Whoever pastes it must get an export, and not an error."""
    kind = declared(TEXT)

    assert "withdrawn-fans" == kind.name
    assert set(kind.sort) <= {one.name for one in kind.static_columns}
    assert set(kind.upstream) <= {path for other in CATALOG.values() for path in other.upstream}


@pytest.mark.parametrize(
    ("old", "new"), [("retention_days=30,", ""), ("by_registration", "by_nothing")]
)
def test_a_declaration_that_does_not_work_is_found(old: str, new: str) -> None:
    """The check above must be able to fail."""
    with pytest.raises((TypeError, ImportError)):
        declared(TEXT.replace(old, new))
