"""Every kind of export is made by the kernel, or says why it is not."""

from typing import Final

import pytest

from assets.exports.catalog import CATALOG
from assets.loading import load
from assets.model.export_type import Scope
from assets.model.parameters import parse
from assets.model.source import EntrySource, keep_all
from assets.steps.native.kernel import NOT_INSTALLED, NotNative, compile_plan
from assets.steps.plan import plan
from assets.steps.rows import Converter, Ledger, rendering
from tests.assets.examples import params_of
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN, EVERY_SCOPE, workbench

OTHERS: Final = "its rows are not entries in the order of registration"
NATIVE: Final = {"entries"}


def reason(name: str, **params: object) -> str:
    """Why the rows of an export are made in Python; empty where they are not."""
    where = {"campaign_id": CAMPAIGN} if CATALOG[name].scope is Scope.CAMPAIGN else {}
    request = parse(CATALOG[name], params_of(name, **where, **params), scopes=EVERY_SCOPE)
    stores = workbench().doors.mongo
    made = plan(CATALOG[name], load(CATALOG[name], request, AFTER_THE_PACK, stores))
    source = CATALOG[name].rows
    # Others may have to prepare their verdict, and are not asked for it.
    able = isinstance(source, EntrySource) and source.counted is not None
    verdict = source.verdict(made.facts) if able else keep_all
    style = rendering(made, Ledger())
    converter = Converter(made.columns, rendering=style, key=b"the test's key")
    try:
        compile_plan(made, verdict=verdict, rendering=style, converter=converter)
    except NotNative as why:
        return "" if str(why) == NOT_INSTALLED else str(why)
    return ""


@pytest.mark.parametrize("name", CATALOG)
def test_every_export_is_compiled_or_says_why_not(name: str) -> None:
    """A new export, or a column that stops to say what it reads, must not become slow unseen."""
    assert reason(name) == ("" if name in NATIVE else OTHERS)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"format": "jsonl"}, "its files are no CSV of several columns"),
        ({"columns": ["entry_id"]}, "its files are no CSV of several columns"),
        ({"text_guard": "tab"}, "its texts bear a mark"),
        ({"locales": ["en-US"]}, "rule locales does not say what it judges"),
        ({"bands": ["A"]}, "rule bands does not say what it judges"),
        ({"include_unknown": True}, "column extra_answers does not say what it reads"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_option_that_the_kernel_does_not_know_says_so(
    params: dict[str, object], why: str
) -> None:
    """The export is made all the same, and the log says at the level of debugging what it costs."""
    assert reason("entries", **params) == why
